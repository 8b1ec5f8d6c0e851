# SPDX-License-Identifier: MIT
"""What only PyTorch 2 has: export, compilation, its own checks of operators. `python -m unittest newer_torch`."""

import io
import unittest

import torch

import mbconv.torch
from mbconv.torch import _cache
from networks import difference, random_block, random_images, random_network

TOLERANCE = 1e-4


class NewerTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network, cls.images = random_network("mobilenet_v3_small", 1), random_images(2, 3, 96, 97)
        with torch.no_grad():
            cls.expected = cls.network(cls.images)
        mbconv.torch.accelerate(cls.network)

    def check(self, network):
        self.assertLess(difference(network(self.images), self.expected), TOLERANCE)

    def operators(self, graph):
        return sum("mbconv" in str(node.target) for node in graph.nodes if node.op == "call_function")

    def test_export(self):
        for strict in (False, True):
            exported = torch.export.export(self.network, (self.images,), strict=strict)
            self.assertEqual(self.operators(exported.graph), 13)
            self.check(exported.module())
        file = io.BytesIO()
        torch.export.save(exported, file)
        file.seek(0)
        self.check(torch.export.load(file).module())

    @torch.no_grad()
    def test_export_of_any_size(self):
        height, width = (torch.export.Dim(name, min=64) for name in ("height", "width"))
        shapes = {0: torch.export.Dim("batch"), 2: height, 3: width}
        exported = torch.export.export(self.network, (self.images,), dynamic_shapes=(shapes,)).module()
        self.check(exported)
        images = random_images(1, 3, 130, 70)
        self.assertLess(difference(exported(images), self.network(images)), TOLERANCE)

    @torch.no_grad()
    def test_compile(self):
        for backend in ("aot_eager", "inductor"):
            compiled = torch.compile(self.network, backend=backend, fullgraph=True)
            self.check(compiled)
            size = _cache.size()
            self.check(compiled)
            self.assertEqual(_cache.size(), size)  # nothing is packed twice

    @torch.no_grad()
    def test_modes(self):
        graph = torch.fx.experimental.proxy_tensor.make_fx(self.network)(self.images)
        self.assertEqual(self.operators(graph.graph), 13)
        self.check(graph)
        with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True):
            self.assertEqual(self.network(torch.empty(5, 3, 64, 64)).shape, (5, 1000))
        block = mbconv.torch.accelerate(random_block(16, 16))
        x = torch.randn(3, 2, 16, 9, 9)
        with self.assertRaisesRegex(RuntimeError, "Batching rule not implemented for mbconv::block"):
            torch.vmap(block)(x)

    def test_operator(self):
        """PyTorch's own checks: schema, autograd, fake kernel, dynamic shapes."""
        layers = [[torch.randn(24, 8, 1, 1), torch.randn(24)], [torch.randn(24, 1, 5, 5), *torch.rand(4, 24)],
                  [torch.randn(12, 24, 1, 1)], [torch.randn(2, 24)], [torch.randn(24, 2)]]  # fmt: skip
        for memory_format in (torch.contiguous_format, torch.channels_last):
            x = torch.randn(2, 8, 10, 11).to(memory_format=memory_format)
            for pad, stride in (([2, 2, 2, 2], 1), ([], 2)):
                torch.library.opcheck(
                    torch.ops.mbconv.block.default,
                    (x, *layers, [0.0, 1e-3, 0.0], "silu", "relu", "sigmoid", stride, pad, False),
                )
            torch.library.opcheck(
                torch.ops.mbconv.convolution.default,
                (x, [torch.randn(4, 8, 3, 3), *torch.rand(2, 4)], 1e-5, "relu6", 2, [1, 1, 1, 1]),
            )


if __name__ == "__main__":
    unittest.main()
