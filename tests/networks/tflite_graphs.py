# SPDX-License-Identifier: MIT
"""Graphs of tflite_graph.py, made of the files that `mbconv write` writes: no reader of .tflite is needed."""

import json
import pathlib
import re
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "networks"))
from tflite_graph import Graph, Operator, Tensor  # pylint: disable=wrong-import-position

TYPES = {"I8": np.int8, "I32": np.int32, "F32": np.float32}
GATE = np.float32(1 / 256), -128
NONE = {"FusedActivationFunction": "NONE"}


def read(path):
    """Arrays by name, metadata."""
    content = pathlib.Path(path).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data, arrays = json.loads(content[8 : 8 + length]), content[8 + length :], {}
    metadata = header.pop("__metadata__")
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays, metadata


class Maker:
    """A graph, operator by operator."""

    def __init__(self, arrays, size, strided, padding="same"):
        """`strided`: the numbers of blocks with stride 2; of stages, where names tell them."""
        self._arrays, self._strided, self._padding = arrays, strided, padding
        self._is_v1, self._is_v3 = "conv_stem.weight" in arrays, "classifier.3.weight" in arrays
        self.graph = Graph([], [], [], [])
        self._x = self.tensor((1, size, size, 3), self._q("input"))
        self.graph.inputs.append(self._x)

    def whole(self):
        names = sorted((name[: -len(".weight")] for name in self._arrays if name.endswith(".weight")), key=_natural)
        names.sort(key=lambda name: (name.startswith("classifier"), name != "conv_stem"))
        for name, after in zip(names, [*names[1:], ""]):
            if name.startswith("classifier") and len(self._x.shape) == 4:
                self._x = self.operator("MEAN", [self._x, self.constant([1, 2])], (1, self._x.shape[3]), self._q("pool.output"))
            self._part(name, _block(name) != _block(after) and _block(name) is not None or not after, _block(name))
        self.graph.outputs.append(self._x)
        return self.graph

    # ---- Tensors -----------------------------------------------------------------------------------------------------

    def tensor(self, shape, q=None, kind="INT8", data=None, axis=0):
        scales, zeros = q or ((), ())
        tensors, zeros = self.graph.tensors, np.broadcast_to(np.array(zeros, np.int64), np.shape(scales))
        scales = np.array(scales, np.float32).ravel()
        tensors.append(Tensor(len(tensors), f"t{len(tensors)}", kind, tuple(shape), scales, zeros.ravel(), axis, data))
        return tensors[-1]

    def constant(self, values):
        return self.tensor(np.shape(values), kind="INT32", data=np.array(values, np.int32))

    # pylint: disable-next=too-many-arguments,too-many-positional-arguments
    def operator(self, name, inputs, shape, q=None, options=(), kind="INT8"):
        made = Operator(len(self.graph.operators), name, inputs, [self.tensor(shape, q, kind)], dict(options))
        self.graph.operators.append(made)
        return made.outputs[0]

    def _q(self, name):
        return float(self._arrays[name + ".scale"][0]), int(self._arrays[name + ".zero_point"][0])

    # ---- Parts -------------------------------------------------------------------------------------------------------

    def _part(self, name, last, block):
        weight, x = self._arrays[name + ".weight"], self._x
        if block is not None and weight.shape[1] > 1 and not hasattr(self, "_begin"):
            self._begin = x
        if name.endswith("fc1"):
            self._image = x
            x = self.operator("MEAN", [x, self.constant([2, 1])], (1, 1, 1, x.shape[3]), self._q(name + ".mean"))
        x = self._layer(name, x, weight, last)
        if name.endswith("fc2"):
            x = self.operator("MUL", [self._image, x], self._image.shape, self._q(name + ".product"), NONE)
        if name + ".sum.scale" in self._arrays:
            x = self.operator("ADD", [self._begin, x], x.shape, self._q(name + ".sum"), NONE)
        self._x = x
        if last or block is None:
            self._begin = x

    def _layer(self, name, x, weight, last):
        bias, scales = self._arrays[name + ".bias"], self._arrays[name + ".weight_scale"]
        depthwise = weight.ndim == 4 and weight.shape[1] == 1 and weight.shape[2] > 1
        without = last and (not self._is_v1 or name == "classifier")
        fused = "NONE" if without or name + ".activation.scale" in self._arrays else "RELU" if self._is_v3 else "RELU6"
        options, shape = {"FusedActivationFunction": fused, "WeightsFormat": 0}, (1, len(bias))
        stride, op = 1, "FULLY_CONNECTED"
        if weight.ndim == 4:
            stride = 2 if name in ("features.0.0", "conv_stem") else self._stride(name) if depthwise else 1
            op = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
            weight = weight[:, 0].transpose(1, 2, 0)[None] if depthwise else weight.transpose(0, 2, 3, 1)
            kernel = weight.shape[1]
            options.update(Padding="SAME", StrideH=stride, StrideW=stride, DilationHFactor=1, DilationWFactor=1, DepthMultiplier=1)
            size = -(-x.shape[1] // stride)
            if self._padding == "symmetric" and kernel > 1:
                x, options["Padding"] = self._margin(x, kernel // 2), "VALID"
                size = (x.shape[1] - kernel) // stride + 1
            shape = (1, size, size, len(bias))
        inputs = [x, self.tensor(weight.shape, (scales, 0), data=weight, axis=3 if depthwise else 0)]
        inputs.append(self.tensor(bias.shape, (x.scales * scales, 0), "INT32", bias))
        y = self.operator(op, inputs, shape, self._q(name + ".output"), options)
        if name + ".activation.scale" not in self._arrays:
            return y
        if name + ".constants" in self._arrays:
            return self._hard_sigmoid(name, y)
        if self._is_v3:
            return self.operator("HARD_SWISH", [y], shape, self._q(name + ".activation"))
        gate = self.operator("LOGISTIC", [y], shape, GATE)
        return gate if name.endswith("fc2") else self.operator("MUL", [y, gate], shape, self._q(name + ".activation"), NONE)

    def _stride(self, name):
        number, index = re.match(r"(?:features|blocks)\.(\d+)(?:\.(\d+)\.(?:block|conv_))?", name).groups()
        return 2 if int(number) in self._strided and index in (None, "0") else 1

    def _hard_sigmoid(self, name, x):
        for index, (value, after) in enumerate((("three", "shifted"), ("sixth", "activation"))):
            byte = self._arrays[name + ".constants"][index].astype(np.int8)
            constant = self.tensor((), self._q(f"{name}.{value}"), data=np.array(byte))
            options = {"FusedActivationFunction": ("RELU6", "NONE")[index]}
            x = self.operator(("ADD", "MUL")[index], [x, constant], x.shape, self._q(f"{name}.{after}"), options)
        return x

    def _margin(self, x, pixels):
        table = self.constant([[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]])
        size = x.shape[1] + 2 * pixels
        return self.operator("PAD", [x, table], (1, size, size, x.shape[3]), (x.scales, x.zeros))


def _natural(name):
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", name)]


def _block(name):
    """What the names of a block's parts begin with; None outside of blocks."""
    found = re.match(r"(.*)\.(?:(?:conv|block)\.|conv_[dp]w)", name)
    return found.group(1) if found else None


def find(graph, name, index=0):
    """One of the operators of that name."""
    return [op for op in graph.operators if op.name == name][index]
