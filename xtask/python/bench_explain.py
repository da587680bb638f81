"""Explains the test images with pytorch-grad-cam. A worker of `cargo xtask bench`.

Prints "ready", then answers each line "explain BATCH [COUNT]" on stdin with one line of JSON, and
ends with the input. The time does not include reading and normalising the images.
"""

import gzip
import time
from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from safetensors.torch import load_file

from bench_worker import LeNet, argument_parser, serve

PACKAGES = ["torch", "torchvision", "grad-cam", "safetensors", "numpy"]


def load(weights):
    model = LeNet()
    model.load_state_dict(load_file(weights))
    return model.eval()


def normalized_images(folder):
    with gzip.open(Path(folder) / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return (torch.from_numpy(pixels.copy()).float() / 255 - 0.5) / 0.5


def explain(cam, images, batch):
    maps = np.ones((len(images), 28, 28), np.float32)
    start = time.perf_counter()
    for first in range(0, len(images), batch):
        rows = slice(first, first + batch)
        maps[rows] = cam(input_tensor=images[rows], targets=None)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "images": len(images), "checksum": float(maps.sum(dtype="float64"))}


def main():
    arguments = argument_parser(PACKAGES).parse_args()
    torch.set_num_threads(arguments.threads)
    model, images = load(arguments.weights), normalized_images(arguments.data)
    # Not as a context manager, which would suppress an IndexError and print to stdout.
    cam = GradCAM(model=model, target_layers=[model.conv2])
    explain(cam, images[:1000], 100)
    serve({"explain": lambda batch, count=len(images): explain(cam, images[:count], batch)})


if __name__ == "__main__":
    main()
