#!/usr/bin/env python3
# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "numpy==2.4.6",
#   "safetensors==0.8.0",
#   "scikit-learn==1.9.1",
#   "torch==2.13.0",
# ]
# ///
"""Writes what PyTorch computes, for the Rust tests to compare with.

    python make_reference.py [FOLDER]

FOLDER is where the files go: this script's own by default. README.md lists their content.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "data" / "fashion-mnist"


class LeNet(nn.Module):
    """The workshop's table: nothing stands between the fully connected layers."""

    def __init__(self, channels, size, classes):
        super().__init__()
        side = ((size - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 64)
        self.fc3 = nn.Linear(64, classes)

    def activations(self, x):
        found = {}
        for i, conv in enumerate([self.conv1, self.conv2], start=1):
            found[f"conv{i}"] = x = conv(x)
            found[f"pool{i}"] = x = nn.functional.max_pool2d(x, 2, 2)
            found[f"sigmoid{i}"] = x = torch.sigmoid(x)
        found["fc1"] = x = self.fc1(x.flatten(1))
        found["fc2"] = x = self.fc2(x)
        found["logits"] = x = self.fc3(x)
        found["probabilities"] = torch.softmax(x, 1)
        return found

    def forward(self, x):
        return self.activations(x)["logits"]


def lenet(seed, channels, size, classes):
    """Xavier weights; biases other than 0, for a bias that is left out must be noticed."""
    torch.manual_seed(seed)
    model = LeNet(channels, size, classes)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.uniform_(parameter, -0.1, 0.1)
    return model


def read_idx(name, offset):
    with gzip.open(DATA / f"{name}-ubyte.gz") as file:
        return torch.from_numpy(np.frombuffer(file.read(), np.uint8, offset=offset).copy())


def images_of(split, count):
    return read_idx(f"{split}-images-idx3", 16).reshape(-1, 1, 28, 28)[:count].clone()


def labels_of(split, count):
    return read_idx(f"{split}-labels-idx1", 8)[:count].long()


def normalized(images):
    return (images.float() / 255 - 0.5) / 0.5


def save(folder, name, tensors):
    contiguous = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
    save_file(contiguous, folder / f"{name}.safetensors")


def save_json(folder, name, content):
    text = json.dumps(content, indent=1) + "\n"
    (folder / f"{name}.json").write_text(text)


def write_models(folder):
    grey, rgb = lenet(1, 1, 28, 10), lenet(2, 3, 32, 2)
    save(folder, "lenet", grey.state_dict())
    save(folder, "lenet_rgb", rgb.state_dict())
    images = images_of("t10k", 16)
    torch.manual_seed(3)
    rgb_images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    tensors = {"images": images, "labels": labels_of("t10k", 16), "input": normalized(images)}
    tensors |= grey.activations(tensors["input"])
    rgb_tensors = {"images": rgb_images, "input": normalized(rgb_images)}
    found = rgb.activations(rgb_tensors["input"])
    rgb_tensors |= {name: found[name] for name in ["logits", "probabilities"]}
    tensors |= {f"rgb.{name}": tensor for name, tensor in rgb_tensors.items()}
    save(folder, "lenet_io", tensors)


STEPS = 12

# As OneCycleLR's cycle_momentum moves it: down and up again.
BETA1 = [0.95, 0.93, 0.9, 0.87, 0.85, 0.86, 0.88, 0.9, 0.92, 0.94, 0.95, 0.95]

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 1e-2}),
    "sgd_momentum": ("SGD", {"lr": 1e-2, "momentum": 0.9, "weight_decay": 1e-3}),
    "adam": ("Adam", {"lr": 1e-2}),
    "adam_decay": ("Adam", {"lr": 1e-2, "weight_decay": 1e-3}),
    "adamw": ("AdamW", {"lr": 1e-2, "weight_decay": 1e-2}),
    "adam_beta1": ("Adam", {"lr": 1e-2}),
}


def optimize(case, start, gradients):
    kind, settings = OPTIMIZERS[case]
    parameters = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    optimizer = getattr(torch.optim, kind)(parameters.values(), foreach=False, **settings)
    history = {name: [] for name in start}
    for step in range(STEPS):
        if case == "adam_beta1":
            optimizer.param_groups[0]["betas"] = (BETA1[step], 0.999)
        for name, parameter in parameters.items():
            parameter.grad = gradients[name][step].clone()
        optimizer.step()
        for name, parameter in parameters.items():
            history[name].append(parameter.detach().clone())
    return {f"{case}.{name}": torch.stack(steps) for name, steps in history.items()}


def write_optimizers(folder):
    torch.manual_seed(4)
    start = {"a": torch.randn(3, 4), "b": torch.randn(5)}
    gradients = {name: torch.randn(STEPS, *tensor.shape) for name, tensor in start.items()}
    tensors = {f"start.{name}": tensor for name, tensor in start.items()}
    tensors |= {f"gradients.{name}": tensor for name, tensor in gradients.items()}
    described = {}
    for case, (kind, settings) in OPTIMIZERS.items():
        tensors |= optimize(case, start, gradients)
        described[case] = {"optimizer": kind, **settings}
    described["adam_beta1"]["beta1"] = BETA1
    save(folder, "optimizers", tensors)
    save_json(folder, "optimizers", described)


def momentum_of(optimizer):
    group = optimizer.param_groups[0]
    return group["betas"][0] if "betas" in group else group["momentum"]


def run_schedule(optimizer, schedule, steps):
    rates, momenta = [], []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(momentum_of(optimizer))
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return {"learning_rate": rates, "momentum": momenta}


def write_schedules(folder):
    steps, peak = 50, 5e-3
    parameters = [nn.Parameter(torch.zeros(1))]
    adam = torch.optim.Adam(parameters, lr=peak)
    sgd = torch.optim.SGD(parameters, lr=peak, momentum=0.9)
    plain = torch.optim.Adam(parameters, lr=peak)
    save_json(folder, "schedules", {
        "steps": steps,
        "peak": peak,
        "one_cycle_adam": run_schedule(adam, OneCycleLR(adam, peak, total_steps=steps), steps),
        "one_cycle_sgd": run_schedule(sgd, OneCycleLR(sgd, peak, total_steps=steps), steps),
        "cosine": run_schedule(plain, CosineAnnealingLR(plain, T_max=steps), steps),
    })


def write_training(folder):
    steps, batch, peak = 20, 32, 5e-3
    model = LeNet(1, 28, 10)
    model.load_state_dict(load_file(folder / "lenet.safetensors"))
    optimizer = torch.optim.Adam(model.parameters(), lr=peak, foreach=False)
    schedule = OneCycleLR(optimizer, peak, total_steps=steps)
    images = normalized(images_of("train", steps * batch)).split(batch)
    labels = labels_of("train", steps * batch).split(batch)
    losses = []
    for step in range(steps):
        loss = nn.functional.cross_entropy(model(images[step]), labels[step])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
        losses.append(loss.detach())
    save(folder, "training", {"loss": torch.stack(losses), **model.state_dict()})


def write_metrics(folder):
    classes, count, never_predicted = 4, 200, 2
    random = np.random.RandomState(5)
    true = random.randint(0, classes, count)
    guessed = random.choice([c for c in range(classes) if c != never_predicted], count)
    right = (random.rand(count) < 0.6) & (true != never_predicted)
    predicted = np.where(right, true, guessed)
    options = {"labels": range(classes), "average": None, "zero_division": 0}
    save_json(folder, "metrics", {
        "classes": classes,
        "true": true.tolist(),
        "predicted": predicted.tolist(),
        "accuracy": float(accuracy_score(true, predicted)),
        "precision": precision_score(true, predicted, **options).tolist(),
        "recall": recall_score(true, predicted, **options).tolist(),
        "confusion": confusion_matrix(true, predicted, labels=range(classes)).tolist(),
    })


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    # Sums must be taken in one order for the bytes to come out the same.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    write_models(folder)
    write_optimizers(folder)
    write_schedules(folder)
    write_training(folder)
    write_metrics(folder)


if __name__ == "__main__":
    main()
