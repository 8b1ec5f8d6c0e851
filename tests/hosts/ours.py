# SPDX-License-Identifier: MIT
"""Blocks by the library, through its Python package."""

import numpy as np
from mbconv import int8

import integer_blocks
from quantized import Excite


def stages(block, rounding, tables=None):
    """A block's, for mbconv.int8.Block."""
    return [_stage(layer, rounding, tables) for layer in block.layers]


def run(block, x, rounding, add, tables=None, isa="auto"):
    """Like integer_blocks.run_block."""
    made = int8.Block(
        stages(block, rounding, tables),
        input=int8.Quantization(*block.layers[0].x),
        dtype=block.dtype,
        rounding=rounding,
        add=add or "xnnpack",
        sum=int8.Quantization(*block.residual) if block.residual else None,
        isa=isa,
    )
    return made(x)


def table(name, x, y, alpha, dtype, rounding):
    """From the type's lowest byte on, by the library."""
    made = int8.make_table(name.lower(), int8.Quantization(*x), int8.Quantization(*y), dtype=dtype, rounding=rounding, alpha=alpha or 0)
    return np.roll(made, 128 if dtype == "int8" else 0).view(dtype)


def prelu(slopes, slopes_q, x, y):
    """Each channel's from the type's lowest byte on, by the library."""
    made = int8.make_prelu(slopes, *(int8.Quantization(*q) for q in (slopes_q, x, y)))
    return np.roll(made, 128 if slopes.dtype == np.int8 else 0, 1).view(slopes.dtype)


def add(a, b, a_q, b_q, y_q, dtype, kind, isa="auto"):
    """Like integer_blocks.ADDS[kind], of arrays of ints."""
    quantizations = (int8.Quantization(*q) for q in (a_q, b_q, y_q))
    made = int8.Addition(**dict(zip(("a", "b", "output"), quantizations)), dtype=dtype, add=kind, isa=isa)
    return made(a.astype(dtype), b.astype(dtype))


def convert(values, q, dtype, door, back, isa="auto"):
    """Floats to bytes, or bytes to floats, by a block that multiplies each by one and keeps its quantization."""
    values = values.reshape(1, 1, -1, 1)
    made = int8.Block(
        [int8.Stage("pointwise", np.ones((1, 1), np.int8), 1.0, int8.Quantization(*q))], input=int8.Quantization(*q),
        dtype=dtype, isa=isa, x_door="bytes" if back else door, y_door=door if back else "bytes",
    )  # fmt: skip
    return made(values)


def _stage(layer, rounding, tables):
    if isinstance(layer, Excite):
        layers = [_stage(part, rounding, tables) for part in (layer.reduce, layer.expand)]
        return int8.SqueezeExcite(
            int8.Quantization(*layer.mean), *layers, int8.Quantization(*layer.y), activation=layer.clamp
        )
    table = None
    if layer.function == "prelu":
        table = int8.make_prelu(layer.slopes, *(int8.Quantization(*q) for q in (layer.slopes_q, layer.y, layer.function_y)))
    elif layer.function:
        function = (tables or integer_blocks.TABLES[rounding])[layer.function]
        # from the type's lowest byte on; the library counts from the byte 0 on
        table = np.roll(function(layer.y, layer.function_y, layer.dtype), -128 if layer.dtype == "int8" else 0)
        table = table.astype(layer.dtype).view(np.uint8)
    return int8.Stage(
        "depthwise" if layer.depthwise else "dense" if layer.dense else "pointwise",
        layer.weight.transpose(2, 0, 1)[:, None] if layer.depthwise else layer.by_taps,
        layer.weight_scales,
        int8.Quantization(*layer.y),
        bias=layer.bias,
        activation=layer.clamp,
        table=table,
        table_output=int8.Quantization(*layer.function_y) if layer.function else None,
        stride=layer.stride,
        pad="same" if layer.kernel > 1 else None,
    )
