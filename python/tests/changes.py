# SPDX-License-Identifier: MIT
"""What the tests of changed modules share: changes, and the comparison with a twin."""

import unittest
import warnings

import torch
from torch import nn

import mbconv.torch
from networks import BLOCK_TOLERANCE, difference, random_block


def evaluating(module, seed=3):
    """A new module in evaluation mode."""
    torch.manual_seed(seed)
    return module().eval()


def exchange(parent, name, make):
    return lambda block: setattr(parent(block), name, evaluating(make))


def conv(*arguments, **options):
    return lambda: nn.Conv2d(*arguments, bias=False, **options)


def activations(make):
    def change(block):
        block.expand[2], block.depthwise[2] = evaluating(make), evaluating(make)

    return change


def attribute(name, value, module=lambda block: block):
    return lambda block: setattr(module(block), name, value)


def train(*names):
    return lambda block: [dict(block.named_modules())[name].train() for name in names]


def larger(_, inputs, output=None):
    return inputs[0] * 1.1 if output is None else output * 1.1


class Compared(unittest.TestCase):
    """A replaced module is compared with its twin, which PyTorch computes. Both change in the same way."""

    def setUp(self):
        self.x = torch.randn(2, 16, 14, 15)
        warnings.simplefilter("ignore", UserWarning)
        self.addCleanup(warnings.resetwarnings)

    def blocks(self):
        """Such a module, accelerated, and its twin."""
        return mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16)

    @torch.no_grad()
    def check(self, block, plain, x=None):
        x = self.x if x is None else x
        for _ in range(2):
            torch.manual_seed(4)  # a dropout may be among what changed
            y = block(x)
            torch.manual_seed(4)
            self.assertLess(difference(y, plain(x)), BLOCK_TOLERANCE)

    @torch.no_grad()
    def changed(self, change, called_before=True):
        """Both, after the change."""
        block, plain = self.blocks()
        if called_before:
            self.check(block, plain)
        for one in (block, plain):
            torch.manual_seed(5)
            change(one)
        return block, plain
