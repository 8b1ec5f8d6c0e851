# SPDX-License-Identifier: MIT
"""Inputs of any strides: what comes out has the memory format that it has with PyTorch alone."""

import copy
import unittest
import warnings

import torch
from torch import nn

import mbconv.torch
from mbconv.torch import _operators
from networks import BLOCK_TOLERANCE, FORMATS, ConvBnAct, difference, random_block, random_images, randomise

LAST = torch.channels_last


def images(channels):
    """Of the shape 2, channels, 9, 10, by what they are of; each in the memory that it has there."""
    memory = torch.randn(2, channels, 19, 20)
    for name, base in ("contiguous", memory), ("channels_last", memory.contiguous(memory_format=LAST)):
        yield f"{name}, crop", base[:, :, 3:12, 5:15]
        yield f"{name}, each second", base[:, :, ::2, ::2][:, :, :9]
        yield f"{name}, each second row", base[:, :, :18:2, :10]
        yield f"{name}, rows of half the width", base[:, :, :9, :10]
    wide = torch.randn(4, 2 * channels, 9, 10)
    yield "batch of each second", wide[::2, :channels]
    yield "channels of more", wide[:2, 3 : 3 + channels]
    yield "channels of more, channels_last", wide.contiguous(memory_format=LAST)[:2, 3 : 3 + channels]
    yield "each second channel", wide[:2, ::2]
    yield "turned", torch.randn(2, channels, 10, 9).transpose(2, 3)
    yield "turned, channels_last", torch.randn(2, channels, 10, 9).contiguous(memory_format=LAST).transpose(2, 3)
    yield "images inmost", torch.randn(channels, 9, 10, 2).permute(3, 0, 1, 2)
    yield "channels outside", torch.randn(channels, 2, 9, 10).transpose(0, 1)
    yield "one image, expanded", torch.randn(1, channels, 9, 10).expand(2, channels, 9, 10)
    yield "one channel, expanded", torch.randn(2, 1, 9, 10).expand(2, channels, 9, 10)
    yield "one pixel, expanded", torch.randn(2, channels, 1, 1).expand(2, channels, 9, 10)
    yield "one number, expanded", torch.randn(1).expand(2, channels, 9, 10)
    yield "in the middle", torch.randn(7 + 2 * channels * 90)[7:].reshape(2, channels, 9, 10)
    yield "overlapping", torch.randn(3000).as_strided((2, channels, 9, 10), (3, 50, 7, 1))


def small(channels):
    """One pixel, one row, one column, one image or none, in memory of odd strides."""
    for shape in ((2, channels, 1, 1), (1, channels, 1, 1), (1, channels, 9, 1), (1, channels, 1, 9), (0, channels, 9, 9)):
        for memory_format in FORMATS:
            yield shape, torch.randn(shape).contiguous(memory_format=memory_format)
        size = torch.Size(shape).numel()
        for strides in ((channels, 1, channels, channels), (size, 1, 77, 5), (99, 1, 1, 1), (1, 1, 1, 1)):
            if strides[0] == channels or shape[0] == 1:
                yield (shape, strides), torch.randn(2000).as_strided(shape, strides)
    row = torch.randn(1, channels, 9, 30)
    yield "a pixel of a row", row[:, :, 4:5, 7:8]
    yield "a pixel of a row, channels_last", row.contiguous(memory_format=LAST)[:, :, 4:5, 7:8]


@torch.no_grad()
def check(case, block, plain, name, x):
    before = x.clone()
    y, expected = block(x), plain(x)
    with case.subTest(name, strides=x.stride(), expected=expected.stride(), found=y.stride()):
        case.assertEqual(y.shape, expected.shape)
        if y.numel():
            case.assertLess(difference(y, expected), BLOCK_TOLERANCE)
        for memory_format in FORMATS:
            case.assertEqual(y.is_contiguous(memory_format=memory_format),
                             expected.is_contiguous(memory_format=memory_format))  # fmt: skip
        case.assertTrue(torch.equal(x, before))


class Strides(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", UserWarning)
        self.addCleanup(warnings.resetwarnings)

    def blocks(self):
        for options in (16, 24), (16, 16), (16, 16, 1), (16, 24, 6, 2):
            plain = random_block(*options)
            yield mbconv.torch.accelerate(copy.deepcopy(plain)), plain

    def test_blocks(self):
        for block, plain in self.blocks():
            for name, x in [*images(16), *small(16)]:
                check(self, block, plain, name, x)

    def test_operator_and_trace(self):
        plain = random_block(16, 24)
        block = mbconv.torch.accelerate(copy.deepcopy(plain))
        operator, trace = block._mbconv_replacement.call.operator, torch.jit.trace(block, (torch.randn(1, 16, 5, 5),))
        for name, x in [*images(16), *small(16)]:
            for way in operator, trace:
                check(self, way, plain, name, x)

    def test_weights_in_channels_last(self):
        """PyTorch computes in the weights' format, whatever the image's is."""
        for block, plain in self.blocks():
            for one in (block, plain):
                one.to(memory_format=LAST)
            for name, x in [*images(16), *small(16)]:
                check(self, block, plain, name, x)
            for one in (block, plain):
                one.to(memory_format=torch.contiguous_format)
            for name, x in images(16):
                check(self, block, plain, name, x)

    @torch.no_grad()
    def test_stems(self):
        """What a stem computes is channels_last, whatever its input is."""
        for channels in (1, 3):
            plain = nn.Sequential(ConvBnAct(channels, 16), random_block(16, 16)).eval()
            randomise(plain, random_images(4, channels, 24, 24))
            network = mbconv.torch.accelerate(copy.deepcopy(plain))
            for name, x in [*images(channels), *small(channels)]:
                if x.numel():
                    with self.subTest(name, channels=channels):
                        y = network(x)
                        self.assertLess(difference(y, plain(x)), BLOCK_TOLERANCE)
                        self.assertTrue(y.is_contiguous(memory_format=LAST))

    def test_gradients(self):
        """Into the memory that an input is a view of."""
        plain = random_block(16, 16)
        block, memory = mbconv.torch.accelerate(copy.deepcopy(plain)), torch.randn(2, 16, 19, 20)
        found = []
        for one in (block, plain):
            base = memory.clone().requires_grad_()
            one(base[:, :, ::2, ::2]).square().sum().backward()
            found.append(base.grad)
        self.assertLess(difference(*found), 1e-4)

    @torch.no_grad()
    def test_said_once(self):
        block = mbconv.torch.accelerate(random_block(16, 16))
        _operators._said.clear()
        warnings.resetwarnings()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for memory_format in FORMATS:
                block(torch.randn(2, 16, 9, 10).contiguous(memory_format=memory_format))
            self.assertEqual(said, [])
            for _, x in images(16):
                block(x)
        self.assertEqual(len(said), 1)
        self.assertRegex(str(said[0].message), r"copies an input at each call, as PyTorch does: its strides \(\d+, .*")


if __name__ == "__main__":
    unittest.main()
