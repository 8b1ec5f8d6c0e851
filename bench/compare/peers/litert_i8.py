# SPDX-License-Identifier: MIT
"""LiteRT in int8 with its XNNPACK delegate, which it uses by itself. NHWC."""

import contextlib
import io

import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter

from peers import Peer, tflite_model


class Contender(Peer):
    add, tables = "xnnpack", None

    def __init__(self, case, threads):
        self._interpreter = _interpreter(tflite.block(case.part).model(), case.x, threads)
        empty = _interpreter(tflite_model.empty_model(), np.zeros((1, 1, 1, 1), np.float32), threads)
        self.description = " ".join(f"{name}:{who}" for name, who in tflite.who(self._interpreter))
        self.calls(self._interpreter.invoke, empty.invoke)

    def output(self):
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])

    def close(self):
        super().close()
        self._interpreter = None


def _interpreter(model, x, threads):
    with contextlib.redirect_stderr(io.StringIO()):
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    return interpreter
