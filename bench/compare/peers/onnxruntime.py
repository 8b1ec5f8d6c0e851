# SPDX-License-Identifier: MIT
"""ONNX Runtime, in its own layout.

Its optimiser puts convolutions into a blocked layout (NCHWc) and conversions at the edges of the model. These are not
to count: the block is optimised between two other convolutions, as it stands in a network, then cut out of the
optimised model, and fed in that layout.
"""

import json
import os
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from peers import Peer, onnx_model

VERSION = onnxruntime.__version__
_NCHWC = "com.microsoft.nchwc"
_ALL, _NONE = (
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
)


class Contender(Peer):
    def __init__(self, case, threads):
        block = case.block
        x = np.ascontiguousarray(case.x.transpose(0, 3, 1, 2))
        inner = _cut_out(_optimised(onnx_model.block_model(case, between_convolutions=True), threads))
        self._from_blocked = None
        if inner:
            x = _convert("ReorderInput", x, channels_last=0)
            self._from_blocked = lambda y: _convert("ReorderOutput", y, channels=block.out, channels_last=0)
            self.description = f"NCHWc, channels padded to {x.shape[1]}"
            call = _Call(_with_input_shape(inner, x.shape), x, threads, _NONE)
        else:
            self.description = "NCHW"
            call = _Call(onnx_model.block_model(case), x, threads, _ALL)
        empty = _Call(onnx_model.empty_model(), np.zeros((1, 1, 1, 1), np.float32), threads, _ALL)
        self._call = call
        self.calls(call.run, empty.run)

    def output(self):
        y = self._call.output()
        if self._from_blocked:
            y = self._from_blocked(y)
        return y.transpose(0, 2, 3, 1)


class NetworkContender(Peer):
    """As users run it: NCHW in, logits out."""

    description = "NCHW at its input"

    def __init__(self, network, threads):
        x = np.ascontiguousarray(network.x.transpose(0, 3, 1, 2))
        self._call = _Call(onnx_model.network_model(network), x, threads, _ALL)
        empty = _Call(onnx_model.empty_model(), np.zeros((1, 1, 1, 1), np.float32), threads, _ALL)
        self.calls(self._call.run, empty.run)

    def output(self):
        return self._call.output()


def arena_bytes(network):
    """Bytes of the activations of one thread, as ONNX Runtime's profile of its arena has them: what the arena holds
    beside the weights after some runs, and what was asked of it at most at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(onnx_model.network_model(network), 1, _ALL, profile_to=os.path.join(folder, "profile"))
        x = np.ascontiguousarray(network.x.transpose(0, 3, 1, 2))
        for _ in range(3):
            session.run(None, {"x": x})
        with open(session.end_profiling(), encoding="utf-8") as file:
            nodes = [event["args"] for event in json.load(file) if event["cat"] == "Node"]

    def read(key):
        return [int(node[key]) for node in nodes]

    # Before the first node there are only the weights.
    held, asked = read("mem_arena_held"), read("mem_bytes_requested_in_use")
    weights_held = held[0] - read("mem_arena_held_delta")[0]
    weights_asked = asked[0] - read("mem_requested_in_use_delta")[0]
    return max(held) - weights_held, max(asked) - weights_asked


class _Call:
    """A session bound to its buffers."""

    def __init__(self, model, x, threads, level):
        session = _session(model, threads, level)
        self._x = onnxruntime.OrtValue.ortvalue_from_numpy(x)
        shape = session.run(None, {session.get_inputs()[0].name: x})[0].shape
        self._y = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        binding = session.io_binding()
        binding.bind_ortvalue_input(session.get_inputs()[0].name, self._x)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, self._y)
        # The C++ methods themselves, without the Python around them.
        run, inner, options = session._sess.run_with_iobinding, binding._iobinding, onnxruntime.RunOptions()
        self.run = lambda: run(inner, options)

    def output(self):
        self.run()
        return self._y.numpy()


def _session(model, threads, level, save_to=None, profile_to=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = level
    options.log_severity_level = 3
    if save_to:
        options.optimized_model_filepath = save_to
    if profile_to:
        options.enable_profiling, options.profile_file_prefix = True, profile_to
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _optimised(model, threads):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "optimised.onnx")
        _session(model, threads, _ALL, path)
        return onnx.load(path)


def _cut_out(model):
    """What lies between the first and the last convolution; None if that is not in NCHWc."""
    nodes = list(model.graph.node)
    if [node.op_type for node in nodes[:2]] != ["ReorderInput", "Conv"]:
        return None
    if [node.op_type for node in nodes[-2:]] != ["Conv", "ReorderOutput"]:
        return None
    inner, x, y = nodes[2:-2], nodes[1].output[0], nodes[-2].input[0]
    used = {name for node in inner for name in node.input}
    graph = helper.make_graph(
        inner,
        "block",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
        [constant for constant in model.graph.initializer if constant.name in used],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _with_input_shape(model, shape):
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info(model.graph.input[0].name, TensorProto.FLOAT, shape))
    return model


def _convert(operator, x, **attributes):
    """One of ONNX Runtime's own conversions of layout."""
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], domain=_NCHWC, **attributes)],
        "convert",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", onnx_model.OPSET), helper.make_opsetid(_NCHWC, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return _session(model, 1, _NONE).run(None, {"x": x})[0]
