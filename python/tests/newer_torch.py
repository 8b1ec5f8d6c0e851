# SPDX-License-Identifier: MIT
"""What only PyTorch 2 has: export, compilation, its own checks of operators. `python -m unittest newer_torch`."""

import io
import unittest

import torch

import mbconv.torch
from mbconv.torch import _cache
from test_torch_changes import NOT_ANY_MORE, STILL
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
        graphs = []
        torch.compile(self.network, backend=lambda graph, _: graphs.append(graph) or graph)(self.images)
        self.assertEqual([self.operators(graph.graph) for graph in graphs], [13])
        torch.compiler.reset()
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

    @torch.no_grad()
    def test_assigned_parameters(self):
        """What load_state_dict puts in the place of the parameters."""
        x, block, plain = torch.randn(2, 16, 14, 15), random_block(16, 16), random_block(16, 16)
        mbconv.torch.accelerate(block)(x)
        for seed in (2, 3):
            state = random_block(16, 16, seed=seed).state_dict()
            for one in (block, plain):
                one.load_state_dict(state, assign=True)
            self.assertLess(difference(block(x), plain(x)), TOLERANCE)

    @torch.no_grad()
    def test_changes_after_compilation(self):
        """Compiled anew, as PyTorch's own modules are."""
        x = torch.randn(2, 16, 14, 15)
        changes = {**STILL, **{name: change for name, (change, _) in NOT_ANY_MORE.items()}}
        for name in (
            "epsilon of depthwise", "residual", "activations", "convolution", "larger kernel", "no normalisation",
            "normalisation in training", "another activation", "longer", "dilation",
        ):  # fmt: skip
            torch.compiler.reset()
            block, plain, graphs = mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16), []
            compiled = torch.compile(block, backend=lambda graph, _, graphs=graphs: graphs.append(graph) or graph)
            self.assertLess(difference(compiled(x), plain(x)), TOLERANCE)
            self.assertEqual(self.operators(graphs[0].graph), 1)
            for one in (block, plain):
                torch.manual_seed(5)
                changes[name](one)
            with self.subTest(name):
                self.assertLess(difference(compiled(x), plain(x)), TOLERANCE)
                self.assertEqual(self.operators(graphs[1].graph), name in STILL)


class Transforms(unittest.TestCase):
    """Those of torch.func: as of the module itself, of the module and of the operator."""

    def setUp(self):
        self.block, self.x = mbconv.torch.accelerate(random_block(16, 16)), torch.randn(2, 16, 9, 10)
        self.plain = random_block(16, 16)
        self.operator = self.block._mbconv_replacement.call.operator

    def check(self, transformed, functions=None):
        expected = torch.utils._pytree.tree_leaves(transformed(self.plain))
        for function in functions or (self.block, self.operator):
            function(self.x)
            found = torch.utils._pytree.tree_leaves(transformed(function))
            for ours, theirs in zip(found, expected, strict=True):
                if isinstance(theirs, torch.Tensor):
                    self.assertLess(difference(ours, theirs), TOLERANCE)

    def test_by_the_input(self):
        func, x = torch.func, self.x
        self.check(lambda f: func.jvp(f, (x,), (torch.ones_like(x),)))
        self.check(lambda f: func.vjp(f, x)[1](f(x)))
        self.check(lambda f: func.grad(lambda x: f(x).square().sum())(x))
        self.check(lambda f: func.jacrev(f)(x[:1, :, :3, :3]))
        self.check(lambda f: func.jacfwd(f)(x[:1, :, :3, :3]))
        self.check(lambda f: func.linearize(f, x)[1](torch.ones_like(x)))
        self.check(lambda f: torch.autograd.functional.jacobian(f, x[:1, :, :3, :3]))
        self.check(lambda f: torch.autograd.functional.jvp(f, x, torch.ones_like(x)))
        self.check(lambda f: func.vmap(func.grad(lambda x: f(x[None]).square().sum()))(x))

    def test_vmap(self):
        x = torch.randn(3, 2, 16, 9, 9)
        self.check(lambda f: torch.vmap(f)(x))
        self.check(lambda f: torch.vmap(f, in_dims=1, out_dims=2)(x.transpose(0, 1)))

    def test_by_the_parameters(self):
        func, parameters = torch.func, {name: tensor.detach() for name, tensor in self.block.named_parameters()}
        tangents = {name: torch.ones_like(tensor) for name, tensor in parameters.items()}

        def call(module):
            return lambda given: func.functional_call(module, given, (self.x,))

        modules = [self.block]
        self.check(lambda m: func.grad(lambda given: call(m)(given).square().sum())(parameters), modules)
        self.check(lambda m: func.jvp(call(m), (parameters,), (tangents,)), modules)
        self.check(lambda m: func.vjp(call(m), parameters)[1](m(self.x)), modules)
        ensemble = {name: torch.stack([tensor, 0.9 * tensor]) for name, tensor in parameters.items()}
        self.check(lambda m: torch.vmap(call(m))(ensemble), modules)

    def test_compiled(self):
        """The backward pass is compiled, too."""

        def derive(function):
            x = self.x.clone().requires_grad_()
            module = self.plain if function is self.plain else self.block
            return torch.autograd.grad(function(x).square().sum(), [x, *module.parameters()])

        for backend in ("eager", "aot_eager", "inductor"):
            torch.compiler.reset()
            self.check(derive, [torch.compile(self.block, backend=backend, fullgraph=True)])

    def test_compiled_under_autocast(self):
        """Compiled anew where autocast is on: then all is PyTorch's."""
        for backend in ("eager", "inductor"):
            torch.compiler.reset()
            compiled, expected = (torch.compile(one, backend=backend) for one in (self.block, self.plain))
            for _ in range(2):
                with torch.no_grad():
                    self.assertLess(difference(compiled(self.x), self.plain(self.x)), TOLERANCE)
                    with torch.autocast("cpu", dtype=torch.bfloat16):
                        y = compiled(self.x)
                        self.assertTrue(torch.equal(y, expected(self.x)))
                    self.assertGreater(difference(y, self.plain(self.x)), 1e-3)  # it is another result

    @torch.no_grad()
    def test_other_types_compiled(self):
        for dtype in (torch.bfloat16, torch.float64):
            torch.compiler.reset()
            block, plain = mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16).to(dtype)
            compiled = torch.compile(block, backend="eager")
            compiled(self.x)
            self.assertTrue(torch.equal(torch.compile(block.to(dtype), backend="eager")(self.x.to(dtype)),
                                        plain(self.x.to(dtype))))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
