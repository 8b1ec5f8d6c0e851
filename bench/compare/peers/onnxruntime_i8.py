# SPDX-License-Identifier: MIT
"""ONNX Runtime in int8: QLinearConv, QLinearSigmoid, QLinearMul and QLinearAdd.

It computes in NHWC and puts transpositions at the edges of the model, which do not count: they are cut off its optimised
model.
"""

import os
import tempfile

import integers
import numpy as np
import onnx
import onnxruntime
import qlinear
from onnx import helper

from peers import Peer, onnx_model

_ALL, _NONE = (
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
)


def _silu(x, y, dtype):
    gate = integers.logistic_quantization(dtype)
    logistic = integers.table("LOGISTIC", x, gate, dtype)
    return integers.multiply_float(integers.bytes_of(dtype), logistic, x, gate, y, dtype)


class Contender(Peer):
    """`unsigned`: on uint8, by kernels that do not saturate."""

    add, tables = "float", (("silu", _silu),)

    def __init__(self, case, threads, unsigned=False):
        part, x = case.unsigned if unsigned else (case.part, case.x)
        model, self._planes = _without_transpositions(_optimised(qlinear.block(part).model(), threads, unsigned), x.shape)
        if self._planes:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        self.description = "NCHW" if self._planes else "NHWC"
        self._call = _Call(_session(model, threads, unsigned, _ALL if self._planes else _NONE), x)
        empty = _Call(_session(onnx_model.empty_model().SerializeToString(), threads), np.zeros((1, 1, 1, 1), np.float32))
        self.calls(self._call.run, empty.run)

    def output(self):
        self._call.run()
        y = self._call.y.numpy()
        return y.transpose(0, 2, 3, 1) if self._planes else y


class _Call:
    """A session bound to its buffers."""

    def __init__(self, session, x):
        name = session.get_inputs()[0].name
        self._x = onnxruntime.OrtValue.ortvalue_from_numpy(x)
        self.y = onnxruntime.OrtValue.ortvalue_from_numpy(session.run(None, {name: x})[0])
        binding = session.io_binding()
        binding.bind_ortvalue_input(name, self._x)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, self.y)
        # The C++ methods themselves, without the Python around them.
        run, inner, options = session._sess.run_with_iobinding, binding._iobinding, onnxruntime.RunOptions()
        self.run = lambda: run(inner, options)


def _session(model, threads, unsigned=False, level=_ALL, save_to=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level, options.log_severity_level = level, 3
    if unsigned:
        for name, value in qlinear.EXACT_UINT8.items():
            options.add_session_config_entry(name, value)
    if save_to:
        options.optimized_model_filepath = save_to
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _optimised(model, threads, unsigned):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "optimised.onnx")
        _session(model, threads, unsigned, save_to=path)
        return onnx.load(path)


def _without_transpositions(model, shape):
    """(the model on NHWC images of this shape, False), or (as it is, True) if not all of it is in NHWC.

    All other operators work on single bytes, so that it is the same in NHWC without any transposition.
    """
    graph = model.graph
    convolutions = [node for node in graph.node if node.op_type == "QLinearConv"]
    if not all(any(a.name == "channels_last" and a.i for a in node.attribute) for node in convolutions):
        return model.SerializeToString(), True
    names = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Transpose"}
    nodes = [node for node in graph.node if node.op_type != "Transpose"]
    for node in nodes:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    kind, (x, y) = graph.input[0].type.tensor_type.elem_type, (graph.input[0].name, graph.output[0].name)
    ends = ([helper.make_tensor_value_info(name, kind, shape)] for name, shape in ((x, shape), (names.get(y, y), None)))
    inner = helper.make_graph(nodes, "block", *ends, graph.initializer)
    made = helper.make_model(inner, opset_imports=model.opset_import, ir_version=model.ir_version)
    return made.SerializeToString(), False
