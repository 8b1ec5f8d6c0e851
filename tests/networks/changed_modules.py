# SPDX-License-Identifier: MIT
"""Modules whose tensors look like those of a network, and which compute something else."""

import torch
from random_network import random_images, random_network, randomise
from torch import nn


class Conv2dSame(nn.Conv2d):
    """Pads as TensorFlow does, and is called as in timm."""

    def forward(self, input):  # pylint: disable=redefined-builtin # PyTorch's name
        pads = []
        for size, kernel, stride in zip(input.shape[:1:-1], self.kernel_size, self.stride):
            both = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += both // 2, both - both // 2
        return self._conv_forward(nn.functional.pad(input, pads), self.weight, self.bias)


def _replace(module, change):
    """Every part that change() gives another for."""
    for name, part in list(module.named_children()):
        other = change(part)
        if other is None:
            _replace(part, change)
        else:
            setattr(module, name, other)
    return module


def with_same_padding(module):
    def change(part):
        if not isinstance(part, nn.Conv2d) or part.stride[0] == 1:
            return None
        same = Conv2dSame(part.in_channels, part.out_channels, part.kernel_size, part.stride, 0, 1, part.groups, False)
        same.load_state_dict(part.state_dict())
        return same

    return _replace(module, change)


def with_activation(module, old, new):
    return _replace(module, lambda part: new() if isinstance(part, old) else None)


def without_last(module):
    module.classifier[-1] = nn.Identity()
    return module


def with_small_stem(module):
    """For images of 32x32: the stem keeps their size."""
    module.features[0][0].stride = (1, 1)
    return module


def _changes():
    yield "ReLU for ReLU6", "mobilenet_v2_0.5", lambda m: with_activation(m, nn.ReLU6, nn.ReLU)
    yield "hard-swish for SiLU", "efficientnet_b0", lambda m: with_activation(m, nn.SiLU, nn.Hardswish)
    yield "SiLU for hard-swish only", "mobilenet_v3_small", lambda m: with_activation(m, nn.Hardswish, nn.SiLU)
    yield "another gate", "mobilenet_v3_small", lambda m: with_activation(m, nn.Hardsigmoid, nn.Sigmoid)
    yield "a stem of stride 1", "mobilenet_v2_0.5", with_small_stem
    yield "no classifier", "mobilenet_v2_0.5", without_last
    yield "no last layer", "mobilenet_v3_small", without_last
    yield "all of it twice wrapped", "mobilenet_v2_0.5", lambda m: nn.DataParallel(nn.DataParallel(m))
    yield "half the digits", "mobilenet_v2_0.5", lambda m: m.bfloat16().float()


def changed_modules(seed):
    """What is changed, and the module, with statistics of its own."""
    for what, name, change in _changes():
        module = change(random_network(name, seed))
        if what != "half the digits":
            randomise(module, random_images(4, 3, 96, 96))
        yield f"{name}, {what}", module.eval()
