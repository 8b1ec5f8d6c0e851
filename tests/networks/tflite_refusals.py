# SPDX-License-Identifier: MIT
"""Graphs that export_tflite.py must refuse: what its message must say, and what is changed in a graph that it takes."""

import numpy as np
from tflite_graphs import NONE, find
from tflite_graph import Operator, Tensor  # pylint: disable=wrong-import-order

DEPTHWISE, ONES = "DEPTHWISE_CONV_2D", np.ones(2, np.float32)


def option(name, index, **changed):
    return lambda graph: find(graph, name, index).options.update(changed)


def field(name, index, which, **changed):
    """Changes fields of input `which`, or of the output if that is None."""

    def change(graph):
        op = find(graph, name, index)
        vars(op.outputs[0] if which is None else op.inputs[which]).update(changed)

    return change


def scaled(name, index, which, factor):
    """Another scale of an input, or of the output if that is None."""

    def change(graph):
        op = find(graph, name, index)
        tensor = op.outputs[0] if which is None else op.inputs[which]
        tensor.scales = tensor.scales * np.float32(factor)

    return change


def both(*changes):
    return lambda graph: [change(graph) for change in changes]


def renamed(name, index, new):
    return lambda graph: setattr(find(graph, name, index), "name", new)


def read_by(name, of):
    """Another operator reads a tensor."""

    def change(graph):
        x = of(graph)
        graph.tensors.append(Tensor(len(graph.tensors), "more", x.type, x.shape, x.scales, x.zeros, 0, None))
        graph.operators.append(Operator(len(graph.operators), name, [x], [graph.tensors[-1]], dict(NONE)))

    return change


def without_addition(graph):
    add = find(graph, "ADD")
    graph.operators.remove(add)
    for op in graph.operators:
        op.inputs = [add.inputs[1] if x is add.outputs[0] else x for x in op.inputs]


def other_shortcut(graph):
    """A block adds what its depthwise reads."""
    block = [op for op in graph.operators if op.number < find(graph, "ADD").number]
    add, x = find(graph, "ADD"), block[-3].inputs[0]
    add.inputs[0] = Tensor(9999, "other", "INT8", add.inputs[0].shape, x.scales, x.zeros, 0, None)


def inner_addition(graph):
    """Inside of the first block the depthwise's output is added to its input."""
    conv, depthwise = find(graph, "CONV_2D"), find(graph, DEPTHWISE)
    x, y = conv.outputs[0], depthwise.outputs[0]
    total = Tensor(9999, "sum", "INT8", y.shape, y.scales, y.zeros, 0, None)
    for op in graph.operators:
        op.inputs = [total if one is y else one for one in op.inputs]
    graph.operators.append(Operator(9999, "ADD", [x, y], [total], dict(NONE)))


def larger_kernel(graph):
    weight = find(graph, DEPTHWISE).inputs[1]
    weight.data = np.zeros((1, 5, 5, weight.shape[3]), np.int8)
    weight.shape = weight.data.shape


def padded(*pixels):
    """PAD before the stem, and a VALID one."""

    def change(graph):
        conv, (top, bottom, left, right) = find(graph, "CONV_2D"), pixels
        x, table = conv.inputs[0], np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        margins = Tensor(9998, "pixels", "INT32", (4, 2), ONES[:0], ONES[:0], 0, table)
        shape = (1, x.shape[1] + top + bottom, x.shape[2] + left + right, 3)
        conv.inputs[0] = Tensor(9999, "padded", "INT8", shape, x.scales, x.zeros, 0, None)
        conv.options["Padding"] = "VALID"
        conv.outputs[0].shape = (1, (shape[1] - 3) // 2 + 1, (shape[2] - 3) // 2 + 1, conv.outputs[0].shape[3])
        graph.operators.append(Operator(9999, "PAD", [x, margins], [conv.inputs[0]]))

    return change


def repadded(**changed):
    return both(padded(0, 1, 0, 1), lambda graph: vars(find(graph, "CONV_2D").inputs[0]).update(changed))


def pooled(**changed):
    """The last mean by AVERAGE_POOL_2D."""

    def change(graph):
        op = find(graph, "MEAN", -1)
        x, y = op.inputs[0], op.outputs[0]
        op.name, op.inputs, y.scales, y.zeros = "AVERAGE_POOL_2D", [x], x.scales, x.zeros
        window = {"FilterHeight": x.shape[1], "FilterWidth": x.shape[2], "StrideH": 1, "StrideW": 1, "Padding": "VALID"}
        op.options = {**NONE, **window, **changed}

    return change


def behind_door(kind, shift):
    """QUANTIZE from another type, whose zero point is that of int8 and so many more."""

    def change(graph):
        x = graph.inputs[0]
        graph.inputs[0] = Tensor(9999, "door", kind, x.shape, x.scales, x.zeros + shift, 0, None)
        graph.operators.append(Operator(9999, "QUANTIZE", [graph.inputs[0]], [x]))

    return change


MOBILE = (
    ("operator 9999, QUANTIZE: it changes the scale", behind_door("UINT8", 127)),
    ("operator 9999, QUANTIZE: it reads INT16, no quantized image", behind_door("INT16", 0)),
    ("operator 0, CONV_2D: its activation is TANH", option("CONV_2D", 0, FusedActivationFunction="TANH")),
    ("operator 1, DEPTHWISE_CONV_2D: it is 3x3/1x2", option(DEPTHWISE, 0, StrideW=2)),
    ("operator 4, DEPTHWISE_CONV_2D: it is 3x3/3x3", option(DEPTHWISE, 1, StrideH=3, StrideW=3)),
    ("operator 2, CONV_2D: it is 1x1/2x2", option("CONV_2D", 1, StrideH=2, StrideW=2)),
    ("operator 1, DEPTHWISE_CONV_2D: it is dilated", option(DEPTHWISE, 0, DilationHFactor=2)),
    ("operator 1, DEPTHWISE_CONV_2D: its weights have the shape", option(DEPTHWISE, 0, DepthMultiplier=2)),
    ("operator 1, DEPTHWISE_CONV_2D: it is 3x3/1, padded by", both(option(DEPTHWISE, 0, Padding="VALID"), field(DEPTHWISE, 0, None, shape=(1, 46, 46, 16)))),
    ("operator 1, DEPTHWISE_CONV_2D: its output has the shape", field(DEPTHWISE, 0, None, shape=(1, 46, 46, 16))),
    ("operator 1, DEPTHWISE_CONV_2D: its weights are no constant", field(DEPTHWISE, 0, 1, type="INT4")),
    ("operator 1, DEPTHWISE_CONV_2D: its weights are no constant", field(DEPTHWISE, 0, 1, data=None)),
    ("operator 1, DEPTHWISE_CONV_2D: its weights have 16 scales along", field(DEPTHWISE, 0, 1, axis=0)),
    ("operator 0, CONV_2D: its weights have 16 scales", field("CONV_2D", 0, 1, zeros=np.array([3]))),
    ("operator 0, CONV_2D: its weights have 2 scales", field("CONV_2D", 0, 1, scales=ONES)),
    ("operator 0, CONV_2D: its weights have a scale that is no", field("CONV_2D", 0, 1, scales=ONES[:1] * np.nan)),
    ("operator 0, CONV_2D: its weights have a scale that is no", scaled("CONV_2D", 0, 1, -1)),
    ("operator 0, CONV_2D: its biases are no constant", field("CONV_2D", 0, 2, type="INT64")),
    ("operator 0, CONV_2D: its biases are no constant", lambda graph: graph.operators[0].inputs.pop()),
    ("operator 0, CONV_2D: its biases are no constant", field("CONV_2D", 0, 2, shape=(15,))),
    ("operator 0, CONV_2D: its biases are no constant", field("CONV_2D", 0, 2, zeros=np.array([1]))),
    ("operator 0, CONV_2D: its biases have other scales", scaled("CONV_2D", 0, 2, 100)),
    (" is of INT16, not of INT8", field("CONV_2D", 0, None, type="INT16")),
    (" has 2 scales and 1 zero points", field("CONV_2D", 0, None, scales=ONES)),
    ("has the scale 0.0", scaled("CONV_2D", 0, None, 0)),
    ("has the scale inf", scaled("CONV_2D", 0, None, np.inf)),
    ("and the zero point 128", field("CONV_2D", 0, None, zeros=np.array([128]))),
    ("ADD: it has an activation of its own", option("ADD", 0, FusedActivationFunction="RELU")),
    ("ADD: it has an activation of its own", field("ADD", 0, None, shape=(1, 24, 24, 7))),
    ("does not add the block's input, unlike this network", without_addition),
    ("does not add the block's input, unlike this network", other_shortcut),
    ("features.1.conv.0.0 adds the block's input, unlike this network", inner_addition),
    ("no quantized image", field("CONV_2D", 0, 0, type="FLOAT32")),
    ("only one square image", field("CONV_2D", 0, 0, shape=(1, 96, 97, 3))),
    ("only one square image", field("CONV_2D", 0, 0, shape=(2, 96, 96, 3))),
    ("operator 0, MAX_POOL_2D: no network known here has it there", renamed("CONV_2D", 0, "MAX_POOL_2D")),
    ("CUSTOM: no network known here has it there", renamed("FULLY_CONNECTED", 0, "CUSTOM")),
    ("MEAN: it is not that of rows and columns", field("MEAN", 0, 1, data=np.array([1, 3]))),
    ("it reads what operator", read_by("CONV_2D", lambda graph: graph.operators[1].outputs[0])),
    ("TRANSPOSE: it reads the output", read_by("TRANSPOSE", lambda graph: graph.outputs[0])),
    ("is where the network ends, without a classifier", lambda graph: graph.outputs.__setitem__(0, graph.operators[5].outputs[0])),
    ("1 inputs and 2 outputs", lambda graph: graph.outputs.append(graph.outputs[0])),
    ("ABS: it is not on the way", read_by("ABS", lambda graph: graph.operators[0].inputs[1])),
    ("FULLY_CONNECTED: its weights have the shape", option("FULLY_CONNECTED", 0, WeightsFormat=1)),
    ("DEPTHWISE_CONV_2D: no network known here has depthwise 5x5/1 1-16 there; the nearest", larger_kernel),
    ("behind features.2.conv.2 there is an activation, relu", option("CONV_2D", 3, FusedActivationFunction="RELU")),
    ("features.2.conv.1.0 has the activation relu6, others of its block relu", option("CONV_2D", 2, FusedActivationFunction="RELU")),
    ("operator 0, CONV_2D: it is 3x3/2, padded by (1, 0, 0, 1)", padded(1, 0, 0, 1)),
    ("operator 0, CONV_2D: it is padded twice", both(padded(0, 1, 0, 1), option("CONV_2D", 0, Padding="SAME"), field("CONV_2D", 0, None, shape=(1, 48, 48, 16)))),
    ("its padding is same, that of the layers before symmetric", padded(1, 1, 1, 1)),
    ("PAD: it pads otherwise", padded(1, -1, 1, 1)),
    ("PAD: it changes the scale", repadded(zeros=np.array([7]))),
    ("PAD: its output has the shape", repadded(shape=(1, 99, 97, 3))),
    ("AVERAGE_POOL_2D: its window of (2, 3) is not the whole image", pooled(FilterHeight=2)),
    ("AVERAGE_POOL_2D: its window of (3, 3) is not the whole image", pooled(Padding="SAME", StrideH=3)),
    ("AVERAGE_POOL_2D: it has an activation of its own", pooled(FusedActivationFunction="RELU")),
    ("AVERAGE_POOL_2D: it has an activation of its own, or changes", both(pooled(), scaled("AVERAGE_POOL_2D", 0, None, 2))),
)

EXCITE = (
    ("MUL: it has an activation of its own, RELU", option("MUL", 2, FusedActivationFunction="RELU")),
    ("MUL: its output has another shape", field("MUL", 0, None, shape=(1, 48, 48, 31))),
    ("LOGISTIC: its output has not the scale 1/256", scaled("LOGISTIC", 0, None, 2)),
    ("LOGISTIC: its output has not the scale 1/256", scaled("LOGISTIC", 3, None, 2)),
    ("CONV_2D: it has two activations", option("CONV_2D", 0, FusedActivationFunction="RELU6")),
    ("it reads what operator", renamed("LOGISTIC", 0, "TANH")),
    ("MEAN: its output has the shape", field("MEAN", 0, None, shape=(1, 32, 1, 2))),
    ("MUL: it reads what operator 6, SUM reads", renamed("MEAN", 0, "SUM")),
    ("reads another tensor than it should", lambda graph: find(graph, "MUL", 3).inputs.__setitem__(1, graph.operators[0].outputs[0])),
)

HARD = (
    ("ADD: its activation is NONE, not RELU6", option("ADD", 0, FusedActivationFunction="NONE")),
    ("MUL: its activation is RELU, not NONE", option("MUL", 0, FusedActivationFunction="RELU")),
    ("ADD: as a gate, LOGISTIC is known here", field("ADD", 0, 1, data=np.zeros(2, np.int8))),
    ("ADD: as a gate, LOGISTIC is known here", field("ADD", 0, 1, data=None)),
    ("SUB: as a gate, LOGISTIC is known here", renamed("MUL", 0, "SUB")),
    ("ADD: its output has another shape", field("ADD", 0, None, shape=(1, 1, 1, 15))),
    ("has the scale 0.0", scaled("MUL", 0, 1, 0)),
    (" is of INT16, not of INT8", field("MUL", 0, 1, type="INT16")),
    ("activations in squeeze-excite differ", option("CONV_2D", 1, FusedActivationFunction="RELU6")),
)
