# SPDX-License-Identifier: MIT
"""What torch.ops.mbconv computes, in PyTorch's own functions: for derivatives, torch.func's transforms and autocast."""

import torch
from torch.nn import functional

ACTIVATIONS = {
    "none": lambda x: x, "relu": functional.relu, "relu6": functional.relu6, "silu": functional.silu,
    "sigmoid": torch.sigmoid, "hard_sigmoid": functional.hardsigmoid, "hard_swish": functional.hardswish,
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


REFERENCES = {"block": block, "convolution": convolution}


def _layer(x, tensors, epsilon=0.0, stride=1, pad=(0, 0, 0, 0), groups=1):
    """`tensors`: weight, [bias], [[gamma, beta], mean, variance]."""
    weight, *others = tensors
    bias = others.pop(0) if len(others) % 2 else None
    if weight.dim() == 2:
        weight = weight[:, :, None, None]
    top, left, bottom, right = pad or _same(x.shape[2:], weight.shape[2], stride)
    y = functional.conv2d(functional.pad(x, (left, right, top, bottom)), weight, bias, stride, groups=groups)
    if not others:
        return y
    *affine, mean, variance = others
    return functional.batch_norm(y, mean, variance, *affine, eps=epsilon)


def _same(sizes, kernel, stride):
    """TensorFlow's padding: top, left, bottom, right."""
    missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in sizes]
    before = [count // 2 for count in missing]
    return *before, *(count - first for count, first in zip(missing, before))
