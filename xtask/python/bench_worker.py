"""What the benchmark's workers in Python share: LeNet, their arguments, and how they answer requests."""

import argparse
import json
import sys
from importlib.metadata import version

from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 120), nn.Linear(120, 64), nn.Linear(64, 10)

    def forward(self, x):
        for conv in [self.conv1, self.conv2]:
            x = nn.functional.max_pool2d(conv(x), 2, 2).sigmoid()
        return self.fc3(self.fc2(self.fc1(x.flatten(1))))


def argument_parser(packages):
    """A parser of the arguments of every worker. With --versions, prints the versions and exits."""
    if "--versions" in sys.argv[1:]:
        print(json.dumps({name: version(name) for name in packages}))
        sys.exit()
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", help="a state_dict of LeNet as safetensors")
    parser.add_argument("data", help="the folder with Fashion-MNIST's files")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--versions", action="store_true", help="print the packages' versions as JSON, and exit")
    return parser


def serve(commands):
    """Answers each line (a command and numbers) with a line of JSON, until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        if word not in commands:
            sys.exit(f"unknown: {line.strip()}")
        print(json.dumps(commands[word](*map(int, numbers))), flush=True)
