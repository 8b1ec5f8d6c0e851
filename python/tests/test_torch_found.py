# SPDX-License-Identifier: MIT
"""Structures of widely used packages that no class or name tells, written as small modules: everything that is an
MBConv there is computed by mbconv, which is seen by the convolutions that PyTorch does not compute any more."""

import collections
import copy
import dataclasses
import math
import unittest
from unittest import mock

import torch
from torch import nn
from torch.nn import functional

import mbconv.torch
from networks import NETWORK_TOLERANCE, difference


class DynamicSame(nn.Conv2d):
    """SAME of the image's size, which it asks at each call: efficientnet_pytorch's."""

    def forward(self, x):
        sides = []
        for size, kernel, stride in zip(x.size()[-2:], self.weight.size()[-2:], self.stride):
            sides.append(max((math.ceil(size / stride) - 1) * stride + kernel - size, 0))
        if max(sides) > 0:
            (height, width) = sides
            x = functional.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, i):
        ctx.save_for_backward(i)
        return i * torch.sigmoid(i)

    @staticmethod
    def backward(ctx, grad):
        gate = torch.sigmoid(ctx.saved_tensors[0])
        return grad * (gate * (1 + ctx.saved_tensors[0] * (1 - gate)))


class Swish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)


class DropBlock(nn.Module):
    """A block with a rate for its shortcut, which means something in training only."""

    def __init__(self, inputs, outputs, stride, kernel=3):
        super().__init__()
        middle, self.stride, self.inputs, self.outputs = 4 * inputs, stride, inputs, outputs
        self._expand_conv, self._bn0 = DynamicSame(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self._depthwise_conv = DynamicSame(middle, middle, kernel, stride, groups=middle, bias=False)
        self._bn1, self._se_reduce, self._se_expand = (
            nn.BatchNorm2d(middle), DynamicSame(middle, 4, 1), DynamicSame(4, middle, 1))  # fmt: skip
        self._project_conv, self._bn2 = DynamicSame(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self._swish = Swish()

    def forward(self, inputs, drop_connect_rate=None):
        x = self._swish(self._bn0(self._expand_conv(inputs)))
        x = self._swish(self._bn1(self._depthwise_conv(x)))
        gate = self._se_expand(self._swish(self._se_reduce(functional.adaptive_avg_pool2d(x, 1))))
        x = self._bn2(self._project_conv(torch.sigmoid(gate) * x))
        if self.stride == 1 and self.inputs == self.outputs:
            if drop_connect_rate and self.training:
                x = x * (torch.rand(()) > drop_connect_rate)
            x = x + inputs
        return x


class DropNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self._blocks = nn.ModuleList([DropBlock(8, 8, 1), DropBlock(8, 16, 2), DropBlock(16, 16, 1, 5)])

    def forward(self, x):
        for i, block in enumerate(self._blocks):
            x = block(x, drop_connect_rate=0.2 * i / len(self._blocks))
        return x


class Output(collections.OrderedDict):
    """What gives its fields by their names, as keys and by their number."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)

    def __getitem__(self, key):
        return dict(self.items())[key] if isinstance(key, str) else tuple(self.values())[key]


@dataclasses.dataclass
class Last(Output):
    last: torch.Tensor = None
    states: tuple = None


def layer(inputs, outputs, kernel=1, stride=1, groups=1, **more):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False, **more)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())


class Encoder(nn.Module):
    """Depthwise and pointwise layers in turn, and what it gives depends on flags."""

    def __init__(self):
        super().__init__()
        self.layer = nn.ModuleList([layer(8, 8, 3, groups=8), layer(8, 16), layer(16, 16, 3, 2, groups=16), layer(16, 16)])

    def forward(self, x, output_states=None, return_dict=None):
        states = () if output_states else None
        for one in self.layer:
            x = one(x)
            states = states + (x,) if output_states else None
        return Last(last=x, states=states) if return_dict else tuple(v for v in (x, states) if v is not None)


class Encoding(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()

    def forward(self, x):
        return self.encoder(x, output_states=False, return_dict=True)[0].mean((2, 3))


class Attending(nn.Module):
    """A forward that asks for the image's size, around a block."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(layer(8, 32), layer(32, 32, 3, groups=32), nn.Conv2d(32, 8, 1))

    def forward(self, x):
        x = self.block(x)
        return x.flip(3) if math.ceil(x.shape[2] / 2) % 2 else x


class Separable(nn.Sequential):
    """No normalisation between; and a dilation that says nothing."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(8, 8, 3, padding=12, dilation=12, groups=8, bias=False), nn.Conv2d(8, 16, 1, dilation=2),
            nn.BatchNorm2d(16), nn.ReLU(),
        )  # fmt: skip


def randomised(module, seed=7):
    torch.manual_seed(seed)
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            nn.init.uniform_(one.running_mean, -0.5, 0.5)
            nn.init.uniform_(one.running_var, 0.5, 1.5)
            nn.init.uniform_(one.weight, 0.5, 1.5)
    return module.eval()


class Found(unittest.TestCase):
    @torch.no_grad()
    def check(self, model, convolutions_left=0, channels=8):
        """Nothing but `convolutions_left` is PyTorch's any more, on any size, and the same is computed."""
        plain = copy.deepcopy(randomised(model))
        mbconv.torch.accelerate(model)
        for height, width in (32, 32), (33, 47), (14, 9):
            x = torch.randn(2, channels, height, width)
            with mock.patch.object(functional, "conv2d", wraps=functional.conv2d) as called:
                y = model(x)
            self.assertEqual(called.call_count, convolutions_left)
            self.assertLess(difference(y, plain(x)), NETWORK_TOLERANCE)
        return plain

    def test_values_of_arguments(self):
        self.check(DropNetwork())

    @torch.no_grad()
    def test_other_values(self):
        """Each value is examined by itself: what does not mean the same is not computed as if it did."""

        class Scaled(DropBlock):
            def forward(self, inputs, drop_connect_rate=None):
                y = super().forward(inputs)
                if drop_connect_rate is True:
                    return y + 1
                return y if drop_connect_rate is None else y * drop_connect_rate

        block = randomised(Scaled(8, 8, 1))
        plain, x = copy.deepcopy(block), torch.randn(1, 8, 9, 9)
        mbconv.torch.accelerate(block)
        for value in (None, 0.5, True, 1, 2.0, 3.0, 4.0, 5.0, torch.tensor(0.5), None):
            self.assertLess(difference(block(x, value), plain(x, value)), NETWORK_TOLERANCE, value)
            self.assertLess(difference(block(x, drop_connect_rate=value), plain(x, value)), NETWORK_TOLERANCE, value)

    def test_results_with_names(self):
        """And two chains of one forward that follow each other, of modules that are in a list."""
        model = Encoding()
        plain = self.check(model)
        x = torch.randn(1, 8, 20, 21)
        with torch.no_grad():
            for flags in ({"output_states": True}, {"return_dict": True, "output_states": True}, {}):
                found, expected = model.encoder(x, **flags), plain.encoder(x, **flags)
                self.assertIs(type(found), type(expected))
                self.assertEqual(len(found), len(expected))
                self.assertLess(difference(found[0], expected[0]), NETWORK_TOLERANCE)

    def test_inside_of_what_cannot_be_traced(self):
        self.check(nn.Sequential(Attending(), Attending()))

    def test_separable(self):
        self.check(Separable())

    def test_first_blocks_of_narrow_layers(self):
        """MobileNetV4's: dense and pointwise layers in turn."""
        head = [layer(64, 96), layer(96, 96, 3, groups=96), nn.Conv2d(96, 64, 1)]
        self.check(nn.Sequential(layer(3, 32, 3, 2), layer(32, 32, 3, 2), layer(32, 32), layer(32, 16, 3), layer(16, 96, 3), layer(96, 64), *head),
                   channels=3)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
