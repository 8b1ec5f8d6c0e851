# SPDX-License-Identifier: MIT
"""The graph of a quantized network as the list of its parts, from the image to the classes. An operator that is none of
them, or that computes what a file of int8 has no word for, is refused by its number and name."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from tflite_graph import Refused, Tensor

ACTIVATIONS = {"NONE": "none", "RELU": "relu", "RELU6": "relu6"}
SHAPES = "SHAPE", "STRIDED_SLICE", "PACK"  # how Keras computes the shape that RESHAPE reads
POOLS = "MEAN", "AVERAGE_POOL_2D"
MOST_POOLED = 8191  # pixels, up to which LiteRT's two means of an odd number have the same bytes
BIAS_WITHIN = 0.02  # of a step of the output, as LiteRT allows a bias' scale to differ from the input's times the weights'


@dataclass
class Part:
    """A convolution or a fully connected layer, and what follows it."""

    op: object
    kind: str  # dense, depthwise, pointwise, reduce, excite, connected
    inputs: int
    outputs: int
    kernel: int
    stride: int
    paddings: frozenset  # of "same" and "symmetric" those which it may be
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    y: Tensor  # the sums, after a fused activation
    activation: str = "none"
    activated: Tensor | None = None  # what any other activation makes of them
    mean: Tensor | None = None  # of reduce: what it reads before RESHAPE
    product: Tensor | None = None  # of excite
    sum: Tensor | None = None  # of the last part of a block that adds its input
    shortcut: Tensor | None = None

    @property
    def out(self):
        return self.sum or self.product or self.activated or self.y

    def __str__(self):
        return f"{self.kind} {self.kernel}x{self.kernel}/{self.stride} {self.inputs}-{self.outputs}"


def network(graph):
    """Its `input` Tensor, `parts`, `pooled` Tensor, and `left`: operators at either end that have no word in the file."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise Refused(f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, not one of each")
    return _Walk(graph).network()


def quantization(op, tensor):
    """What the bytes of an image of int8 stand for."""
    least = np.finfo(np.float32).tiny
    if tensor.type != "INT8":
        raise Refused(f'{op}: tensor "{tensor.name}" is of {tensor.type}, not of INT8')
    if len(tensor.scales) != 1 or len(tensor.zeros) != 1:
        raise Refused(f'{op}: tensor "{tensor.name}" has {len(tensor.scales)} scales and {len(tensor.zeros)} zero points')
    scale, zero = tensor.scales[0], int(tensor.zeros[0])
    if not (least <= scale < np.inf and -128 <= zero <= 127):
        raise Refused(f'{op}: tensor "{tensor.name}" has the scale {scale} and the zero point {zero}')
    return scale, zero


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

    def _layer(self, x):
        """A convolution, an activation, and the addition behind it."""
        op, at, pad = self._only(x), x, (0, 0, 0, 0)
        if op.name == "PAD":
            at, pad = self._pad(op, x)
            op = self._only(at)
        if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            raise Refused(f"{op}: no network known here has it there")
        depthwise = op.name == "DEPTHWISE_CONV_2D"
        part = self._convolution(op, at, pad, depthwise)
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
        return self._vector(op, y, x.shape[3])

    @staticmethod
    def _vector(op, y, channels):
        if not y.shape or y.shape[-1] != channels or np.prod(y.shape, dtype=object) != channels:
            raise Refused(f"{op}: its output has the shape {y.shape}, not {channels} channels")
        return y

    def _reshaped(self, x):
        """Behind RESHAPE and SQUEEZE, which leave a vector as it is."""
        while len(self._readers(x)) == 1 and self._readers(x)[0].name in ("RESHAPE", "SQUEEZE"):
            op = self._readers(x)[0]
            y = self._take(op, x)
            if quantization(op, y) != quantization(op, x):
                raise Refused(f"{op}: it changes the scale")
            x = self._vector(op, y, x.shape[-1])
        return x

    def _connected(self, x, kind="connected"):
        """A layer of a vector, its activation, and RESHAPE around it."""
        mean, x = x, self._reshaped(x)
        op = self._only(x)
        if op.name == "FULLY_CONNECTED":
            part = self._fully_connected(op, x)
        elif op.name == "CONV_2D":
            part = self._convolution(op, x, (0, 0, 0, 0), False)
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

    # ---- Weights -----------------------------------------------------------------------------------------------------

    def _convolution(self, op, x, pad, depthwise):
        height, width, channels = x.shape[1:] if len(x.shape) == 4 else (0, 0, 0)
        image = height - pad[0] - pad[1], width - pad[2] - pad[3]
        weight, bias, y = self._constants(op, x, 3 if depthwise else 0, 4)
        options, stride = op.options, op.options["StrideH"]
        groups = options["DepthMultiplier"] if depthwise else 1
        kernel, inputs = weight.shape[1], weight.shape[3]
        if stride not in (1, min(2, kernel)) or stride != options["StrideW"] or weight.shape[2] != kernel:
            sizes = f"{kernel}x{weight.shape[2]}/{stride}x{options['StrideW']}"
            raise Refused(f"{op}: it is {sizes}; known here are squares of stride 1 and, larger than 1x1, 2")
        if options["DilationHFactor"] != 1 or options["DilationWFactor"] != 1:
            raise Refused(f"{op}: it is dilated")
        if inputs != channels or groups not in (0, 1) or depthwise and weight.shape[0] != 1:
            raise Refused(f"{op}: its weights have the shape {weight.shape} for {channels} channels")
        outputs = weight.shape[3 if depthwise else 0]
        if y.shape != (1, *_size(op, image, kernel, stride, pad), outputs):
            raise Refused(f"{op}: its output has the shape {y.shape}")
        paddings = _paddings(op, image, kernel, stride, pad)
        part = Part(op, "", 1 if depthwise else inputs, outputs, kernel, stride, paddings, x, weight, bias, y)
        return self._finished(part)

    def _fully_connected(self, op, x):
        weight, bias, y = self._constants(op, x, 0, 2)
        outputs, inputs = weight.shape
        if op.options["WeightsFormat"] != 0 or inputs != x.shape[-1]:
            raise Refused(f"{op}: its weights have the shape {weight.shape} for {x.shape[-1]} channels, or are shuffled")
        self._vector(op, y, outputs)
        return self._finished(Part(op, "", inputs, outputs, 1, 1, frozenset(), x, weight, bias, y))

    def _finished(self, part):
        part.activation = ACTIVATIONS.get(part.op.options["FusedActivationFunction"])
        if part.activation is None:
            raise Refused(f"{part.op}: its activation is {part.op.options['FusedActivationFunction']}")
        self._parts.append(part)
        return part

    def _constants(self, op, x, axis, rank):
        """Weights, biases and the output."""
        y = self._take(op, x)
        weight, bias = (op.inputs + [None, None])[1:3]
        if weight is None or weight.data is None or weight.type != "INT8" or len(weight.shape) != rank:
            raise Refused(f"{op}: its weights are no constant of INT8 with {rank} dimensions")
        outputs = weight.shape[axis]
        scales, least = weight.scales, np.finfo(np.float32).tiny
        if len(scales) not in (1, outputs) or len(scales) > 1 and weight.axis != axis or weight.zeros.any():
            raise Refused(f"{op}: its weights have {len(scales)} scales along dimension {weight.axis}, or a zero point")
        if not ((scales >= least) & (scales < np.inf)).all():
            raise Refused(f"{op}: its weights have a scale that is no normal number above 0")
        unit, step = quantization(op, x)[0].astype(float) * scales, float(quantization(op, y)[0])
        if bias is None:
            return weight, None, y
        if bias.data is None or bias.type != "INT32" or bias.shape != (outputs,) or bias.zeros.any():
            raise Refused(f"{op}: its biases are no constant of {outputs} INT32 without a zero point")
        if len(bias.scales) not in (1, len(scales)) or not (np.abs(bias.scales - unit) <= BIAS_WITHIN * step).all():
            raise Refused(f"{op}: its biases have other scales than the input's times the weights'")
        return weight, bias, y


# ---- Sizes -----------------------------------------------------------------------------------------------------------


def _are(tensors, others):
    return len(tensors) == len(others) and all(a is b for a, b in zip(tensors, others))


def _makes_shape(op):
    return op.name in SHAPES and all(y.type == "INT32" for y in op.outputs)


def _size(op, image, kernel, stride, pad):
    """Of the output: rows, columns."""
    if op.options["Padding"] == "SAME":
        return tuple(-(-size // stride) for size in image)
    return tuple((size + pad[2 * i] + pad[2 * i + 1] - kernel) // stride + 1 for i, size in enumerate(image))


def _paddings(op, image, kernel, stride, pad):
    """Which of "same" and "symmetric" puts the same pixels into the same windows: what is above and left, and the size."""
    same = op.options["Padding"] == "SAME"
    if same and any(pad):
        raise Refused(f"{op}: it is padded twice")
    sizes = [-(-size // stride) for size in image]
    totals = [max((out - 1) * stride + kernel - size, 0) for out, size in zip(sizes, image)]
    ways = {
        "same": (totals[0] // 2, totals[1] // 2, *sizes),
        "symmetric": (kernel // 2,) * 2 + tuple((size + kernel // 2 * 2 - kernel) // stride + 1 for size in image),
    }
    is_so = ways["same"] if same else (pad[0], pad[2], *_size(op, image, kernel, stride, pad))
    fitting = frozenset(name for name, way in ways.items() if way == is_so)
    if not fitting or kernel % 2 == 0:
        raise Refused(f"{op}: it is {kernel}x{kernel}/{stride}, padded by {pad}: neither symmetric nor SAME")
    return fitting
