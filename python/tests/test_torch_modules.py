# SPDX-License-Identifier: MIT
"""A replaced module is still what it was: a module of its class, with its parameters, that can be copied and traced."""

import concurrent.futures
import copy
import io
import pickle
import unittest

import torch

import mbconv.torch
from mbconv.torch import _cache
from networks import BLOCK_TOLERANCE, FORMATS, MBConv, difference, random_block


class Modules(unittest.TestCase):
    """A replaced module is still what it was."""

    def setUp(self):
        self.block, self.x = random_block(16, 16), torch.randn(2, 16, 20, 20)
        self.keys = list(self.block.state_dict())
        with torch.no_grad():
            self.expected = self.block(self.x)
        mbconv.torch.accelerate(self.block)

    def check(self, block, expected=None):
        self.assertLess(difference(block(self.x), self.expected if expected is None else expected), BLOCK_TOLERANCE)

    def test_identity(self):
        self.assertIsInstance(self.block, MBConv)
        self.assertEqual(list(self.block.state_dict()), self.keys)
        mbconv.torch.accelerate(self.block)  # again
        self.check(self.block)
        mbconv.torch.restore(self.block)
        self.assertIs(type(self.block), MBConv)
        self.assertEqual([key for key in vars(self.block) if "mbconv" in key], [])
        mbconv.torch.restore(self.block)
        with self.assertRaisesRegex(ValueError, "was not accelerated"):
            mbconv.torch.report(self.block)
        self.assertTrue(torch.equal(self.block(self.x), self.expected))
        self.assertTrue(self.block.train()(self.x).requires_grad)

    def test_copies(self):
        for copied in (copy.deepcopy(self.block), pickle.loads(pickle.dumps(self.block))):
            self.check(copied)
            with torch.no_grad():
                copied.project[0].weight.zero_()
            self.check(self.block)  # its parameters are its own
            self.assertGreater(difference(copied(self.x), self.expected), 0.1)
            self.assertIs(type(mbconv.torch.restore(copied)), MBConv)

    def test_saved_file(self):
        file = io.BytesIO()
        torch.save(self.block.state_dict(), file)
        file.seek(0)
        mbconv.torch.restore(random_block(16, 16, seed=9)).load_state_dict(torch.load(file))

    def test_hooks(self):
        seen = []
        self.block.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
        self.check(self.block)
        self.assertEqual(len(seen), 1)

    def test_defaults_of_the_process(self):
        """The output is float32 on the CPU whatever new tensors are by default."""
        torch.set_default_dtype(torch.float64)
        try:
            self.check(self.block)
            self.assertEqual(self.block(self.x).dtype, torch.float32)
        finally:
            torch.set_default_dtype(torch.float32)

    def test_concurrency(self):
        """One block by several threads, with images of several sizes, from the first call on."""
        block = copy.deepcopy(self.block)
        images = [torch.randn(1, 16, 8 + size, 9) for size in range(12)]
        with torch.no_grad():
            expected = [mbconv.torch.restore(copy.deepcopy(block))(image) for image in images]

        def run(start):
            with torch.no_grad():
                return max(difference(block(images[i % 12]), expected[i % 12]) for i in range(start, start + 60))

        with concurrent.futures.ThreadPoolExecutor(4) as executor:
            self.assertLess(max(executor.map(run, range(8))), BLOCK_TOLERANCE)

    def test_tracing(self):
        traced = torch.jit.trace(self.block, (self.x,))
        self.assertIn("mbconv::block", str(traced.inlined_graph))
        self.check(traced)
        size = _cache.size()
        self.check(traced)
        self.assertEqual(_cache.size(), size)
        with torch.no_grad():
            graph = torch.fx.symbolic_trace(self.block)
        self.assertIn("mbconv.block", graph.code)
        self.check(graph)

    def test_meta(self):
        """Shapes without numbers, as PyTorch has them."""
        for memory_format in FORMATS:
            block = copy.deepcopy(self.block).to("meta")
            x = torch.empty(2, 16, 20, 20, device="meta").to(memory_format=memory_format)
            y, expected = block(x), random_block(16, 16).to("meta")(x)
            self.assertEqual((y.shape, y.device.type, y.stride()), (expected.shape, "meta", expected.stride()))


if __name__ == "__main__":
    unittest.main()
