#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds `mbconv run MODEL IMAGE` against Pillow, torchvision's transforms and PyTorch.

    images.py SET=COMMAND

Of every image, the five first classes must be PyTorch's and the logits within 1e-4 of the largest one. And they must be
the very floats that mbconv gives for the tensor that torchvision prepared: so the pixels that went in are the same.
"""

import json
import pathlib
import struct
import sys
import tempfile
import zlib

import numpy as np
import torch
import torchvision
from PIL import Image
from parity import Runner, differs, differs_from_torch
from torchvision import transforms

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import export  # pylint: disable=wrong-import-position
from random_network import random_network  # pylint: disable=wrong-import-position
from timm_names import timm_names  # pylint: disable=wrong-import-position

NETWORKS = "mobilenet_v2", "efficientnet_b0", "efficientnet_b3"  # bilinear, bicubic, and of another size
CLASSES = 1000


def write_images(folder):
    """Files by what is special about them."""
    random = np.random.default_rng(1)

    def picture(width, height, channels=3):
        """Like a photograph: smooth, with some noise; edges reach 0 and 255."""
        coarse = random.integers(0, 256, (height // 24 + 2, width // 24 + 2, channels), np.uint8)
        smooth = np.stack([np.array(Image.fromarray(coarse[:, :, c]).resize((width, height), Image.BICUBIC), np.int16)
                           for c in range(channels)], -1)  # fmt: skip
        return np.clip(smooth + random.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)

    def save(name, array, mode, to=None, **options):
        image = Image.fromarray(array.squeeze(), mode)
        path = folder / name
        (image.convert(to, dither=Image.Dither.NONE) if to else image).save(path, **options)
        return path

    yield save("wide.png", picture(500, 333), "RGB")
    yield save("high.jpg", picture(301, 480), "RGB", quality=90)
    yield save("small.png", picture(61, 40), "RGB")
    yield save("as-resized.png", picture(256, 256), "RGB")
    yield save("large.jpg", picture(1601, 1203), "RGB", subsampling=2)
    yield save("panorama.png", picture(900, 31), "RGB")
    yield save("grey.png", picture(300, 280, 1), "L")
    yield save("grey-alpha.png", picture(300, 280, 2), "LA")
    yield save("alpha.png", picture(300, 280, 4), "RGBA")
    yield save("palette.png", picture(300, 280), "RGB", "P")
    yield save("grey.jpg", picture(300, 280, 1), "L")
    yield save("progressive.jpg", picture(300, 280), "RGB", progressive=True, quality=70)
    yield save("full-colour.jpg", picture(300, 281), "RGB", subsampling=0)
    yield save("half-colour.jpg", picture(299, 280), "RGB", subsampling=1)
    yield write_deep(folder / "deep.png", picture(300, 280).astype(np.uint16) << 8 | picture(300, 280))
    yield save("bits.png", picture(300, 280), "RGB", "1")


def write_deep(path, array):
    """RGB of 16 bits as PNG, which Pillow reads, but does not write."""
    height, width, _ = array.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))  # fmt: skip
    return path


def preset(name):
    """What torchvision does to an image before this network."""
    weights = next(getattr(torchvision.models, entry) for entry in dir(torchvision.models)
                   if entry.lower() == f"{name}_weights")  # fmt: skip
    return weights.IMAGENET1K_V1.transforms()


def of_size(resize, crop):
    """The same, but bilinear, of another size."""
    return transforms.Compose([
        transforms.Resize(resize), transforms.CenterCrop(crop), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])  # fmt: skip


def answer(runner, model, image, *more):
    """The logits of an image, in the classes' order."""
    run = runner.run(model, image, "--json", "--top", CLASSES, *more)
    top = json.loads(run)["top"]
    logits = np.full((1, CLASSES), np.nan, np.float32)
    logits[0, [entry["class"] for entry in top]] = [entry["logit"] for entry in top]
    return logits, [entry["class"] for entry in top[:5]]


@torch.no_grad()
def check_image(runner, model, module, image, prepare, *more):
    x = prepare(Image.open(image).convert("RGB"))[None]

    def judge():
        logits, first = answer(runner, model, image, *more)
        if first != np.argsort(-logits[0], kind="stable")[:5].tolist():
            return "the classes are not in the order of their logits"
        wrong = differs_from_torch(logits, module(x).numpy())
        return wrong or differs(logits, runner.logits(model, x))

    runner.check(f"{model.stem} {image.name} {' '.join(map(str, more))}", judge)


def check_config(runner, module, image, folder):
    """Images prepared as timm's data config in the file has it; the options say it, too, and beat the file."""
    config = {"input_size": (3, 144, 144), "crop_pct": 0.9, "interpolation": "bicubic", "mean": (0.5, 0.25, 0.125),
              "std": (0.5, 0.3, 0.7)}  # fmt: skip
    prepare = transforms.Compose([
        transforms.Resize(160, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(144), transforms.ToTensor(),
        transforms.Normalize(config["mean"], config["std"]),
    ])  # fmt: skip
    model, other = folder / "config.safetensors", folder / "other.safetensors"
    export(module, model, config)
    export(module, other, {**config, "mean": (0, 0, 0), "std": (1, 1, 1), "interpolation": "bilinear"})
    check_image(runner, model, module, image, prepare)
    options = "--mean", "0.5,0.25,0.125", "--std", "0.5,0.3,0.7", "--interpolation", "bicubic"
    check_image(runner, other, module, image, prepare, *options)


def check_told(runner, module, image, folder):
    """One line on standard error about what the file leaves open, none if nothing is; no answer about features."""
    config = {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "bilinear", "mean": (0, 0, 0), "std": (1, 1, 1)}
    tensors, features = timm_names(module.state_dict()), folder / "features.safetensors"
    export({name: tensor for name, tensor in tensors.items() if "classifier" not in name}, features)
    colours = "--resize 256 --interpolation bilinear --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"
    both = "--padding symmetric --epsilon 1e-05 (timm's tf_* networks have same and 0.001)"
    same = "--epsilon 0.001 (timm's tf_* networks have same and 0.001)"
    for what, (model, images), more, line in (
        ("a live module", (module, None), [], f" {colours}"),
        ("a live module with all", (module, config), [], None),
        ("a checkpoint", (tensors, None), [], f" {both}, {colours}"),
        ("a checkpoint and a padding", (tensors, None), ["--padding", "same"], f" {same}, {colours}"),
        ("a checkpoint and options", (tensors, None), ["--padding", "same", "--epsilon", "0.5", *colours.split()], None),
    ):
        path = folder / "told.safetensors"
        export(model, path, images)

        def judge(more=more, line=line, path=path):
            said = runner.said(path, image, *more)
            expected = f"mbconv: {path} does not say all; assumed:{line}\n" if line else ""
            return "" if said == (0, expected) else f"{said} instead of {expected!r}"

        runner.check(f"what is told of {what}", judge)
    status, said = runner.said(features, image)
    right = status == 1 and "has no classifier: its outputs are 1280 features" in said
    runner.check("an image without a classifier", lambda: "" if right else said)


def check_labels(runner, model, image, folder):
    labels = folder / "labels.txt"
    labels.write_text("".join(f"name of {index}\n" for index in range(CLASSES)))

    def judge():
        _, first = answer(runner, model, image)
        lines = runner.run(model, image, "--labels", labels).decode().splitlines()
        return "" if [f"name of {index}" in line for index, line in zip(first, lines)] == [True] * 5 else f"{lines}"

    runner.check("labels", judge)


def check_damaged(runner, model, image):
    """A file that ends too early is refused in a line."""
    cut = image.with_name(f"cut-{image.name}")
    cut.write_bytes(image.read_bytes()[:-image.stat().st_size // 3])

    def judge():
        try:
            runner.run(model, cut)
        except RuntimeError as error:
            return "" if str(error).startswith("status 1: mbconv: ") and "\n" not in str(error) else str(error)
        return "is taken"

    runner.check(cut.name, judge)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    runner = Runner(*sys.argv[1].split("=", 1))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        *images, bits = write_images(folder)
        for network in NETWORKS:
            module, model = random_network(network, 1), folder / f"{network}.safetensors"
            export(module, model)
            for image in images:
                check_image(runner, model, module, image, preset(network))
        module, model = random_network("mobilenet_v2", 1), folder / "mobilenet_v2.safetensors"
        # Nothing but black and white drives a random EfficientNet out of the range where f32 has digits left.
        check_image(runner, model, module, bits, preset("mobilenet_v2"))
        for resize, crop in ((183, 160), (97, 131)):  # the second is larger than the image
            more = ("--size", crop, "--resize", resize)
            check_image(runner, model, module, images[0], of_size(resize, crop), *more)
        check_config(runner, module, images[0], folder)
        check_told(runner, module, images[0], folder)
        check_labels(runner, model, images[0], folder)
        for image in images[:2]:
            check_damaged(runner, model, image)
    print(f"set {runner.isa}: {runner.cases} cases, {runner.failed} failed, 0 skipped")
    sys.exit(runner.failed > 0)


if __name__ == "__main__":
    main()
