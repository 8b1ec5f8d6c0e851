# SPDX-License-Identifier: MIT
"""accelerate, restore and report; networks against eager PyTorch; what is refused, and what stays as it is."""

import concurrent.futures
import contextlib
import copy
import gc
import io
import pickle
import unittest

import torch
from torch import nn

import mbconv.torch
from mbconv.torch import _cache, _modules, _threads
from networks import FORMATS, MBConv, difference, random_block, random_images, random_network

BLOCK_TOLERANCE, NETWORK_TOLERANCE = 1e-5, 1e-4  # of the largest output
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
        self.assertFalse(y.requires_grad)
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

    def test_new_parameters(self):
        """Loaded, written in place, exchanged: noticed at the next call."""
        other = random_block(16, 16, seed=2)
        self.block(self.x)
        self.block.load_state_dict(other.state_dict())
        self.check(self.block, other(self.x))
        with torch.no_grad():
            for block in (self.block, other):
                block.depthwise[1].running_mean.add_(1)
        self.check(self.block, other(self.x))
        for block in (self.block, other):
            block.project[0].weight = nn.Parameter(torch.ones_like(block.project[0].weight))
        self.check(self.block, other(self.x))
        for block in (self.block, other):
            block.to(torch.float64).to(torch.float32).to(memory_format=torch.channels_last)
        self.check(self.block, other(self.x))

    def test_hooks(self):
        seen = []
        self.block.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
        self.check(self.block)
        self.assertEqual(len(seen), 1)

    def test_inference_mode(self):
        with torch.inference_mode():
            self.check(self.block)
            block = random_block(16, 16)  # its tensors have no versions
            expected = block(self.x)
            self.check(mbconv.torch.accelerate(block), expected)
        self.check(self.block)

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

    def test_memory(self):
        """What was prepared goes with the parameters, and for many sizes of images there is a limit."""
        gc.collect()
        mbconv.torch.restore(self.block)
        before = _cache.size()
        for size in range(8, 40):
            block = mbconv.torch.accelerate(random_block(8, 8, seed=size))
            for more in range(20):
                block(torch.randn(1, 8, size, 8 + more))
            self.assertLessEqual(len(block._mbconv_call._prepared), _modules.MOST_PREPARED)
            self.assertLessEqual(_cache.size(), before + 2 * _cache.MOST_SHAPES)
            del block

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
        """Shapes without numbers."""
        for memory_format in FORMATS:
            block = copy.deepcopy(self.block).to("meta")
            y = block(torch.empty(2, 16, 20, 20, device="meta").to(memory_format=memory_format))
            self.assertEqual((y.shape, y.device.type), (self.expected.shape, "meta"))
            self.assertTrue(y.is_contiguous(memory_format=memory_format))


class Refusals(unittest.TestCase):
    """Each a clear exception."""

    def setUp(self):
        self.block, self.x = mbconv.torch.accelerate(random_block(16, 16)), torch.randn(2, 16, 20, 20)

    def refused(self, error, message, x, block=None):
        for _ in range(2):  # also where something was prepared
            with self.assertRaisesRegex(error, message):
                (block or self.block)(x)
            (self.block if block is None else random_block(16, 16))(self.x)

    def test_inputs(self):
        x = self.x
        self.refused(TypeError, "float32, and its input is torch.float64", x.double())
        self.refused(TypeError, "float32, and its input is torch.bfloat16", x.bfloat16())
        self.refused(ValueError, "on meta, the weights are on cpu", x.to("meta"))
        self.refused(ValueError, "neither of torch.contiguous_format nor of torch.channels_last", x[:, :, ::2])
        self.refused(ValueError, "neither", x.transpose(2, 3))
        self.refused(ValueError, "neither", x[:, :1].expand(2, 16, 20, 20))
        self.refused(ValueError, r"shape \(2, 15, 20, 20\), not \(batch, 16, height, width\)", x[:, 1:].contiguous())
        self.refused(ValueError, r"shape \(16, 20, 20\)", x[0])
        self.refused(RuntimeError, "no gradients.*torch.no_grad", x.clone().requires_grad_())
        self.refused((TypeError, AttributeError), "", x.numpy())
        with torch.no_grad():
            self.block(x.clone().requires_grad_())
        with self.assertRaises(Exception):
            self.block(x.to_sparse())

    def test_small_images(self):
        block = random_block(16, 24, kernel_size=7)
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                layer.padding = (0, 0)
        self.assertTrue(mbconv.torch.report(mbconv.torch.accelerate(block)).replaced)
        image = torch.randn(1, 16, 5, 5)
        self.refused(ValueError, "the padded image of 5 x 5 is smaller than the kernel of 7", image, block)

    def test_training(self):
        self.block.train()
        with self.assertRaisesRegex(RuntimeError, r"MBConv in training mode.*eval\(\), or mbconv.torch.restore"):
            self.block(self.x)
        self.block.eval()(self.x)
        with self.assertRaisesRegex(RuntimeError, "the model is in training mode"):
            mbconv.torch.accelerate(random_block(16, 16).train())
        with self.assertRaisesRegex(TypeError, "a list is no torch.nn.Module"):
            mbconv.torch.accelerate([])

    def test_weights_of_another_type(self):
        self.refused(TypeError, "float64, not float32", self.x, copy.deepcopy(self.block).double())

    def test_operator(self):
        """Called with what makes no sense."""
        layer = [torch.randn(16, 16, 1, 1)]
        depthwise = [torch.randn(16, 1, 3, 3)]
        good = [layer, depthwise, layer, [], [], [0.0] * 3, "relu", "none", "none", 1, [1] * 4, True]
        torch.ops.mbconv.block(self.x, *good)
        for position, value in (
            (0, [torch.randn(15, 16, 1, 1)]), (1, []), (1, [torch.randn(16, 1, 9, 9)]), (1, [depthwise[0].double()]),
            (1, depthwise * 7), (2, [torch.randn(16, 17)]), (5, [0.0]), (6, "gelu"), (9, 3), (9, 0), (10, [1]),
            (10, [-1] * 4), (3, layer),
        ):  # fmt: skip
            arguments = list(good)
            arguments[position] = value
            with self.subTest(position=position), self.assertRaises((ValueError, TypeError, IndexError, RuntimeError,
                                                                      ZeroDivisionError, OverflowError)):  # fmt: skip
                torch.ops.mbconv.block(self.x, *arguments)


class Kept(unittest.TestCase):
    """Modules that stay as they are, and why."""

    def check(self, block, reason, x=None):
        x = torch.randn(2, 16, 20, 20) if x is None else x
        with torch.no_grad():
            expected = block(x)
            report = mbconv.torch.report(mbconv.torch.accelerate(block))
            self.assertEqual(report.replaced, [])
            self.assertRegex(report.kept[0].text, reason)
            self.assertIn(reason.split("\\")[0], str(report))
            self.assertTrue(torch.equal(block(x), expected))

    def test_layers(self):
        self.check(random_block(16, 16, kernel_size=9), "a depthwise kernel 9x9: 3, 5 and 7 are supported")
        self.check(random_block(16, 16, stride=3), "stride 3: 1 and 2 are supported")
        self.check(random_block(16, 16, activation=nn.GELU), "a GELU where a Conv2d was expected")
        dilated = random_block(16, 16)
        dilated.depthwise[0].dilation = dilated.depthwise[0].padding = (2, 2)
        self.check(dilated, "a dilated convolution")
        dense = random_block(16, 16)
        dense.depthwise[0] = nn.Conv2d(96, 96, 3, padding=1)
        self.check(dense, "of 1 groups where the depthwise was expected")
        reflecting = random_block(16, 16)
        reflecting.depthwise[0] = nn.Conv2d(96, 96, 3, padding=1, groups=96, padding_mode="reflect")
        self.check(reflecting, "padding with reflect")
        nonlinear = random_block(16, 16)
        nonlinear.project.append(nn.ReLU())
        self.check(nonlinear, "relu after project, which is linear")
        mixed = random_block(16, 16)
        mixed.expand[2] = nn.ReLU()
        self.check(mixed, "relu after expand, but silu after depthwise")
        batch = random_block(16, 16)
        batch.expand[1] = nn.BatchNorm2d(96, track_running_stats=False).eval()
        self.check(batch, "without running statistics")
        longer = random_block(16, 16)
        longer.expand.append(nn.Conv2d(96, 96, 1))
        self.check(longer, "not expand, depthwise, squeeze-excite and project, but convolution 1x1, convolution 1x1")

    def test_state(self):
        doubles = torch.ones(1, 16, 9, 9, dtype=torch.float64)
        self.check(random_block(16, 16).double(), "is torch.float64: mbconv computes float32", doubles)
        training = random_block(16, 16)
        training.expand[1].train()
        report = mbconv.torch.report(mbconv.torch.accelerate(training))
        self.assertEqual((report.replaced, report.kept[0].text), ([], "its BatchNorm2d is in training mode"))
        hooked = random_block(16, 16)
        hooked.depthwise.register_forward_hook(lambda *_: None)
        self.check(hooked, "its Sequential has hooks")
        own = random_block(16, 16)
        own.depthwise.forward = lambda x: x
        self.check(own, "its Sequential has a forward of its own")
        parametrized = random_block(16, 16)
        nn.utils.parametrizations.orthogonal(parametrized.project[0])
        self.check(parametrized, "a ParametrizedConv2d where a Conv2d was expected")

    def test_meta(self):
        report = mbconv.torch.report(mbconv.torch.accelerate(random_block(16, 16).to("meta")))
        self.assertEqual(report.replaced, [])
        self.assertRegex(report.kept[0].text, "is on meta: mbconv computes on the CPU")

    def test_refused_parameters(self):
        block = random_block(16, 16)
        with torch.no_grad():
            block.expand[1].running_var[3] = -1
        report = mbconv.torch.report(mbconv.torch.accelerate(block))
        self.assertRegex(report.kept[0].text, "mbconv refuses it: .*variance")

    def test_impostors(self):
        """Modules with the layers of an MBConv that compute something else."""

        class Scaled(MBConv):
            def forward(self, x):
                return 1.01 * super().forward(x)

        class Pooled(MBConv):
            def forward(self, x):
                return nn.functional.avg_pool2d(super().forward(x), 2)

        class Broken(MBConv):
            def forward(self, x):
                return super().forward(x) if x.shape[2] >= 20 else x + self.missing

        self.check(random_block(16, 16, kind=Scaled), "computes something else than its layers say")
        self.check(random_block(16, 16, kind=Pooled), r"computes something else: an output of \(2, 16, 3, 4\)")
        self.check(random_block(16, 16, kind=Broken), "it cannot be tried: 'Broken' object has no attribute 'missing'")

    @torch.no_grad()
    def test_parts_of_a_network(self):
        """One block that stays among others, and what lies outside blocks."""
        network, images = random_network("mobilenet_v3_small", 1), random_images(1, 3, 64, 64)
        network.features[4].block[1][0].dilation = network.features[4].block[1][0].padding = (2, 2)
        expected = network(images)
        report = mbconv.torch.report(mbconv.torch.accelerate(network))
        self.assertEqual({finding.name for finding in report.kept}, {"features.4", "classifier.0", "classifier.3"})
        self.assertLess(difference(network(images), expected), NETWORK_TOLERANCE)
        report = mbconv.torch.report(mbconv.torch.accelerate(network, convolutions=False))
        self.assertEqual(len(report.replaced), 10)
        self.assertIn("features.0", {finding.name for finding in report.kept})
        self.assertLess(difference(network(images), expected), NETWORK_TOLERANCE)

    def test_other_networks(self):
        import torchvision  # pylint: disable=import-outside-toplevel

        report = mbconv.torch.report(mbconv.torch.accelerate(torchvision.models.resnet18().eval()))
        self.assertEqual(report.replaced, [])
        report = mbconv.torch.report(mbconv.torch.accelerate(torchvision.models.efficientnet_v2_s().eval()))
        reasons = {finding.text for finding in report.kept if finding.module == "FusedMBConv"}
        self.assertTrue(reasons and all("convolution" in reason for reason in reasons), reasons)
        self.assertTrue(any(finding.module == "MBConv" for finding in report.replaced))


if __name__ == "__main__":
    unittest.main()
