# SPDX-License-Identifier: MIT
"""The blocks that the notebook compares, in PyTorch, under the names that `mbconv run` knows them by."""

import torch
import torchvision
from torch import nn

CHANNELS, EXPANDED, SIDE = 16, 96, 32


class MBConv(nn.Module):
    def __init__(self):
        super().__init__()

        def layer(channels, out, *activation, kernel=1, groups=1):
            conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(out), *activation)

        self.expand = layer(CHANNELS, EXPANDED, nn.SiLU())
        self.depthwise = layer(EXPANDED, EXPANDED, nn.SiLU(), kernel=3, groups=EXPANDED)
        self.project = layer(EXPANDED, CHANNELS)

    def forward(self, x):
        return x + self.project(self.depthwise(self.expand(x)))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [
            (nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.ReLU())
            for _ in range(2)
        ]
        self.conv = nn.Sequential(*layers[0], *layers[1])

    def forward(self, x):
        return self.conv(x)


def single_blocks():
    """Each module by its name, all in evaluation mode."""
    bottleneck = torchvision.models.resnet.Bottleneck(CHANNELS, CHANNELS // 4)
    return {"mbconv": MBConv().eval(), "plain": Plain().eval(), "bottleneck": bottleneck.eval()}


def random_input(batch):
    return torch.randn(batch, CHANNELS, SIDE, SIDE)
