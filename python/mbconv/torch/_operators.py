# SPDX-License-Identifier: MIT
"""torch.ops.mbconv.block and torch.ops.mbconv.convolution: functions of tensors, which tracing, export and compilation
see as such.

A layer is the list of its tensors: weight, [bias], [[gamma, beta], mean, variance]. How many there are tells which;
none at all: no such layer. `pad` is top, left, bottom, right, or empty for TensorFlow's SAME. `inner` is the activation
between the layers of the squeeze-excite.
"""

import contextlib

import torch

from ..operators import BatchNorm, Block, Conv, Convolution, SqueezeExcite
from . import _cache
from ._derivatives import define_derivative, run_underived
from ._recognise import BlockParts, ConvolutionParts
from ._threads import threads

library = torch.library.Library("mbconv", "DEF")
library.define(
    "block(Tensor x, Tensor[] expand, Tensor[] depthwise, Tensor[] project, Tensor[] reduce, Tensor[] excite, "
    "float[] epsilons, str activation, str inner, str gate, int stride, int[] pad, bool residual) -> Tensor"
)
define_derivative(library)
library.define("convolution(Tensor x, Tensor[] conv, float epsilon, str activation, int stride, int[] pad) -> Tensor")


# ---- Blocks --------------------------------------------------------------------------------------------------------


def prepared_block(x, expand, depthwise, project, reduce, excite, epsilons, activation, inner, gate, stride, pad,
                   residual):  # fmt: skip
    layout = checked_layout(x, (expand or depthwise)[0], is_depthwise=not expand)
    layers = expand, depthwise, project, reduce, excite
    if bool(reduce) != bool(excite):
        raise ValueError("a squeeze-excite has two layers, reduce and excite")

    def make():
        squeeze = SqueezeExcite(_conv(reduce), _conv(excite), inner, gate) if reduce else None
        return Block(
            expand=_conv(expand, epsilons[0]), depthwise=_conv(depthwise, epsilons[1]),
            project=_conv(project, epsilons[2]), squeeze_excite=squeeze, stride=stride, pad=pad or "same",
            activation=activation, residual=residual, layout=layout,
        )  # fmt: skip

    options = stride, residual, tuple(pad), tuple(epsilons), activation, inner, gate
    key = layout, options, *map(len, layers)
    block = _cache.operator([tensor for layer in layers for tensor in layer], key, make)
    return Prepared(block, len(project[0]), layout)


def _block_meta(x, expand, depthwise, project, reduce, excite, epsilons, activation, inner, gate, stride, pad,
                residual):  # fmt: skip
    layout = checked_layout(x, (expand or depthwise)[0], is_depthwise=not expand)
    shape = _output_shape(x, depthwise[0], project[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_FORMATS[layout])


# ---- Convolutions --------------------------------------------------------------------------------------------------


def prepared_convolution(x, conv, epsilon, activation, stride, pad):
    layout = checked_layout(x, conv[0])

    def make():
        return Convolution(
            conv=_conv(conv, epsilon), activation=activation, stride=stride, pad=pad or "same", layout=layout,
        )  # fmt: skip

    convolution = _cache.operator(conv, (layout, stride, activation, epsilon, tuple(pad)), make)
    return Prepared(convolution, len(conv[0]), "nhwc")


def _convolution_meta(x, conv, epsilon, activation, stride, pad):
    checked_layout(x, conv[0])
    shape = _output_shape(x, conv[0], conv[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


# ---- What both share -----------------------------------------------------------------------------------------------


class Prepared:
    """All that is left is to run, on inputs that have been checked, of one memory format and any size."""

    def __init__(self, operator, channels, layout):
        self._operator, self._channels, self._format = operator, channels, _FORMATS[layout]

    def __call__(self, x):
        batch, _, height, width = x.shape
        shape = batch, self._channels, *self._operator.output_size(height, width)
        y = torch.empty(shape, dtype=torch.float32, device=_CPU, memory_format=self._format)
        self._operator.run_at(batch, height, width, x.data_ptr(), y.data_ptr(), threads(torch.get_num_threads()))
        return y


_CPU = torch.device("cpu")
_FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def checked_layout(x, weight, is_depthwise=False):
    """The layout of an input that is as it has to be."""
    if x.dtype != torch.float32:
        raise TypeError(f"mbconv computes float32, and its input is {x.dtype}")
    channels = weight.shape[0 if is_depthwise else 1]
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(f"the input has the shape {tuple(x.shape)}, not (batch, {channels}, height, width)")
    if x.device != weight.device:
        raise ValueError(f"the input is on {x.device}, the weights are on {weight.device}")
    if x.is_contiguous():
        return "nchw"
    if x.is_contiguous(memory_format=torch.channels_last):
        return "nhwc"
    raise ValueError(
        f"the input's strides {x.stride()} are neither of torch.contiguous_format nor of torch.channels_last: "
        "x.contiguous() makes a copy that is"
    )


def _output_shape(x, kernel_weight, last_weight, stride, pad):
    kernel = kernel_weight.shape[2]
    batch, _, height, width = x.shape
    if pad:
        top, left, bottom, right = pad
        rows, columns = (height + top + bottom - kernel) // stride + 1, (width + left + right - kernel) // stride + 1
    else:
        rows, columns = (height + stride - 1) // stride, (width + stride - 1) // stride
    return batch, last_weight.shape[0], rows, columns


def _conv(tensors, epsilon=0.0):
    if not tensors:
        return None
    for tensor in tensors:
        if tensor.dtype != torch.float32:
            raise TypeError(f"a weight is {tensor.dtype}, not float32: mbconv computes nothing else")
    weight, *others = [tensor.detach().numpy() for tensor in tensors]
    bias = others.pop(0) if len(others) % 2 else None
    if not others:
        return Conv(weight, bias)
    *affine, mean, variance = others
    return Conv(weight, bias, BatchNorm(mean, variance, *affine, epsilon=epsilon))


@contextlib.contextmanager
def _below_autograd():
    guard = torch._C._AutoDispatchBelowAutograd()
    if hasattr(guard, "__enter__"):
        with guard:
            yield
    else:  # PyTorch 1 begins with the object, and ends with it
        try:
            yield
        finally:
            del guard


def _underived(operator, x, *arguments):
    """The operator, called where PyTorch may want to know derivatives."""

    def run(x):
        with _below_autograd():
            return operator(x, *arguments)

    lists = [argument for argument in arguments if isinstance(argument, (list, tuple))]
    return run_underived(run, x, [tensor for layer in lists for tensor in layer if isinstance(tensor, torch.Tensor)])


for _name, _prepared, _meta in (
    ("block", prepared_block, _block_meta),
    ("convolution", prepared_convolution, _convolution_meta),
):
    library.impl(_name, lambda x, *arguments, _prepared=_prepared: _prepared(x, *arguments)(x), "CPU")
    library.impl(_name, _meta, "Meta")
    _operator = getattr(torch.ops.mbconv, _name).default
    library.impl(_name, lambda x, *arguments, _operator=_operator: _underived(_operator, x, *arguments), "Autograd")

PREPARE = {BlockParts: prepared_block, ConvolutionParts: prepared_convolution}
OPERATORS = {BlockParts: torch.ops.mbconv.block, ConvolutionParts: torch.ops.mbconv.convolution}
