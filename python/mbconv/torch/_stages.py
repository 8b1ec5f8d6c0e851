# SPDX-License-Identifier: MIT
"""torch.ops.mbconv.stages: a block that is a list of stages.

`tensors` are those of all layers, one after the other; `stages` says of each stage, separated by semicolons,

    KIND ACTIVATION TENSORS STRIDE DILATION PAD       of pointwise, depthwise, dense
    squeeze_excite ACTIVATION TENSORS TENSORS INNER GATE

TENSORS has a letter for each: w(eight), b(ias), g and B (gamma and beta), m(ean), v(ariance), s(cale of the layer), p
(the slopes of prelu). PAD is top,left,bottom,right or same. `epsilons` has one number for each layer.
"""

import numpy as np
import torch

from ..operators import BatchNorm, Conv, SqueezeExcite
from ..stages import Stage, Stages
from . import _cache
from ._operators import _FORMATS, Prepared, checked_layout, implement, library
from ._recognise import StagesParts
from ._reference import words

library.define(
    "stages(Tensor x, Tensor[] tensors, str stages, float[] epsilons, str residual, int residual_channels) -> Tensor"
)


def _made(tensors, stages, epsilons):
    """The stages, as the library takes them."""
    values, epsilons = iter([tensor.detach().numpy() for tensor in tensors]), iter(epsilons)
    made = []
    for name, activation, letters, *rest in words(stages):
        activation, _, slope = activation.partition("=")
        if name == "squeeze_excite":
            more, inner, gate = rest
            layers = [_conv(values, one, next(epsilons)) for one in (letters, more)]
            made.append(Stage(name, SqueezeExcite(*layers, inner, gate), activation))
            continue
        stride, dilation, pad = rest
        conv = _conv(values, letters, next(epsilons), np.array([float(slope)], np.float32) if slope else None)
        given = "same" if pad == "same" else [int(side) for side in pad.split(",")]
        made.append(Stage(name, conv, activation, int(stride), None if name == "pointwise" else given, int(dilation)))
    return made


def _conv(values, letters, epsilon, slope=None):
    found = {letter: next(values) for letter in letters}
    norm = None
    if "m" in found:
        norm = BatchNorm(found["m"], found["v"], found.get("g"), found.get("B"), epsilon=epsilon)
    return Conv(found["w"], found.get("b"), norm, scale=found.get("s"), slope=found.get("p", slope))


def prepared_stages(layout, tensors, stages, epsilons, residual, residual_channels):
    for tensor in tensors:
        if tensor.dtype != torch.float32:
            raise TypeError(f"a weight is {tensor.dtype}, not float32: mbconv computes nothing else")

    def make():
        return Stages(
            _made(tensors, stages, epsilons), residual=residual != "", residual_after=residual == "after",
            residual_channels=residual_channels, layout=layout,
        )  # fmt: skip

    key = layout, stages, tuple(epsilons), residual, residual_channels
    made = _cache.operator(tensors, key, make)
    return Prepared(made, made._outputs, layout)


def _stages_meta(x, tensors, stages, epsilons, residual, residual_channels):  # pylint: disable=unused-argument
    listed = words(stages)
    layout = checked_layout(x, tensors, is_depthwise=listed[0][0] == "depthwise")
    (batch, channels, *sizes), position = x.shape, 0
    for name, _, letters, *rest in listed:
        weight = tensors[position]
        if name == "squeeze_excite":
            position += len(letters) + len(rest[0])
            continue
        position += len(letters)
        channels, (stride, dilation, pad) = weight.shape[0], rest
        if name != "pointwise":
            sizes = _output_sizes(sizes, (weight.shape[2] - 1) * int(dilation) + 1, int(stride), pad)
    return torch.empty(batch, channels, *sizes, dtype=x.dtype, device=x.device, memory_format=_FORMATS[layout])


def _output_sizes(sizes, extent, stride, pad):
    if pad == "same":
        return [(size + stride - 1) // stride for size in sizes]
    top, left, bottom, right = map(int, pad.split(","))
    return [(size + sides - extent) // stride + 1 for size, sides in zip(sizes, (top + bottom, left + right))]


def _begins_with_depthwise(_tensors, stages, *_others):
    return words(stages)[0][0] == "depthwise"


implement("stages", StagesParts, prepared_stages, _stages_meta, _begins_with_depthwise)
