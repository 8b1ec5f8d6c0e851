# SPDX-License-Identifier: MIT
"""The block as an ONNX model, for ONNX Runtime and OpenVINO: NCHW, as exporters write it."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def block_model(case, between_convolutions=False, one_pixel=False):
    """between_convolutions: with a 1x1 convolution before and after it. one_pixel: only that much of y is returned."""
    block = case.block
    graph = _Graph(silu=block.silu)
    x = graph.identity_conv("x", block.channels) if between_convolutions else "x"
    h = x
    if block.has_expand:
        h = graph.activate(graph.conv(case.expand.weight, case.expand.bias, h))
    pads, strides = [block.pad] * 4, [block.stride] * 2
    depthwise = case.depthwise
    h = graph.activate(
        graph.conv(depthwise.weight, depthwise.bias, h, group=block.expanded, pads=pads, strides=strides)
    )
    if block.se_width:
        inner = graph.silu(graph.conv(case.reduce.weight, case.reduce.bias, graph.add("GlobalAveragePool", h)))
        gate = graph.add("Sigmoid", graph.conv(case.gate.weight, case.gate.bias, inner))
        h = graph.add("Mul", h, gate)
    y = graph.conv(case.project.weight, case.project.bias, h)
    if block.residual:
        y = graph.add("Add", y, x)
    if between_convolutions:
        y = graph.identity_conv(y, block.out)
    if one_pixel:
        y = graph.first_pixel(y)
    return graph.model([1, block.channels, block.height, block.width], y)


def empty_model():
    """Does next to nothing: to measure what a call costs."""
    graph = _Graph(silu=False)
    return graph.model([1, 1, 1, 1], graph.add("Relu", "x"))


class _Graph:
    def __init__(self, silu):
        self._nodes, self._constants = [], []
        self.activate = self.silu if silu else self.relu6

    def add(self, operator, *inputs, **attributes):
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(values, dtype, order="C"), name))
        return name

    def conv(self, weight, bias, x, **attributes):
        kernel = list(weight.shape[2:])
        return self.add("Conv", x, self.constant(weight), self.constant(bias), kernel_shape=kernel, **attributes)

    def identity_conv(self, x, channels):
        return self.conv(np.eye(channels).reshape(channels, channels, 1, 1), np.zeros(channels), x)

    def relu6(self, x):
        return self.add("Clip", x, self.constant(0), self.constant(6))

    def silu(self, x):
        return self.add("Mul", x, self.add("Sigmoid", x))

    def first_pixel(self, x):
        starts, ends, axes = (self.constant(values, np.int64) for values in ([0, 0], [1, 1], [2, 3]))
        return self.add("Slice", x, starts, ends, axes)

    def model(self, x_shape, y):
        graph = helper.make_graph(
            self._nodes,
            "block",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x_shape)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
