# SPDX-License-Identifier: MIT
"""Five models' structures as small modules: efficientnet_pytorch (in test_torch_found), MobileNetV4's universal
inverted bottlenecks, RexNet's partial shortcuts, torchvision's MnasNet, BlazeFace. All convolutions are replaced."""

import unittest

import torch
from torch import nn
from torch.nn import functional

import test_torch_found
from test_torch_found import layer


class Universal(nn.Module):
    """MobileNetV4's: a depthwise layer before the expansion, after it, both or none."""

    def __init__(self, inputs, outputs, first, second, stride=1):
        super().__init__()
        middle = 4 * inputs
        here = stride if not second else 1
        self.start = self.layer(inputs, inputs, first, here, inputs, nn.Identity()) if first else nn.Identity()
        self.pw_exp = self.layer(inputs, middle, 1, 1, 1, nn.ReLU())
        self.mid = self.layer(middle, middle, second, stride, middle, nn.ReLU()) if second else nn.Identity()
        self.pw_proj = self.layer(middle, outputs, 1, 1, 1, nn.Identity())
        self.has_skip = stride == 1 and inputs == outputs

    @staticmethod
    def layer(inputs, outputs, kernel, stride, groups, activation):
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), activation)

    def forward(self, x):
        y = self.pw_proj(self.mid(self.pw_exp(self.start(x))))
        return y + x if self.has_skip else y


class Partial(nn.Module):
    """RexNet's: the shortcut is added to the first channels, and ReLU6 comes after squeeze-excite."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        middle = 6 * inputs
        self.inputs, self.has_skip = inputs, stride == 1 and inputs <= outputs
        self.conv_exp = nn.Sequential(nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.SiLU())
        self.conv_dw = nn.Sequential(
            nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False), nn.BatchNorm2d(middle))  # fmt: skip
        self.act_dw = nn.ReLU6()
        self.conv_pwl = nn.Sequential(nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.conv_pwl(self.act_dw(self.conv_dw(self.conv_exp(x))))
        if self.has_skip:
            y = torch.cat([y[:, 0 : self.inputs] + x, y[:, self.inputs :]], dim=1)
        return y


class Inverted(nn.Module):
    """MnasNet's: all layers in one Sequential called `layers`."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        middle = 3 * inputs
        self.apply_residual = inputs == outputs and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle, momentum=0.01), nn.ReLU(inplace=True),
            nn.Conv2d(middle, middle, kernel, padding=kernel // 2, stride=stride, groups=middle, bias=False),
            nn.BatchNorm2d(middle, momentum=0.01), nn.ReLU(inplace=True),
            nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs, momentum=0.01),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x) + x if self.apply_residual else self.layers(x)


def mnasnet():
    """The stem, the separable layer and the stacks lie in one Sequential, as torchvision has them."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        nn.Conv2d(16, 8, 1, bias=False), nn.BatchNorm2d(8),
        nn.Sequential(Inverted(8, 12, 3, 2), Inverted(12, 12, 3, 1)), nn.Sequential(Inverted(12, 16, 5, 2)),
    )  # fmt: skip


class Blaze(nn.Module):
    """BlazeFace's: no normalisation, the shortcut has more channels, and the activation comes after it."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.stride, self.more = stride, outputs - inputs
        self.max_pool = nn.MaxPool2d(stride, stride)
        self.convs = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 0 if stride == 2 else 1, groups=inputs), nn.Conv2d(inputs, outputs, 1))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        h = functional.pad(x, (0, 2, 0, 2)) if self.stride == 2 else x
        x = self.max_pool(x) if self.stride == 2 else x
        if self.more:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.more))
        return self.act(self.convs(h)[:, :, : x.shape[2], : x.shape[3]] + x)


class Structures(unittest.TestCase):
    def check(self, model, channels=3):
        return test_torch_found.Found.check(self, model, channels=channels)

    def test_universal(self):
        self.check(nn.Sequential(
            layer(3, 16, 3, 2), Universal(16, 16, 5, 5), Universal(16, 24, 3, 5, 2), Universal(24, 24, 3, 0),
            Universal(24, 24, 0, 3), Universal(24, 24, 0, 0),
        ))  # fmt: skip

    def test_partial(self):
        self.check(nn.Sequential(layer(3, 16, 3, 2), Partial(16, 22), Partial(22, 33, 2), Partial(33, 38)))

    def test_sequentials(self):
        self.check(mnasnet())

    def test_blaze(self):
        self.check(nn.Sequential(nn.Conv2d(3, 24, 5, 2, 2), nn.ReLU(), Blaze(24, 24), Blaze(24, 28), Blaze(28, 32, 2)))


if __name__ == "__main__":
    unittest.main()
