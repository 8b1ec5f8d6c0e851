# SPDX-License-Identifier: MIT
"""Calls that are left to PyTorch: it computes them otherwise than in float32, or refuses them. The same comes out as of
the module itself, to the bit, or the same error."""

import contextlib
import copy
import unittest

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import mbconv.torch
from networks import BLOCK_TOLERANCE, difference, random_block
from outcomes import is_same, kind, outcome

try:
    from torch.overrides import TorchFunctionMode
except ImportError:
    TorchFunctionMode = None


class Tagged(torch.Tensor):
    """A subclass, as users have them."""


class Seen(TorchDispatchMode):
    """Which operators are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def stem(plain=False):
    """A block behind a stem, whose convolution and normalisation are apart in timm's networks."""
    network = nn.Sequential(random_block(16, 16), random_block(16, 24, stride=2, seed=2)).eval()
    return network if plain else mbconv.torch.accelerate(network)


class Left(unittest.TestCase):
    def setUp(self):
        self.block, self.plain = stem(), stem(plain=True)
        self.x = torch.randn(2, 16, 12, 13)

    def check(self, x, context=contextlib.nullcontext, grad=False):
        """The same outcome; and after it the block computes as before."""
        for enabled in (False, True) if grad else (False,):
            with torch.set_grad_enabled(enabled):
                with context():
                    found = outcome(self.block, x)
                with context():
                    expected = outcome(self.plain, x)
                self.assertTrue(is_same(found, expected), f"{kind(found)} instead of {kind(expected)}")
        with torch.no_grad():
            y = self.block(self.x)
            self.assertLess(difference(y, self.plain(self.x)), BLOCK_TOLERANCE)
            self.assertFalse(torch.equal(y, self.plain(self.x)))  # or mbconv would not have computed it
        return expected

    def test_autocast(self):
        for dtype in (torch.bfloat16, torch.float16) if hasattr(torch, "get_autocast_dtype") else (torch.bfloat16,):
            self.check(self.x, lambda dtype=dtype: torch.autocast("cpu", dtype=dtype), grad=True)
        y = self.check(self.x, lambda: torch.autocast("cpu", dtype=torch.bfloat16))
        self.assertEqual(y.dtype, torch.bfloat16)
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            self.assertFalse(torch.equal(self.block(self.x), self.plain(self.x)))

    def test_operators_under_autocast(self):
        """A trace: what its convolutions would compute."""
        plain, block = self.plain[0], self.block[0]
        for way in (torch.jit.trace(block, (self.x,)), torch.fx.symbolic_trace(block)):
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
                self.assertLess(difference(way(self.x).float(), plain(self.x).float()), 0.03)
                self.assertEqual(way(self.x).dtype, plain(self.x).dtype)

    def test_types_of_inputs(self):
        for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.complex64):
            self.check(self.x.to(dtype), grad=dtype.is_floating_point)

    def test_types_of_models(self):
        for dtype in (torch.float64, torch.bfloat16, torch.float16):
            block, plain = copy.deepcopy(self.block).to(dtype), copy.deepcopy(self.plain).to(dtype)
            with torch.no_grad():
                for x in (self.x.to(dtype), self.x):
                    found, expected = outcome(block, x), outcome(plain, x)
                    self.assertTrue(is_same(found, expected), f"{kind(found)} instead of {kind(expected)}")
                block, plain = block.float(), plain.float()
                self.assertLess(difference(block(self.x), plain(self.x)), BLOCK_TOLERANCE)

    def test_one_parameter_of_another_type(self):
        with torch.no_grad():
            for block in (self.block, self.plain):
                block[0].project[0].double()
            self.assertTrue(is_same(outcome(self.block, self.x), outcome(self.plain, self.x)))
            for block in (self.block, self.plain):
                block[0].project[0].float()
        self.check(self.x.double())

    def test_devices_and_layouts(self):
        self.check(self.x.to("meta"))
        self.check(self.x.to_sparse())
        if torch.backends.mkldnn.is_available():
            self.check(self.x.to_mkldnn())
        for block in (self.block, self.plain):
            block.to("meta")
        with torch.no_grad():
            for x in (self.x.to("meta"), self.x):
                self.assertTrue(is_same(outcome(self.block, x), outcome(self.plain, x)))

    def test_quantized(self):
        self.check(torch.quantize_per_tensor(self.x, 0.1, 0, torch.quint8))

    def test_subclasses(self):
        self.check(self.x.as_subclass(Tagged), grad=True)
        with torch.no_grad():
            self.assertTrue(torch.equal(self.block(nn.Parameter(self.x)), self.block(self.x)))  # mbconv's
        for block in (self.block, self.plain):
            with torch.no_grad():
                tagged = nn.Parameter(block[0].project[0].weight.detach().as_subclass(Tagged))
            block[0].project[0].weight = tagged
        with torch.no_grad():
            self.assertTrue(is_same(outcome(self.block[0], self.x), outcome(self.plain[0], self.x)))

    if hasattr(torch.Tensor, "refine_names"):

        def test_names(self):
            self.check(self.x.clone().refine_names("N", "C", "H", "W"))

    @torch.no_grad()
    def test_bits_of_views(self):
        """A view whose memory holds the negatives; zeros without memory; numbers in complex ones."""
        values = torch.complex(self.x, self.x)
        for x in (values.conj().imag, torch._neg_view(self.x), values.real, torch._efficientzerotensor(self.x.shape)):
            self.assertLess(difference(self.block(x), self.plain(x)), BLOCK_TOLERANCE)
        self.assertTrue(values.conj().imag.is_neg())
        with torch.no_grad():
            for block in (self.block, self.plain):
                block[0].project[0].weight = nn.Parameter(torch._neg_view(block[0].project[0].weight.detach()))
        self.assertLess(difference(self.block(self.x), self.plain(self.x)), BLOCK_TOLERANCE)

    def test_shapes(self):
        for x in (self.x[0], self.x[None], self.x[:, 1:].contiguous(), self.x[:, :, :0], self.x[:, :0], self.x[..., 0]):
            self.check(x)

    def test_no_tensors(self):
        for x in (self.x.numpy(), [self.x], None, 3.0):
            self.check(x)

    def test_modes(self):
        """Who looks at PyTorch's operators sees those of the module."""
        seen = []
        for block in (self.block, self.plain):
            with torch.no_grad(), Seen() as mode:
                block(self.x)
            seen.append(mode.names)
        self.assertEqual(*seen)
        self.assertIn("aten.convolution.default", seen[0])

    if TorchFunctionMode:

        def test_function_modes(self):
            class Called(TorchFunctionMode):
                def __init__(self):
                    super().__init__()
                    self.names = []

                def __torch_function__(self, func, types, args=(), kwargs=None):
                    self.names.append(getattr(func, "__name__", ""))
                    return func(*args, **(kwargs or {}))

            called = []
            for block in (self.block, self.plain):
                with torch.no_grad(), Called() as mode:
                    block(self.x)
                called.append([name for name in mode.names if name in ("conv2d", "batch_norm", "silu")])
            self.assertEqual(*called)
            self.assertTrue(called[0])

    if hasattr(torch, "set_default_device"):

        def test_default_device(self):
            torch.set_default_device("cpu")
            try:
                with torch.no_grad():
                    self.assertFalse(torch.equal(self.block(self.x), self.plain(self.x)))  # mbconv's
            finally:
                torch.set_default_device(None)


if __name__ == "__main__":
    unittest.main()
