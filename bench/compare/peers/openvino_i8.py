# SPDX-License-Identifier: MIT
"""OpenVINO on the CPU in int8: convolutions between QuantizeLinear and DequantizeLinear, on uint8, NHWC at its input.

As in openvino.py, the timed model returns one pixel of y only. It rounds less often than the hosts: SiLU is computed of
the byte before it in real numbers.
"""

import integers
import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper
from openvino.preprocess import PrePostProcessor

from peers import Peer, onnx_model

_core = openvino.Core()


class Contender(Peer):
    add, tables = "float", None

    def __init__(self, case, threads):
        part, x = case.unsigned
        self._whole = _request(_compile(_model(part, False), threads), x)
        compiled = _compile(_model(part, True), threads)
        empty = _compile(onnx_model.empty_model().SerializeToString(), threads)
        self.description = " ".join(_kernels(compiled))
        timed, nothing = _request(compiled, x), _request(empty, np.zeros((1, 1, 1, 1), np.float32))
        self.calls(lambda: timed.infer(share_outputs=True), lambda: nothing.infer(share_outputs=True))

    def output(self):
        self._whole.infer()
        return self._whole.get_output_tensor(0).data.transpose(0, 2, 3, 1).copy()


class _Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype, order="C"), name))
        return name

    def node(self, name, inputs, **attributes):
        self.nodes.append(helper.make_node(name, inputs, [f"{name}_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def quantize(self, x, q):
        return self.node("QuantizeLinear", [x, self.constant(q.scale), self.constant(q.zero, np.uint8)])

    def dequantize(self, x, q):
        return self.node("DequantizeLinear", [x, self.constant(q.scale), self.constant(q.zero, np.uint8)])

    def convolution(self, x, layer, shape):
        """Of real numbers; `shape`: height and width of x."""
        weight = layer.weight.transpose(2, 0, 1)[:, None] if layer.depthwise else layer.weight[:, :, None, None]
        (top, bottom, _), (left, right, _) = (integers.same_padding(n, layer.kernel, layer.stride) for n in shape)
        scales = layer.weight_scales
        real = self.node("DequantizeLinear", [self.constant(weight, np.int8), self.constant(scales),
                                              self.constant(np.zeros_like(scales), np.int8)], axis=0)  # fmt: skip
        bias = self.constant(layer.bias * (layer.x.scale * scales).astype(np.float64))
        return self.node("Conv", [x, real, bias], kernel_shape=[layer.kernel] * 2, pads=[top, left, bottom, right],
                         strides=[layer.stride] * 2, group=layer.channels if layer.depthwise else 1)  # fmt: skip


def _model(part, one_pixel):
    graph = _Graph()
    q, shape = part.layers[0].x, (part.height, part.width)
    x = y = graph.dequantize("x", q)
    for layer in part.layers:
        y = graph.convolution(y, layer, shape)
        shape = tuple(-(-size // layer.stride) for size in shape)
        if layer.clamp == "relu6":
            y = graph.node("Clip", [y, graph.constant(0), graph.constant(6)])
        q = layer.y
        if layer.function:
            y = graph.dequantize(graph.quantize(y, q), q)
            y = graph.node("Mul", [y, graph.node("Sigmoid", [y])])
            q = layer.function_y
        y = graph.dequantize(graph.quantize(y, q), q)
    if part.residual:
        q = part.residual
        y = graph.dequantize(graph.quantize(graph.node("Add", [y, x]), q), q)
    graph.nodes.pop()
    y = graph.nodes[-1].output[0]
    ends = [graph.constant(values, np.int64) for values in ([0, 0], [1, 1], [2, 3])]
    if one_pixel:
        y = graph.node("Slice", [y, *ends])
    results = [helper.make_tensor_value_info(y, TensorProto.UINT8, None)]
    if not part.residual:
        # Oddly, where nothing but a convolution reads the real x, that convolution runs in f32, up to twice as long.
        results.append(helper.make_tensor_value_info(graph.node("Slice", [x, *ends]), TensorProto.FLOAT, None))
    image = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, part.channels, part.height, part.width])
    made = helper.make_graph(graph.nodes, "block", [image], results, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def _compile(model, threads):
    door = PrePostProcessor(_core.read_model(model))
    door.input().tensor().set_layout(openvino.Layout("NHWC"))
    door.input().model().set_layout(openvino.Layout("NCHW"))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",  # what is not int8
    }
    return _core.compile_model(door.build(), "CPU", options)


def _request(compiled, x):
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))  # copies
    return request


def _kernels(compiled):
    """What it chose for each convolution, and what else it runs."""
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        yield f"{info['layerType'].astype(str)}:{info['primitiveType'].astype(str)}"
