"""Trains LeNet for an epoch with PyTorch. A worker of `cargo xtask bench`.

Prints "ready", then answers each line "train BATCH" on stdin with one line of JSON, and ends with
the input. Every request starts from the same weights. The time does not include decompressing the files.
"""

import gzip
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from bench_worker import LeNet, argument_parser, serve

PACKAGES = ["torch", "torchvision", "safetensors", "numpy"]
LEARNING_RATE = 1e-3
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


class TutorialDataLoader:
    """As in PyTorch's tutorials: a data set that makes tensors, and a DataLoader."""

    fused = False

    def __init__(self, folder, data):
        raw = folder / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for name in NAMES + [name.replace("train", "t10k") for name in NAMES]:
            (raw / name).write_bytes(gzip.decompress((data / f"{name}.gz").read_bytes()))
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
        self.dataset = FashionMNIST(folder, train=True, transform=transform)

    def batches(self, size):
        return DataLoader(self.dataset, size, shuffle=True, num_workers=2)

    def prepare(self, loss):
        return loss


class OneTensor:
    """All images as bytes in one tensor, batches by their indices."""

    fused = False

    def __init__(self, _folder, data):
        images, labels = (gzip.decompress((data / f"{name}.gz").read_bytes()) for name in NAMES)
        pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
        self.images = torch.from_numpy(pixels.copy())
        self.labels = torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).copy()).long()

    def batches(self, size):
        for rows in torch.randperm(len(self.images)).split(size):
            yield self.images[rows].float().mul_(2 / 255).sub_(1), self.labels[rows]

    def prepare(self, loss):
        return loss


class Compiled(OneTensor):
    """One tensor, with compiled layers and a fused optimizer."""

    fused = True

    def prepare(self, loss):
        return torch.compile(loss)


VARIANTS = {"data-loader": TutorialDataLoader, "tensor": OneTensor, "compiled": Compiled}


class Trainer:
    def __init__(self, variant, weights):
        self.variant, self.weights, self.model = variant, load_file(weights), LeNet()
        self.loss = variant.prepare(lambda x, y: nn.functional.cross_entropy(self.model(x), y))

    def train(self, batch):
        self.model.load_state_dict(self.weights)
        parameters = self.model.parameters()
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=self.variant.fused)
        losses, images = [], 0
        start = time.perf_counter()
        for x, y in self.variant.batches(batch):
            loss = self.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            images += len(y)
        mean = float(torch.stack(losses).mean())
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "images": images, "checksum": mean}


def main():
    parser = argument_parser(PACKAGES)
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        variant = VARIANTS[arguments.variant](Path(folder), Path(arguments.data))
        serve({"train": Trainer(variant, arguments.weights).train})


if __name__ == "__main__":
    main()
