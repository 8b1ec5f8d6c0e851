#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tables.py: prints the cases of ../i8_tables.c: tables by integers.py, which hosts.py holds against LiteRT, as FNV-1a of
their 256 bytes from the byte 0 on. Needs NumPy."""

import numpy as np

import integers
from quantized import RANGES, Quantization

FUNCTIONS = ["LOGISTIC", "TANH", "GELU", "SILU", "HARD_SWISH", "LEAKY_RELU"]
TYPES = {"int8": "S8", "uint8": "U8"}
ROUNDINGS = ["FP32", "TFLITE_DOUBLE"]


def table_of(name, reference, x, y, alpha, dtype):
    """From the type's lowest byte on."""
    if name == "SILU":
        return (integers.silu_reference if reference else integers.silu)(x, y, dtype)
    if name == "HARD_SWISH":
        return integers.hard_swish(x, y, dtype)
    if name == "LEAKY_RELU":
        return (integers.leaky_relu_reference if reference else integers.leaky_relu)(x, y, alpha, dtype)
    return (integers.table_reference if reference or name == "GELU" else integers.table)(name, x, y, dtype)


def rolled(table, dtype):
    """As the library has it: from the byte 0 on."""
    return np.roll(np.asarray(table).astype(np.int64) & 255, -128 if dtype == "int8" else 0).astype(np.uint8)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ int(byte)) * 0x100000001B3 & (2**64 - 1)
    return value


def main():
    random = np.random.default_rng(29)
    for name in FUNCTIONS:
        for dtype, kind in TYPES.items():
            for reference, rounding in enumerate(ROUNDINGS):
                lo, hi = RANGES[dtype]
                # the scales are whole multiples of 2^-20: the digits printed are exact
                x = Quantization(np.float32(random.integers(20000, 60000) / 2**20), int(random.integers(lo, hi + 1)))
                y = Quantization(np.float32(random.integers(4000, 30000) / 2**20), int(random.integers(lo, hi + 1)))
                alpha = 0.25 if name == "LEAKY_RELU" else 0.0
                value = fnv1a(rolled(table_of(name, reference, x, y, alpha, dtype), dtype))
                print(f"    {{MBCONV_I8_{name}, MBCONV_{kind}, MBCONV_I8_{rounding}, {alpha}f, {{{x.scale:.20f}f, {x.zero}}},")
                print(f"     {{{y.scale:.20f}f, {y.zero}}}, UINT64_C(0x{value:016x})}},")


if __name__ == "__main__":
    main()
