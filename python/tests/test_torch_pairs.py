# SPDX-License-Identifier: MIT
"""Stems as timm's: a convolution and its normalisation side by side, padded as PyTorch or as TensorFlow does."""

import copy
import itertools
import pickle
import unittest

import torch
from torch import nn
from torch.nn.utils import prune

import mbconv.torch
from changes import Compared, attribute, conv, exchange, larger
from networks import Conv2dSame, ConvBnAct, random_block, random_images, randomise


class Pairs(Compared):
    """A convolution and the normalisation after it, neighbours in timm's networks."""

    def blocks(self):
        network = nn.Sequential(ConvBnAct(3, 16), random_block(16, 16)).eval()
        randomise(network, random_images(4, 3, 24, 24))
        return mbconv.torch.accelerate(copy.deepcopy(network)), network

    def setUp(self):
        super().setUp()
        self.x = random_images(2, 3, 29, 30)

    def test_recognised_anew(self):
        for change in (attribute("eps", 0.3, lambda n: n[0].bn1),
                       attribute("padding", (0, 0), lambda n: n[0].conv),
                       exchange(lambda n: n[0], "conv", conv(3, 16, 3)),
                       exchange(lambda n: n[0], "bn1", lambda: nn.BatchNorm2d(16))):  # fmt: skip
            network, plain = self.changed(change)
            self.check(network, plain)
            self.assertEqual(len(mbconv.torch.report(network).replaced), 2)

    def test_left_to_pytorch(self):
        for change in (
            lambda n: n[0].bn1.train(), lambda n: n[0].bn1.register_forward_hook(larger),
            lambda n: n[0].conv.register_forward_hook(larger),
            lambda n: prune.l1_unstructured(n[0].conv, "weight", 0.5),
            lambda n: setattr(n[0].bn1, "forward", lambda x: x * 2), exchange(lambda n: n[0], "bn1", nn.Identity),
        ):  # fmt: skip
            for called_before in (True, False):
                network, plain = self.changed(change, called_before)
                self.check(network, plain)
                self.assertEqual([finding.name for finding in mbconv.torch.report(network).replaced], ["1"])
                self.check(mbconv.torch.restore(network), plain)

    def test_apart(self):
        """Each of a pair computes its own outside their module, and as a copy of it alone."""
        network, plain = self.blocks()
        self.check(copy.deepcopy(network), plain)
        self.check(pickle.loads(pickle.dumps(network)), plain)
        self.check(copy.deepcopy(network[0].conv), plain[0].conv)
        self.check(copy.deepcopy(network[0].bn1), plain[0].bn1, plain[0].conv(self.x))
        first, second = network[0].conv, network[0].bn1
        del network
        self.check(first, plain[0].conv)
        self.check(second, plain[0].bn1, plain[0].conv(self.x))

    def test_tracing(self):
        network, plain = self.changed(attribute("eps", 0.3, lambda n: n[0].bn1))
        with torch.no_grad():
            self.check(torch.jit.trace(network, (self.x,)), plain)
            self.check(torch.fx.symbolic_trace(network), plain)

    def test_global_hooks(self):
        network, plain = self.blocks()
        register = nn.modules.module.register_module_forward_hook
        handle = register(lambda module, _, output: output * 1.1 if isinstance(module, nn.BatchNorm2d) else None)
        try:
            self.check(network, plain)
        finally:
            handle.remove()
        self.check(network, plain)


class Same(Compared):
    """Convolutions that are padded as TensorFlow does, at odd and even sizes."""

    def check_sizes(self, network, plain, replaced, channels):
        mbconv.torch.accelerate(network)
        self.assertEqual(len(mbconv.torch.report(network).replaced), replaced, mbconv.torch.report(network))
        for height, width in ((14, 15), (15, 14), (16, 16), (7, 9)):
            x = torch.randn(2, channels, height, width)
            for given in (x, x.to(memory_format=torch.channels_last)):
                self.check(network, plain, given)

    def test_blocks(self):
        for kernel, stride in itertools.product((3, 5, 7), (1, 2)):
            block = random_block(12, 12, kernel_size=kernel, stride=stride)
            block.depthwise[0].__class__ = Conv2dSame
            with self.subTest(kernel=kernel, stride=stride):
                self.check_sizes(block, copy.deepcopy(block), 1, 12)

    def test_stems(self):
        for kernel, stride in itertools.product((3, 5), (1, 2)):
            network = nn.Sequential(ConvBnAct(3, 16, Conv2dSame, kernel, stride), random_block(16, 16)).eval()
            randomise(network, random_images(4, 3, 24, 24))
            with self.subTest(kernel=kernel, stride=stride):
                self.check_sizes(network, copy.deepcopy(network), 2, 3)


if __name__ == "__main__":
    unittest.main()
