# SPDX-License-Identifier: MIT
"""Whole blocks of int8 by the hosts' arithmetic in integers.py."""

import functools

import integers
import numpy as np
from quantized import RANGES, Excite

TABLES = {
    "fp32": {
        "silu": integers.silu,
        "hard_swish": integers.hard_swish,
        "logistic": functools.partial(integers.table, "LOGISTIC"),
    },
    "tflite_double": {
        "silu": integers.silu_reference,
        "hard_swish": integers.hard_swish,
        "logistic": functools.partial(integers.table_reference, "LOGISTIC"),
    },
}
ADDS = {"xnnpack": integers.add_xnnpack, "tflite": integers.add_reference, "float": integers.add_float}


def run_excite(x, layer, rounding, tables):
    """MEAN, two layers, MUL."""
    reference = rounding == "tflite_double"
    y = (integers.mean_reference if reference else integers.mean)(x, layer.x, layer.mean, layer.dtype)
    for part in (layer.reduce, layer.expand):
        y = run_layer(y, part, rounding, tables)
    multiply = integers.multiply_reference if reference else integers.multiply
    product = multiply(x.astype(np.int64), y, layer.x, layer.expand.out, layer.y, layer.dtype)
    return np.clip(product, *integers.clamp_range(layer.clamp, layer.y, layer.dtype))


def run_layer(x, layer, rounding, tables):
    if isinstance(layer, Excite):
        return run_excite(x, layer, rounding, tables)
    lo, hi = integers.clamp_range(layer.clamp, layer.y, layer.dtype)
    if rounding == "fp32":
        scales = integers.fp32_scales(layer.x.scale, layer.weight_scales, layer.y.scale)
        y = integers.requantize_fp32(integers.sums(x, layer), scales, layer.y.zero, lo, hi)
    else:
        multipliers = integers.double_multipliers(layer.x.scale, layer.weight_scales, layer.y.scale, layer.dtype)
        y = integers.requantize_double(integers.sums(x, layer), multipliers, layer.y.zero, lo, hi)
    if layer.function == "prelu":
        made = integers.prelu(layer.y, layer.slopes, layer.slopes_q, layer.function_y, layer.dtype)
        return made[np.arange(layer.channels), y - RANGES[layer.dtype][0]]
    if layer.function:
        y = tables[layer.function](layer.y, layer.function_y, layer.dtype)[y - RANGES[layer.dtype][0]]
    return y


def run_block(x, block, rounding, add, tables=None):
    """The block's result for the image x. `tables`: functions by name, of (x's quantization, y's, dtype)."""
    y = x
    for layer in block.layers:
        y = run_layer(y, layer, rounding, tables or TABLES[rounding])
    if block.residual:
        y = ADDS[add](y, x.astype(np.int64), block.layers[-1].out, block.layers[0].x, block.residual, block.dtype)
    return y.astype(block.dtype)
