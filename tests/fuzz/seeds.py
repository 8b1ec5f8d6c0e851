#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes what the fuzzers start from: seeds.py DIR makes DIR/safetensors and DIR/image.

Of networks, whole files where they are small and headers alone where they are not (fuzz_safetensors.c tells why).
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torchvision
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "networks"), str(ROOT / "tests" / "networks")]
from export import export  # pylint: disable=wrong-import-position
from other_networks import NETWORKS  # pylint: disable=wrong-import-position
from single_blocks import single_blocks  # pylint: disable=wrong-import-position
from timm_names import efficientnet_pytorch_names, timm_names  # pylint: disable=wrong-import-position


CONFIG = {"input_size": (3, 96, 96), "crop_pct": 0.9, "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3}


def write_networks(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, block in single_blocks().items():
        export(block, folder / name)
    tiny = torchvision.models.mobilenet_v2(width_mult=0.1, num_classes=1)
    small = torchvision.models.mobilenet_v3_small(num_classes=1)
    b0 = torchvision.models.efficientnet_b0(num_classes=1)
    for name, model in (("v2", tiny), ("v2_timm", timm_names(tiny.state_dict())), ("v3", small), ("b0", b0)):
        export(model, folder / name, CONFIG)
        file = (folder / name).read_bytes()
        (folder / name).write_bytes(file[8 : 8 + int.from_bytes(file[:8], "little")])
    write_halves(folder)


def write_halves(folder):
    """Headers of networks that only fit into the fuzzer's megabytes with two bytes per number."""
    lite, v1 = NETWORKS["efficientnet_lite0"]().state_dict(), NETWORKS["mobilenet_v1"]().state_dict()
    v4, v2_b0 = NETWORKS["mobilenet_v4_conv_small"]().state_dict(), NETWORKS["efficientnet_v2_b0"]().state_dict()
    mnasnet, b0 = (make().state_dict() for make in (torchvision.models.mnasnet0_5, torchvision.models.efficientnet_b0))
    for name, tensors in (
        ("lite0_timm", lite), ("lite0", efficientnet_pytorch_names(lite)), ("v1", v1), ("v4", v4), ("v2_b0", v2_b0),
        ("mnasnet", mnasnet), ("mnasnet_timm", timm_names(mnasnet)), ("b0_pytorch", efficientnet_pytorch_names(b0)),
    ):  # fmt: skip
        header, end = {"__metadata__": {"mbconv.padding": "same"}}, 0
        for key, tensor in tensors.items():
            shape = [1, *tensor.shape[1:]] if tensor.shape[:1] == (1000,) else list(tensor.shape)
            if tensor.is_floating_point():
                begin, end = end, end + 2 * int(np.prod(shape))
                header[key] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
        (folder / name).write_text(json.dumps(header, separators=(",", ":")))


def write_i8(path):
    """The notebook's block in int8, whole."""
    random, tensors = np.random.default_rng(1), {}
    for part, shape in (("expand.0", (96, 16, 1, 1)), ("depthwise.0", (96, 1, 3, 3)), ("project.0", (16, 96, 1, 1))):
        tensors[part + ".weight"] = random.integers(-127, 128, shape, np.int8)
        tensors[part + ".bias"] = random.integers(-999, 1000, shape[0], np.int32)
        tensors[part + ".weight_scale"] = random.uniform(0.001, 0.01, shape[0]).astype(np.float32)
    values = "input", "expand.0.output", "expand.0.activation", "depthwise.0.output", "depthwise.0.activation"
    for value in (*values, "project.0.output", "project.0.sum"):
        tensors[value + ".scale"] = np.float32([0.03])
        tensors[value + ".zero_point"] = random.integers(-128, 128, 1, np.int32)
    words = {"mbconv.type": "int8", "mbconv.network": "mbconv", "mbconv.padding": "symmetric"}
    header, data = {"__metadata__": words}, b""
    for name, tensor in tensors.items():
        begin, data = len(data), data + tensor.tobytes()
        kind = {"int8": "I8", "int32": "I32", "float32": "F32"}[tensor.dtype.name]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_images(folder):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    for mode, channels in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)):
        image = Image.fromarray(random.integers(0, 255, (9, 13, channels), np.uint8).squeeze(), mode)
        image.save(folder / f"{mode}.png")
    rgb = Image.fromarray(random.integers(0, 255, (19, 33, 3), np.uint8))
    rgb.convert("P").save(folder / "palette.png")
    rgb.convert("1").save(folder / "bits.png")
    Image.fromarray(random.integers(0, 65535, (5, 6), np.uint16)).save(folder / "16bit.png")
    for name, options in (
        ("444", {"subsampling": 0}),
        ("420", {"subsampling": 2}),
        ("progressive", {"progressive": True}),
        ("optimised", {"optimize": True, "quality": 95}),
    ):
        rgb.save(folder / f"{name}.jpg", **options)
    rgb.convert("L").save(folder / "grey.jpg")
    rgb.convert("CMYK").save(folder / "cmyk.jpg")


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    write_networks(folder / "safetensors")
    write_i8(folder / "safetensors" / "mbconv_i8")
    write_images(folder / "image")


if __name__ == "__main__":
    main()
