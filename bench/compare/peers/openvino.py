# SPDX-License-Identifier: MIT
"""OpenVINO on the CPU, in f32, NHWC at its input.

NHWC is what it computes in, so its input needs no conversion; its output always gets one. Conversions are not to count:
the timed model returns one pixel of y only; another one with the same inside returns all of it to be checked.
"""

import numpy as np
import openvino
from openvino.preprocess import PrePostProcessor

from peers import Peer, onnx_model

VERSION = openvino.get_version().split("-")[0]
_core = openvino.Core()


class Contender(Peer):
    def __init__(self, case, threads):
        self._whole = _request(_compile(onnx_model.block_model(case), threads), case.x)
        compiled = _compile(onnx_model.block_model(case, one_pixel=True), threads)
        empty = _compile(onnx_model.empty_model(), threads)
        self.description = " ".join(_kernels(compiled))
        self.calls(_call(compiled, case.x), _call(empty, np.zeros((1, 1, 1, 1), np.float32)))

    def output(self):
        self._whole.infer()
        return self._whole.get_output_tensor().data.transpose(0, 2, 3, 1)


class NetworkContender(Peer):
    def __init__(self, network, threads):
        compiled = _compile(onnx_model.network_model(network), threads)
        empty = _compile(onnx_model.empty_model(), threads)
        self.description = " ".join(sorted(set(_kernels(compiled))))
        self._whole = _request(compiled, network.x)
        self.calls(lambda: self._whole.infer(share_outputs=True), _call(empty, np.zeros((1, 1, 1, 1), np.float32)))

    def output(self):
        self._whole.infer()
        return self._whole.get_output_tensor().data.copy()


def _compile(model, threads):
    model = _core.read_model(model.SerializeToString())
    door = PrePostProcessor(model)
    door.input().tensor().set_layout(openvino.Layout("NHWC"))
    door.input().model().set_layout(openvino.Layout("NCHW"))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",  # or it computes in bf16 where the CPU can
    }
    return _core.compile_model(door.build(), "CPU", options)


def _request(compiled, x):
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))  # copies
    return request


def _call(compiled, x):
    request = _request(compiled, x)
    return lambda: request.infer(share_outputs=True)


def _kernels(compiled):
    """What it chose for each convolution."""
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        if info["layerType"].astype(str) == "Convolution":
            yield info["primitiveType"].astype(str)
