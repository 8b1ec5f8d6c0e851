# SPDX-License-Identifier: MIT
"""Derivatives: each way to ask for one raises, and gives no zeros. Without one, calls are made."""

import unittest

import torch
from torch import nn
from torch.autograd import forward_ad

import mbconv.torch
from networks import BLOCK_TOLERANCE, difference, random_block

MESSAGE = "mbconv computes no gradients, and .* requires one"
ANY_MESSAGE = MESSAGE + "|failed in the TorchScript interpreter"  # which drops the message in PyTorch 1.13


class Derivatives(unittest.TestCase):
    def setUp(self):
        self.block, self.plain = mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16)
        self.x = torch.randn(2, 16, 9, 10)
        self.operator = torch.ops.mbconv.block
        self.arguments = self.block._mbconv_replacement.call.parts.arguments()
        self.ways = [self.block, lambda x: self.operator(x, *self.arguments), torch.jit.trace(self.block, (self.x,))]
        with torch.no_grad():
            self.ways.append(torch.fx.symbolic_trace(self.block))

    def refused(self, function):
        for way in self.ways:
            way(self.x)
            with self.assertRaisesRegex(RuntimeError, ANY_MESSAGE):
                function(way)
            with torch.no_grad():
                self.assertLess(difference(way(self.x), self.plain(self.x)), BLOCK_TOLERANCE)

    def test_without_any(self):
        """A call that PyTorch would record is made. What comes out requires a gradient, as the block's own does."""
        expected = self.plain(self.x)
        for way in self.ways:
            y = way(self.x)
            self.assertLess(difference(y, expected), BLOCK_TOLERANCE)
            self.assertTrue(y.requires_grad and not y._is_view())
            nn.functional.relu_(y)  # in place, as the module after it may do
            for mode in (torch.no_grad, torch.inference_mode):
                with mode():
                    self.assertFalse(way(self.x.clone().requires_grad_()).requires_grad)
        for parameter in self.block.parameters():
            parameter.requires_grad_(False)
        self.assertFalse(self.block(self.x).requires_grad)

    def test_input(self):
        self.refused(lambda way: way(self.x.clone().requires_grad_()))
        for parameter in self.block.parameters():
            parameter.requires_grad_(False)
        self.refused(lambda way: way(self.x.clone().requires_grad_()))

    def test_backward(self):
        self.refused(lambda way: way(self.x).sum().backward())
        self.assertEqual([parameter.grad for parameter in self.block.parameters() if parameter.grad is not None], [])

    def test_each_parameter(self):
        """Of one alone; the others need none."""
        for parameter in self.block.parameters():
            for other in self.block.parameters():
                other.requires_grad_(other is parameter)
            self.refused(lambda way, p=parameter: torch.autograd.grad(way(self.x).sum(), [p], allow_unused=True))

    def test_layers_before_and_after(self):
        before, after = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 4, 1)
        for parameter in self.block.parameters():
            parameter.requires_grad_(False)
        self.refused(lambda way: after(way(before(self.x))).sum().backward())
        loss = after(self.block(self.x)).sum()
        loss.backward()  # that of what comes after is right
        self.assertIsNotNone(after.weight.grad)

    def test_network(self):
        """Several blocks, none of them under torch.no_grad()."""
        network = nn.Sequential(random_block(16, 16), nn.ReLU(), random_block(16, 16)).eval()
        expected = network(self.x)
        mbconv.torch.accelerate(network)
        y = network(self.x)
        self.assertLess(difference(y, expected), BLOCK_TOLERANCE)
        with self.assertRaisesRegex(RuntimeError, MESSAGE):
            y.mean().backward()

    def test_dual_numbers(self):
        def derive(way, x=None):
            with forward_ad.dual_level():
                way(forward_ad.make_dual(self.x, torch.ones_like(self.x)))

        def derive_by_weight(way):
            with forward_ad.dual_level():
                weight = self.arguments[0][0].detach()
                layer = [forward_ad.make_dual(weight, torch.ones_like(weight)), *self.arguments[0][1:]]
                self.operator(self.x, layer, *self.arguments[1:])

        self.refused(derive)
        self.refused(derive_by_weight)
        with torch.no_grad(), forward_ad.dual_level():  # of what has no tangent
            self.assertLess(difference(self.block(self.x), self.plain(self.x)), BLOCK_TOLERANCE)


if __name__ == "__main__":
    unittest.main()
