#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds `mbconv run` against timm's own models, and those of efficientnet_pytorch: timm_parity.py SET=COMMAND.

Random weights and statistics; exported from the live module, and from its state dict with --padding and --epsilon. What
is no network here must be refused as such, and not as a misshapen other one.
"""

import copy
import pathlib
import sys
import tempfile

import efficientnet_lite_pytorch
import efficientnet_pytorch
import timm
import torch
from parity import TOLERANCE, Runner, difference, differs, differs_from_torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import export  # pylint: disable=wrong-import-position
from random_network import random_images, randomise  # pylint: disable=wrong-import-position

KNOWN = (
    "mobilenetv2_050", "mobilenetv2_100", "mobilenetv2_140", "efficientnet_b0", "efficientnet_b2",
    "mobilenetv3_large_100", "mobilenetv3_small_100", "tf_efficientnet_b0", "tf_efficientnet_b1", "tf_efficientnet_b5",
    "tf_mobilenetv3_large_100", "tf_mobilenetv3_small_100", "efficientnet_lite0", "tf_efficientnet_lite0",
    "tf_efficientnet_lite1", "tf_efficientnet_lite2", "tf_efficientnet_lite3", "tf_efficientnet_lite4", "mnasnet_050",
    "mnasnet_075", "mnasnet_100", "efficientnetv2_s", "tf_efficientnetv2_s", "tf_efficientnetv2_m", "tf_efficientnetv2_l",
    "tf_efficientnetv2_b0", "tf_efficientnetv2_b1", "tf_efficientnetv2_b2", "tf_efficientnetv2_b3", "tf_efficientnet_b8",
    "mobilenetv1_100", "mobilenetv1_125", "mobilenetv4_conv_small", "mobilenetv4_conv_medium", "mobilenetv4_conv_large",
)  # fmt: skip
UNKNOWN = (
    "mnasnet_140", "semnasnet_100", "spnasnet_100", "lcnet_050", "mobilenetv2_110d", "tf_mobilenetv3_large_075",
    "tf_mobilenetv3_large_minimal_100", "efficientnet_es", "efficientnetv2_rw_t", "tf_efficientnetv2_xl",
    "mobilenetv1_100h", "mobilenetv4_conv_blur_medium", "mobilenetv4_hybrid_medium", "mobilenetv4_conv_small_035",
)  # fmt: skip


@torch.no_grad()
def steep_or_differs(logits, module, images):
    """As differs_from_torch. But a network of 80 blocks with random weights may be so steep that PyTorch's own floats are far
    from its doubles: then mbconv's may be eight times as far from these."""
    expected = module(images).numpy()
    wrong = differs_from_torch(logits, expected)
    if not wrong:
        return ""
    exact = copy.deepcopy(module).double()(images.double()).numpy()
    error, own = difference(logits, exact), difference(expected, exact)
    return "" if TOLERANCE / 8 < own and error <= 8 * own else f"{wrong}; PyTorch's own error is {own:.1e}, this one {error:.1e}"


@torch.no_grad()
def check_known(runner, name, folder):
    torch.manual_seed(1)
    module, model = timm.create_model(name).eval(), folder / f"{name}.safetensors"
    randomise(module, random_images(4, 3, 128, 128))
    epsilon = next(part.eps for part in module.modules() if hasattr(part, "running_var"))
    said = ("--padding", "same" if name.startswith("tf_") else "symmetric", "--epsilon", epsilon)
    for height, width in ((128, 128), (97, 131)):
        images = random_images(1, 3, height, width)
        export(module, model)
        first = runner.logits(model, images)
        runner.check(f"{name} {height}x{width}", lambda: steep_or_differs(first, module, images))
        export(module.state_dict(), model)
        runner.check(f"{name} {said}", lambda: differs(runner.logits(model, images, more=said), first))
    features, model = timm.create_model(name, num_classes=0).eval(), folder / f"{name}-features.safetensors"
    randomise(features, random_images(4, 3, 128, 128))
    export(features, model)
    runner.check(f"{name}, features", lambda: steep_or_differs(runner.logits(model, images), features, images))


@torch.no_grad()
def check_efficientnet_pytorch(runner, make, name, size, folder):
    """The live module, whose padding is that of one size, and its tensors, whose names say all but preprocessing."""
    torch.manual_seed(1)
    module, model = make(name).eval(), folder / f"{name}.safetensors"
    images = random_images(1, 3, size, size)
    randomise(module, random_images(4, 3, size, size))
    export(module, model)
    first = runner.logits(model, images)
    runner.check(f"{name}, {size}x{size}", lambda: differs_from_torch(first, module(images).numpy()))
    export(module.state_dict(), model)
    runner.check(f"{name}, tensors", lambda: differs(runner.logits(model, images), first))


def check_unknown(runner, name, folder):
    model = folder / f"{name}.safetensors"
    export(timm.create_model(name).state_dict(), model)  # of a live module the exporter might say it first
    status, said = runner.said(model, "--raw-input", "/dev/null", "--raw-output", "/dev/null")
    right = status == 1 and "no network known here" in said and said.count("\n") == 1
    runner.check(name, lambda: "" if right else f"status {status}: {said}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    runner = Runner(*sys.argv[1].split("=", 1))
    with tempfile.TemporaryDirectory() as name:
        for known in KNOWN:
            check_known(runner, known, pathlib.Path(name))
        for variant, size in enumerate((224, 240, 260, 280, 300)):
            make = efficientnet_lite_pytorch.EfficientNet.from_name
            check_efficientnet_pytorch(runner, make, f"efficientnet-lite{variant}", size, pathlib.Path(name))
        for variant, size in enumerate((224, 240, 260, 300, 380)):
            make = efficientnet_pytorch.EfficientNet.from_name
            check_efficientnet_pytorch(runner, make, f"efficientnet-b{variant}", size, pathlib.Path(name))
        for unknown in UNKNOWN:
            check_unknown(runner, unknown, pathlib.Path(name))
    print(f"check: {runner.cases} cases, {runner.failed} findings")
    sys.exit(runner.failed > 0)


if __name__ == "__main__":
    main()
