# SPDX-License-Identifier: MIT
"""Modules for the tests, with random weights and normalisations that matter."""

import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "networks"))
# pylint: disable-next=wrong-import-position,unused-import
from random_network import random_images, random_network, randomise

BLOCK_TOLERANCE, NETWORK_TOLERANCE = 1e-5, 1e-4  # of the largest output
FORMATS = torch.contiguous_format, torch.channels_last


class MBConv(nn.Module):
    """The notebook's block: its layers, its names, its arguments."""

    def __init__(self, c_in, c_out, expansion_factor=6, stride=1, kernel_size=3, activation=nn.SiLU):
        super().__init__()
        self.use_residual = stride == 1 and c_in == c_out
        c_exp = c_in * expansion_factor

        def layer(c_in, c_out, *activation, **options):
            return nn.Sequential(nn.Conv2d(c_in, c_out, bias=False, **options), nn.BatchNorm2d(c_out), *activation)

        self.expand = layer(c_in, c_exp, activation(), kernel_size=1)
        self.depthwise = layer(c_exp, c_exp, activation(), kernel_size=kernel_size, stride=stride,
                               padding=kernel_size // 2, groups=c_exp)  # fmt: skip
        self.project = layer(c_exp, c_out, kernel_size=1)

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return y + x if self.use_residual else y


class Conv2dSame(nn.Conv2d):
    """Padded as TensorFlow does; of timm's name, by which it is known."""

    def forward(self, x):
        rows, columns = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(x.shape[2:], self.stride, self.kernel_size)
        )
        pad = columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
        return nn.functional.conv2d(nn.functional.pad(x, pad), self.weight, self.bias, self.stride, 0, 1, self.groups)


class ConvBnAct(nn.Module):
    """Neighbours that are not in a Sequential, as timm's stems are."""

    def __init__(self, c_in, c_out, conv=nn.Conv2d, kernel_size=3, stride=2):
        super().__init__()
        padding = 0 if conv is Conv2dSame else kernel_size // 2
        self.conv = conv(c_in, c_out, kernel_size, stride=stride, padding=padding, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)

    def forward(self, x):
        return self.bn1(self.conv(x))


def random_block(*arguments, kind=MBConv, seed=1, **options):
    """In evaluation mode."""
    torch.manual_seed(seed)
    block = kind(*arguments, **options)
    randomise(block, torch.randn(4, arguments[0], 24, 24))
    return block


def difference(y, expected):
    """The largest difference, as a part of the largest output."""
    return float((y.detach() - expected.detach()).abs().max() / expected.detach().abs().max())
