# SPDX-License-Identifier: MIT
"""Batch normalisations that are calls of functions, as timm's layers have them and as graphs of torch.fx do: by constant
statistics they are part of a block, as modules are; all others are PyTorch's, and a report says why."""

import copy
import unittest

import torch
from torch import fx, nn
from torch.nn import functional

import mbconv.torch
from networks import NETWORK_TOLERANCE, difference


def by_position(x, norm, **_):
    return functional.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training, 0.1, norm.eps
    )


def by_name(x, norm, **_):
    return functional.batch_norm(
        x, eps=norm.eps, bias=norm.bias, weight=norm.weight, running_var=norm.running_var, running_mean=norm.running_mean
    )


def by_operator(x, norm, **_):
    return torch.batch_norm(
        x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.training, 0.1, norm.eps, False
    )


def by_statistics(x, norm, **_):
    return functional.batch_norm(x, norm.running_mean, norm.running_var, eps=norm.eps)


KINDS = by_position, by_name, by_operator, by_statistics


def by_batch(x, norm, **_):
    """Of these images themselves, and the statistics are written to."""
    return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, True, 0.1, norm.eps)


def by_weight(x, norm, **_):
    return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, eps=norm.eps)


def by_computed(x, norm, logarithm):
    """With a scale of one today, which is computed."""
    return functional.batch_norm(
        x, norm.running_mean, norm.running_var, logarithm.exp(), norm.bias * 1, False, 0.1, norm.eps
    )


def by_computed_statistics(x, norm, logarithm):
    variance = norm.running_var * logarithm.exp()
    return functional.batch_norm(x, norm.running_mean, variance, norm.weight, norm.bias, eps=norm.eps)


LEFT = {
    by_batch: "in training mode", by_weight: "with only one of weight and bias",
    by_computed: "by tensors that are computed", by_computed_statistics: "by tensors that are computed",
}  # fmt: skip


class Layer(nn.Module):
    """A convolution, a normalisation by a function, and an activation."""

    def __init__(self, way, conv, active=True):
        super().__init__()
        channels = conv.out_channels
        self.way, self.conv, self.active = way, conv, active
        self.norm, self.logarithm = nn.BatchNorm2d(channels, eps=0.3), nn.Parameter(torch.zeros(channels))
        for tensor in (self.norm.running_mean, self.norm.bias):
            nn.init.zeros_(tensor) if way is by_computed else nn.init.uniform_(tensor, -0.5, 0.5)
        for tensor in (self.norm.running_var, self.norm.weight):
            nn.init.uniform_(tensor, 0.5, 1.5)

    def forward(self, x):
        y = self.way(self.conv(x), self.norm, logarithm=self.logarithm)
        return functional.relu6(y) if self.active else y


def block(way):
    torch.manual_seed(3)
    return nn.Sequential(
        Layer(way, nn.Conv2d(8, 32, 1, bias=False)),
        Layer(way, nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)),
        Layer(way, nn.Conv2d(32, 8, 1, bias=False), active=False),
    ).eval()


class Norms(unittest.TestCase):
    def setUp(self):
        self.x = torch.randn(2, 8, 13, 14)

    def share(self, model):
        return mbconv.torch.report(model, self.x).share

    @torch.no_grad()
    def check(self, model, plain):
        self.assertLess(difference(model(self.x), plain(self.x)), NETWORK_TOLERANCE)

    @torch.no_grad()
    def test_constant_statistics(self):
        """In modules and in a graph that torch.fx made of them, on any size."""
        for way in KINDS:
            for traced in (lambda model: model, fx.symbolic_trace):
                plain = traced(block(way))
                model = mbconv.torch.accelerate(copy.deepcopy(plain))
                with self.subTest(way.__name__, traced=traced.__name__):
                    self.assertEqual(self.share(model), 1, mbconv.torch.report(model))
                    for height, width in (13, 14), (5, 21):
                        x = torch.randn(2, 8, height, width)
                        self.assertLess(difference(model(x), plain(x)), NETWORK_TOLERANCE)

    @torch.no_grad()
    def test_later_writes(self):
        """To statistics and parameters, which the next call sees."""
        for way in by_position, by_operator:
            plain = block(way)
            model = mbconv.torch.accelerate(copy.deepcopy(plain))
            self.check(model, plain)
            for name in ("running_mean", "running_var", "weight", "bias"):
                for one in (model, plain):
                    getattr(one[1].norm, name).mul_(1.5)
                with self.subTest(way.__name__, name=name):
                    self.check(model, plain)
                    self.assertEqual(self.share(model), 1)

    @torch.no_grad()
    def test_left(self):
        """PyTorch computes them, the statistics that it writes are the same, and the report has the reason."""
        for way, reason in LEFT.items():
            plain = block(way)
            model = mbconv.torch.accelerate(copy.deepcopy(plain))
            with self.subTest(way.__name__):
                report = mbconv.torch.report(model)
                self.assertEqual(len(report.replaced), 0, report)
                self.assertIn(f"batch_norm ({reason}) follows it", str(report))
                for _ in range(2):
                    self.assertTrue(torch.equal(model(self.x), plain(self.x)))
                for one, other in zip(model.buffers(), plain.buffers()):
                    self.assertTrue(torch.equal(one, other))

    @torch.no_grad()
    def test_set_to_training_later(self):
        """The flag is an attribute: the block is PyTorch's as long as it trains, and mbconv's before and after."""
        plain = block(by_position)
        model = mbconv.torch.accelerate(copy.deepcopy(plain))
        self.assertEqual(self.share(model), 1)
        for one in (model, plain):
            one[1].norm.train()
        with self.assertWarnsRegex(UserWarning, r"computed by PyTorch from now on.*batch_norm \(in training mode\)"):
            self.check(model, plain)
        self.assertTrue(torch.equal(model[1].norm.running_mean, plain[1].norm.running_mean))
        for one in (model, plain):
            one.eval()
        self.check(model, plain)
        self.assertEqual(self.share(model), 1)


if __name__ == "__main__":
    unittest.main()
