# SPDX-License-Identifier: MIT
"""torch.ops.mbconv.block and torch.ops.mbconv.convolution: functions of tensors, which tracing, export and compilation
see as such.

A layer's parameters are a list: [weight, bias, gamma, beta, mean, variance], absent ones None; [weight, bias] without
batch normalisation; [] for no such layer. `activations` of a block are that after expand and depthwise, that between the
layers of the squeeze-excite, and its gate. `pad` is top, left, bottom, right, or empty for TensorFlow's SAME.
"""

import torch

from ..operators import BatchNorm, Block, Conv, Convolution, SqueezeExcite
from . import _cache
from ._threads import threads

library = torch.library.Library("mbconv", "DEF")
library.define(
    "block(Tensor x, Tensor?[] expand, Tensor?[] depthwise, Tensor?[] project, Tensor?[] reduce, Tensor?[] excite, "
    "float[] epsilons, str[] activations, int stride, int[] pad, bool residual) -> Tensor"
)
library.define(
    "convolution(Tensor x, Tensor?[] conv, float epsilon, str activation, int stride, int[] pad) -> Tensor"
)


def refuse_gradient(x):
    if torch.is_grad_enabled() and x.requires_grad:
        raise RuntimeError(
            "mbconv computes no gradients, and its input requires one: call the model under torch.no_grad() or "
            "torch.inference_mode()"
        )


# ---- Blocks --------------------------------------------------------------------------------------------------------


def _block(x, expand, depthwise, project, reduce, excite, epsilons, activations, stride, pad, residual):
    layout = _checked_layout(x, (expand or depthwise)[0], depthwise_input=not expand)
    batch, _, height, width = x.shape
    tensors = [tensor for part in (expand, depthwise, project, reduce, excite) for tensor in part if tensor is not None]

    def make():
        squeeze = None
        if reduce:
            squeeze = SqueezeExcite(_conv(reduce), _conv(excite), activations[1], activations[2])
        return Block(
            height, width, expand=_conv(expand, epsilons[0]), depthwise=_conv(depthwise, epsilons[1]),
            project=_conv(project, epsilons[2]), squeeze_excite=squeeze, stride=stride,
            pad=_pads(pad, height, width, depthwise[0].shape[2], stride), activation=activations[0],
            residual=residual, layout=layout,
        )  # fmt: skip

    key = (height, width, layout, stride, residual, *pad, *epsilons, *activations)
    block = _cache.operator(tensors, key, make)
    y = torch.empty(_output_shape(x, depthwise[0], project[0], stride, pad), memory_format=_FORMATS[layout])
    block.run_at(batch, x.data_ptr(), y.data_ptr(), threads(torch.get_num_threads()))
    return y


def _block_meta(x, expand, depthwise, project, reduce, excite, epsilons, activations, stride, pad, residual):
    layout = _checked_layout(x, (expand or depthwise)[0], depthwise_input=not expand)
    shape = _output_shape(x, depthwise[0], project[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_FORMATS[layout])


# ---- Convolutions --------------------------------------------------------------------------------------------------


def _convolution(x, conv, epsilon, activation, stride, pad):
    layout = _checked_layout(x, conv[0])
    batch, _, height, width = x.shape

    def make():
        return Convolution(
            height, width, conv=_conv(conv, epsilon), activation=activation, stride=stride, layout=layout,
            pad=_pads(pad, height, width, conv[0].shape[2], stride),
        )  # fmt: skip

    key = (height, width, layout, stride, activation, epsilon, *pad)
    convolution = _cache.operator([tensor for tensor in conv if tensor is not None], key, make)
    y = torch.empty(_output_shape(x, conv[0], conv[0], stride, pad), memory_format=torch.channels_last)
    convolution.run_at(batch, x.data_ptr(), y.data_ptr(), threads(torch.get_num_threads()))
    return y


def _convolution_meta(x, conv, epsilon, activation, stride, pad):
    _checked_layout(x, conv[0])
    shape = _output_shape(x, conv[0], conv[0], stride, pad)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


# ---- What both share -----------------------------------------------------------------------------------------------

_FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def _checked_layout(x, weight, depthwise_input=False):
    """The layout of an input that is as it has to be."""
    refuse_gradient(x)
    if x.dtype != torch.float32:
        raise TypeError(f"mbconv computes float32, and its input is {x.dtype}")
    channels = weight.shape[0 if depthwise_input else 1]
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


def _pads(pad, height, width, kernel, stride):
    if pad:
        return pad
    rows, columns = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in (height, width))
    return rows // 2, columns // 2, rows - rows // 2, columns - columns // 2


def _conv(part, epsilon=0.0):
    if not part:
        return None
    arrays = [None if tensor is None else tensor.detach().numpy() for tensor in part]
    weight, bias = arrays[:2]
    if len(arrays) == 2:
        return Conv(weight, bias)
    gamma, beta, mean, variance = arrays[2:]
    return Conv(weight, bias, BatchNorm(mean, variance, gamma, beta, epsilon))


for _name, _kernel, _meta in (("block", _block, _block_meta), ("convolution", _convolution, _convolution_meta)):
    library.impl(_name, _kernel, "CPU")
    library.impl(_name, _meta, "Meta")
    if hasattr(torch.library, "fallthrough_kernel"):  # PyTorch before 2.1 falls through by itself
        library.impl(_name, torch.library.fallthrough_kernel, "Autograd")
