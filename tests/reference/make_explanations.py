#!/usr/bin/env python3
# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "captum==0.9.0",
#   "grad-cam==1.5.7",
#   "numpy==2.4.6",
#   "opencv-python-headless==5.0.0.93",
#   "safetensors==0.8.0",
#   "scikit-learn==1.9.1",
#   "scipy==1.17.1",
#   "torch==2.13.0",
#   "torchvision==0.28.0",
# ]
# ///
"""Writes how Captum and pytorch-grad-cam explain two networks, for the Rust tests to compare with.

    python make_explanations.py [FOLDER]

FOLDER is where the files go: this script's own by default. README.md lists their content. What
both libraries compute must agree; how far they are apart is printed.
"""

import copy
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from captum.attr import GuidedBackprop, GuidedGradCam, LayerAttribution, LayerGradCam, Saliency
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, GuidedBackpropReLUModel
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.stats import spearmanr
from torch import nn

from make_reference import HERE, LeNet, images_of, labels_of, normalized, save, save_json

NETWORKS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}
LAYERS = ["conv1", "conv2"]
# Activations that are never negative, as the paper of Grad-CAM++ takes them to be.
AFTER_ACTIVATION = ["sigmoid1", "sigmoid2"]
TOLERANCE = 1e-6

# Both answers in equal parts: where a network is right, the two targets are one class.
RIGHT = WRONG = 32


class Explained(LeNet):
    """Guided backpropagation finds activations by their module, hence one object for each use."""

    def __init__(self, activation):
        super().__init__(1, 28, 10)
        self.activation1, self.activation2 = activation(), activation()

    def forward(self, x):
        x = self.activation1(nn.functional.max_pool2d(self.conv1(x), 2, 2))
        x = self.activation2(nn.functional.max_pool2d(self.conv2(x), 2, 2))
        return self.fc3(self.fc2(self.fc1(x.flatten(1))))


def trained(activation):
    torch.manual_seed(6)
    net = Explained(activation)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, foreach=False)
    images = normalized(images_of("train", 20_000)).split(100)
    labels = labels_of("train", 20_000).split(100)
    for _ in range(3):
        for x, y in zip(images, labels):
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()


@torch.no_grad()
def predicted_by(net, x):
    return torch.cat([net(batch).argmax(1) for batch in x.split(1000)])


def choose(predicted, labels):
    right = (predicted == labels).nonzero().flatten()[:RIGHT]
    wrong = (predicted != labels).nonzero().flatten()[:WRONG]
    return torch.cat([right, wrong])


def difference(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def apart(maps, exact):
    """Absolute, and in parts of each image's own largest value."""
    largest = exact.max((1, 2))
    relative = np.abs(maps - exact).max((1, 2))[largest > 0] / largest[largest > 0]
    return (
        f"{difference(maps, exact):.2g} of {largest.max():.3g},"
        f" relative median {np.median(relative):.2g}, worst {relative.max():.2g}"
    )


def agree(what, a, b):
    found = difference(a, b)
    print(f"{what}: {found:.2g}")
    assert found <= TOLERANCE, what


def layer_of(net, name):
    return getattr(net, name.replace("sigmoid", "activation"))


def run_cam(method, net, layer, x, classes):
    """The map before pytorch-grad-cam scales it, the scaled one, and what both are made of."""
    targets = [ClassifierOutputTarget(int(c)) for c in classes]
    layer = layer_of(net, layer)
    with method(model=net, target_layers=[layer]) as cam:
        scaled = cam(input_tensor=x, targets=targets)
        activations = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy()
        unscaled = cam.get_cam_image(x, layer, targets, activations, gradients)
    return np.maximum(unscaled, 0), scaled, activations, gradients


def grad_cam(name, net, layer, x, classes):
    unscaled, scaled, *_ = run_cam(GradCAM, net, layer, x, classes)
    captum = LayerGradCam(net, layer_of(net, layer))
    found = captum.attribute(x, classes, relu_attributions=True).detach()
    agree(f"{name}.grad_cam, Captum and pytorch-grad-cam", found[:, 0], unscaled)
    return found, torch.from_numpy(scaled)


def plus_plus_formula(activations, gradients, epsilon):
    """Float64, for the denominator changes its sign: near 0 float32 loses digits."""
    a, g = activations.astype(np.float64), gradients.astype(np.float64)
    denominator = 2 * g**2 + a.sum((2, 3), keepdims=True) * g**3 + epsilon
    alpha = np.divide(g**2, denominator, out=np.zeros_like(g), where=g != 0)
    weights = (alpha * np.maximum(g, 0)).sum((2, 3), keepdims=True)
    return np.maximum((weights * a).sum(1), 0)


def grad_cam_plus_plus(name, net, layer, x, classes):
    found, _, activations, gradients = run_cam(GradCAMPlusPlus, net, layer, x, classes)
    exact = plus_plus_formula(activations, gradients, 1e-6)
    pure = plus_plus_formula(activations, gradients, 0)
    print(f"{name}.grad_cam_plus_plus, float32 and float64: {apart(found, exact)}")
    print(f"{name}.grad_cam_plus_plus, with and without epsilon: {apart(pure, exact)}")
    return torch.from_numpy(found)


def gradient(name, net, x, classes):
    saliency = Saliency(net)
    signed = saliency.attribute(x, classes, abs=False)
    absolute = saliency.attribute(x, classes, abs=True)
    assert torch.equal(absolute, signed.abs()), name
    return signed.detach()


def guided_backpropagation(name, net, x, classes):
    found = GuidedBackprop(net).attribute(x, classes).detach()
    # It puts its own modules in the place of each ReLU.
    model = GuidedBackpropReLUModel(copy.deepcopy(net))
    each = [model(image[None].clone(), int(c))[:, :, 0] for image, c in zip(x, classes)]
    agree(f"{name}.guided_backpropagation, Captum and pytorch-grad-cam", found[:, 0], each)
    return found


def cams(name, net, layer, x, classes):
    found, _ = grad_cam(name, net, layer, x, classes)
    return {
        f"{name}.grad_cam": found[:, 0],
        f"{name}.grad_cam_plus_plus": grad_cam_plus_plus(name, net, layer, x, classes),
    }


def explain_layer(name, net, layer, x, classes):
    guided = GuidedGradCam(net, getattr(net, layer))
    product = guided.attribute(x, classes, interpolate_mode="bilinear").detach()
    return cams(name, net, layer, x, classes) | {f"{name}.guided_grad_cam": product}


def explain(name, net, x, classes):
    tensors = {f"{name}.gradient": gradient(name, net, x, classes)}
    for layer in LAYERS:
        tensors |= explain_layer(f"{name}.{layer}", net, layer, x, classes)
    guided = guided_backpropagation(name, net, x, classes)
    if not any(isinstance(module, nn.ReLU) for module in net.modules()):
        agree(f"{name}, guided and plain", guided, tensors[f"{name}.gradient"])
        for layer in AFTER_ACTIVATION:
            tensors |= cams(f"{name}.{layer}", net, layer, x, classes)
        return tensors
    # Where there is something to guide, the rest would only make the file larger.
    tensors[f"{name}.guided_backpropagation"] = guided
    return {name: tensor for name, tensor in tensors.items() if "guided" in name}


def upsample(name, net, layer, x, classes):
    found, scaled = grad_cam(name, net, layer, x, classes)
    upsampled = LayerAttribution.interpolate(found, (28, 28), interpolate_mode="bilinear")
    return {f"{name}.upsampled": upsampled[:, 0], f"{name}.scaled": scaled}


CURVES = 8
STEP = 28


def blur(images, size=11, deviation=5):
    radius = size // 2
    offset = np.arange(-radius, radius + 1)
    weights = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * deviation**2))
    padded = np.pad(images, [(0, 0), (0, 0), (radius, radius), (radius, radius)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    blurred = np.einsum("ncyxij,ij->ncyx", windows, weights / weights.sum())
    return blurred.astype(np.float32)


def replace_by_heat(start, end, heat):
    """From one image to the other, the hottest pixels first."""
    order = np.argsort(-heat.flatten(), kind="stable")
    stages = [start.flatten()]
    for pixels in np.split(order, order.size // STEP):
        stage = stages[-1].copy()
        stage[pixels] = end.flatten()[pixels]
        stages.append(stage)
    return np.stack(stages).reshape(-1, 1, 28, 28)


@torch.no_grad()
def curve(net, stages, explained):
    return torch.softmax(net(torch.from_numpy(stages)), 1)[:, explained]


def curves(net, x, heat, classes):
    x, heat = x[:CURVES].numpy(), heat[:CURVES].numpy()
    black, blurred = np.full_like(x, -1), blur(x)
    ways = {"deletion": (x, black), "insertion": (blurred, x)}
    tensors = {"blurred": torch.from_numpy(blurred)}
    for name, (starts, ends) in ways.items():
        stages = map(replace_by_heat, starts, ends, heat)
        probabilities = torch.stack([curve(net, *each) for each in zip(stages, classes)])
        tensors[f"{name}.probabilities"] = probabilities
        tensors[f"{name}.areas"] = torch.trapezoid(probabilities, dx=STEP / 784)
    return tensors


def write_explanations(folder):
    nets = {name: trained(activation) for name, activation in NETWORKS.items()}
    images, labels = images_of("t10k", 10_000), labels_of("t10k", 10_000)
    x = normalized(images)
    answers = {name: predicted_by(net, x) for name, net in nets.items()}
    for name, net in nets.items():
        save(folder, f"explained_{name}", net.state_dict())
        print(f"{name}: accuracy {(answers[name] == labels).float().mean():.4f}")
    indices = choose(answers["sigmoid"], labels)
    x, true = x[indices], labels[indices]
    predicted = {name: answer[indices] for name, answer in answers.items()}
    tensors = {"images": images[indices], "labels": true, "indices": indices}
    for name, net in nets.items():
        tensors[f"{name}.predicted"] = predicted[name]
        tensors |= explain(f"{name}.predicted", net, x, predicted[name])
        tensors |= explain(f"{name}.true", net, x, true)
    tensors |= upsample(
        "sigmoid.predicted.conv2", nets["sigmoid"], "conv2", x, predicted["sigmoid"]
    )
    tensors |= upsample("relu.true.conv1", nets["relu"], "conv1", x, true)
    heat = tensors["sigmoid.predicted.conv2.upsampled"]
    tensors |= curves(nets["sigmoid"], x, heat, predicted["sigmoid"])
    save(folder, "explanations", tensors)


def rank_cases():
    random = np.random.RandomState(7)
    line, noise = np.arange(20), random.randn(40)
    sparse = np.maximum(random.randn(40) - 1, 0)
    return {
        "two_equal_order": ([1, 2], [5, 9]),
        "two_reversed": ([1, 2], [9, 5]),
        "equal": (line, line),
        "reversed": (line, line[::-1]),
        "monotone": (line, np.exp(line / 4)),
        "independent": (noise[:25], random.randn(25)),
        "related": (noise, noise + random.randn(40)),
        "ties_in_one": (random.randint(0, 4, 15), noise[:15]),
        "ties_in_both": (random.randint(0, 5, 30), random.randint(0, 3, 30)),
        "many_zeros": (sparse, np.maximum(noise, 0)),
        "sparse_against_itself": (sparse, sparse * (random.rand(40) < 0.5)),
        "signs": ([-3, -1, 0, 0, 2, 5, -2], [1, 4, -1, 0, 0, 9, 1]),
        "constant": (noise[:6], np.full(6, 0.5)),
    }


def write_rank_correlations(folder):
    described = {}
    for name, (first, second) in rank_cases().items():
        first, second = np.asarray(first, float), np.asarray(second, float)
        found = float(spearmanr(first, second).statistic)
        described[name] = {
            "first": first.tolist(),
            "second": second.tolist(),
            "coefficient": None if math.isnan(found) else found,
        }
    save_json(folder, "rank_correlations", described)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    # Captum tells of its hooks, scipy of the constant list, each time.
    warnings.simplefilter("ignore")
    # Sums must be taken in one order for the bytes to come out the same.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    write_explanations(folder)
    write_rank_correlations(folder)


if __name__ == "__main__":
    main()
