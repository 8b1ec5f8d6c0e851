# SPDX-License-Identifier: MIT
"""Networks and blocks against eager PyTorch."""

import contextlib
import unittest

import torch
from torch import nn

import mbconv.torch
from mbconv.torch import _threads
from networks import BLOCK_TOLERANCE, FORMATS, NETWORK_TOLERANCE
from networks import difference, random_block, random_images, random_network

NETWORKS = {  # blocks, stem and head
    "mobilenet_v2": 19, "mobilenet_v2_0.35": 19, "efficientnet_b0": 18, "efficientnet_b1": 25, "mobilenet_v3_small": 13,
    "mobilenet_v3_large": 17,
}  # fmt: skip
RELATIVES = {"efficientnet_b2": 25, "efficientnet_b3": 28, "efficientnet_b4": 34, "efficientnet_b5": 41,
             "efficientnet_b6": 47, "efficientnet_b7": 57}  # fmt: skip


@contextlib.contextmanager
def torch_threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Networks(unittest.TestCase):
    @torch.no_grad()
    def test_networks(self):
        for name, replaced in NETWORKS.items():
            network, images = random_network(name, 1), random_images(2, 3, 97, 130)
            expected = network(images)
            self.assertIs(mbconv.torch.accelerate(network), network)
            self.assertEqual(len(mbconv.torch.report(network).replaced), replaced, name)
            first = network.features(images)
            for threads in (1, 2, 3):
                for memory_format in FORMATS:
                    with torch_threads(threads), self.subTest(name, threads=threads, memory_format=memory_format):
                        given = images.to(memory_format=memory_format)
                        y = network(given)
                        self.assertLess(difference(y, expected), NETWORK_TOLERANCE)
                        self.assertEqual(y.argmax(1).tolist(), expected.argmax(1).tolist())
                        self.assertTrue(torch.equal(network.features(given), first))  # the same floats
            mbconv.torch.restore(network)
            self.assertTrue(torch.equal(network(images), expected))

    @torch.no_grad()
    def test_relatives(self):
        """The rest of the family, on a small image."""
        for name, replaced in RELATIVES.items():
            network, images = random_network(name, 1), random_images(1, 3, 64, 65)
            expected = network(images)
            mbconv.torch.accelerate(network)
            with self.subTest(name):
                self.assertEqual(len(mbconv.torch.report(network).replaced), replaced)
                self.assertLess(difference(network(images), expected), NETWORK_TOLERANCE)

    def test_notebook(self):
        """Its cell, as it stands but for evaluation: no torch.no_grad()."""
        x = torch.randn(1, 16, 32, 32)
        block = random_block(16, 16, expansion_factor=6, stride=1)
        expected = block(x)
        mbconv.torch.accelerate(block)
        y = block(x)
        self.assertEqual(y.shape, expected.shape)
        self.assertLess(difference(y, expected), BLOCK_TOLERANCE)
        self.assertTrue(y.requires_grad)  # as the block's own would
        self.assertEqual(str(mbconv.torch.report(block).replaced[0].text), "block 3x3/1 16-96-16 silu, residual")

    @torch.no_grad()
    def test_blocks(self):
        for options in (
            {"stride": 2}, {"kernel_size": 5}, {"kernel_size": 7, "stride": 2}, {"expansion_factor": 1},
            {"activation": nn.ReLU6}, {"activation": nn.Hardswish}, {"activation": nn.ReLU},
        ):  # fmt: skip
            block = random_block(12, 12, **options)
            for memory_format in FORMATS:
                x = torch.randn(3, 12, 15, 18).to(memory_format=memory_format)
                expected = mbconv.torch.restore(block)(x)
                y = mbconv.torch.accelerate(block)(x)
                with self.subTest(options, memory_format=memory_format):
                    self.assertTrue(mbconv.torch.report(block).replaced)
                    self.assertLess(difference(y, expected), BLOCK_TOLERANCE)
                    self.assertTrue(y.is_contiguous(memory_format=memory_format))
            self.assertEqual(block(torch.empty(0, 12, 8, 8)).shape[0], 0)

    @torch.no_grad()
    def test_other_normalisations(self):
        def without_affine(channels):
            return nn.BatchNorm2d(channels, affine=False)

        from torchvision.ops.misc import FrozenBatchNorm2d  # pylint: disable=import-outside-toplevel

        for norm in (without_affine, FrozenBatchNorm2d, nn.Identity):
            block, x = random_block(8, 8), torch.randn(1, 8, 9, 9)
            for layer in (block.expand, block.depthwise, block.project):
                layer[1] = norm(layer[0].out_channels).eval()
            expected = block(x)
            mbconv.torch.accelerate(block)
            self.assertTrue(mbconv.torch.report(block).replaced)
            self.assertLess(difference(block(x), expected), BLOCK_TOLERANCE)

    def test_threads_are_those_of_openmp(self):
        if "ATen parallel backend: OpenMP" in torch.__config__.parallel_info():
            self.assertIsInstance(_threads.threads(2), _threads.Team)
        self.assertIsNone(_threads.threads(1))


if __name__ == "__main__":
    unittest.main()
