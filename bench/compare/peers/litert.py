# SPDX-License-Identifier: MIT
"""LiteRT (TensorFlow Lite) with its XNNPACK delegate, which it uses for float models by itself. NHWC."""

import importlib.metadata

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from peers import Peer, tflite_model

VERSION = importlib.metadata.version("ai-edge-litert")


class Contender(Peer):
    description = "NHWC, XNNPACK delegate; kernels by its own choice"
    _model = staticmethod(tflite_model.block_model)

    def __init__(self, case, threads):
        self._interpreter = _interpreter(self._model(case), case.x, threads)
        empty = _interpreter(tflite_model.empty_model(), np.zeros((1, 1, 1, 1), np.float32), threads)
        self.calls(self._interpreter.invoke, empty.invoke)

    def output(self):
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])

    def close(self):
        super().close()
        self._interpreter = None


class NetworkContender(Contender):
    _model = staticmethod(tflite_model.network_model)


def _interpreter(model, x, threads):
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    return interpreter
