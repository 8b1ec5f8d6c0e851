# SPDX-License-Identifier: MIT
"""What torch.ops.mbconv computes, in PyTorch's own functions: for derivatives, torch.func's transforms and autocast."""

import functools

import torch
from torch.nn import functional

ACTIVATIONS = {
    "none": lambda x: x, "relu": functional.relu, "relu6": functional.relu6, "silu": functional.silu,
    "sigmoid": torch.sigmoid, "hard_sigmoid": functional.hardsigmoid, "hard_swish": functional.hardswish,
    "gelu": functional.gelu, "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}  # fmt: skip


def block(x, expand, depthwise, project, reduce, excite, epsilons, activation, inner, gate, stride, pad, residual):
    activate, channels = ACTIVATIONS[activation], len(depthwise[0])
    y = activate(_layer(x, expand, epsilons[0])) if expand else x
    y = activate(_layer(y, depthwise, epsilons[1], stride, pad, channels))
    if reduce:
        scale = ACTIVATIONS[inner](_layer(y.mean((2, 3), keepdim=True), reduce))
        y = y * ACTIVATIONS[gate](_layer(scale, excite))
    y = _layer(y, project, epsilons[2])
    return y + x if residual else y


def convolution(x, conv, epsilon, activation, stride, pad):
    return ACTIVATIONS[activation](_layer(x, conv, epsilon, stride, pad))


def stages(x, tensors, stages, epsilons, residual, residual_channels):
    """`stages` in words: `_stages.py` explains them."""
    y, values, epsilons, listed = x, iter(tensors), iter(epsilons), words(stages)
    for i, (kind, activation, letters, *rest) in enumerate(listed):
        layer = [next(values) for _ in letters]
        if kind == "squeeze_excite":
            more, inner, gate = rest
            scale = ACTIVATIONS[inner](_layer(y.mean((2, 3), keepdim=True), layer, next(epsilons), letters=letters))
            y = y * ACTIVATIONS[gate](_layer(scale, [next(values) for _ in more], next(epsilons), letters=more))
        else:
            stride, dilation, pad = int(rest[0]), int(rest[1]), rest[2]
            sides = () if pad == "same" else tuple(map(int, pad.split(",")))
            groups = len(layer[0]) if kind == "depthwise" else 1
            y = _layer(y, layer, next(epsilons), stride, sides, groups, dilation, letters)
        if residual == "before" and i == len(listed) - 1:
            y = _added(y, x, residual_channels)
        y = _activated(y, activation, layer, letters)
    return _added(y, x, residual_channels) if residual == "after" else y


REFERENCES = {"block": block, "convolution": convolution, "stages": stages}


@functools.lru_cache(maxsize=None)
def words(stages):
    return tuple(tuple(stage.split()) for stage in stages.split(";"))


def _activated(y, activation, layer, letters):
    name, _, slope = activation.partition("=")
    if name == "leaky_relu":
        return functional.leaky_relu(y, float(slope))
    if name == "prelu":
        return functional.prelu(y, layer[letters.index("p")])
    return ACTIVATIONS[name](y)


def _added(y, x, channels):
    """The input added to the first channels, 0: to all."""
    return torch.cat([y[:, :channels] + x, y[:, channels:]], 1) if channels else y + x


def _layer(x, tensors, epsilon=0.0, stride=1, pad=(0, 0, 0, 0), groups=1, dilation=1, letters=None):
    """`letters` tell what the tensors are. Without: weight, [bias], [[gamma, beta], mean, variance]."""
    letters = letters or "w" + "b" * (len(tensors) % 2 == 0) + ("", "mv", "gBmv")[(len(tensors) - 1) // 2]
    found = dict(zip(letters, tensors))
    weight = found["w"] if found["w"].dim() == 4 else found["w"][:, :, None, None]
    top, left, bottom, right = pad or _same(x.shape[2:], (weight.shape[2] - 1) * dilation + 1, stride)
    y = functional.pad(x, (left, right, top, bottom))
    y = functional.conv2d(y, weight, found.get("b"), stride, 0, dilation, groups)
    if "m" in found:
        y = functional.batch_norm(y, found["m"], found["v"], found.get("g"), found.get("B"), eps=epsilon)
    return y * found["s"][:, None, None] if "s" in found else y


def _same(sizes, kernel, stride):
    """TensorFlow's padding: top, left, bottom, right."""
    missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in sizes]
    before = [count // 2 for count in missing]
    return *before, *(count - first for count, first in zip(missing, before))
