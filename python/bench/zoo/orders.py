# SPDX-License-Identifier: MIT
"""How far 1x1 convolutions are from exact results by the order in which they add: PyTorch's own, and chains of fused
multiply-adds, each rounded once, computed step by step. The library's is one chain that begins with the bias."""

import numpy as np
import torch

from .errors import random_images, random_model

UNIT = 2.0**-24
PARTS = 16
# The last convolutions of blocks whose errors `errors` finds to be far above PyTorch's, by the model's name.
CONVOLUTIONS = {
    "torchvision ssdlite320_mobilenet_v3_large": (
        "head.classification_head.module_list.5.1", "head.regression_head.module_list.5.1",
    ),
    "torchvision maxvit_t": tuple(
        f"blocks.{stage}.layers.{layer}.layers.MBconv.layers.conv_c" for stage, layer in ((0, 0), (2, 1), (3, 1))
    ),
    "timm efficientvit_l1": ("stages.3.blocks.0.main.point_conv.conv",),
}  # fmt: skip


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def chain(weight, x, start):
    """`start` and each channel's product, in the channels' order."""
    for k in range(weight.shape[1]):  # the product of two floats is a double without rounding
        start = (np.multiply.outer(weight[:, k].astype(np.float64), x[k]) + start).astype(np.float32)
    return start


def errors_of(conv, x):
    """Of PyTorch, one chain from the bias, one with the bias last, and of PARTS chains with the bias last."""
    weight, pixels = conv.weight[:, :, 0, 0].numpy(), x[0].flatten(1).numpy()
    bias = np.zeros((len(weight), 1), np.float32) if conv.bias is None else conv.bias.numpy()[:, None]
    rest = weight.astype(np.float64) @ pixels.astype(np.float64)
    zero = np.zeros(rest.shape, np.float32)
    parts = [chain(weight[:, i::PARTS], pixels[i::PARTS], zero) for i in range(PARTS)]
    sums = [conv(x)[0].flatten(1).numpy(), chain(weight, pixels, zero + bias), chain(weight, pixels, zero) + bias,
            np.add.reduce(parts, dtype=np.float32) + bias]  # fmt: skip
    return {
        "channels": weight.shape[1], "pixels": pixels.shape[1], "bias": rms(bias) / rms(rest),
        "errors": [rms(one - rest - bias) / rms(rest + bias) / UNIT for one in sums],
    }  # fmt: skip


def orders(row):
    """Of the convolutions of a model, on what reaches them in it."""
    model, seen = random_model(row), {}
    paths = CONVOLUTIONS[row.name]
    for path in paths:
        model.get_submodule(path).register_forward_pre_hook(lambda _, a, path=path: seen.update({path: a[0].clone()}))
    model(random_images(1, 3, row.small, row.small))
    return {"convolutions": [{"path": path, **errors_of(model.get_submodule(path), seen[path])} for path in paths]}
