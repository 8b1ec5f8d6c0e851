# SPDX-License-Identifier: MIT
"""The share of the multiply-adds that a report gives, against numbers counted by hand."""

import unittest

import torch
from torch import nn

import mbconv.torch
from networks import random_block


class Network(nn.Module):
    """A block that mbconv computes, and one of each layer that PyTorch computes."""

    def __init__(self):
        super().__init__()
        self.block, self.grouped = random_block(16, 16), nn.Conv2d(16, 24, 3, 2, 1, groups=2)
        self.up, self.head = nn.ConvTranspose2d(24, 8, 4, 2, 1), nn.Linear(8, 5)
        self.eval()

    def forward(self, x, more=None):
        y = self.head(self.up(self.grouped(self.block(x))).mean((2, 3)))
        return y if more is None else y @ more


BLOCK = 2 * 12 * 14 * (16 * 96 + 96 * 9 + 96 * 16)
REST = 2 * (6 * 7 * 24 * 8 * 9 + 6 * 7 * 24 * 8 * 16 + 8 * 5)


class Share(unittest.TestCase):
    def setUp(self):
        self.model, self.x = mbconv.torch.accelerate(Network()), torch.randn(2, 16, 12, 14)

    def share(self, *inputs):
        return mbconv.torch.report(self.model, *inputs).share

    def test_share(self):
        self.assertIsNone(self.share())
        self.assertNotIn("multiply-adds", str(mbconv.torch.report(self.model)))
        self.assertAlmostEqual(self.share(self.x), BLOCK / (BLOCK + REST), places=12)
        self.assertAlmostEqual(self.share(self.x, torch.randn(5, 3)), BLOCK / (BLOCK + REST + 2 * 5 * 3), places=12)
        text = f", {BLOCK / (BLOCK + REST):.1%} of the multiply-adds replaced\n"
        self.assertIn(text, str(mbconv.torch.report(self.model, self.x)))

    def test_as_of_now(self):
        """What is left to PyTorch again counts as PyTorch's; a model is counted as often as one likes."""
        handle = self.model.block.depthwise.register_forward_hook(lambda *_: None)
        with self.assertWarnsRegex(UserWarning, "computed by PyTorch from now on"):
            self.assertEqual(self.share(self.x), 0)
        handle.remove()
        self.assertAlmostEqual(self.share(self.x), BLOCK / (BLOCK + REST), places=12)
        self.assertEqual(self.share(self.x), self.share(self.x))

    def test_nothing_to_count(self):
        self.model = mbconv.torch.accelerate(nn.ReLU().eval())
        self.assertEqual(self.share(self.x), 0)


if __name__ == "__main__":
    unittest.main()
