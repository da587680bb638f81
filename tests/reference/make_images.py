#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "pillow==13.0.0",
#   "safetensors==0.8.0",
# ]
# ///
"""Writes small image files, and what Pillow makes of them, for the Rust tests to compare with.

    python make_images.py [FOLDER]

FOLDER is where the files go: this script's own by default. README.md lists their content.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
# Higher than wide, or smaller on both sides: where Pillow 13 narrows before it lowers, as those
# before it always do.
GREY = [(1, 28, 28), (1, 90, 5)]
COLOUR = [(3, 32, 32), (3, 60, 7)]
# The size of `photo`: nothing is scaled.
WHOLE = [(1, 41, 53), (3, 41, 53)]


def scene(width, height, seed):
    """Smooth hills of colour with a little noise, as a photograph has."""
    random = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3))
    for cells, strength in [(3, 60), (8, 40), (24, 15)]:
        for channel in range(3):
            hills = random.normal(0, 1, (cells, cells)).astype(np.float32)
            hills = Image.fromarray(hills).resize((width, height), Image.Resampling.BICUBIC)
            layers[..., channel] += strength * np.asarray(hills)
    layers += 120 + random.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(layers, 0, 255).astype(np.uint8))


def with_alpha(image, seed):
    alpha = scene(*image.size, seed).convert("L").point(lambda value: (value - 60) * 2)
    image = image.copy()
    image.putalpha(alpha)
    return image


def filled(image):
    """Without transparency: on white if what is to be seen is dark on average, else on black."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    alpha = np.asarray(image.getchannel("A"), dtype=np.int64)
    light = np.asarray(image.convert("RGB").convert("L"), dtype=np.int64)
    is_dark = 2 * (light * alpha).sum() < 255 * alpha.sum()
    ground = Image.new("RGB", image.size, (255,) * 3 if is_dark else (0,) * 3)
    ground.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return ground


def read(path, shape):
    """What torchvision's ImageFolder, Grayscale and Resize make of it; `[C, H, W]`."""
    channels, height, width = shape
    with Image.open(path) as image:
        image = filled(image).convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else HERE)
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    photo = scene(53, 41, 1)
    dark = with_alpha(photo.point(lambda value: value // 2), 2)
    light = with_alpha(photo.point(lambda value: 128 + value // 2), 3)
    exact = {
        "colour.png": (photo, {}),
        "grey.png": (photo.convert("L"), {}),
        "palette.png": (photo.quantize(30), {}),
        "two_colours.png": (photo.convert("1"), {}),
        "dark_ink.png": (dark, {}),
        "light_ink.png": (light, {}),
        "grey_ink.png": (dark.convert("LA"), {}),
        "colour.bmp": (photo, {}),
        "colour.gif": (photo.quantize(60), {}),
        "colour.webp": (photo, {"lossless": True}),
        "ink.webp": (light, {"lossless": True, "exact": True}),
    }
    jpeg = {
        "colour_444.jpg": (photo, {"quality": 90, "subsampling": 0}),
        "colour_422.jpg": (photo, {"quality": 90, "subsampling": 1}),
        "colour_420.jpg": (photo, {"quality": 75, "subsampling": 2}),
        "progressive.jpg": (photo, {"quality": 85, "progressive": True}),
        "restarts.jpg": (photo, {"quality": 85, "restart_marker_blocks": 2}),
        "grey.jpg": (photo.convert("L"), {"quality": 90}),
        "cmyk.jpg": (photo.convert("CMYK"), {"quality": 90}),
    }
    large = {"large.jpg": (scene(640, 480, 4), {"quality": 80})}
    expected = {}
    for files, shapes in [
        (exact, GREY + COLOUR + WHOLE),
        (jpeg, GREY + COLOUR + WHOLE),
        # At its size, a half and a quarter.
        (large, [(3, 60, 60), (3, 28, 28), (3, 12, 15), (1, 28, 28), (1, 8, 8)]),
    ]:
        for name, (image, settings) in files.items():
            path = images / name
            image.save(path, **settings)
            for shape in shapes:
                key = f"{name} {'x'.join(map(str, shape))}"
                expected[key] = read(path, shape)
    save_file(expected, folder / "images.safetensors")


if __name__ == "__main__":
    main()
