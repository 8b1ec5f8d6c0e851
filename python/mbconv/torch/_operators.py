# SPDX-License-Identifier: MIT
"""torch.ops.mbconv.block and torch.ops.mbconv.convolution: functions of tensors, which tracing, export and compilation
see as such.

A layer is the list of its tensors: weight, [bias], [[gamma, beta], mean, variance]. How many there are tells which;
none at all: no such layer. `pad` is top, left, bottom, right, or empty for TensorFlow's SAME. `inner` is the activation
between the layers of the squeeze-excite.
"""

import contextlib
import functools
import warnings

import torch

from ..operators import BatchNorm, Block, Conv, Convolution, SqueezeExcite
from . import _cache
from ._derivatives import has_dual_level, is_transformed, run_derived
from ._recognise import BlockParts, ConvolutionParts
from ._reference import REFERENCES
from ._threads import threads

library = torch.library.Library("mbconv", "DEF")
library.define(
    "block(Tensor x, Tensor[] expand, Tensor[] depthwise, Tensor[] project, Tensor[] reduce, Tensor[] excite, "
    "float[] epsilons, str activation, str inner, str gate, int stride, int[] pad, bool residual) -> Tensor"
)
library.define("convolution(Tensor x, Tensor[] conv, float epsilon, str activation, int stride, int[] pad) -> Tensor")


# ---- Blocks --------------------------------------------------------------------------------------------------------


def prepared_block(layout, expand, depthwise, project, reduce, excite, epsilons, activation, inner, gate, stride, pad,
                   residual):  # fmt: skip
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
    layout = checked_layout(x, [*expand, *depthwise, *project], is_depthwise=not expand)
    shape = _output_shape(x, depthwise[0], project[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_FORMATS[layout])


# ---- Convolutions --------------------------------------------------------------------------------------------------


def prepared_convolution(layout, conv, epsilon, activation, stride, pad):
    def make():
        return Convolution(
            conv=_conv(conv, epsilon), activation=activation, stride=stride, pad=pad or "same", layout=layout,
        )  # fmt: skip

    convolution = _cache.operator(conv, (layout, stride, activation, epsilon, tuple(pad)), make)
    return Prepared(convolution, len(conv[0]), "nhwc")


def _convolution_meta(x, conv, epsilon, activation, stride, pad):
    checked_layout(x, conv)
    shape = _output_shape(x, conv[0], conv[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


# ---- What both share -----------------------------------------------------------------------------------------------


class Prepared:
    """All that is left is to run, on inputs that have been checked, of one memory format and any size."""

    def __init__(self, operator, channels, layout):
        self._operator, self._channels, self._format = operator, channels, _FORMATS[layout]

    def __call__(self, x):
        if not x.data_ptr():  # zeros that PyTorch keeps no memory for, or no images
            x = x.clone()
        batch, _, height, width = x.shape
        shape = batch, self._channels, *self._operator.output_size(height, width)
        y = torch.empty(shape, dtype=torch.float32, device=_CPU, memory_format=self._format)
        self._operator.run_at(batch, height, width, x.data_ptr(), y.data_ptr(), threads(torch.get_num_threads()))
        return y


_CPU = torch.device("cpu")
_FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def checked_layout(x, tensors, is_depthwise=False):
    """The layout in which an input that is as it has to be is computed with these weights."""
    if x.dtype != torch.float32:
        raise TypeError(f"mbconv computes float32, and its input is {x.dtype}")
    channels = tensors[0].shape[0 if is_depthwise else 1]
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(f"the input has the shape {tuple(x.shape)}, not (batch, {channels}, height, width)")
    if x.device != tensors[0].device:
        raise ValueError(f"the input is on {x.device}, the weights are on {tensors[0].device}")
    return layout_of(x, has_channels_last(tensors))


# ---- Memory formats ------------------------------------------------------------------------------------------------
# As in PyTorch's convolutions: they compute in channels_last if the strides of the input or of a weight say so, and copy
# an input whose strides are of neither format.


def has_channels_last(tensors):
    """Whether one of these is a weight in channels_last."""
    return any([tensor.dim() == 4 and _is_channels_last(tensor) for tensor in tensors])


def layout_of(x, has_channels_last_weights):
    return "nhwc" if _is_channels_last(x) or has_channels_last_weights and x.numel() else "nchw"


def arranged(x, layout):
    """x in this layout: itself or a copy."""
    memory_format = _FORMATS[layout]
    if x.is_contiguous(memory_format=memory_format):
        return x
    if not x.is_contiguous() and not x.is_contiguous(memory_format=torch.channels_last):
        _say_once(
            f"mbconv copies an input at each call, as PyTorch does: its strides {x.stride()} are neither of "
            "torch.contiguous_format nor of torch.channels_last"
        )
    return x.contiguous(memory_format=memory_format)


def _is_channels_last(x):
    """Whether the strides go up from channels to columns, rows and images, each past all that is before it. What could
    be of both formats is of PyTorch's choice."""
    (batch, channels, height, width), (image, channel, row, column) = x.shape, x.stride()
    if channel == 0 or 0 in (batch, channels, height, width) or (channels == 1 and image == channel):
        return False
    return column >= channel * channels and row >= column * width and image >= row * height


def _say_once(text):
    if _said:
        return
    _said.add(text)
    warnings.warn(text, stacklevel=2)


_said = set()


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


def _derived(name, x, *arguments):
    """The operator, called where PyTorch may want to know derivatives."""
    if is_transformed() or has_dual_level():
        return REFERENCES[name](x, *arguments)

    def run(x):
        with _below_autograd():
            return getattr(torch.ops.mbconv, name)(x, *arguments)

    return run_derived(run, REFERENCES[name], x, arguments)


def _is_layer(argument):
    return isinstance(argument, (list, tuple)) and bool(argument) and isinstance(argument[0], torch.Tensor)


PREPARE, OPERATORS, REFERENCE = {}, {}, {}  # by the class of the parts


def implement(name, kind, prepare, meta, begins_with_depthwise):
    """The operator of a name, for parts of a class."""
    reference = REFERENCES[name]

    def compute(x, *arguments):
        layers = [argument for argument in arguments if _is_layer(argument)]
        layout = checked_layout(x, [tensor for layer in layers for tensor in layer], begins_with_depthwise(*arguments))
        return prepare(layout, *arguments)(arranged(x, layout))

    library.impl(name, compute, "CPU")
    library.impl(name, meta, "Meta")
    library.impl(name, functools.partial(_derived, name), "Autograd")
    for key in "AutocastCPU", "FuncTorchBatched":  # under autocast and torch.vmap
        library.impl(name, reference, key)
    PREPARE[kind], OPERATORS[kind], REFERENCE[kind] = prepare, getattr(torch.ops.mbconv, name), reference


implement("block", BlockParts, prepared_block, _block_meta, lambda expand, *others: not expand)
implement("convolution", ConvolutionParts, prepared_convolution, _convolution_meta, lambda *arguments: False)
