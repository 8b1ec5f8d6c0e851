# SPDX-License-Identifier: MIT
"""Single operators of the hosts against the formulas of integers.py: tables and sums of two bytes on all bytes and pairs,
for many quantizations each."""

from dataclasses import dataclass, field

import numpy as np

import integer_blocks
import integers
import ours
import qlinear
import tflite
from quantized import RANGES, Maker, Quantization

f32 = np.float32
DEFAULT, REFERENCE, ONNX = "LiteRT, default", "LiteRT, BUILTIN_REF", "ONNX Runtime"
HOSTS = DEFAULT, REFERENCE, ONNX
RESOLVERS = {DEFAULT: "default", REFERENCE: "reference"}


@dataclass
class Row:
    """Bytes of one operator of one host beside those of a formula."""

    operator: str
    host: str
    formula: str
    exact: bool = True  # a byte that differs is a finding; else it is only counted
    differ: int = 0
    compared: int = 0
    kernels: set = field(default_factory=set)

    def add(self, host_bytes, formula_bytes):
        self.differ += int(np.count_nonzero(np.asarray(host_bytes).ravel() != np.asarray(formula_bytes).ravel()))
        self.compared += np.asarray(host_bytes).size


class Quantizations:
    def __init__(self, seed, dtype):
        self._random, self._dtype = np.random.default_rng(seed), dtype

    def any(self, low=-8, high=-2):
        lo, hi = RANGES[self._dtype]
        return Quantization(f32(2.0 ** self._random.uniform(low, high)), int(self._random.integers(lo, hi + 1)))

    def near(self, scale):
        return Quantization(f32(scale * 2.0 ** self._random.uniform(-1, 1)), self.any().zero)

    def slope(self):
        return float(f32(self._random.uniform(0.01, 0.5)))

    def floats(self, quantization):
        """Numbers within and beyond the range, halves among them."""
        values = np.concatenate([self._random.normal(size=1000) * 100, np.arange(-300, 300) + 0.5])
        return (values * quantization.scale).astype(f32).reshape(1, 1, 1, -1)


# ---- Functions of one byte -------------------------------------------------------------------------------------------

# Operator: LiteRT's default, BUILTIN_REF. Each: name of the formula, the formula, whether it is exact.
# TANH and GELU of the reference end with the C library's tanhf and erff, which are not rounded correctly everywhere.
TABLES = {
    "LOGISTIC": (("XNNPACK", integers.table, True), ("TFLITE", integers.table_reference, True)),
    "TANH": (("XNNPACK", integers.table, True), ("TFLITE", integers.table_reference, False)),
    "GELU": (("TFLITE", integers.table_reference, False), ("TFLITE", integers.table_reference, False)),
    "HARD_SWISH": (("TFLITE", integers.hard_swish, True), ("TFLITE", integers.hard_swish, True)),
    "LEAKY_RELU": (("XNNPACK", integers.leaky_relu, True), ("TFLITE", integers.leaky_relu_reference, True)),
    "SILU": (("XNNPACK", integers.silu, True), ("TFLITE", integers.silu_reference, True)),
}


def table_arguments(name, quantizations, dtype):
    """x's and y's quantization, as LiteRT demands them, and alpha or None."""
    x, lo = quantizations.any(), RANGES[dtype][0]
    y = quantizations.near(x.scale)
    if name == "LOGISTIC":
        y = integers.logistic_quantization(dtype)
    if name == "TANH":
        y = Quantization(f32(1 / 128), lo + 128)
    return x, y, quantizations.slope() if name == "LEAKY_RELU" else None


def table_of(name, formula, x, y, alpha, dtype):
    if name in integers.FUNCTIONS:
        return formula(name, x, y, dtype)
    return formula(x, y, dtype) if alpha is None else formula(x, y, alpha, dtype)


def litert_tables(seed, count):
    for name, formulas in TABLES.items():
        for host, (formula_name, formula, exact) in zip((DEFAULT, REFERENCE), formulas):
            row = Row(name, host, formula_name, exact)
            for dtype in RANGES:
                quantizations, graph, expected = Quantizations(seed, dtype), tflite.Graph(), []
                for _ in range(count):
                    x_q, y_q, alpha = table_arguments(name, quantizations, dtype)
                    x = graph.input([1, 1, 1, 256], dtype, x_q)
                    graph.outputs.append(_litert_unary(graph, name, x, y_q, alpha, dtype))
                    expected.append(table_of(name, formula, x_q, y_q, alpha, dtype))
                    rounding = ("fp32", "tflite_double")[host == REFERENCE]
                    row.add(ours.table(name, x_q, y_q, alpha, dtype, rounding), expected[-1])
                every = integers.bytes_of(dtype).astype(dtype).reshape(1, 1, 1, 256)
                _run_litert(row, graph, [every] * count, expected)
            yield row


def _litert_unary(graph, name, x, y_q, alpha, dtype):
    if name == "SILU":
        return graph.binary("MUL", x, graph.unary("LOGISTIC", x, integers.logistic_quantization(dtype)), y_q)
    return graph.unary(name, x, y_q, **({} if alpha is None else {"alpha": alpha}))


def prelus(seed, count):
    """Every byte in channels of all slopes: the host and the library's tables beside the formula."""
    for host in RESOLVERS:
        row = Row("PRELU", host, "TFLITE")
        for dtype in RANGES:
            quantizations, graph, expected = Quantizations(seed, dtype), tflite.Graph(), []
            every = integers.bytes_of(dtype).astype(dtype)
            image = np.repeat(every, every.size).reshape(1, every.size, 1, every.size)
            for _ in range(count):
                x_q, slopes_q = quantizations.any(-6, -3), quantizations.any(-9, -5)
                y_q = quantizations.near(x_q.scale)
                x = graph.input(image.shape, dtype, x_q)
                graph.outputs.append(graph.prelu(x, every, slopes_q, y_q))
                tables = integers.prelu(x_q, every, slopes_q, y_q, dtype)
                row.add(ours.prelu(every, slopes_q, x_q, y_q), tables)
                expected.append(tables.T)
            _run_litert(row, graph, [image] * count, expected)
        yield row


def onnx_leaky(seed, count):
    row = Row("LEAKY_RELU", ONNX, "ONNX")
    for dtype in RANGES:
        quantizations, graph, expected = Quantizations(seed, dtype), qlinear.Graph(), []
        for _ in range(count):
            x_q, y_q, alpha = table_arguments("LEAKY_RELU", quantizations, dtype)
            name = graph.unary("QLinearLeakyRelu", graph.input([256], dtype), x_q, y_q, dtype, alpha=alpha)
            graph.output(name, dtype)
            expected.append(integers.leaky_relu_onnx(x_q, y_q, alpha, dtype))
        _run_onnx(row, graph, [integers.bytes_of(dtype).astype(dtype)] * count, expected, "QLinearLeakyRelu")
    yield row


# ---- Functions of two bytes ------------------------------------------------------------------------------------------

PAIRS = {
    ("ADD", DEFAULT): ("XNNPACK", integers.add_xnnpack),
    ("ADD", REFERENCE): ("TFLITE", integers.add_reference),
    ("ADD", ONNX): ("FLOAT", integers.add_float),
    ("MUL", DEFAULT): ("FP32", integers.multiply),
    ("MUL", REFERENCE): ("TFLITE_DOUBLE", integers.multiply_reference),
    ("MUL", ONNX): ("FLOAT", integers.multiply_float),
}


def pairs(seed, count):
    """ADD and MUL on all pairs of bytes; the library's ADD beside the formula."""
    for (name, host), (formula_name, formula) in PAIRS.items():
        row = Row(name, host, formula_name)
        for dtype in RANGES:
            quantizations, graph = Quantizations(seed, dtype), (qlinear if host == ONNX else tflite).Graph()
            every = integers.bytes_of(dtype)
            a, b = (values.ravel() for values in np.meshgrid(every, every, indexing="ij"))
            shape, expected = (1, 1, 1, a.size), []
            for _ in range(count):
                a_q, b_q = quantizations.any(-7, -3), quantizations.any(-7, -3)
                y_q = quantizations.near(max(a_q.scale, b_q.scale) if name == "ADD" else a_q.scale * b_q.scale * 128)
                if host == ONNX:
                    inputs = [graph.input(shape, dtype) for _ in range(2)]
                    graph.output(graph.binary("QLinear" + name.capitalize(), *inputs, a_q, b_q, y_q, dtype), dtype)
                else:
                    inputs = [graph.input(shape, dtype, q) for q in (a_q, b_q)]
                    graph.outputs.append(graph.binary(name, *inputs, y_q))
                expected.append(formula(a, b, a_q, b_q, y_q, dtype))
                if name == "ADD":
                    row.add(ours.add(a, b, a_q, b_q, y_q, dtype, formula_name.lower()), expected[-1])
            images = [values.astype(dtype).reshape(shape) for values in (a, b)] * count
            if host == ONNX:
                _run_onnx(row, graph, images, expected, "QLinear" + name.capitalize())
            else:
                _run_litert(row, graph, images, expected)
        yield row


# ---- f32 at the doors ------------------------------------------------------------------------------------------------

QUANTIZE = {
    DEFAULT: ("XNNPACK", integers.quantize_reciprocal),
    REFERENCE: ("TFLITE", integers.quantize_away),
    ONNX: ("ONNX", integers.quantize_divide),
}


def doors(seed, count):
    """The host beside the formula, and the library beside the host."""
    for host, (formula_name, formula) in QUANTIZE.items():
        rows = Row("QUANTIZE", host, formula_name), Row("DEQUANTIZE", host, "DEQUANTIZE")
        for dtype in RANGES:
            quantizations = Quantizations(seed, dtype)
            graphs = [(qlinear if host == ONNX else tflite).Graph() for _ in rows]
            images, expected = ([], []), ([], [])
            for _ in range(count):
                q = quantizations.any()
                floats, every = quantizations.floats(q), integers.bytes_of(dtype).astype(dtype).reshape(1, 1, 1, -1)
                images[0].append(floats)
                images[1].append(every)
                expected[0].append(formula(floats, q, dtype))
                expected[1].append(integers.real_bytes(q, dtype))
                for row, values, bytes_ in zip(rows, (floats, every), expected):
                    row.add(ours.convert(values, q, dtype, formula_name.lower(), row is rows[1]), bytes_[-1])
                if host == ONNX:
                    graphs[0].output(graphs[0].quantize(graphs[0].input(floats.shape, "float32"), q, dtype), dtype)
                    graphs[1].output(graphs[1].dequantize(graphs[1].input(every.shape, dtype), q, dtype), "float32")
                else:
                    x = graphs[0].input(floats.shape, "float32")
                    graphs[0].outputs.append(graphs[0].quantize(x, q, dtype))
                    graphs[1].outputs.append(graphs[1].dequantize(graphs[1].input(every.shape, dtype, q)))
            for row, graph, inputs, outputs in zip(rows, graphs, images, expected):
                if host == ONNX:
                    _run_onnx(row, graph, inputs, outputs, row.operator.capitalize() + "Linear")
                else:
                    _run_litert(row, graph, inputs, outputs)
        yield from rows


# ---- Convolutions ----------------------------------------------------------------------------------------------------


def convolutions(seed, count):
    """1x1 and depthwise, per channel and per tensor, weights of -128 among them."""
    for name, depthwise in (("CONV_2D 1×1", False), ("DEPTHWISE_CONV_2D", True)):
        for host in HOSTS:
            row = Row(name, host, "TFLITE_DOUBLE" if host == REFERENCE else "FP32")
            for index in range(count):
                block, x = _convolution(seed + index, depthwise, host)
                expected = integer_blocks.run_block(x, block, row.formula.lower(), None)
                if host == ONNX:
                    row.add(qlinear.run(qlinear.block(block), [x], planes=True)[0], expected)
                    row.kernels.add("QLinearConv")
                else:
                    _run_litert(row, tflite.block(block), [x], [expected])
            yield row


def means(seed, count):
    """MEAN over height and width, by random images."""
    for host, formula_name, formula in ((DEFAULT, "FP32", integers.mean), (REFERENCE, "TFLITE_DOUBLE", integers.mean_reference)):
        yield _means(seed, count, Row("MEAN", host, formula_name), formula)


def _means(seed, count, row, formula):
    for dtype in RANGES:
        quantizations, random, graph = Quantizations(seed, dtype), np.random.default_rng(seed), tflite.Graph()
        images, expected, (lo, hi) = [], [], RANGES[dtype]
        for _ in range(count):
            x_q = quantizations.any()
            y_q = quantizations.near(x_q.scale / 4)
            shape = (1, *(int(size) for size in random.integers(1, 30, 2)), int(random.integers(1, 200)))
            graph.outputs.append(graph.mean(graph.input(shape, dtype, x_q), y_q))
            images.append(random.integers(lo, hi + 1, shape).astype(dtype))
            expected.append(formula(images[-1], x_q, y_q, dtype))
        _run_litert(row, graph, images, expected)
    return row


def fully_connected(seed, count):
    """A layer of one pixel: the host beside the formula, and the library's 1x1 beside it. One scale for all channels. The
    reference rounds the product of the input's and the weights' scale to a float, for its convolutions to a double: its
    factor may differ by 1 in 2^31 there."""
    for host in RESOLVERS:
        reference = host == REFERENCE
        row = Row("FULLY_CONNECTED", host, "TFLITE_DOUBLE" if reference else "FP32", exact=not reference)
        for index in range(count):
            maker, random = Maker(seed + index, ("int8", "uint8")[index % 2], per_channel=False), np.random.default_rng(seed + index)
            channels, out = (int(size) for size in random.integers(3, 1300, 2))
            block = maker.single((1, 1, channels), out, False, activation=("none", "relu", "relu6")[index % 3])
            x, graph = maker.image(block), tflite.Graph()
            graph.outputs.append(graph.fully_connected(graph.input([1, channels], block.dtype, block.layers[0].x), block.layers[0]))
            expected = integer_blocks.run_block(x, block, row.formula.lower(), None)
            row.add(ours.run(block, x, row.formula.lower(), None), expected)
            _run_litert(row, graph, [x.reshape(1, channels)], [expected])
        yield row


def uint8_by_default(seed, count):
    """ONNX Runtime's uint8 as a session computes it that does not ask for exact sums: right where the CPU has VNNI."""
    row = Row("CONV_2D uint8, session as by default", ONNX, "FP32", exact=False)
    for index in range(count):
        block, x = _convolution(2 * (seed + index) + 1, False, ONNX)
        host = qlinear.run(qlinear.block(block), [x], exact_uint8=False, planes=True)[0]
        row.add(host, integer_blocks.run_block(x, block, "fp32", None))
        row.kernels.add("QLinearConv")
    yield row


def _convolution(seed, depthwise, host):
    dtype = ("int8", "uint8")[seed % 2]
    # LiteRT knows uint8 per tensor alone
    per_channel = seed % 3 > 0 and (dtype == "int8" or host == ONNX)
    maker = Maker(seed, dtype, per_channel, lowest=-128 if seed % 5 == 0 else -127)
    random = np.random.default_rng(seed)
    channels = int(random.integers(3, 100))
    shape = (*(int(size) for size in random.integers(5, 50, 2)), channels)
    activation = "none" if host == ONNX else ("none", "relu", "relu6")[seed % 7 % 3]
    out = channels if depthwise else int(random.integers(3, 100))
    block = maker.single(shape, out, depthwise, (3, 5, 7)[seed % 11 % 3], 1 + seed // 2 % 2 if depthwise else 1, activation)
    return block, maker.image(block)


# ---- Running ---------------------------------------------------------------------------------------------------------


def _run_litert(row, graph, inputs, expected):
    result = tflite.run(graph, inputs, RESOLVERS[row.host])
    for output, bytes_ in zip(result.outputs, expected):
        row.add(output, bytes_)
    row.kernels.update(result.operators)


def _run_onnx(row, graph, inputs, expected, kernel):
    for output, bytes_ in zip(qlinear.run(graph, inputs), expected):
        row.add(output, bytes_)
    row.kernels.add(kernel)


def all_rows(seed=1, tables=200, all_pairs=30, floats=100, images=60):
    yield from convolutions(seed, images)
    yield from means(seed, images)
    yield from fully_connected(seed, images)
    yield from uint8_by_default(seed, images)
    yield from litert_tables(seed, tables)
    yield from prelus(seed, tables // 4)
    yield from onnx_leaky(seed, tables)
    yield from pairs(seed, all_pairs)
    yield from doors(seed, floats)
