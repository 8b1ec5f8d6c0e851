# SPDX-License-Identifier: MIT
"""The graph of a quantized network as the list of its parts, from the image to the classes. An operator that is none of
them, or that computes what a file of int8 has no word for, is refused by its number and name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from tflite_graph import Refused
from tflite_part import Gate, convolution, fully_connected, quantization, vector

SHAPES = "SHAPE", "STRIDED_SLICE", "PACK"  # how Keras computes the shape that RESHAPE reads
POOLS = "MEAN", "AVERAGE_POOL_2D"
MOST_POOLED = 8191  # pixels, up to which LiteRT's two means of an odd number have the same bytes


def network(graph):
    """Its `input` Tensor, `parts`, `pooled` Tensor, and `left`: operators at either end that have no word in the file."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise Refused(f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, not one of each")
    return _Walk(graph).network()


class _Walk:
    def __init__(self, graph):
        self._graph, self._taken, self._parts, self._left = graph, set(), [], []

    def network(self):
        x, parts = self._first(), self._parts
        first = x
        while not self._is_pool(x):
            x = self._excite(x) if self._is_excite(x) else self._layer(x)
        pooled = x = self._pool(self._only(x), x)
        while not self._is_end(x):
            x = self._connected(x)
        self._last(x)
        for op in self._graph.operators:
            if op.number not in self._taken and not _makes_shape(op):
                raise Refused(f"{op}: it is not on the way from the image to the classes")
        return SimpleNamespace(input=first, parts=parts, pooled=pooled, left=self._left)

    # ---- Ends --------------------------------------------------------------------------------------------------------

    def _first(self):
        """The image of int8, behind a QUANTIZE."""
        x = self._graph.inputs[0]
        while x.type != "INT8":
            op = self._only(x)
            if op.name != "QUANTIZE" or x.type not in ("FLOAT32", "UINT8"):
                raise Refused(f"{op}: it reads {x.type}, no quantized image")
            x = self._pass_door(op, x)
        if len(x.shape) != 4 or x.shape[0] != 1 or x.shape[1] != x.shape[2]:
            raise Refused(f"images have the shape {x.shape}: only one square image can be told")
        quantization("the image", x)
        return x

    def _pass_door(self, op, x):
        """QUANTIZE or DEQUANTIZE: from or to floats, or between int8 and uint8 where each byte stays what it stands for."""
        y = self._take(op, x)
        if {x.type, y.type} == {"INT8", "UINT8"}:
            shift = 128 if y.type == "UINT8" else -128
            if x.scales.tolist() != y.scales.tolist() or (x.zeros + shift).tolist() != y.zeros.tolist():
                raise Refused(f"{op}: it changes the scale")
        elif {x.type, y.type} != {"INT8", "FLOAT32"}:
            raise Refused(f"{op}: it makes {y.type} of {x.type}")
        self._left.append(op)
        return y

    def _is_end(self, x):
        ends = "SOFTMAX", "DEQUANTIZE", "QUANTIZE"
        return any(x is y for y in self._graph.outputs) or self._only(x).name in ends

    def _last(self, x):
        if not self._parts or self._parts[-1].kind != "connected":
            raise Refused("behind the pooling there is no classifier")
        while not any(x is y for y in self._graph.outputs):
            op = self._only(x)
            if op.name in ("SOFTMAX", "RESHAPE"):
                self._left.append(op)
                x = self._take(op, x)
            elif op.name in ("DEQUANTIZE", "QUANTIZE"):
                x = self._pass_door(op, x)
            else:
                raise Refused(f"{op}: it follows the classifier")
        if self._readers(x):
            raise Refused(f"{self._readers(x)[0]}: it reads the output")

    # ---- Steps -------------------------------------------------------------------------------------------------------

    def _readers(self, x):
        return [op for op in self._graph.readers(x) if not _makes_shape(op)]

    def _only(self, x):
        """The one operator that reads it, but an addition at the end of a block that begins here."""
        readers = self._readers(x)
        if len(readers) > 1:
            readers = [op for op in readers if op.name != "ADD"]
        if any(x is y for y in self._graph.outputs) or not readers:
            raise Refused(f'tensor "{x.name}" is where the network ends, without a classifier')
        if len(readers) > 1:
            raise Refused(f"{readers[1]}: it reads what {readers[0]} reads, as in no network known here")
        return readers[0]

    def _take(self, op, x, other=None):
        """Its output, if it reads this tensor, or these two in any order."""
        if op.number in self._taken:
            raise Refused(f"{op}: it is come to a second time")
        ways = [(x,)] if other is None else [(x, other), (other, x)]
        if len(op.outputs) != 1 or not any(_are(op.inputs[: len(way)], way) for way in ways):
            raise Refused(f"{op}: it has {len(op.outputs)} outputs, or reads another tensor than it should")
        self._taken.add(op.number)
        return op.outputs[0]

    def _add(self, part):
        self._parts.append(part)
        return part

    def _layer(self, x):
        """A convolution, an activation, and the addition behind it."""
        op, at, pad = self._only(x), x, (0, 0, 0, 0)
        if op.name == "PAD":
            at, pad = self._pad(op, x)
            op = self._only(at)
        if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            raise Refused(f"{op}: no network known here has it there")
        depthwise = op.name == "DEPTHWISE_CONV_2D"
        part = self._add(convolution(op, at, self._take(op, at), pad, depthwise))
        part.x = x
        part.kind = "depthwise" if depthwise else "pointwise" if part.kernel == 1 else "dense"
        self._activation(part)
        self._addition(part)
        return part.out

    def _pad(self, op, x):
        """The image with its margins, and how many pixels they are above, below, left and right."""
        table = op.inputs[1].data if len(op.inputs) == 2 and op.inputs[1] is not None else None
        if table is None or table.shape != (4, 2) or (table < 0).any() or table[[0, 3]].any() or (table > 64).any():
            raise Refused(f"{op}: it pads otherwise than rows and columns by a constant")
        y, pad = self._take(op, x), tuple(int(pixels) for pixels in table[1:3].ravel())
        if quantization(op, y) != quantization(op, x):
            raise Refused(f"{op}: it changes the scale")
        if y.shape != (1, x.shape[1] + pad[0] + pad[1], x.shape[2] + pad[2] + pad[3], x.shape[3]):
            raise Refused(f"{op}: its output has the shape {y.shape}")
        return y, pad

    def _activation(self, part):
        """SiLU as LOGISTIC and MUL, HARD_SWISH, LOGISTIC."""
        readers = {op.name: op for op in self._readers(part.y)}
        if readers.keys() == {"LOGISTIC", "MUL"}:
            gate = self._logistic(part, readers["LOGISTIC"])
            part.activation, part.activated = "silu", self._product(readers["MUL"], part.y, gate)
        elif readers.keys() == {"HARD_SWISH"}:
            part.activation, part.activated = "hard-swish", self._take(readers["HARD_SWISH"], part.y)
        elif readers.keys() == {"LOGISTIC"}:
            part.activation, part.activated = "sigmoid", self._logistic(part, readers["LOGISTIC"])
        elif part.kind == "excite" and readers.keys() == {"ADD"}:
            part.activation, part.activated = "hard-sigmoid", self._hard_sigmoid(part, readers["ADD"])
        if part.activated:
            quantization(part.op, part.activated)
            if part.activated.shape != part.y.shape:
                raise Refused(f"{part.op}: what follows it has another shape")
            if part.op.options["FusedActivationFunction"] != "NONE":
                raise Refused(f"{part.op}: it has two activations")

    def _logistic(self, part, op):
        y = self._take(op, part.y)
        if quantization(op, y) != (np.float32(1 / 256), -128):
            raise Refused(f"{op}: its output has not the scale 1/256 and the zero point -128, which LiteRT demands")
        return y

    def _hard_sigmoid(self, part, op):
        """ADD of a constant, with RELU6, and MUL by a constant."""
        three, shifted = self._with_constant(op, part.y, "RELU6")
        sixth, y = self._with_constant(self._only(shifted), shifted, "NONE")
        part.gate = Gate(three, shifted, sixth)
        return y

    def _with_constant(self, op, x, fused):
        """The operator's other input, a constant of one byte, and its output."""
        constant = next((one for one in op.inputs if one is not x), None)
        if op.name not in ("ADD", "MUL") or constant is None or constant.data is None or constant.data.size != 1:
            raise Refused(f"{op}: as a gate, LOGISTIC is known here, and a hard sigmoid by ADD and MUL of one number")
        if op.options["FusedActivationFunction"] != fused:
            raise Refused(f"{op}: its activation is {op.options['FusedActivationFunction']}, not {fused}")
        y = self._take(op, x, constant)
        quantization(op, constant)
        quantization(op, y)
        if y.shape != x.shape:
            raise Refused(f"{op}: its output has another shape")
        return constant, y

    def _product(self, op, x, gate):
        y = self._take(op, x, gate)
        if op.options["FusedActivationFunction"] != "NONE":
            raise Refused(f"{op}: it has an activation of its own, {op.options['FusedActivationFunction']}")
        if y.shape != x.shape:
            raise Refused(f"{op}: its output has another shape than the image")
        quantization(op, y)
        return y

    def _addition(self, part):
        readers = self._readers(part.out)
        if len(readers) != 1 or readers[0].name != "ADD" or any(part.out is y for y in self._graph.outputs):
            return
        op, x = readers[0], part.out
        shortcut = next((y for y in op.inputs if y is not x), None)
        if len(op.inputs) != 2 or shortcut is None:
            raise Refused(f"{op}: it does not add two images")
        total = self._take(op, x, shortcut)
        if op.options["FusedActivationFunction"] != "NONE" or shortcut.shape != x.shape or total.shape != x.shape:
            raise Refused(f"{op}: it has an activation of its own, or adds images of different shapes")
        quantization(op, total)
        part.sum, part.shortcut = total, shortcut

    # ---- Vectors -----------------------------------------------------------------------------------------------------

    def _is_pool(self, x):
        readers = [op for op in self._readers(x) if op.name != "ADD"]
        return len(readers) == 1 and readers[0].name in POOLS

    def _is_excite(self, x):
        names = sorted(op.name for op in self._readers(x))
        return len(names) == 2 and "MUL" in names and any(pool in names for pool in POOLS)

    def _pool(self, op, x):
        """The means of an image's channels."""
        y, pixels = self._take(op, x), x.shape[1] * x.shape[2]
        if op.name == "MEAN":
            axes = op.inputs[1].data if len(op.inputs) == 2 and op.inputs[1] is not None else None
            if axes is None or sorted(int(axis) % 4 for axis in axes.ravel()) != [1, 2]:
                raise Refused(f"{op}: it is not that of rows and columns")
        else:
            window = op.options["FilterHeight"], op.options["FilterWidth"]
            strided = op.options["StrideH"] != 1 or op.options["StrideW"] != 1
            if window != x.shape[1:3] or op.options["Padding"] != "VALID" and (strided or pixels > 1):
                raise Refused(f"{op}: its window of {window} is not the whole image")
            if op.options["FusedActivationFunction"] != "NONE" or quantization(op, x) != quantization(op, y):
                raise Refused(f"{op}: it has an activation of its own, or changes the scale")
            if pixels % 2 == 0 or pixels > MOST_POOLED:
                raise Refused(f"{op}: of {pixels} pixels it rounds halves otherwise than MEAN")
        quantization(op, y)
        return vector(op, y, x.shape[3])

    def _reshaped(self, x):
        """Behind RESHAPE and SQUEEZE, which leave a vector as it is."""
        while len(self._readers(x)) == 1 and self._readers(x)[0].name in ("RESHAPE", "SQUEEZE"):
            op = self._readers(x)[0]
            y = self._take(op, x)
            if quantization(op, y) != quantization(op, x):
                raise Refused(f"{op}: it changes the scale")
            x = vector(op, y, x.shape[-1])
        return x

    def _connected(self, x, kind="connected"):
        """A layer of a vector, its activation, and RESHAPE around it."""
        mean, x = x, self._reshaped(x)
        op = self._only(x)
        if op.name == "FULLY_CONNECTED":
            part = self._add(fully_connected(op, x, self._take(op, x)))
        elif op.name == "CONV_2D":
            part = self._add(convolution(op, x, self._take(op, x), (0, 0, 0, 0), False))
            if part.kernel != 1:
                raise Refused(f"{op}: it is {part.kernel}x{part.kernel}, of one pixel")
        else:
            raise Refused(f"{op}: no network known here has it there")
        part.kind, part.mean = kind, mean
        part.y = self._reshaped(part.y)
        self._activation(part)
        return self._reshaped(part.out)

    def _excite(self, x):
        pool, product = sorted(self._readers(x), key=lambda op: op.name == "MUL")
        gate = self._connected(self._connected(self._pool(pool, x), "reduce"), "excite")
        part = self._parts[-1]
        part.product = self._product(product, x, gate)
        return part.product


def _are(tensors, others):
    return len(tensors) == len(others) and all(a is b for a, b in zip(tensors, others))


def _makes_shape(op):
    return op.name in SHAPES and all(y.type == "INT32" for y in op.outputs)
