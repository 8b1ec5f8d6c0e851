# SPDX-License-Identifier: MIT
"""Whole networks of int8 as ONNX: operators on real numbers between QuantizeLinear and DequantizeLinear, on uint8, which
is the same numbers with zero points 128 higher; logits are real numbers. NCHW."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import integers
from whole_networks import parts
from quantized import Block, Excite, Quantization


def input_of(x):
    """Of an image of int8 in NHWC."""
    return np.ascontiguousarray((x.view(np.uint8) ^ 0x80).transpose(0, 3, 1, 2))


class _Graph:
    def __init__(self, height, width):
        self.nodes, self.constants, self.size = [], [], (height, width)

    def constant(self, values, dtype=np.float32):
        self.constants.append(numpy_helper.from_array(np.array(values, dtype, order="C"), f"constant_{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, name, inputs, **attributes):
        self.nodes.append(helper.make_node(name, inputs, [f"{name}_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def bytes_(self, x, q):
        """What real numbers are after they were bytes."""
        parameters = self.constant(q.scale), self.constant(q.zero + 128, np.uint8)
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *parameters]), *parameters])

    def weights(self, layer, weight):
        """Weights and biases as real numbers."""
        scales = np.broadcast_to(layer.weight_scales, layer.channels)
        zeros = np.zeros(layer.channels)
        real = self.node("DequantizeLinear", [self.constant(weight, np.int8), self.constant(scales), self.constant(zeros, np.int8)], axis=0)
        bias = [self.constant(layer.bias, np.int32), self.constant(layer.x.scale * scales), self.constant(zeros, np.int32)]
        return real, self.node("DequantizeLinear", bias, axis=0)

    def layer(self, x, layer):
        """A clamp is where the bytes end: ReLU at the zero point, the lowest byte; and at 6 or below."""
        weight = layer.weight.transpose(2, 0, 1)[:, None] if layer.depthwise else layer.by_taps
        pads = [integers.same_padding(size, layer.kernel, layer.stride)[:2] for size in self.size]
        self.size = [-(-size // layer.stride) for size in self.size]
        y = self.node(
            "Conv", [x, *self.weights(layer, weight)], group=layer.channels if layer.depthwise else 1,
            kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2,
            pads=[pads[0][0], pads[1][0], pads[0][1], pads[1][1]],
        )  # fmt: skip
        if layer.clamp != "none":
            assert layer.y.zero == -128 and layer.y.scale * 255 < 6.001
            y = self.node("Relu", [y])
        y = self.bytes_(y, layer.y)
        if layer.function:
            gate = self.bytes_(self.node("Sigmoid", [y]), integers.logistic_quantization("int8"))
            if layer.function == "logistic":
                return gate
            y = self.bytes_(self.node("Mul", [y, gate]), layer.function_y)
        return y

    def excite(self, x, layer):
        size, self.size = self.size, (1, 1)
        gate = self.bytes_(self.node("GlobalAveragePool", [x]), layer.mean)
        gate = self.layer(self.layer(gate, layer.reduce), layer.expand)
        self.size = size
        return self.bytes_(self.node("Mul", [x, gate]), layer.y)

    def block(self, x, part):
        y = x
        for layer in part.layers:
            y = self.excite(y, layer) if isinstance(layer, Excite) else self.layer(y, layer)
        return self.bytes_(self.node("Add", [y, x]), part.residual) if part.residual else y


def model_of(file, height, width):
    graph, x_q, flat = _Graph(height, width), file.quantization("input"), False
    y = graph.node("DequantizeLinear", ["x", graph.constant(x_q.scale), graph.constant(x_q.zero + 128, np.uint8)])
    for part in parts(file):
        if isinstance(part, Block):
            y = graph.block(y, part)
        elif isinstance(part, Quantization):
            y, flat = graph.node("Flatten", [graph.bytes_(graph.node("GlobalAveragePool", [y]), part)]), True
        elif flat:
            y = graph.bytes_(graph.node("Gemm", [y, *graph.weights(part, part.weight)], transB=1), part.y)
        else:
            y = graph.layer(y, part)
    inputs = [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3, height, width])]
    outputs = [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)]
    made = helper.make_graph(graph.nodes, "network", inputs, outputs, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
