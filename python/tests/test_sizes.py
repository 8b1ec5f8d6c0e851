# SPDX-License-Identifier: MIT
"""Images of any size are computed by one object of the C library, with one packed copy of the weights."""

import contextlib
import copy
import itertools
import unittest
from unittest import mock

import numpy as np
import torch
from torch import nn

import mbconv.torch
from mbconv._native import library
from networks import (BLOCK_TOLERANCE, FORMATS, NETWORK_TOLERANCE, Conv2dSame, ConvBnAct, random_block, random_images,
                      random_network, randomise)  # fmt: skip
from networks import difference as difference_of_tensors
from reference import ACTIVATIONS, TOLERANCE, Random, block, convolution, difference

# Large, small, odd and even ones, in an order in which each follows a smaller and a larger one.
SIZES = [(5 + (11 * i) % 27, 4 + (7 * i) % 31) for i in range(30)]


class Objects:
    """How many objects of the C library there are, and how many have been made in all."""

    def __init__(self):
        self.made = self.alive = 0


@contextlib.contextmanager
def counted():
    """Objects whose numbers count the calls of the C library's create and destroy meanwhile."""
    objects = Objects()

    def counting(function, made, alive):
        def call(*arguments):
            objects.made, objects.alive = objects.made + made, objects.alive + alive
            return function(*arguments)

        return call

    with contextlib.ExitStack() as patches:
        for noun in "block", "convolution", "pointwise":
            for verb, made, alive in (("create", 1, 1), ("destroy", 0, -1)):
                name = f"mbconv_{noun}_{verb}"
                replaced = counting(getattr(library, name), made, alive)
                patches.enter_context(mock.patch.object(library, name, replaced))
        yield objects


def same_pad(sizes, kernel, stride):
    """TensorFlow's: top, left, bottom, right."""
    rows, columns = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in sizes)
    return rows // 2, columns // 2, rows - rows // 2, columns - columns // 2


class Operators(unittest.TestCase):
    """On NumPy arrays, against the reference in double."""

    def test_sizes_are_many(self):
        self.assertEqual(len(set(SIZES)), 30)
        self.assertEqual({(height % 2, width % 2) for height, width in SIZES}, {(0, 0), (0, 1), (1, 0), (1, 1)})

    def check(self, operator, expected_of, channels):
        """One object for all sizes and numbers of threads gives what the reference gives for each."""
        random = Random(3)
        with counted() as objects:
            for height, width in SIZES:
                x = random.floats(2, height, width, channels)
                given = x if operator.layout == "nhwc" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
                y, expected = operator(given), expected_of(x)
                np.testing.assert_array_equal(operator(given, threads=2), y)
                self.assertEqual(y.shape, operator.output_shape(height, width, 2))
                if operator._output_layout == "nchw":
                    y = y.transpose(0, 2, 3, 1)
                self.assertEqual(y.shape, expected.shape)
                self.assertEqual(y.shape[1:3], operator.output_size(height, width))
                self.assertLess(difference(y, expected), TOLERANCE)
        self.assertEqual(objects.made, 0)

    def test_blocks(self):
        cases = itertools.product((3, 5), (1, 2), (None, (0, 1, 2, 2), "same"), (False, True), ("nhwc", "nchw"))
        for kernel, stride, pad, squeezes, layout in cases:
            random = Random(kernel)
            layers = {"expand": random.conv(24, 9), "depthwise": random.conv(24, 1, kernel, kernel),
                      "project": random.conv(9, 24)}  # fmt: skip
            if squeezes:
                layers["squeeze_excite"] = mbconv.SqueezeExcite(random.conv(5, 24, norm=False),
                                                                random.conv(24, 5, norm=False))  # fmt: skip
            made = mbconv.Block(**layers, activation="silu", stride=stride, pad=pad, layout=layout)

            def expected(x, kernel=kernel, stride=stride, pad=pad, layers=layers):
                sides = same_pad(x.shape[1:3], kernel, stride) if pad == "same" else pad or kernel // 2
                residual = stride == 1 and pad != (0, 1, 2, 2)  # whose output is of another size
                return block(x, **layers, activation="silu", stride=stride, pad=sides, residual=residual)

            with self.subTest(kernel=kernel, stride=stride, pad=pad, squeezes=squeezes, layout=layout):
                self.check(made, expected, 9)

    def test_convolutions(self):
        for kernel, stride, pad, layout in itertools.product((1, 3, 5), (1, 2), (None, "same"), ("nhwc", "nchw")):
            conv = Random(kernel).conv(10, 3, kernel, kernel)
            made = mbconv.Convolution(conv=conv, activation="hard_swish", stride=stride, pad=pad, layout=layout)

            def expected(x, kernel=kernel, stride=stride, pad=pad, conv=conv):
                sides = same_pad(x.shape[1:3], kernel, stride) if pad == "same" else kernel // 2
                return ACTIVATIONS["hard_swish"](convolution(x, conv, stride, sides))

            with self.subTest(kernel=kernel, stride=stride, pad=pad, layout=layout):
                self.check(made, expected, 3)

    def test_each_size_alone(self):
        """The same floats as an object that has seen no other size."""
        random = Random()
        layers = {"expand": random.conv(24, 9), "depthwise": random.conv(24, 1, 3, 3), "project": random.conv(9, 24)}
        made = mbconv.Block(**layers, activation="silu")
        for size in SIZES:
            x = random.floats(1, *size, 9)
            np.testing.assert_array_equal(made(x), mbconv.Block(**layers, activation="silu")(x))


class Modules(unittest.TestCase):
    """Those of PyTorch, against eager PyTorch."""

    @torch.no_grad()
    def check(self, network, sizes, channels, tolerance):
        """One object is made for each replaced module, at the first call, whatever sizes come."""
        plain = copy.deepcopy(network)
        mbconv.torch.accelerate(network)
        replaced = len(mbconv.torch.report(network).replaced)
        self.assertGreater(replaced, 0)
        with counted() as objects:
            for size in sizes:
                x = random_images(1, channels, *size)
                self.assertLess(difference_of_tensors(network(x), plain(x)), tolerance)
                self.assertEqual((objects.made, objects.alive), (replaced, replaced), size)
            for memory_format in FORMATS:  # another memory format takes one more of each, and no more than that
                for size in sizes[:3]:
                    x = random_images(2, channels, *size).to(memory_format=memory_format)
                    self.assertLess(difference_of_tensors(network(x), plain(x)), tolerance)
            self.assertLessEqual(objects.made, 2 * replaced)

    def test_block(self):
        self.check(random_block(8, 8), SIZES, 8, BLOCK_TOLERANCE)
        self.check(random_block(8, 12, stride=2, kernel_size=5), SIZES, 8, BLOCK_TOLERANCE)

    def test_padding_of_the_size(self):
        """TensorFlow's."""
        network = nn.Sequential(ConvBnAct(3, 16, Conv2dSame), random_block(16, 16, stride=2)).eval()
        network[1].depthwise[0].__class__ = Conv2dSame
        randomise(network, random_images(4, 3, 24, 24))
        self.check(network, SIZES, 3, BLOCK_TOLERANCE)

    def test_networks(self):
        sizes = [(96, 96)] + [(32 + height, 32 + width) for height, width in SIZES]
        self.check(random_network("mobilenet_v3_small", 1), sizes, 3, NETWORK_TOLERANCE)
        self.check(random_network("efficientnet_b0", 1), sizes, 3, NETWORK_TOLERANCE)

    @torch.no_grad()
    def test_each_size_alone(self):
        """The same floats as a module that has seen no other size."""
        network = mbconv.torch.accelerate(random_network("mobilenet_v3_small", 1))
        for height, width in SIZES:
            x, other = random_images(1, 3, 32 + height, 32 + width), copy.deepcopy(network)
            self.assertTrue(torch.equal(network(x), other(x)))

    @torch.no_grad()
    def test_writes(self):
        """Parameters that were written to are packed anew, once, and the earlier copy goes."""
        network, x = mbconv.torch.accelerate(random_block(8, 8)), random_images(1, 8, 20, 20)
        with counted() as objects:
            for seed in range(3):
                network.load_state_dict(random_block(8, 8, seed=seed).state_dict())
                for size in SIZES:
                    network(random_images(1, 8, *size))
                self.assertEqual((objects.made, objects.alive), (seed + 1, 1))
            network(x)
            mbconv.torch.restore(network)
            self.assertEqual(objects.alive, 0)


if __name__ == "__main__":
    unittest.main()
