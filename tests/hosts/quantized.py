# SPDX-License-Identifier: MIT
"""Blocks of int8 or uint8, at random: what the tests write as .tflite and .onnx, compute in NumPy, give to the library."""

import math
from dataclasses import dataclass

import numpy as np

f32 = np.float32
RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


@dataclass(frozen=True)
class Quantization:
    """real = scale * (byte - zero)"""

    scale: np.float32
    zero: int

    def __iter__(self):
        return iter((self.scale, self.zero))


@dataclass
class HardSigmoid:
    """A gate by ADD of a constant, with RELU6, and MUL by a constant."""

    three: Quantization  # of ADD's constant
    shifted: Quantization  # of what it gives
    sixth: Quantization  # of MUL's constant
    constants: tuple  # the two bytes


@dataclass
class Layer:
    """A 1x1 (weight [out][in]), depthwise ([k][k][channels]) or dense ([out][k][k][in]) convolution, SAME padding."""

    depthwise: bool
    weight: np.ndarray  # int8
    weight_scales: np.ndarray  # float32, one or one per output channel
    bias: np.ndarray  # int32
    x: Quantization
    y: Quantization
    dtype: str
    stride: int = 1
    clamp: str = "none"
    # A function of one byte behind it, "silu", "hard_swish", "logistic", "hard_sigmoid", "prelu", and the quantization that it writes; or None
    function: str | None = None
    function_y: Quantization | None = None
    slopes: np.ndarray | None = None  # of prelu, one of each channel, and what they stand for
    slopes_q: Quantization | None = None
    gate: HardSigmoid | None = None  # of hard_sigmoid

    @property
    def channels(self):
        return self.weight.shape[-1 if self.depthwise else 0]

    @property
    def kernel(self):
        return self.weight.shape[1] if self.dense or self.depthwise else 1

    @property
    def by_taps(self):
        """The weights of a 1x1 or dense one as [out][in][k][k]."""
        return self.weight.transpose(0, 3, 1, 2) if self.dense else self.weight[:, :, None, None]

    @property
    def dense(self):
        return self.weight.ndim == 4

    @property
    def out(self):
        """The quantization of what comes out at last."""
        return self.function_y or self.y


@dataclass
class Excite:
    """Squeeze-excite: the image times the gates that two layers make of its means."""

    mean: Quantization
    reduce: Layer
    expand: Layer
    x: Quantization
    y: Quantization
    clamp: str = "none"

    @property
    def dtype(self):
        return self.reduce.dtype

    @property
    def out(self):
        return self.y


@dataclass(repr=False)
class Block:
    """[expand] depthwise [squeeze-excite] project, or one layer alone."""

    height: int
    width: int
    layers: list
    residual: Quantization | None = None  # of the sum of the last layer's result and the input

    @property
    def dtype(self):
        return self.layers[0].dtype

    @property
    def channels(self):
        layer = self.layers[0]
        return layer.weight.shape[-1]

    def __repr__(self):
        """What a message needs to find it again."""
        kinds = [
            f"squeeze-excite of {layer.reduce.channels}"
            if isinstance(layer, Excite)
            else f"{layer.kernel}x{layer.kernel}/{layer.stride} to {layer.channels}"
            for layer in self.layers
        ]
        added = ", residual" if self.residual else ""
        return f"{self.height}x{self.width}x{self.channels}: {', '.join(kinds)}{added}"


class Maker:
    """Blocks with bytes that spread over their range, seldom at its ends but where a clamp is meant."""

    def __init__(self, seed, dtype, per_channel=True, lowest=-127, spread=45, whole_clamp=False):
        """spread: of the sums, in units of the output. whole_clamp: 0 and 6 of ReLU6 are the ends of the type's range."""
        self._random = np.random.default_rng(seed)
        self.dtype, self._per_channel, self._lowest, self._spread = dtype, per_channel, lowest, spread
        self._whole_clamp = whole_clamp

    # pylint: disable-next=too-many-arguments
    def block(self, shape, expanded, out, kernel=3, stride=1, activation="relu6", residual=False, expand=True, excite=None):
        """shape: height, width, channels. activation: none, relu, relu6, silu, hard_swish, prelu. excite: None, or the width of
        squeeze-excite and its inner activation."""
        height, width, channels = shape
        x = self.quantization(2.0 ** self._random.uniform(-7, -4))
        layers = [self.layer(False, channels, expanded, x, 1, 1, activation)] if expand else []
        depth_x = layers[-1].out if layers else x
        layers.append(self.layer(True, expanded, expanded, depth_x, kernel, stride, activation))
        if excite:
            layers.append(self.excite(expanded, layers[-1].out, *excite))
        layers.append(self.layer(False, expanded, out, layers[-1].out, 1, 1, "none"))
        total = self.quantization(max(x.scale, layers[-1].y.scale) * 2.0 ** self._random.uniform(0, 1)) if residual else None
        return Block(height, width, layers, total)

    def single(self, shape, out, depthwise, kernel=3, stride=1, activation="relu6"):
        """A 1x1 or a depthwise, which alone has a kernel."""
        height, width, channels = shape
        x = self.quantization(2.0 ** self._random.uniform(-7, -4))
        return Block(height, width, [self.layer(depthwise, channels, out, x, kernel if depthwise else 1, stride, activation)])

    def fused(self, shape, expanded, out, kernel=3, stride=1, activation="relu6", residual=False):
        """Fused-MBConv: dense, and 1x1; out 0: the former alone."""
        height, width, channels = shape
        x = self.quantization(2.0 ** self._random.uniform(-7, -4))
        layers = [self.layer(False, channels, expanded, x, kernel, stride, activation)]
        if out:
            layers.append(self.layer(False, expanded, out, layers[-1].out, 1, 1, "none"))
        total = self.quantization(max(x.scale, layers[-1].out.scale) * 2.0 ** self._random.uniform(0, 1)) if residual else None
        return Block(height, width, layers, total)

    def excite(self, channels, x, width, inner):
        """Means are nearer to each other than pixels are."""
        mean = self.quantization(x.scale * 2.0 ** self._random.uniform(-3, 0), x.zero + int(self._random.integers(-20, 20)))
        return self.excite_of(channels, x, mean, width, inner)

    def excite_of(self, channels, x, mean, width, inner):
        """Of means of that quantization."""
        reduce = self.layer(False, channels, width, mean, 1, 1, inner)
        expand = self.layer(False, width, channels, reduce.out, 1, 1, "logistic")
        y = self.quantization(x.scale * 2.0 ** self._random.uniform(-1.5, 0), x.zero)
        return Excite(mean, reduce, expand, x, y, ("none", "relu", "relu6")[int(self._random.integers(3))])

    def quantization(self, scale, zero=None):
        lo, hi = RANGES[self.dtype]
        return Quantization(f32(scale), int(self._random.integers(lo, hi + 1) if zero is None else min(max(zero, lo), hi)))

    def image(self, block):
        lo, hi = RANGES[self.dtype]
        shape = (1, block.height, block.width, block.channels)
        return self._random.integers(lo, hi + 1, shape).astype(self.dtype)

    def layer(self, depthwise, channels, out, x, kernel, stride, activation):
        random, lo = self._random, RANGES[self.dtype][0]
        shape = (kernel, kernel, out) if depthwise else (out, channels) if kernel == 1 else (out, kernel, kernel, channels)
        weight = random.integers(self._lowest, 128, shape).astype(np.int8)
        if activation in ("silu", "hard_swish", "logistic", "prelu"):
            y = self.quantization(2.0 ** random.uniform(-6, -4), lo + 128 + int(random.integers(-30, 30)))
        elif activation == "none":
            y = self.quantization(2.0 ** random.uniform(-7, -4))
        elif self._whole_clamp:
            y = self.quantization(6 / 255, lo)
        else:  # the six is within the range or beyond it
            y = self.quantization(6 / 255 * 2.0 ** random.uniform(-0.5, 1), lo + int(random.integers(0, 30)))
        terms = kernel * kernel * (1 if depthwise else channels)
        deviation = math.sqrt(terms) * 73 * 74  # of a sum of products of random bytes
        count = out if self._per_channel else 1
        scales = y.scale * self._spread / (x.scale * deviation) * 2.0 ** random.uniform(-1, 1, count)
        bias = random.normal(0, deviation * 0.5, out).astype(np.int32)
        layer = Layer(depthwise, weight, scales.astype(f32), bias, x, y, self.dtype, stride)
        if activation in ("relu", "relu6"):
            layer.clamp = activation
        if activation == "logistic":
            layer.function, layer.function_y = activation, Quantization(f32(1 / 256), lo)
        if activation == "prelu":
            layer.function, layer.function_y = activation, self.quantization(y.scale * 2.0 ** random.uniform(-1, 0))
            layer.slopes = random.integers(lo, lo + 256, out).astype(self.dtype)
            layer.slopes_q = self.quantization(2.0 ** random.uniform(-9, -7))
        if activation in ("silu", "hard_swish"):
            top = float(y.scale) * (lo + 255 - y.zero)
            scale = max((top + 0.4) / 255, float(y.scale) / 100)
            layer.function = activation
            layer.function_y = self.quantization(scale, lo + round(0.35 / scale))
        return layer
