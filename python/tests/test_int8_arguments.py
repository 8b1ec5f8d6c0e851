# SPDX-License-Identifier: MIT
"""As test_arguments.py, of mbconv.int8."""

import fractions
import re
import unittest

import numpy as np

import mbconv.int8
import test_arguments
from mbconv.int8 import Addition, Block, Quantization, SqueezeExcite, Stage
from test_arguments import (ADDRESS, APART, CHOICE, INTEGER, LISTED, NO_ARRAYS, OUTPUT, PAD, RESIDUAL_OR_GIVEN, SIDE,
                            SIZE, THREADS, Index, Kind, ran_at, senseless, too_large, wrong)  # fmt: skip

CHANNELS, EXPANDED, WIDTH = 6, 12, 4
NAN, INF, HUGE = float("nan"), float("inf"), 10**400
random = np.random.default_rng(1)


def integers(*shape):
    return random.integers(-128, 128, shape, np.int8)


# ---- Kinds of arguments --------------------------------------------------------------------------------------------


def strided(values):
    """Its equal, with gaps."""
    made = np.empty((*values.shape[:-1], values.shape[-1] * 2), values.dtype)[..., ::2]
    made[...] = values
    return made


def of_other_types(values):
    types = ("f4", "f8", "i1", "u1", "i2", "i4", ">i4", "i8", "O", "?", "U8")
    return wrong(*(np.zeros(values.shape, name) for name in types if np.dtype(name) != values.dtype),
                 np.ma.MaskedArray(values))  # fmt: skip


def array(values):
    return Kind(
        NO_ARRAYS + of_other_types(values) + wrong(values.tolist())
        + senseless(values[..., :0], values[1:], values[None, None, None], values.ravel()[0]),
        lambda value: (strided(value), np.asfortranarray(value), memoryview(value)),
    )  # fmt: skip


def image(values):
    return Kind(
        NO_ARRAYS + of_other_types(values)
        + senseless(values[..., :-1].copy(), strided(values), values[0], values[None], values.ravel()[0, ...]),
        lambda value: (value.view(type("Own", (np.ndarray,), {})),),
    )  # fmt: skip


def output(values):
    read_only = np.empty_like(values)
    read_only.flags.writeable = False
    return Kind([*image(values).but(None).refused, *senseless(read_only)], lambda value: (value, None))


WORD = Kind(CHOICE.refused, lambda value: (np.str_(value),))
SCALE = Kind(
    wrong("0.5", b"1", None, [0.5], 1j, True, np.ones(EXPANDED), object())
    + senseless(NAN, INF, 0, 0.0, -0.5, 1e300, 1e-40, np.ones(EXPANDED + 1, np.float32),
                np.full(EXPANDED, NAN, np.float32))
    + too_large(HUGE, fractions.Fraction(HUGE)),
    lambda value: (np.float64(value), fractions.Fraction(value), np.full(EXPANDED, value, np.float32)),
)  # fmt: skip
QUANTIZATION = Kind(
    wrong(None, 0.5, (0.5,), (0.5, 0, 0), [0.5, 0], ("0.5", 0), (True, 0), (None, 0), (0.5, 0.0), (0.5, True),
          (0.5, np.True_), (0.5, "0"), (0.5, None), {0.5: 0}, object())
    + senseless((NAN, 0), (INF, 0), (0, 0), (0.0, 3), (-0.5, 0), (1e300, 0), (1e-40, 0), (0.5, 256), (0.5, -129),
                (0.5, 200), (0.5, 2**70))
    + too_large((HUGE, 0)),
    lambda value: (tuple(value), Quantization(np.float64(value[0]), np.int8(value[1])),
                   (fractions.Fraction(value[0]), Index(value[1]))),
)  # fmt: skip
TABLE_OUTPUT = QUANTIZATION.but(None).and_refuses(*senseless(None))  # of a stage with a table
ALPHA = Kind(
    wrong("0", None, 1j, True, [0.0], np.zeros(1), object()) + senseless(NAN, INF, -1.0, 0.5) + too_large(HUGE),
    lambda value: (np.float64(value), fractions.Fraction(value), 0),
)  # fmt: skip

# ---- What is public ------------------------------------------------------------------------------------------------

Q = Quantization(0.5, 3)
BYTES = random.integers(0, 256, 256, np.uint8)
X, RESIDUAL = integers(2, SIDE, SIDE, CHANNELS), integers(2, SIDE, SIDE, CHANNELS)
STAGE = {
    "kind": "depthwise", "weight": integers(EXPANDED, 1, 3, 3), "weight_scale": 0.0625, "output": Q,
    "bias": random.integers(-999, 999, EXPANDED, np.int32), "activation": "relu6", "table": BYTES, "table_output": Q,
    "stride": 1, "pad": 1, "dilation": 1,
}  # fmt: skip
EXCITE = {
    "mean": Q, "reduce": Stage("pointwise", integers(WIDTH, EXPANDED), 0.0625, Q),
    "expand": Stage("pointwise", integers(EXPANDED, WIDTH), 0.0625, Q), "output": Q, "activation": "relu",
    "table": BYTES, "table_output": Q,
}  # fmt: skip
LIST = [Stage("pointwise", integers(EXPANDED, CHANNELS), 0.015625, Q), Stage(**STAGE), SqueezeExcite(**EXCITE),
        Stage("pointwise", integers(CHANNELS, EXPANDED), 0.015625, Q)]  # fmt: skip
BLOCK = Block(LIST, input=Q, sum=Q, residual="given", residual_input=Q)


def made_block(**arguments):
    return Block(**{"stages": LIST, "input": Q, "sum": Q, "sum_table": BYTES, "sum_table_output": Q, **arguments})(X)


def with_stage(**arguments):
    return made_block(stages=[LIST[0], Stage(**arguments), *LIST[2:]])


def with_excite(**arguments):
    return made_block(stages=[*LIST[:2], SqueezeExcite(**arguments), LIST[3]])


def called(x, out, threads, residual):
    return BLOCK(x, out, threads, residual)


ADDITION = Addition(a=Q, b=Q, output=Q)


def made_addition(**arguments):
    return Addition(**arguments)(X, RESIDUAL)


def added(a, b, out):
    return ADDITION(a, b, out)


SLOPES = integers(CHANNELS)
SLOPE = Kind(NO_ARRAYS + wrong(*(np.zeros(CHANNELS, name) for name in ("f4", "f8", "i2", "i4", "i8", "O", "?", "U8")),
                               np.ma.MaskedArray(SLOPES), SLOPES.tolist()) + senseless(SLOPES[None], SLOPES[0]),
             array(SLOPES).same)  # fmt: skip
LAYER = Kind(wrong(0, None, "a", [], object(), Stage, mbconv.Conv(np.ones((1, 1), np.float32)))
             + senseless(LIST[1], LIST[0]))  # fmt: skip
TABLE = {
    "Stage": (with_stage, {
        "kind": (WORD, "depthwise"), "weight": (array(STAGE["weight"]), STAGE["weight"]),
        "weight_scale": (SCALE, STAGE["weight_scale"]), "output": (QUANTIZATION, Q),
        "bias": (array(STAGE["bias"]).but(None), STAGE["bias"]), "activation": (WORD, "relu6"),
        "table": (array(BYTES).but(None).and_refuses(*senseless(None)), BYTES), "table_output": (TABLE_OUTPUT, Q),
        "stride": (INTEGER, 1), "pad": (PAD, 1), "dilation": (APART, 1)}),
    "SqueezeExcite": (with_excite, {
        "mean": (QUANTIZATION, Q), "reduce": (LAYER, EXCITE["reduce"]), "expand": (LAYER, EXCITE["expand"]),
        "output": (QUANTIZATION, Q), "activation": (WORD, "relu"),
        "table": (array(BYTES).but(None).and_refuses(*senseless(None)), BYTES), "table_output": (TABLE_OUTPUT, Q)}),
    "Block": (made_block, {
        "stages": (LISTED, LIST), "input": (QUANTIZATION, Q), "dtype": (WORD, "int8"), "rounding": (WORD, "fp32"),
        "sum": (QUANTIZATION.but(None), Q), "residual": (RESIDUAL_OR_GIVEN, True), "add": (WORD, "xnnpack"),
        "residual_input": (Kind(QUANTIZATION.but(None).refused), None), "sum_activation": (WORD, "relu6"),
        "sum_table": (array(BYTES).but(None), BYTES), "sum_table_output": (TABLE_OUTPUT, Q),
        "x_door": (WORD, "bytes"), "y_door": (WORD, "bytes"), "layout": (WORD, "nhwc"), "isa": (WORD, "auto"),
        "strip_rows": (INTEGER, 2), "group_channels": (INTEGER, 0)}),
    "Block.__call__": (called, {
        "x": (image(X), X), "out": (output(X), np.empty_like(X)), "threads": (THREADS, 2),
        "residual": (image(RESIDUAL), RESIDUAL)}),
    "Block.run_at": (ran_at(BLOCK, CHANNELS), {
        "batch": (INTEGER, 2), **SIZE, "x": (ADDRESS, X.ctypes.data), "y": (Kind(ADDRESS.refused), OUTPUT),
        "threads": (THREADS, 2), "residual": (ADDRESS, RESIDUAL.ctypes.data)}),
    "Block.describe": (BLOCK.describe, {**SIZE, "threads": (INTEGER, 2)}),
    "Block.output_size": (BLOCK.output_size, SIZE),
    "Block.output_shape": (BLOCK.output_shape, {**SIZE, "batch": (INTEGER, 2)}),
    "Block.scratch_size": (BLOCK.scratch_size, {**SIZE, "threads": (INTEGER, 2)}),
    "Addition": (made_addition, {
        "a": (QUANTIZATION, Q), "b": (QUANTIZATION, Q), "output": (QUANTIZATION, Q), "dtype": (WORD, "int8"),
        "add": (WORD, "xnnpack"), "activation": (WORD, "relu6"), "isa": (WORD, "auto")}),
    "Addition.__call__": (added, {
        "a": (image(X), X), "b": (image(RESIDUAL), RESIDUAL), "out": (output(X), np.empty_like(X))}),
    "make_prelu": (mbconv.int8.make_prelu, {
        "slope": (SLOPE, SLOPES), "slopes": (QUANTIZATION, Q),
        "input": (QUANTIZATION, Q), "output": (QUANTIZATION, Q)}),
    "make_table": (mbconv.int8.make_table, {
        "function": (WORD, "silu"), "input": (QUANTIZATION, Q), "output": (QUANTIZATION, Q), "dtype": (WORD, "int8"),
        "rounding": (WORD, "fp32"), "alpha": (ALPHA, 0.0)}),
    "usable_isas": (mbconv.int8.usable_isas, {}),
}  # fmt: skip


class Int8Arguments(test_arguments.Arguments):
    # A Quantization is checked where it is used.
    module = type("Functions", (), {name: getattr(mbconv.int8, name) for name in mbconv.int8.__all__
                                    if name != "Quantization"})  # fmt: skip
    table = TABLE

    def check_message(self, message, argument):
        if argument != "weight" or not re.search("out_channels|bias", message):
            super().check_message(message, argument)


if __name__ == "__main__":
    unittest.main()
