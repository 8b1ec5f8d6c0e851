# SPDX-License-Identifier: MIT
"""torch.ops.mbconv against PyTorch's own operators: each argument counts, whatever was prepared before."""

import itertools
import unittest

import torch
from torch.nn import functional

import mbconv.torch
from networks import BLOCK_TOLERANCE, FORMATS, difference

ACTIVATIONS = {
    "none": lambda x: x, "relu": functional.relu, "relu6": functional.relu6, "silu": functional.silu,
    "sigmoid": torch.sigmoid, "hard_sigmoid": functional.hardsigmoid, "hard_swish": functional.hardswish,
}  # fmt: skip
CHANNELS, EXPANDED, WIDTH = 8, 20, 5


def normalised(x, tensors, epsilon, **options):
    """A layer, as the operators take its tensors: weight, [bias], [[gamma, beta], mean, variance]."""
    weight, *others = tensors
    bias = others.pop(0) if len(others) % 2 else None
    y = functional.conv2d(x, weight.reshape(weight.shape + (1, 1) * (weight.dim() == 2)), bias, **options)
    if not others:
        return y
    *affine, mean, variance = others
    return functional.batch_norm(y, mean, variance, *affine, eps=epsilon)


def padded(x, kernel, stride, pad):
    if not pad:
        rows, columns = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[2:])
        pad = rows // 2, columns // 2, rows - rows // 2, columns - columns // 2
    top, left, bottom, right = pad
    return functional.pad(x, (left, right, top, bottom))


def block(x, expand, depthwise, project, reduce, excite, epsilons, activation, inner, gate, stride, pad, residual):
    act = ACTIVATIONS[activation]
    h = act(normalised(x, expand, epsilons[0])) if expand else x
    channels, _, kernel, _ = depthwise[0].shape
    h = padded(h, kernel, stride, pad)
    h = act(normalised(h, depthwise, epsilons[1], stride=stride, groups=channels))
    if reduce:
        s = ACTIVATIONS[inner](normalised(h.mean((2, 3), keepdim=True), reduce, 0.0))
        h = h * ACTIVATIONS[gate](normalised(s, excite, 0.0))
    y = normalised(h, project, epsilons[2])
    return y + x if residual else y


def convolution(x, conv, epsilon, activation, stride, pad):
    x = padded(x, conv[0].shape[2], stride, pad)
    return ACTIVATIONS[activation](normalised(x, conv, epsilon, stride=stride))


def layer(*shape, bias=True, norm=True):
    """Random tensors. The variances are small, so that the epsilon matters."""
    tensors = [torch.randn(shape) * torch.Size(shape[1:]).numel() ** -0.5]
    tensors += [torch.randn(shape[0])] if bias else []
    vectors = [torch.randn(shape[0]) for _ in range(3)] + [0.05 + 0.1 * torch.rand(shape[0])]
    return tensors + (vectors if norm else [])


class Operators(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.x = torch.randn(2, CHANNELS, 12, 13)
        self.block = {
            "expand": layer(EXPANDED, CHANNELS, 1, 1), "depthwise": layer(EXPANDED, 1, 3, 3),
            "project": layer(CHANNELS, EXPANDED, 1, 1), "reduce": layer(WIDTH, EXPANDED, 1, 1, norm=False),
            "excite": layer(EXPANDED, WIDTH, 1, 1, norm=False), "epsilons": [0.01, 0.02, 0.03], "activation": "silu",
            "inner": "relu", "gate": "sigmoid", "stride": 1, "pad": [1, 1, 1, 1], "residual": False,
        }  # fmt: skip
        self.convolution = {
            "conv": layer(6, CHANNELS, 3, 3), "epsilon": 0.01, "activation": "silu", "stride": 1, "pad": [1, 1, 1, 1],
        }  # fmt: skip

    def each_counts(self, operator, reference, base, changes):
        """One argument is changed at a time, in turns with the base: the result is right, and another one."""
        for name, value in changes:
            arguments = dict(base, **{name: value})
            with self.subTest(operator=str(operator), **{name: value if name not in ("expand", "conv") else "…"}):
                for memory_format, given in itertools.product(FORMATS, (base, arguments, base)):
                    x = self.x.to(memory_format=memory_format)
                    y, expected = operator(x, *given.values()), reference(self.x, *given.values())
                    self.assertEqual(y.shape, expected.shape)
                    self.assertLess(difference(y, expected), BLOCK_TOLERANCE)
                one, other = reference(self.x, *base.values()), reference(self.x, *arguments.values())
                self.assertTrue(one.shape != other.shape or difference(one, other) > 1e-3)

    def test_blocks_arguments(self):
        base = self.block
        shorter = {name: base[name][:1] for name in ("expand", "depthwise", "project", "reduce", "excite")}
        changes = [
            *shorter.items(), ("expand", base["expand"][:2]), ("expand", base["expand"][:1] + base["expand"][2:]),
            ("expand", base["expand"][:2] + base["expand"][4:]), ("epsilons", [0.1, 0.02, 0.03]),
            ("epsilons", [0.01, 0.1, 0.03]), ("epsilons", [0.01, 0.02, 0.1]), ("activation", "relu6"),
            ("activation", "hard_swish"), ("activation", "none"), ("inner", "silu"), ("inner", "none"),
            ("gate", "hard_sigmoid"), ("stride", 2), ("pad", [0, 1, 1, 1]), ("pad", [1, 0, 1, 1]),
            ("pad", [1, 1, 0, 1]), ("pad", [1, 1, 1, 0]), ("residual", True),
        ]  # fmt: skip
        self.each_counts(torch.ops.mbconv.block, block, base, changes)
        same = dict(base, stride=2, pad=[1, 1, 1, 1])
        self.each_counts(torch.ops.mbconv.block, block, same, [("pad", [])])
        self.each_counts(torch.ops.mbconv.block, block, dict(base, reduce=[], excite=[]), [("residual", True)])

    def test_convolutions_arguments(self):
        base = self.convolution
        changes = [
            ("conv", base["conv"][:1]), ("conv", base["conv"][:1] + base["conv"][2:]), ("epsilon", 0.1),
            ("activation", "relu"), ("activation", "none"), ("stride", 2), ("pad", [0, 1, 1, 1]),
            ("pad", [1, 0, 1, 1]), ("pad", [1, 1, 0, 1]), ("pad", [1, 1, 1, 0]),
        ]  # fmt: skip
        self.each_counts(torch.ops.mbconv.convolution, convolution, base, changes)
        self.each_counts(torch.ops.mbconv.convolution, convolution, dict(base, stride=2), [("pad", [])])

    def test_sizes(self):
        """The same tensors, with one number of the input's shape changed at a time."""
        for shape in ((2, 8, 12, 13), (1, 8, 12, 13), (2, 8, 11, 13), (2, 8, 12, 14), (2, 8, 13, 12)):
            for operator, reference, base in (
                (torch.ops.mbconv.block, block, self.block),
                (torch.ops.mbconv.convolution, convolution, self.convolution),
            ):
                x = torch.randn(shape)
                self.assertLess(difference(operator(x, *base.values()), reference(x, *base.values())), BLOCK_TOLERANCE)

    def test_strides_of_tensors(self):
        """Tensors that are not contiguous, some of them on the memory of others."""
        x, base = self.x, self.block
        square = torch.randn(EXPANDED, EXPANDED, 1, 1)
        inside = torch.randn(3, CHANNELS, EXPANDED, 2)[1, :, :, :1, None].transpose(0, 1)
        vectors = torch.rand(EXPANDED, 4)
        for name, given in (
            ("expand", [base["expand"][0].transpose(0, 1).contiguous().transpose(0, 1), *base["expand"][1:]]),
            ("expand", [inside.reshape(CHANNELS, EXPANDED, 1, 1).transpose(0, 1)]),
            ("expand", [base["expand"][0].flip(0), *vectors.unbind(1)]),
            ("expand", [base["expand"][0], *vectors.t().contiguous()]),
            ("depthwise", [base["depthwise"][0].transpose(2, 3), *base["depthwise"][1:]]),
            ("depthwise", [torch.randn(3, 3, 1, EXPANDED).permute(3, 2, 1, 0)]),
            ("project", [square[:CHANNELS]]), ("project", [square.transpose(0, 1)[:CHANNELS]]),
            ("reduce", [square[:WIDTH]]), ("reduce", [square.transpose(0, 1)[:WIDTH]]),
        ):  # fmt: skip
            arguments = dict(base, **{name: given})
            if name == "reduce":
                arguments["excite"] = base["excite"]
            with self.subTest(name, strides=[tensor.stride() for tensor in given]):
                y = torch.ops.mbconv.block(x, *arguments.values())
                self.assertLess(difference(y, block(x, *arguments.values())), BLOCK_TOLERANCE)

    def test_nonsense(self):
        """Called with what makes no sense."""
        x, layer = torch.randn(2, 16, 20, 20), [torch.randn(16, 16, 1, 1)]
        depthwise = [torch.randn(16, 1, 3, 3)]
        good = [layer, depthwise, layer, [], [], [0.0] * 3, "relu", "none", "none", 1, [1] * 4, True]
        torch.ops.mbconv.block(x, *good)
        for position, value in (
            (0, [torch.randn(15, 16, 1, 1)]), (1, []), (1, [torch.randn(16, 1, 9, 9)]), (1, [depthwise[0].double()]),
            (1, depthwise * 7), (2, [torch.randn(16, 17)]), (5, [0.0]), (6, "gelu"), (9, 3), (9, 0), (10, [1]),
            (10, [-1] * 4), (3, layer),
        ):  # fmt: skip
            arguments = list(good)
            arguments[position] = value
            with self.subTest(position=position), self.assertRaises((ValueError, TypeError, IndexError, RuntimeError,
                                                                      ZeroDivisionError, OverflowError)):  # fmt: skip
                torch.ops.mbconv.block(x, *arguments)


if __name__ == "__main__":
    unittest.main()
