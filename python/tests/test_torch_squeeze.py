# SPDX-License-Identifier: MIT
"""Squeeze-excite in the ways in which people write it."""

import unittest

import torch
from torch import nn
from torch.nn import functional

import mbconv.torch

CHANNELS, EXPANDED = 8, 48


class Block(nn.Module):
    """An inverted bottleneck whose squeeze-excite is `write(self, y)`."""

    def __init__(self, write):
        super().__init__()
        self.write = write
        self.expand, self.project = nn.Conv2d(CHANNELS, EXPANDED, 1), nn.Conv2d(EXPANDED, CHANNELS, 1)
        self.depthwise = nn.Conv2d(EXPANDED, EXPANDED, 5, padding=2, groups=EXPANDED)
        self.pool, self.reduce, self.excite = nn.AdaptiveAvgPool2d(1), nn.Linear(EXPANDED, 4), nn.Linear(4, EXPANDED)
        self.fc = nn.Sequential(self.reduce, nn.ReLU(), self.excite, nn.Sigmoid())
        self.convs = nn.Sequential(nn.Conv2d(EXPANDED, 4, 1), nn.ReLU(), nn.Conv2d(4, EXPANDED, 1), nn.Sigmoid())

    def forward(self, x):
        y = functional.hardswish(self.expand(x))
        y = functional.hardswish(self.depthwise(y))
        return x + self.project(self.write(self, y))


def textbook(self, y):
    b, c, _, _ = y.size()
    gate = self.pool(y).view(b, c)
    return y * self.fc(gate).view(b, c, 1, 1).expand_as(y)


def functions(self, y):
    hidden = torch.relu(functional.linear(y.mean((2, 3)), self.reduce.weight, self.reduce.bias))
    return y * torch.sigmoid(functional.linear(hidden, self.excite.weight, self.excite.bias))[:, :, None, None]


def joined(self, y):
    b, c = y.shape[:2]
    return y * self.fc(y.view(b, c, -1).mean(-1)).view(b, c, 1, 1)


WRITTEN = {
    "textbook": textbook,
    "functions": functions,
    "height and width joined by view": joined,
    "joined by flatten": lambda self, y: y * self.fc(y.flatten(2).mean(2))[..., None, None],
    "views of the means' own size": lambda self, y: self.fc(self.pool(y).view(y.size(0), -1)).view(y.size(0), -1, 1, 1) * y,
    "two means": lambda self, y: y * self.fc(y.mean(-1).mean(-1)).unsqueeze(-1).unsqueeze(-1),
    "two means that keep dimensions": lambda self, y: y * self.convs(y.mean(3, keepdim=True).mean(2, keepdim=True)),
}


OTHERS = {
    "another product": lambda self, y: y + y * self.convs(self.pool(y)),
    "of half of the rows": lambda self, y: y * self.fc(y[:, :, ::2].mean((2, 3)))[:, :, None, None],
    "a mean of one dimension": lambda self, y: y * self.convs(y.mean(3, keepdim=True)),
}


class Sized(Block):
    """Its image is asked for its size, which is used elsewhere, too."""

    def forward(self, x):
        y = functional.hardswish(self.depthwise(x.repeat(1, EXPANDED // CHANNELS, 1, 1)))
        return self.project(self.write(self, y)) * y.size(1)


class Squeeze(unittest.TestCase):
    def accelerated(self, write, kind=Block):
        """The report of a block whose outputs stay."""
        torch.manual_seed(0)
        block = kind(write).eval()
        for x in torch.randn(2, CHANNELS, 13, 10), torch.randn(1, CHANNELS, 8, 9):
            mbconv.torch.restore(block)
            with torch.no_grad():
                expected = block(x)
                y = mbconv.torch.accelerate(block)(x)
            self.assertLess((y - expected).abs().max(), 1e-5 * expected.abs().max())
        return mbconv.torch.report(block)

    def test_written(self):
        for name, write in WRITTEN.items():
            with self.subTest(name):
                report = self.accelerated(write)
                found = {finding.name: finding.text for finding in report.replaced}
                self.assertEqual(found.get(""), "block 5x5/1 8-48-8 hard_swish, squeeze-excite, residual")

    def test_others(self):
        for name, write in OTHERS.items():
            with self.subTest(name):
                self.assertNotIn("squeeze-excite", str(self.accelerated(write)))

    def test_size_used_elsewhere(self):
        """Then the image must be there, and to compute it twice would be no gain."""
        self.assertNotIn("squeeze-excite", str(self.accelerated(textbook, Sized)))


if __name__ == "__main__":
    unittest.main()
