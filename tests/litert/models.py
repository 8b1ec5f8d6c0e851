# SPDX-License-Identifier: MIT
"""Models of the mobile families as .tflite files, with random weights: in f32, and in int8 by ../hosts/quantized.py."""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hosts"))
import quantized  # noqa: E402
import tflite  # noqa: E402
from integers import logistic_quantization  # noqa: E402
from tflite import CLAMPS, schema  # noqa: E402

tflite.TYPES["float16"] = schema.TensorType.FLOAT16
# Kernel, stride, expansion, channels out, repeats
MOBILENET_V3 = (3, 1, 1, 16, 1), (3, 2, 4, 24, 2), (5, 2, 4, 40, 3), (3, 2, 6, 80, 4), (5, 2, 6, 160, 3)  # of its kind
MOBILENET_V2 = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (3, 2, 6, 32, 3), (3, 2, 6, 64, 4), (3, 1, 6, 96, 3), (3, 2, 6, 160, 3), (3, 1, 6, 320, 1),
)  # fmt: skip
EFFICIENTNET_B0 = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip


class Graph(tflite.Graph):
    """Operators of f32 besides those of its parent."""

    def __init__(self, seed=1):
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.multiply_adds = 0  # of convolutions
        self.half = False

    def weights(self, values):
        """A constant; in f16 behind DEQUANTIZE if self.half."""
        if not self.half:
            return self._constant(values, None, 0)
        half = self._constant(values.astype(np.float16), None, 0)
        return self._operator("DEQUANTIZE", 3, [half], values.shape, None, "float32", self._options("DequantizeOptions", {}))

    def floats(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def conv(self, x, out, kernel=1, stride=1, fused="none", padding="SAME", depthwise=False, bias=True, **fields):
        """A convolution with weights that keep the size of what goes through. `fields`: others of the options."""
        batch, height, width, channels = self.shape(x)
        taps = kernel * kernel * (1 if depthwise else channels)
        shape = (1, kernel, kernel, out) if depthwise else (out, kernel, kernel, channels)
        dilation = fields.get("dilationHFactor", 1)
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        options.padding = getattr(schema.Padding, padding)
        options.fusedActivationFunction = CLAMPS.get(fused, fused)
        for name, value in fields.items():
            setattr(options, name, value)
        inputs = [x, self.weights(self.floats(*shape, scale=(2 / taps) ** 0.5))]
        if bias:
            inputs.append(self.weights(self.floats(out, scale=0.1)))
        span = 0 if padding == "SAME" else (kernel - 1) * dilation
        shape = [batch, -(-(height - span) // stride), -(-(width - span) // stride), out]
        self.multiply_adds += shape[1] * shape[2] * out * taps
        name, kind = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
        return self._operator(name, 2, inputs, shape, None, "float32", (kind, options))

    def depthwise(self, x, kernel=3, stride=1, fused="none", padding="SAME", **fields):
        return self.conv(x, self.shape(x)[3], kernel, stride, fused, padding, depthwise=True, **fields)

    def add(self, a, b, fused="none"):
        return self._arithmetic("ADD", a, b, fused)

    def mul(self, a, b, fused="none"):
        return self._arithmetic("MUL", a, b, fused)

    def _arithmetic(self, name, a, b, fused):
        options = self._options(f"{name.capitalize()}Options", {"fusedActivationFunction": CLAMPS[fused]})
        return self._operator(name, 1, [a, b], self.shape(a), None, self._dtype(a), options)

    def one(self, name, x):
        """RELU, RELU6, LOGISTIC, HARD_SWISH."""
        kind = "HardSwishOptions" if name == "HARD_SWISH" else None
        return self._operator(name, 1, [x], self.shape(x), None, "float32", self._options(kind, {}))

    def silu(self, x):
        return self.mul(x, self.one("LOGISTIC", x))

    def prelu(self, x):
        slope = self.weights(np.abs(self.floats(1, 1, self.shape(x)[3], scale=0.3)))
        return self._operator("PRELU", 1, [x, slope], self.shape(x), None, "float32", None)

    def leaky_relu(self, x, alpha=0.2):
        return self._operator("LEAKY_RELU", 1, [x], self.shape(x), None, "float32", self._options("LeakyReluOptions", {"alpha": alpha}))

    def pad(self, x, top, left, bottom, right, channels=0, quantization=None):
        table = np.array([[0, 0], [top, bottom], [left, right], [0, channels]], np.int32)
        batch, height, width, depth = self.shape(x)
        shape = [batch, height + top + bottom, width + left + right, depth + channels]
        inputs = [x, self._constant(table, None, 0)]
        return self._operator("PAD", 1, inputs, shape, quantization, self._dtype(x), self._options("PadOptions", {}))

    def mean(self, x, quantization=None, keep=True):
        axes = self._constant(np.array([1, 2], np.int32), None, 0)
        options = self._options("ReducerOptions", {"keepDims": keep})
        batch, _, _, channels = self.shape(x)
        shape = [batch, 1, 1, channels] if keep else [batch, channels]
        return self._operator("MEAN", 2, [x, axes], shape, quantization, self._dtype(x), options)

    def whole_pool(self, x, quantization=None):
        """AVERAGE_POOL_2D over all of the image that the model names."""
        batch, height, width, channels = self.shape(x)
        window = {"filterHeight": height, "filterWidth": width, "strideH": 1, "strideW": 1, "padding": schema.Padding.VALID}
        shape, options = [batch, 1, 1, channels], self._options("Pool2DOptions", window)
        return self._operator("AVERAGE_POOL_2D", 2, [x], shape, quantization, self._dtype(x), options)

    def largest(self, x):
        """MAX_POOL_2D of 2x2, stride 2."""
        batch, height, width, channels = self.shape(x)
        window = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, "padding": schema.Padding.SAME}
        shape, options = [batch, -(-height // 2), -(-width // 2), channels], self._options("Pool2DOptions", window)
        return self._operator("MAX_POOL_2D", 1, [x], shape, None, "float32", options)

    def connected(self, x, out, fused="none"):
        """FULLY_CONNECTED. What it writes has two dimensions."""
        batch, channels = self.shape(x)[0], self.shape(x)[-1]
        inputs = [x, self.weights(self.floats(out, channels, scale=(2 / channels) ** 0.5)), self.weights(self.floats(out, scale=0.1))]
        self.multiply_adds += out * channels
        options = self._options("FullyConnectedOptions", {"fusedActivationFunction": CLAMPS[fused]})
        return self._operator("FULLY_CONNECTED", 1, inputs, [batch, out], None, "float32", options)

    def reshape(self, x, *shape, quantization=None):
        inputs = [x, self._constant(np.array(shape, np.int32), None, 0)]
        return self._operator("RESHAPE", 1, inputs, shape, quantization, self._dtype(x), self._options("ReshapeOptions", {"newShape": list(shape)}))

    def shape_of_batch(self, of, *numbers):
        """The batch of tensor `of` and then these numbers, as Keras writes a shape: by SHAPE, STRIDED_SLICE and PACK."""
        number = [self._constant(np.array(value, np.int32), None, 0) for value in numbers]
        one = [self._constant(np.array([value], np.int32), None, 0) for value in (0, 1, 1)]
        kind = self._options("ShapeOptions", {"outType": schema.TensorType.INT32})
        shape = self._operator("SHAPE", 1, [of], [len(self.shape(of))], None, "int32", kind)
        slices = self._options("StridedSliceOptions", {"shrinkAxisMask": 1})
        batch = self._operator("STRIDED_SLICE", 1, [shape, *one], [], None, "int32", slices)
        pack = self._options("PackOptions", {"valuesCount": 1 + len(numbers), "axis": 0})
        return self._operator("PACK", 1, [batch, *number], [1 + len(numbers)], None, "int32", pack)

    def reshape_to(self, x, shape, *numbers):
        """RESHAPE to the shape that a tensor has: the batch, and then these numbers."""
        sizes = [self.shape(x)[0], *numbers]
        return self._operator("RESHAPE", 1, [x, shape], sizes, None, "float32", self._options("ReshapeOptions", {}))

    def any_batch(self):
        """The model names no batch."""
        for tensor in self._tensors:
            if tensor.buffer == 0 and tensor.shape and len(tensor.shape) != 1:
                tensor.shapeSignature = [-1, *tensor.shape[1:]]

    def hard_sigmoid(self, x):
        """By ADD and MUL."""
        three, sixth = (self._constant(np.array(number, np.float32), None, 0) for number in (3, 1 / 6))
        return self.mul(self.add(x, three, "relu6"), sixth)

    def quantization(self, tensor):
        """Of a tensor of int8."""
        found = self._tensors[tensor].quantization
        return found.scale[0], found.zeroPoint[0]

    def integer_hard_sigmoid(self, x, turned=False, scale=1 / 256):
        """By ADD and MUL of int8, with constants as converters write them. `turned`: the constant comes first."""
        three, sixth = (self._constant(np.array(127, np.int8), (number / 255, -128), 0) for number in (3, 1 / 6))
        for name, other, quantization, clamp in ("ADD", three, (6 / 255, -128), "relu6"), ("MUL", sixth, (scale, -128), "none"):
            shape, (a, b) = self.shape(x), (other, x) if turned else (x, other)
            options = self._options(f"{name.capitalize()}Options", {"fusedActivationFunction": CLAMPS[clamp]})
            x = self._operator(name, 2, [a, b], shape, quantization, "int8", options)
        return x

    def activation(self, x, name):
        """What is no fused activation."""
        if name == "silu":
            return self.silu(x)
        if name in ("prelu", "leaky_relu"):
            return getattr(self, name)(x)
        return self.one(name.upper(), x) if name == "hard_swish" else x

    def squeeze_excite(self, x, width, inner="silu"):
        y = self.conv(self.mean(x), width, fused="relu" if inner == "relu" else "none")
        y = self.conv(self.activation(y, inner), self.shape(x)[3])
        return self.mul(x, self.one("LOGISTIC", y))

    def block(self, x, kernel, stride, expansion, out, activation="relu6", excite=False, shortcut=True):
        """MBConv."""
        channels, fused, y = self.shape(x)[3], activation if activation in CLAMPS else "none", x
        if expansion > 1:
            y = self.activation(self.conv(y, channels * expansion, fused=fused), activation)
        y = self.activation(self.depthwise(y, kernel, stride, fused), activation)
        if excite:
            y = self.squeeze_excite(y, max(1, channels // 4))
        y = self.conv(y, out)
        return self.add(x, y) if shortcut and stride == 1 and channels == out else y


def network(rows, size, activation="relu6", excite=False, width=1.0, batch=1):
    """A whole network in f32, to the mean of its last image."""
    graph = Graph()
    fused = activation if activation in CLAMPS else "none"
    x = graph.input([batch, size, size, 3], "float32")
    x = graph.activation(graph.conv(x, 32, 3, 2, fused), activation)
    for kernel, stride, expansion, out, repeats in rows:
        for repeat in range(repeats):
            out_channels = max(8, int(out * width) // 8 * 8)
            x = graph.block(x, kernel, stride if repeat == 0 else 1, expansion, out_channels, activation, excite)
    x = graph.activation(graph.conv(x, 1280, fused=fused), activation)
    graph.outputs.append(graph.mean(x))
    return graph


# pylint: disable-next=too-many-arguments,too-many-positional-arguments
def quantized_network(rows, size, activation="relu6", seed=1, width=1.0, excite=False, classes=0):
    """A network in int8, per channel, to its last image, or to the logits of so many classes. `excite`: False, True, "bare", where
    no product has a clamp, or "hard sigmoid", as in MobileNetV3."""
    hard = excite == "hard sigmoid"
    maker, graph = quantized.Maker(seed, "int8", whole_clamp=seed % 2 == 0), Graph() if classes or hard else tflite.Graph()
    graph.hard_gates = hard
    image = maker.quantization(2.0**-6)
    stem = maker.layer(False, 3, 32, image, 3, 2, activation)
    x, image = quantized_layer(graph, graph.input([1, size, size, 3], "int8", image), stem), stem.out
    for kernel, stride, expansion, out, repeats in rows:
        for repeat in range(repeats):
            out_channels = max(8, int(out * width) // 8 * 8)
            x, image = _quantized_block(graph, maker, x, image, (kernel, stride if repeat == 0 else 1, expansion, out_channels), activation, excite)
    layer = maker.layer(False, graph.shape(x)[3], 1280, image, 1, 1, activation)
    x = quantized_layer(graph, x, layer)
    graph.outputs.append(_quantized_end(graph, maker, x, layer.out, classes, seed % 2 == 0) if classes else x)
    return graph


def quantized_mobilenet_v1(size, seed, classes):
    """MobileNetV1 in int8 to its logits: each depthwise and each 1x1 has its activation."""
    maker, graph = quantized.Maker(seed, "int8", whole_clamp=seed % 2 == 0), Graph()
    image = maker.quantization(2.0**-6)
    x = graph.input([1, size, size, 3], "int8", image)
    layers = [maker.layer(False, 3, 32, image, 3, 2, "relu6")]
    for out, stride in zip((64, 128, 128, 256, 256, *[512] * 6, 1024, 1024), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)):
        channels = layers[-1].channels
        layers.append(maker.layer(True, channels, channels, layers[-1].out, 3, stride, "relu6"))
        layers.append(maker.layer(False, channels, out, layers[-1].out, 1, 1, "relu6"))
    for layer in layers:
        x = quantized_layer(graph, x, layer)
    graph.outputs.append(_quantized_end(graph, maker, x, layers[-1].out, classes, seed % 2 == 0))
    return graph


# pylint: disable-next=too-many-arguments,too-many-positional-arguments
def _quantized_end(graph, maker, x, image, classes, convolutions):
    """MEAN and FULLY_CONNECTED, or AVERAGE_POOL_2D, a 1x1 and RESHAPE."""
    means = image if convolutions else maker.quantization(image.scale * 0.7, image.zero + 3)
    layer = maker.layer(False, graph.shape(x)[3], classes, means, 1, 1, "none")
    if convolutions:
        return graph.reshape(graph.convolution(graph.whole_pool(x, means), layer), 1, classes, quantization=layer.out)
    return graph.fully_connected(graph.mean(x, means, keep=False), layer)


def _quantized_block(graph, maker, x, image, sizes, activation, excite):
    kernel, stride, expansion, out = sizes
    channels, y, y_image, layers = graph.shape(x)[3], x, image, []
    if expansion > 1:
        layers.append(maker.layer(False, channels, channels * expansion, y_image, 1, 1, activation))
        y_image = layers[-1].out
    layers.append(maker.layer(True, channels * expansion, channels * expansion, y_image, kernel, stride, activation))
    if excite:
        inner = "relu" if excite == "hard sigmoid" else activation
        layers.append(maker.excite(channels * expansion, layers[-1].out, max(1, channels // 4), inner))
        layers[-1].clamp = "none" if excite == "bare" else layers[-1].clamp
    layers.append(maker.layer(False, channels * expansion, out, layers[-1].out, 1, 1, "none"))
    for layer in layers:
        y = quantized_layer(graph, y, layer)
    if stride > 1 or channels != out:
        return y, layers[-1].y
    total = maker.quantization(max(image.scale, layers[-1].y.scale) * 1.5)
    return graph.binary("ADD", x, y, total), total


def quantized_layer(graph, x, layer):
    if isinstance(layer, quantized.Excite):
        y = quantized_layer(graph, graph.mean(x, layer.mean), layer.reduce)
        hard = getattr(graph, "hard_gates", False)
        gate = graph.integer_hard_sigmoid(graph.convolution(y, layer.expand)) if hard else quantized_layer(graph, y, layer.expand)
        return graph.binary("MUL", x, gate, layer.y, layer.clamp)
    y = graph.convolution(x, layer)
    if layer.function == "prelu":
        return graph.prelu(y, layer.slopes, layer.slopes_q, layer.function_y)
    if layer.function == "silu":
        return graph.binary("MUL", y, graph.unary("LOGISTIC", y, logistic_quantization("int8")), layer.function_y)
    return graph.unary(layer.function.upper(), y, layer.function_y) if layer.function else y
