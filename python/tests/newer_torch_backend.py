# SPDX-License-Identifier: MIT
"""torch.compile(model, backend="mbconv"), on PyTorch 2. What Dynamo leaves to us is run by PyTorch as it is here, without
a compiler, but for one test, which needs Inductor's."""

import shutil
import unittest

import torch
from torch import nn
from torch.nn import functional

import mbconv.torch  # pylint: disable=unused-import # the operators
from mbconv.torch import _backend
from networks import NETWORK_TOLERANCE, difference, random_block

EAGER = {"rest": "eager"}


class Two(nn.Module):
    """A stem and two blocks, one with a shortcut."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.SiLU())
        self.blocks, self.head = nn.Sequential(random_block(16, 16), random_block(16, 24, stride=2)), nn.Linear(24, 5)
        self.eval()

    def forward(self, x):
        return self.head(functional.avg_pool2d(self.blocks(self.stem(x)), 4).flatten(1)[:, :24])


class Backend(unittest.TestCase):
    def setUp(self):
        torch.compiler.reset()
        self.model, self.x = Two(), torch.randn(2, 3, 32, 32)
        self.counts, rewrite = [], _backend.rewrite

        def counted(*arguments):
            self.counts.append(rewrite(*arguments))
            return self.counts[-1]

        _backend.rewrite = counted
        self.addCleanup(setattr, _backend, "rewrite", rewrite)

    def check(self, compiled, x=None):
        x = self.x if x is None else x
        self.assertLess(difference(compiled(x), self.model(x)), NETWORK_TOLERANCE)

    @torch.no_grad()
    def test_by_its_name(self):
        """The installed package says it to PyTorch."""
        self.check(torch.compile(self.model, backend="mbconv", options=EAGER))
        self.assertEqual(self.counts, [3])

    @unittest.skipUnless(shutil.which("g++"), "Inductor has no compiler")
    @torch.no_grad()
    def test_inductor(self):
        for options in {}, {"freezing": True}:
            torch.compiler.reset()
            self.counts.clear()
            self.check(torch.compile(self.model, backend=_backend.backend, options=options))
            self.assertEqual(self.counts, [3])

    @torch.no_grad()
    def test_parameters_change(self):
        compiled = torch.compile(self.model, backend=_backend.backend, options=EAGER)
        self.check(compiled)
        before = self.model(self.x)
        norm = self.model.blocks[0].project[1]
        changes = (
            lambda: norm.weight.mul_(3), lambda: norm.running_mean.add_(2),
            lambda: setattr(norm, "bias", nn.Parameter(norm.bias + 5)),
            lambda: self.model.load_state_dict({k: v * 1.25 for k, v in self.model.state_dict().items()}),
        )  # fmt: skip
        for change in changes:
            change()
            after = self.model(self.x)
            self.assertGreater(difference(after, before), 10 * NETWORK_TOLERANCE)
            self.check(compiled)
            before = after

    @torch.no_grad()
    def test_modes_change(self):
        compiled = torch.compile(self.model, backend=_backend.backend, options=EAGER)
        self.check(compiled)
        self.check(compiled, torch.randn(1, 3, 40, 44))
        self.check(compiled, self.x.contiguous(memory_format=torch.channels_last))
        self.model.blocks[1].project[1].eps = 0.5
        self.check(compiled)
        self.model.blocks[1].depthwise[1].train()
        statistics = {k: v.clone() for k, v in self.model.state_dict().items()}
        y, found = compiled(self.x), self.model.blocks[1].depthwise[1].running_mean.clone()
        self.model.load_state_dict(statistics)
        self.assertLess(difference(y, self.model(self.x)), NETWORK_TOLERANCE)
        self.assertLess(difference(found, self.model.blocks[1].depthwise[1].running_mean), NETWORK_TOLERANCE)

    def test_derivatives(self):
        compiled = torch.compile(self.model, backend=_backend.backend, options=EAGER)
        compiled(self.x).sum().backward()
        found = self.model.blocks[0].project[0].weight.grad.clone()
        self.model.zero_grad()
        self.model(self.x).sum().backward()
        self.assertLess(difference(found, self.model.blocks[0].project[0].weight.grad), NETWORK_TOLERANCE)
        self.assertEqual(self.counts, [])
        with torch.no_grad():
            self.check(compiled)
        self.assertEqual(self.counts, [3])

    @torch.no_grad()
    def test_shared_and_written(self):
        """A value that is used twice, or written to, is none that a chain hides."""

        class Odd(nn.Module):
            def __init__(self):
                super().__init__()
                self.block = random_block(16, 16)

            def forward(self, x):
                inner = self.block.expand(x)
                y = self.block.project(self.block.depthwise(inner)) + x
                return y, inner.mean()

        model, x = Odd().eval(), torch.randn(1, 16, 9, 9)
        found, expected = torch.compile(model, backend=_backend.backend, options=EAGER)(x), model(x)
        for one, other in zip(found, expected):
            self.assertLess(difference(one, other), NETWORK_TOLERANCE)

    def test_options(self):
        with self.assertRaisesRegex(Exception, "neither 'inductor' nor 'eager'"):
            torch.compile(self.model, backend=_backend.backend, options={"rest": "other"})(self.x)


if __name__ == "__main__":
    unittest.main()
