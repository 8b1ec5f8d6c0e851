# SPDX-License-Identifier: MIT
"""Blocks by the library, through its Python package."""

import numpy as np
from mbconv import int8

import integers


def run(block, x, rounding, add, tables=None, isa="auto"):
    """Like integers.run_block."""
    stages = [_stage(layer, rounding, tables) for layer in block.layers]
    made = int8.Block(
        stages,
        input=int8.Quantization(*block.layers[0].x),
        dtype=block.dtype,
        rounding=rounding,
        add=add or "xnnpack",
        sum=int8.Quantization(*block.residual) if block.residual else None,
        isa=isa,
    )
    return made(x)


def _stage(layer, rounding, tables):
    table = None
    if layer.function:
        function = (tables or integers.TABLES[rounding])[layer.function]
        # from the type's lowest byte on; the library counts from the byte 0 on
        table = np.roll(function(layer.y, layer.function_y, layer.dtype), -128 if layer.dtype == "int8" else 0)
        table = table.astype(layer.dtype).view(np.uint8)
    return int8.Stage(
        "depthwise" if layer.depthwise else "pointwise",
        layer.weight.transpose(2, 0, 1)[:, None] if layer.depthwise else layer.weight,
        layer.weight_scales,
        int8.Quantization(*layer.y),
        bias=layer.bias,
        activation=layer.clamp,
        table=table,
        table_output=int8.Quantization(*layer.function_y) if layer.function else None,
        stride=layer.stride,
        pad="same" if layer.depthwise else None,
    )
