# SPDX-License-Identifier: MIT
"""Writes .onnx models of ONNX Runtime's operators on bytes, and runs them there. NCHW."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import integers

TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}
CONTRIBUTED = "com.microsoft"
# On x86 u8 x s8 saturates without VNNI unless this is set; with int8 images the session cannot be made with it.
EXACT_UINT8 = {"session.x64quantprecision": "1"}


class Graph:
    """Tensors are names."""

    def __init__(self):
        self._nodes, self._constants, self._inputs, self._outputs = [], [], [], []

    @property
    def kernels(self):
        """The names of its operators: an operator on bytes is one kernel."""
        return {node.op_type for node in self._nodes}

    def input(self, shape, dtype):
        self._inputs.append(helper.make_tensor_value_info(f"x{len(self._inputs)}", TYPES[dtype], shape))
        return self._inputs[-1].name

    def output(self, name, dtype):
        self._outputs.append(helper.make_tensor_value_info(name, TYPES[dtype], None))

    def convolution(self, x, layer, shape):
        """QLinearConv; `shape`: height and width of x."""
        kernel, per_channel = layer.kernel, len(layer.weight_scales) > 1
        weight = layer.weight.transpose(2, 0, 1)[:, None] if layer.depthwise else layer.by_taps
        (top, bottom, _), (left, right, _) = (integers.same_padding(size, kernel, layer.stride) for size in shape)
        scales = layer.weight_scales if per_channel else layer.weight_scales[0]
        inputs = [
            *[x, *self._quantization(layer.x, layer.dtype)],
            self._constant(weight, "int8"),
            self._constant(scales, "float32"),
            self._constant(np.zeros_like(scales), "int8"),
            *self._quantization(layer.y, layer.dtype),
            self._constant(layer.bias, "int32"),
        ]
        attributes = {"kernel_shape": [kernel] * 2, "pads": [top, left, bottom, right], "strides": [layer.stride] * 2}
        return self._node("QLinearConv", inputs, "", group=layer.channels if layer.depthwise else 1, **attributes)

    def unary(self, name, x, x_q, y_q, dtype, **attributes):
        """QLinearSigmoid, QLinearLeakyRelu."""
        inputs = [x, *self._quantization(x_q, dtype), *self._quantization(y_q, dtype)]
        return self._node(name, inputs, CONTRIBUTED, **attributes)

    def binary(self, name, a, b, a_q, b_q, y_q, dtype):
        """QLinearAdd, QLinearMul."""
        inputs = [a, *self._quantization(a_q, dtype), b, *self._quantization(b_q, dtype), *self._quantization(y_q, dtype)]
        return self._node(name, inputs, CONTRIBUTED)

    def quantize(self, x, y_q, dtype):
        return self._node("QuantizeLinear", [x, *self._quantization(y_q, dtype)], "")

    def dequantize(self, x, x_q, dtype):
        return self._node("DequantizeLinear", [x, *self._quantization(x_q, dtype)], "")

    def model(self):
        graph = helper.make_graph(self._nodes, "bytes", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIBUTED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()

    def _constant(self, values, dtype):
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(values, dtype, order="C"), name))
        return name

    def _quantization(self, quantization, dtype):
        return self._constant(quantization.scale, "float32"), self._constant(quantization.zero, dtype)

    def _node(self, name, inputs, domain, **attributes):
        self._nodes.append(helper.make_node(name, inputs, [f"{name}_{len(self._nodes)}"], domain=domain, **attributes))
        return self._nodes[-1].output[0]


def block(part):
    """A Block without clamps but the range of its type, with SiLU as QLinearSigmoid and QLinearMul."""
    graph, dtype = Graph(), part.dtype
    shape = part.height, part.width
    x = y = graph.input([1, part.channels, *shape], dtype)
    for layer in part.layers:
        y = graph.convolution(y, layer, shape)
        shape = tuple(-(-size // layer.stride) for size in shape)
        if layer.function:
            y = silu(graph, y, layer.y, layer.function_y, dtype)
    if part.residual:
        y = graph.binary("QLinearAdd", y, x, part.layers[-1].y, part.layers[0].x, part.residual, dtype)
    graph.output(y, dtype)
    return graph


def silu(graph, x, x_q, y_q, dtype):
    gate = integers.logistic_quantization(dtype)
    y = graph.unary("QLinearSigmoid", x, x_q, gate, dtype)
    return graph.binary("QLinearMul", x, y, x_q, gate, y_q, dtype)


def run(graph, inputs, exact_uint8=True, planes=False):
    """planes: `inputs` and the results are NHWC, the model's NCHW."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    if exact_uint8 and inputs[0].dtype == np.uint8:
        for name, value in EXACT_UINT8.items():
            options.add_session_config_entry(name, value)
    session = onnxruntime.InferenceSession(graph.model(), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, (np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if planes else x for x in inputs))))
    return [y.transpose(0, 2, 3, 1) if planes else y for y in outputs]
