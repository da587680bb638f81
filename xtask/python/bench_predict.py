"""Evaluates and predicts with PyTorch. A worker of `cargo xtask bench`.

Prints "ready", then answers each line "evaluate COUNT" or "predict COUNT" on stdin with one line of
JSON, and ends with the input. The time does not include reading the images, which stay bytes.
"""

import gzip
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from bench_worker import LeNet, argument_parser, serve

PACKAGES = ["torch", "safetensors", "numpy"]
BATCH = 1000


def read(folder, name, offset):
    data = gzip.decompress((Path(folder) / f"t10k-{name}.gz").read_bytes())
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=offset).copy())


def normalized(images):
    return (images.float() / 255 - 0.5) / 0.5


class Predictor:
    def __init__(self, weights, folder):
        self.model = LeNet()
        self.model.load_state_dict(load_file(weights))
        self.model.eval()
        self.images = read(folder, "images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
        self.labels = read(folder, "labels-idx1-ubyte", 8).long()

    @torch.inference_mode()
    def evaluate(self, count):
        start = time.perf_counter()
        images, labels = self.images[:count].split(BATCH), self.labels[:count].split(BATCH)
        correct = 0
        for x, y in zip(images, labels):
            correct += int((self.model(normalized(x)).argmax(1) == y).sum())
        return {"seconds": time.perf_counter() - start, "images": count, "checksum": correct}

    @torch.inference_mode()
    def predict(self, count):
        total = 0.0
        start = time.perf_counter()
        for image in self.images[:count].split(1):
            probabilities = self.model(normalized(image)).softmax(1)[0]
            total += max(probabilities.tolist())
        return {"seconds": time.perf_counter() - start, "images": count, "checksum": total}


def main():
    arguments = argument_parser(PACKAGES).parse_args()
    torch.set_num_threads(arguments.threads)
    predictor = Predictor(arguments.weights, arguments.data)
    serve({"evaluate": predictor.evaluate, "predict": predictor.predict})


if __name__ == "__main__":
    main()
