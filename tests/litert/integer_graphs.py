# SPDX-License-Identifier: MIT
"""Small graphs of int8: each name with its graph and how many operators of it the delegate takes."""

import itertools

from graphs import CHANNELS, HEIGHT, WIDTH
from models import CLAMPS, Graph, quantized, quantized_layer, schema, tflite


def int8():
    """(name, graph, operators taken): blocks of all activations, kernels, strides, types of scales."""
    for index, activation in enumerate(("none", "relu", "relu6", "silu", "hard_swish")):
        for variant in range(4):
            maker = quantized.Maker(index * 10 + variant, "int8", variant % 2 == 0, lowest=-128 if variant == 3 else -127)
            kernel, stride = (3, 5, 7)[(index + variant) % 3], 1 + variant // 2
            part = maker.block((HEIGHT, WIDTH, CHANNELS), 40 + index, CHANNELS, kernel, stride, activation, stride == 1)
            graph = tflite.block(part)
            taken = 3 + 2 * {"silu": 2, "hard_swish": 1}.get(activation, 0) + (stride == 1)
            yield f"int8 {activation} {kernel}x{kernel}/{stride} {variant}", graph, taken
    yield from _prelu_int8()
    for index, inner in enumerate(("relu", "silu")):
        for stride in (1, 2):
            maker = quantized.Maker(70 + 2 * index + stride, "int8", index == 0)
            part = maker.block((HEIGHT, WIDTH, CHANNELS), 40, CHANNELS, 5, stride, "relu6", stride == 1, excite=(10, inner))
            taken = 3 + 5 + 2 * (inner == "silu") + (stride == 1)
            yield f"int8, squeeze-excite, {inner}, stride {stride}", tflite.block(part), taken
    yield from _fused_int8()
    yield from _excite_int8()
    yield "int8, FULLY_CONNECTED as classifier", *_classifier_int8()
    for fused in CLAMPS:
        yield f"int8, a shortcut from elsewhere, {fused}", *_given_int8(fused)
    for late in False, True:
        yield f"int8, PAD of a shortcut's channels, {'late' if late else 'early'}", *_padded_shortcut_int8(late)
    yield "int8, LEAKY_RELU", *_leaky_int8()
    yield "int8, PAD before depthwise", *_padded_int8()


def _prelu_int8():
    """A table for each channel."""
    for index, (kernel, stride) in enumerate(((3, 1), (5, 2), (7, 1))):
        maker = quantized.Maker(90 + index, "int8", index % 2 == 0)
        part = maker.block((HEIGHT, WIDTH, CHANNELS), 40, CHANNELS, kernel, stride, "prelu", stride == 1)
        yield f"int8 prelu {kernel}x{kernel}/{stride}", tflite.block(part), 5 + (stride == 1)
    part = quantized.Maker(95, "int8").fused((HEIGHT, WIDTH, 3), 33, 30, 3, 2, "prelu")
    yield "int8, Fused-MBConv, prelu", tflite.block(part), 3


def _fused_int8():
    """Fused-MBConv, and dense convolutions alone, of which one of 3 channels is a stem; 1x1 of stride 2."""
    for index, (kernel, stride, activation) in enumerate(itertools.product((2, 3, 5, 7), (1, 2), ("relu6", "silu", "hard_swish"))):
        maker = quantized.Maker(100 + index, "int8", index % 2 == 0, lowest=-128 if index % 3 == 0 else -127)
        part = maker.fused((HEIGHT, WIDTH, CHANNELS), 40, CHANNELS, kernel, stride, activation, stride == 1)
        taken = 2 + {"silu": 2, "hard_swish": 1}.get(activation, 0) + (stride == 1)
        yield f"int8, Fused-MBConv, {activation} {kernel}x{kernel}/{stride}", tflite.block(part), taken
    for channels, kernel, stride in (3, 3, 2), (1, 7, 2), (3, 2, 1), (CHANNELS, 1, 2):
        maker, graph = quantized.Maker(130 + kernel, "int8"), tflite.Graph()
        image = maker.quantization(0.03)
        x = graph.input([2, HEIGHT, WIDTH, channels], "int8", image)
        layer = maker.layer(False, channels, 33, image, kernel, stride, "relu6")
        graph.outputs.append(quantized_layer(graph, x, layer))
        yield f"int8, {kernel}x{kernel}/{stride} of {channels} channels", graph, 1


def _excite_int8():
    """Squeeze-excite by FULLY_CONNECTED; by AVERAGE_POOL_2D, which has MEAN's bytes if the number of pixels is odd."""
    for name, pool, connected, height, width in (
        ("FULLY_CONNECTED", False, True, HEIGHT, WIDTH),
        ("AVERAGE_POOL_2D of 7x7", True, False, 7, 7),
        ("AVERAGE_POOL_2D of 15x9 and FULLY_CONNECTED", True, True, 15, 9),
        ("AVERAGE_POOL_2D of 8x7", True, False, 8, 7),
        ("AVERAGE_POOL_2D of 91x91", True, False, 91, 91),
        ("hard sigmoid", False, False, HEIGHT, WIDTH),
        ("AVERAGE_POOL_2D, hard sigmoid", True, False, 7, 7),
        ("FULLY_CONNECTED, hard sigmoid", False, True, 8, 9),
    ):
        maker, graph = quantized.Maker(200 + height, "int8"), Graph()
        image = maker.quantization(0.03)
        x = graph.input([1, height, width, CHANNELS], "int8", image)
        first = maker.layer(True, CHANNELS, CHANNELS, image, 3, 1, "relu6")
        excite = maker.excite(CHANNELS, first.out, 10, "relu6")
        if pool:
            excite = maker.excite_of(CHANNELS, first.out, first.out, 10, "relu6")
        y = quantized_layer(graph, x, first)
        z = graph.whole_pool(y, first.out) if pool else graph.mean(y, quantization=excite.mean)
        if connected:
            z = graph.fully_connected(graph.fully_connected(z, excite.reduce), excite.expand)
        else:
            z = graph.convolution(graph.convolution(z, excite.reduce), excite.expand)
        hard = "hard sigmoid" in name
        gate = graph.integer_hard_sigmoid(z, connected) if hard else graph.unary("LOGISTIC", z, excite.expand.function_y)
        if connected:
            gate = graph.reshape(gate, 1, 1, 1, CHANNELS, quantization=graph.quantization(gate))
        y = graph.binary("MUL", y, gate, excite.y, excite.clamp)
        graph.outputs.append(quantized_layer(graph, y, maker.layer(False, CHANNELS, 30, excite.y, 1, 1, "none")))
        left = pool and (height * width % 2 == 0 or height * width > 8192)
        yield f"int8, squeeze-excite by {name}", graph, 4 if left else 7 + connected + hard


def _classifier_int8():
    maker, graph = quantized.Maker(6, "int8"), tflite.Graph()
    image = maker.quantization(0.03)
    x = graph.input([3, 1, 1, CHANNELS], "int8", image)
    first = maker.layer(False, CHANNELS, 64, image, 1, 1, "relu6")
    graph.outputs.append(graph.fully_connected(graph.fully_connected(x, first), maker.layer(False, 64, 10, first.out, 1, 1, "none")))
    return graph, 2


def _given_int8(fused):
    maker, graph = quantized.Maker(5, "int8"), tflite.Graph()
    image, other = maker.quantization(0.03), maker.quantization(0.05)
    x = graph.input([1, HEIGHT, WIDTH, CHANNELS], "int8", image)
    z = graph.input([1, HEIGHT, WIDTH, 30], "int8", other)
    layers = [maker.layer(True, CHANNELS, CHANNELS, image, 3, 1, "relu6")]
    layers.append(maker.layer(False, CHANNELS, 30, layers[-1].out, 1, 1, "none"))
    y = x
    for layer in layers:
        y = quantized_layer(graph, y, layer)
    graph.outputs.append(graph.binary("ADD", z, y, maker.quantization(0.08, -20)))
    graph._operators[-1].builtinOptions.fusedActivationFunction = CLAMPS[fused]  # pylint: disable=protected-access
    return graph, 3


def _padded_shortcut_int8(late):
    """As in BlazeFace. `late`: PAD comes behind the convolutions."""
    maker, graph = quantized.Maker(4, "int8"), Graph()
    image = maker.quantization(0.03)
    x = graph.input([1, HEIGHT, WIDTH, CHANNELS], "int8", image)
    layer = maker.layer(True, CHANNELS, CHANNELS, image, 3, 1, "none")
    last = maker.layer(False, CHANNELS, 40, layer.out, 1, 1, "none")
    pad = lambda: graph.pad(x, 0, 0, 0, 0, channels=40 - CHANNELS, quantization=image)  # noqa: E731
    shortcut = None if late else pad()
    y = quantized_layer(graph, quantized_layer(graph, x, layer), last)
    shortcut = pad() if late else shortcut
    graph.outputs.append(graph.binary("ADD", shortcut, y, maker.quantization(0.08, -20), "relu"))
    return graph, 4


def _leaky_int8():
    maker, graph = quantized.Maker(8, "int8"), tflite.Graph()
    image, leaky = maker.quantization(0.03), maker.quantization(0.04, 3)
    x = graph.input([1, HEIGHT, WIDTH, CHANNELS], "int8", image)
    layer = maker.layer(False, CHANNELS, 30, image, 1, 1, "none")
    y = graph.unary("LEAKY_RELU", quantized_layer(graph, x, layer), leaky, alpha=0.25)
    graph.outputs.append(quantized_layer(graph, y, maker.layer(True, 30, 30, leaky, 5, 2, "relu")))
    return graph, 3


def _padded_int8():
    """SAME of 3x3 on a padded image is what the test's writer has: then VALID is put in its place."""
    maker, graph = quantized.Maker(9, "int8"), Graph()
    image = maker.quantization(0.03)
    x = graph.input([1, HEIGHT, WIDTH, CHANNELS], "int8", image)
    padded = graph.pad(x, 0, 0, 1, 1, quantization=image)
    y = graph.convolution(padded, maker.layer(True, CHANNELS, CHANNELS, image, 3, 2, "relu6"))
    graph._operators[-1].builtinOptions.padding = schema.Padding.VALID  # pylint: disable=protected-access
    graph._tensors[y].shape = [1, (HEIGHT + 1 - 2) // 2, (WIDTH + 1 - 1) // 2, CHANNELS]  # pylint: disable=protected-access
    graph.outputs.append(y)
    return graph, 2
