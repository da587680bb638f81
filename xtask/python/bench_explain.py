"""Explains the test images with pytorch-grad-cam, for the benchmark to take turns with.

Prints "ready", then answers each line "explain BATCH [COUNT]" on stdin with one line of JSON, and
ends with the input. The images are read and normalised once, outside what is timed.
"""

import gzip
import time
from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from safetensors.torch import load_file

from bench_worker import LeNet, arguments, serve

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
    told = arguments(PACKAGES).parse_args()
    torch.set_num_threads(told.threads)
    model, images = load(told.weights), normalized_images(told.data)
    # Not as a context manager: there it would swallow an IndexError and report on stdout.
    cam = GradCAM(model=model, target_layers=[model.conv2])
    explain(cam, images[:1000], 100)
    serve({"explain": lambda batch, count=len(images): explain(cam, images[:count], batch)})


if __name__ == "__main__":
    main()
