# SPDX-License-Identifier: MIT
"""Derivatives: each way to ask for one gives the module's own. mbconv computes forward, PyTorch what is derived."""

import copy
import unittest

import torch
import torch.utils.checkpoint
from torch import nn
from torch.autograd import forward_ad

import mbconv.torch
from networks import BLOCK_TOLERANCE, difference, random_block

TOLERANCE = 1e-4  # of the largest element of a gradient


class Derivatives(unittest.TestCase):
    def setUp(self):
        self.block, self.plain = mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16)
        self.x = torch.randn(2, 16, 9, 10)
        self.arguments = self.block._mbconv_replacement.call.parts.arguments()
        self.ways = {
            "module": self.block, "operator": lambda x: torch.ops.mbconv.block(x, *self.arguments),
            "trace": torch.jit.trace(self.block, (self.x,)), "graph": torch.fx.symbolic_trace(self.block),
        }  # fmt: skip

    def check(self, derive):
        """derive(way): a list of tensors."""
        expected = derive(self.plain)
        for name, way in self.ways.items():
            with self.subTest(name):
                found = derive(way)
                self.assertEqual([y is None for y in found], [y is None for y in expected])
                for y, plain in zip(found, expected):
                    if y is not None:
                        self.assertLess(difference(y, plain), TOLERANCE)

    def parameters(self, way):
        return [*(self.plain if way is self.plain else self.block).parameters()]

    def test_without_any(self):
        """A call that PyTorch would record. What comes out requires a gradient, as the block's own does."""
        expected = self.plain(self.x)
        for way in self.ways.values():
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

    def test_forward_is_ours(self):
        """The floats are those of a call without gradients."""
        with torch.no_grad():
            expected = self.block(self.x)
        self.assertFalse(torch.equal(expected, self.plain(self.x)))
        for x in (self.x, self.x.clone().requires_grad_()):
            self.assertTrue(torch.equal(self.block(x), expected))

    def test_input(self):
        def derive(way):
            x = self.x.clone().requires_grad_()
            way(x).square().sum().backward()
            return [x.grad]

        self.check(derive)
        for block in (self.block, self.plain):
            for parameter in block.parameters():
                parameter.requires_grad_(False)
        self.check(derive)

    def test_parameters(self):
        self.check(lambda way: torch.autograd.grad(way(self.x).square().sum(), self.parameters(way)))

    def test_each_parameter(self):
        """Of one alone; the others need none."""
        for i in range(len(self.parameters(self.plain))):
            for block in (self.block, self.plain):
                for j, parameter in enumerate(block.parameters()):
                    parameter.requires_grad_(i == j)
            self.check(lambda way, i=i: torch.autograd.grad(way(self.x).square().sum(), [self.parameters(way)[i]]))

    def test_derived_twice(self):
        """A penalty on a gradient."""

        def derive(way):
            x = self.x.clone().requires_grad_()
            gradient = torch.autograd.grad(way(x).square().sum(), x, create_graph=True)[0]
            return torch.autograd.grad(gradient.square().sum(), [x, *self.parameters(way)], allow_unused=True)

        self.check(derive)

    def test_layers_before_and_after(self):
        before, after = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 4, 1)
        both = [*before.parameters(), *after.parameters()]
        self.check(lambda way: torch.autograd.grad(after(way(before(self.x))).sum(), both))

    def test_network(self):
        """Training by gradients: some steps of a network, a part of it frozen."""
        plain = nn.Sequential(random_block(16, 16), nn.ReLU(), random_block(16, 16, seed=2), nn.Conv2d(16, 4, 1)).eval()
        plain[0].requires_grad_(False)
        losses = []
        for network in (mbconv.torch.accelerate(copy.deepcopy(plain)), plain):
            optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=1e-3)
            losses.append([])
            for _ in range(4):
                optimizer.zero_grad()
                loss = network(self.x).square().mean()
                loss.backward()
                optimizer.step()
                losses[-1].append(loss.item())
        self.assertGreater(losses[1][0] - losses[1][-1], 0.01 * losses[1][0])
        for ours, theirs in zip(*losses):
            self.assertAlmostEqual(ours / theirs, 1, delta=1e-4)

    def test_hooks_of_tensors_and_modules(self):
        seen = {}
        for block in (self.block, self.plain):
            gradients = seen[block] = []
            block.project[0].weight.register_hook(gradients.append)
            block.register_full_backward_hook(lambda _, given, out, to=gradients: to.extend([*given, *out]))
            block(self.x.clone().requires_grad_()).square().sum().backward()
        self.assertEqual(len(seen[self.plain]), 3)
        for ours, theirs in zip(seen[self.block], seen[self.plain]):
            self.assertLess(difference(ours, theirs), TOLERANCE)

    def test_written_before_the_backward_pass(self):
        """PyTorch's own error, and no wrong gradient."""
        for block in (self.block, self.plain):
            y = block(self.x).square().sum()
            with torch.no_grad():
                block.project[0].weight.add_(1)
            with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
                y.backward()

    def test_changed_before_the_backward_pass(self):
        """The gradient is of what was computed forward, whatever has happened to the module or around it since."""

        def derive(way):
            block = self.plain if way is self.plain else self.block
            y = way(self.x).square().sum()
            block.train()
            block.depthwise[1].eps, kept = 0.5, block.depthwise[1].eps
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y.backward()
            block.depthwise[1].eps = kept
            block.eval()
            found = [parameter.grad for parameter in block.parameters()]
            block.zero_grad(set_to_none=True)
            return found

        self.check(derive)

    def test_checkpointed(self):
        del self.ways["trace"]  # PyTorch's TorchScript cannot be left early, as a checkpoint does

        def derive(way):
            x = self.x.clone().requires_grad_()
            torch.utils.checkpoint.checkpoint(way, x, use_reentrant=False).square().sum().backward()
            return [x.grad]

        self.check(derive)

    def test_dual_numbers(self):
        def derive(way):
            with forward_ad.dual_level():
                return [forward_ad.unpack_dual(way(forward_ad.make_dual(self.x, torch.ones_like(self.x)))).tangent]

        def derive_by_weight(way):
            with forward_ad.dual_level():
                weight = self.arguments[0][0].detach()
                layer = [forward_ad.make_dual(weight, torch.ones_like(weight)), *self.arguments[0][1:]]
                return [forward_ad.unpack_dual(way(self.x, layer, *self.arguments[1:])).tangent]

        with torch.no_grad():
            self.check(derive)
            reference = mbconv.torch._reference.block
            found, expected = derive_by_weight(torch.ops.mbconv.block)[0], derive_by_weight(reference)[0]
            self.assertLess(difference(found, expected), TOLERANCE)
            with forward_ad.dual_level():  # of what has no tangent
                self.assertLess(difference(self.block(self.x), self.plain(self.x)), BLOCK_TOLERANCE)


if __name__ == "__main__":
    unittest.main()
