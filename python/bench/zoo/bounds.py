# SPDX-License-Identifier: MIT
"""How far an output may be from the exact one: the bound (terms + 2) * 2^-24 * sum of |terms| of each convolution,
carried through a block.

A module is called with tensors that are pairs: the exact value, in double precision, and a bound of the error that
single precision may have made up to there. Each function of PyTorch that blocks are made of has a rule below; another
raises, so nothing is bounded by a rule that is not its own.
"""

import torch
from torch.nn import functional as F

U = 2.0**-24


class Bounded:
    """What stands in for a tensor: PyTorch calls `__torch_function__` for it, whatever the function."""

    def __init__(self, value, error, terms=1):
        self.value, self.error, self.terms = value, error, terms  # terms: of the last convolution

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: torch.float32)
    device = property(lambda self: self.value.device)
    requires_grad = False
    is_cuda = False

    def size(self, *dimension):
        return self.value.size(*dimension)

    def dim(self):
        return self.value.dim()

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        name = getattr(function, "__name__", str(function))
        if name not in RULES:
            raise NotImplementedError(f"no rule for {name}")
        return RULES[name](*arguments, **(named or {}))

    def __getattr__(self, name):
        if name in RULES and not name.startswith("__"):
            return lambda *arguments, **named: RULES[name](self, *arguments, **named)
        raise AttributeError(f"no rule for {name}")

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(self, other)

    def __iadd__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return multiply(self, other)

    def __rmul__(self, other):
        return multiply(self, other)

    def __truediv__(self, other):
        return multiply(self, 1 / other)

    def __getitem__(self, index):
        return Bounded(self.value[index], self.error[index], self.terms)


def pair(x):
    """Constants and parameters are exact."""
    if isinstance(x, Bounded):
        return x
    value = torch.as_tensor(x).double()
    return Bounded(value, torch.zeros_like(value))


def doubled(*tensors):
    return [None if t is None else t.double() for t in tensors]


def convolution(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    weight, bias = doubled(weight, bias)
    more = stride, padding, dilation, groups
    value = F.conv2d(x.value, weight, bias, *more)
    sizes = F.conv2d(x.value.abs(), weight.abs(), None if bias is None else bias.abs(), *more)
    terms = weight[0].numel() + 1
    return Bounded(value, F.conv2d(x.error, weight.abs(), None, *more) + (terms + 2) * U * sizes, terms)


def batch_norm(x, mean, variance, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Of a folded normalisation the bias is one of the convolution's terms; its weights were rounded once more."""
    if training:
        raise NotImplementedError("a normalisation in training mode")
    mean, variance, weight, bias = doubled(mean, variance, weight, bias)
    scale = variance.add(eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    scale, shift = scale[:, None, None], shift[:, None, None]
    value = x.value * scale + shift
    return Bounded(value, x.error * scale.abs() + (x.terms + 2) * U * (shift.abs() + value.abs()), x.terms)


def activation(function, steepness, ulps=4):
    """`steepness`: its largest derivative."""

    def rule(x, *arguments, **named):
        named.pop("inplace", None)
        value = function(x.value, *arguments, **named)
        return Bounded(value, steepness * x.error + ulps * 2 * U * value.abs() + 1e-37, x.terms)

    return rule


def gelu(x, approximate="none"):
    """Below zero its relative error is larger (include/mbconv.h); there the results are small."""
    value = F.gelu(x.value, approximate=approximate)
    return Bounded(value, 1.13 * x.error + 8 * U * (value.abs() + torch.minimum(x.value.abs(), torch.ones_like(value))))


def add(x, y, alpha=1):
    x, y = pair(x), pair(y)
    value = x.value + alpha * y.value
    return Bounded(value, x.error + abs(alpha) * y.error + U * value.abs(), x.terms)


def multiply(x, y):
    x, y = pair(x), pair(y)
    value = x.value * y.value
    error = x.value.abs() * y.error + y.value.abs() * x.error + x.error * y.error
    return Bounded(value, error + 2 * U * value.abs(), max(x.terms, y.terms))


def mean(x, dim=None, keepdim=False):
    if tuple(d % x.ndim for d in dim) != (2, 3):
        raise NotImplementedError("a mean that is not the image's")
    pixels = x.value[0, 0].numel()
    sizes = x.value.abs().mean(dim, keepdim)
    return Bounded(x.value.mean(dim, keepdim), x.error.mean(dim, keepdim) + (pixels + 2) * U * sizes)


def adaptive_pool(x, output_size):
    if output_size not in (1, (1, 1), [1, 1]):
        raise NotImplementedError("a pooling to more than one pixel")
    return mean(x, (2, 3), True)


def avg_pool(x, *arguments, **named):
    value = F.avg_pool2d(x.value, *arguments, **named)
    sizes, error = (F.avg_pool2d(t, *arguments, **named) for t in (x.value.abs(), x.error))
    return Bounded(value, error + 16 * U * sizes)


def pad(x, *arguments, **named):
    return Bounded(*(F.pad(t, *arguments, **named) for t in (x.value, x.error)), x.terms)


def cat(tensors, dim=0):
    tensors = [pair(t) for t in tensors]
    return Bounded(torch.cat([t.value for t in tensors], dim), torch.cat([t.error for t in tensors], dim))


def same(x, *arguments, **named):
    return x


def reshaped(method):
    return lambda x, *a, **k: Bounded(getattr(x.value, method)(*a, **k), getattr(x.error, method)(*a, **k), x.terms)


RULES = {
    "conv2d": convolution, "batch_norm": batch_norm, "gelu": gelu, "add": add, "mul": multiply, "multiply": multiply,
    "relu": activation(torch.relu, 1, 0), "relu_": activation(torch.relu, 1, 0),
    "relu6": activation(F.relu6, 1, 0), "hardtanh": activation(F.hardtanh, 1, 0),
    "silu": activation(F.silu, 1.1), "sigmoid": activation(torch.sigmoid, 0.25), "tanh": activation(torch.tanh, 1),
    "hardswish": activation(F.hardswish, 1.5), "hardsigmoid": activation(F.hardsigmoid, 1 / 6),
    "leaky_relu": activation(F.leaky_relu, 1), "mean": mean, "adaptive_avg_pool2d": adaptive_pool,
    "avg_pool2d": avg_pool, "pad": pad, "cat": cat, "dropout": same, "dropout2d": same, "contiguous": same,
    "sigmoid_": activation(torch.sigmoid, 0.25), "mul_": multiply, "add_": add,
    **{name: reshaped(name) for name in ("flatten", "view", "reshape", "permute", "transpose", "unsqueeze")},
}  # fmt: skip


def bounded(modules, x):
    """The exact output of modules called one after the other, and how far a float's may be from it."""
    y = Bounded(x.double(), torch.zeros_like(x, dtype=torch.float64))
    for module in modules:
        y = module(y)
    return y.value, y.error
