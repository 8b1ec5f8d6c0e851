# SPDX-License-Identifier: MIT
"""A block or a network as an ONNX model, for ONNX Runtime and OpenVINO: NCHW, as exporters write it."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from blocks import Conv

OPSET = 17


def block_model(case, between_convolutions=False, one_pixel=False):
    """between_convolutions: with a 1x1 convolution before and after it. one_pixel: only that much of y is returned."""
    block, graph = case.block, _Graph()
    x = graph.identity_conv("x", block.channels) if between_convolutions else "x"
    y = graph.block(case, x)
    if between_convolutions:
        y = graph.identity_conv(y, block.out)
    if one_pixel:
        y = graph.first_pixel(y)
    return graph.model([1, block.channels, block.height, block.width], y)


def network_model(network):
    graph = _Graph()
    h = graph.conv(network.stem, "x")
    for block in network.blocks:
        h = graph.block(block, h)
    h = graph.add("GlobalAveragePool", graph.conv(network.head, h))
    h = graph.add("Flatten", graph.conv(network.features, h) if network.features else h)
    return graph.model([1, 3, network.height, network.width], graph.linear(network.classifier, h))


def empty_model():
    """Does next to nothing: to measure what a call costs."""
    graph = _Graph()
    return graph.model([1, 1, 1, 1], graph.add("Relu", "x"))


class _Graph:
    def __init__(self):
        self._nodes, self._constants = [], []

    def add(self, operator, *inputs, **attributes):
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(values, dtype, order="C"), name))
        return name

    def block(self, part, x):
        """`part`: a blocks.Case or a network.Block."""
        stages = getattr(part, "stages", ())
        if stages:
            return self.stages(part, stages, x)
        h = self.conv(part.expand, x) if part.expand else x
        h = self.conv(part.depthwise, h)
        if part.gate:
            gate = self.conv(part.gate, self.conv(part.reduce, self.add("GlobalAveragePool", h)))
            h = self.add("Mul", h, gate)
        y = self.conv(part.project, h)
        return self.add("Add", y, x) if part.residual else y

    def stages(self, part, stages, x):
        y = x
        for conv in stages:
            y = self.conv(conv, y)
        return self.add("Add", y, x) if part.residual else y

    def conv(self, conv, x):
        attributes = {"kernel_shape": [conv.kernel] * 2}
        if conv.kernel > 1:
            attributes.update(group=conv.groups, pads=[conv.pad] * 4, strides=[conv.stride] * 2)
        y = self.add("Conv", x, self.constant(conv.weight), self.constant(conv.bias), **attributes)
        return self._activate(conv.activation, y)

    def linear(self, conv, x):
        weight = conv.weight.reshape(conv.out, -1)
        return self.add("Gemm", x, self.constant(weight), self.constant(conv.bias), transB=1)

    def identity_conv(self, x, channels):
        return self.conv(Conv(np.eye(channels).reshape(channels, channels, 1, 1), np.zeros(channels)), x)

    def _activate(self, activation, x):
        if activation == "relu6":
            return self.add("Clip", x, self.constant(0), self.constant(6))
        if activation == "relu":
            return self.add("Relu", x)
        if activation == "silu":
            return self.add("Mul", x, self.add("Sigmoid", x))
        return self.add("Sigmoid", x) if activation == "sigmoid" else x

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
