# SPDX-License-Identifier: MIT
"""What is prepared once is not prepared again: packing the weights costs more than many a call."""

import contextlib
import unittest

import torch

import mbconv.torch
from networks import FORMATS, random_block, random_images, random_network


@contextlib.contextmanager
def counted():
    """A list that has an entry for each operator of the C library that is made meanwhile."""
    made, kinds = [], (mbconv.Block, mbconv.Convolution)
    own = [kind.__init__ for kind in kinds]

    def counting(kind, init):
        def __init__(self, *arguments, **options):
            made.append(kind.__name__)
            init(self, *arguments, **options)

        return __init__

    for kind, init in zip(kinds, own):
        kind.__init__ = counting(kind, init)
    try:
        yield made
    finally:
        for kind, init in zip(kinds, own):
            kind.__init__ = init


@torch.no_grad()
def made_by(model, *inputs):
    """How many operators each of the calls makes."""
    counts = []
    for x in inputs:
        with counted() as made:
            model(x)
        counts.append(len(made))
    return counts


class Cache(unittest.TestCase):
    def setUp(self):
        self.block = mbconv.torch.accelerate(random_block(8, 8))
        self.x = random_images(1, 8, 20, 20)

    def test_second_call(self):
        self.assertEqual(made_by(self.block, self.x, self.x, self.x), [1, 0, 0])

    def test_other_input(self):
        """Other images of the same size, and more of them, need nothing new."""
        self.assertEqual(made_by(self.block, self.x, self.x + 1, random_images(3, 8, 20, 20), self.x), [1, 0, 0, 0])

    def test_sizes(self):
        """What was made for the first size serves all others."""
        images = [random_images(1, 8, 12 + side, 20) for side in range(30)]
        self.assertEqual(made_by(self.block, *images, *images), [1] + 59 * [0])

    def test_formats(self):
        both = [self.x.to(memory_format=memory_format) for memory_format in FORMATS]
        self.assertEqual(made_by(self.block, *both, *both), [1, 1, 0, 0])

    def test_changed_parameter(self):
        self.assertEqual(made_by(self.block, self.x, self.x), [1, 0])
        with torch.no_grad():
            self.block.project[1].bias.add_(1)
        self.assertEqual(made_by(self.block, self.x, self.x), [1, 0])

    def test_operator(self):
        """The operator itself, as a traced model calls it."""
        with torch.no_grad():
            traced = torch.jit.trace(self.block, self.x)
        made_by(traced, self.x, self.x)
        self.assertEqual(made_by(traced, self.x, self.x, random_images(1, 8, 14, 9)), [0, 0, 0])

    def test_two_modules(self):
        """Those of one do not drive out those of the other."""
        other = mbconv.torch.accelerate(random_block(8, 8))
        other.load_state_dict(self.block.state_dict())
        self.assertEqual(made_by(self.block, self.x) + made_by(other, self.x), [1, 1])
        self.assertEqual(made_by(self.block, self.x) + made_by(other, self.x), [0, 0])

    def test_network(self):
        network, images = mbconv.torch.accelerate(random_network("mobilenet_v2", 1)), random_images(1, 3, 64, 64)
        replaced = len(mbconv.torch.report(network).replaced)
        self.assertEqual(made_by(network, images, images, images), [replaced, 0, 0])


if __name__ == "__main__":
    unittest.main()
