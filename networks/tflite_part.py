# SPDX-License-Identifier: MIT
"""One part of a quantized network: a convolution or a fully connected layer of a .tflite graph, its weights and sizes checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tflite_graph import Refused, Tensor

ACTIVATIONS = {"NONE": "none", "RELU": "relu", "RELU6": "relu6"}
BIAS_WITHIN = 0.02  # of a step of the output, as LiteRT allows a bias' scale to differ from the input's times the weights'


@dataclass
class Gate:
    """relu6(x + 3) / 6 by ADD of a constant, with RELU6, and MUL by a constant."""

    three: Tensor
    shifted: Tensor  # what ADD gives
    sixth: Tensor


@dataclass
class Part:
    """A convolution or a fully connected layer, and what follows it."""

    op: object
    kind: str  # dense, depthwise, pointwise, reduce, excite, connected
    inputs: int
    outputs: int
    kernel: int
    stride: int
    paddings: frozenset  # of "same" and "symmetric" those which it may be
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    y: Tensor  # the sums, after a fused activation
    activation: str = "none"
    activated: Tensor | None = None  # what any other activation makes of them
    mean: Tensor | None = None  # of reduce: what it reads before RESHAPE
    gate: Gate | None = None  # of excite, if its activation is "hard-sigmoid"
    product: Tensor | None = None  # of excite
    sum: Tensor | None = None  # of the last part of a block that adds its input
    shortcut: Tensor | None = None

    @property
    def out(self):
        return self.sum or self.product or self.activated or self.y

    def __str__(self):
        return f"{self.kind} {self.kernel}x{self.kernel}/{self.stride} {self.inputs}-{self.outputs}"


def quantization(op, tensor):
    """What the bytes of an image of int8 stand for."""
    least = np.finfo(np.float32).tiny
    if tensor.type != "INT8":
        raise Refused(f'{op}: tensor "{tensor.name}" is of {tensor.type}, not of INT8')
    if len(tensor.scales) != 1 or len(tensor.zeros) != 1:
        raise Refused(f'{op}: tensor "{tensor.name}" has {len(tensor.scales)} scales and {len(tensor.zeros)} zero points')
    scale, zero = tensor.scales[0], int(tensor.zeros[0])
    if not (least <= scale < np.inf and -128 <= zero <= 127):
        raise Refused(f'{op}: tensor "{tensor.name}" has the scale {scale} and the zero point {zero}')
    return scale, zero


# ---- Layers ----------------------------------------------------------------------------------------------------------


def convolution(op, x, y, pad, depthwise):
    """The Part of CONV_2D or DEPTHWISE_CONV_2D, of which `pad` pixels above, below, left and right are a PAD's."""
    height, width, channels = x.shape[1:] if len(x.shape) == 4 else (0, 0, 0)
    image = height - pad[0] - pad[1], width - pad[2] - pad[3]
    weight, bias = _constants(op, x, y, 3 if depthwise else 0, 4)
    options, stride = op.options, op.options["StrideH"]
    groups = options["DepthMultiplier"] if depthwise else 1
    kernel, inputs = weight.shape[1], weight.shape[3]
    if stride not in (1, min(2, kernel)) or stride != options["StrideW"] or weight.shape[2] != kernel:
        sizes = f"{kernel}x{weight.shape[2]}/{stride}x{options['StrideW']}"
        raise Refused(f"{op}: it is {sizes}; known here are squares of stride 1 and, larger than 1x1, 2")
    if options["DilationHFactor"] != 1 or options["DilationWFactor"] != 1:
        raise Refused(f"{op}: it is dilated")
    if inputs != channels or groups not in (0, 1) or depthwise and weight.shape[0] != 1:
        raise Refused(f"{op}: its weights have the shape {weight.shape} for {channels} channels")
    outputs = weight.shape[3 if depthwise else 0]
    if y.shape != (1, *_size(op, image, kernel, stride, pad), outputs):
        raise Refused(f"{op}: its output has the shape {y.shape}")
    paddings = _paddings(op, image, kernel, stride, pad)
    inputs = 1 if depthwise else inputs
    return Part(op, "", inputs, outputs, kernel, stride, paddings, x, weight, bias, y, _fused(op))


def fully_connected(op, x, y):
    """The Part of FULLY_CONNECTED."""
    weight, bias = _constants(op, x, y, 0, 2)
    outputs, inputs = weight.shape
    if op.options["WeightsFormat"] != 0 or inputs != x.shape[-1]:
        raise Refused(f"{op}: its weights have the shape {weight.shape} for {x.shape[-1]} channels, or are shuffled")
    vector(op, y, outputs)
    return Part(op, "", inputs, outputs, 1, 1, frozenset(), x, weight, bias, y, _fused(op))


def vector(op, y, channels):
    """The tensor, if it has these channels and nothing else."""
    if not y.shape or y.shape[-1] != channels or np.prod(y.shape, dtype=object) != channels:
        raise Refused(f"{op}: its output has the shape {y.shape}, not {channels} channels")
    return y


def _fused(op):
    if op.options["FusedActivationFunction"] not in ACTIVATIONS:
        raise Refused(f"{op}: its activation is {op.options['FusedActivationFunction']}")
    return ACTIVATIONS[op.options["FusedActivationFunction"]]


def _constants(op, x, y, axis, rank):
    """Weights and biases."""
    weight, bias = (op.inputs + [None, None])[1:3]
    if weight is None or weight.data is None or weight.type != "INT8" or len(weight.shape) != rank:
        raise Refused(f"{op}: its weights are no constant of INT8 with {rank} dimensions")
    outputs = weight.shape[axis]
    scales, least = weight.scales, np.finfo(np.float32).tiny
    if len(scales) not in (1, outputs) or len(scales) > 1 and weight.axis != axis or weight.zeros.any():
        raise Refused(f"{op}: its weights have {len(scales)} scales along dimension {weight.axis}, or a zero point")
    if not ((scales >= least) & (scales < np.inf)).all():
        raise Refused(f"{op}: its weights have a scale that is no normal number above 0")
    unit, step = quantization(op, x)[0].astype(float) * scales, float(quantization(op, y)[0])
    if bias is None and rank == 2:  # LiteRT takes no convolution without them
        return weight, None
    if bias is None or bias.data is None or bias.type != "INT32" or bias.shape != (outputs,) or bias.zeros.any():
        raise Refused(f"{op}: its biases are no constant of {outputs} INT32 without a zero point")
    if len(bias.scales) not in (1, len(scales)) or not (np.abs(bias.scales - unit) <= BIAS_WITHIN * step).all():
        raise Refused(f"{op}: its biases have other scales than the input's times the weights'")
    return weight, bias


# ---- Sizes -----------------------------------------------------------------------------------------------------------


def _size(op, image, kernel, stride, pad):
    """Of the output: rows, columns."""
    if op.options["Padding"] == "SAME":
        return tuple(-(-size // stride) for size in image)
    return tuple((size + pad[2 * i] + pad[2 * i + 1] - kernel) // stride + 1 for i, size in enumerate(image))


def _paddings(op, image, kernel, stride, pad):
    """Which of "same" and "symmetric" puts the same pixels into the same windows: what is above and left, and the size."""
    same = op.options["Padding"] == "SAME"
    if same and any(pad):
        raise Refused(f"{op}: it is padded twice")
    sizes = [-(-size // stride) for size in image]
    totals = [max((out - 1) * stride + kernel - size, 0) for out, size in zip(sizes, image)]
    ways = {
        "same": (totals[0] // 2, totals[1] // 2, *sizes),
        "symmetric": (kernel // 2,) * 2 + tuple((size + kernel // 2 * 2 - kernel) // stride + 1 for size in image),
    }
    is_so = ways["same"] if same else (pad[0], pad[2], *_size(op, image, kernel, stride, pad))
    fitting = frozenset(name for name, way in ways.items() if way == is_so)
    if not fitting or kernel % 2 == 0:
        raise Refused(f"{op}: it is {kernel}x{kernel}/{stride}, padded by {pad}: neither symmetric nor SAME")
    return fitting
