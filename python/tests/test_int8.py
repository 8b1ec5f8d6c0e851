# SPDX-License-Identifier: MIT
"""Blocks on bytes against the integers of tests/hosts, which the check `hosts` holds against the hosts; refusals."""

import pathlib
import sys
import unittest
import warnings

import numpy as np

import mbconv
from mbconv.int8 import Addition, Block, Quantization, SqueezeExcite, Stage, make_prelu, make_table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "hosts"))
# pylint: disable=wrong-import-position
import integer_blocks  # noqa: E402
import integers  # noqa: E402
import ours  # noqa: E402
import tables  # noqa: E402
from quantized import Maker, Quantization as HostQuantization  # noqa: E402

Q = Quantization(0.02, -3)


class Blocks(unittest.TestCase):
    def test_against_integers(self):
        for dtype in ("int8", "uint8"):
            for number, (rounding, add) in enumerate((("fp32", "xnnpack"), ("tflite_double", "tflite"), ("fp32", "float"))):
                for activation in ("none", "relu6", "silu") + (("prelu",) if add != "float" else ()):
                    maker = Maker(number, dtype, per_channel=number > 0, lowest=-128)
                    block = maker.block((11, 14, 9), 37, 9, 5, 1, activation, residual=True)
                    x = maker.image(block)
                    with self.subTest(dtype=dtype, rounding=rounding, add=add, activation=activation):
                        expected = integer_blocks.run_block(x, block, rounding, add)
                        for isa in mbconv.int8.usable_isas():
                            y = ours.run(block, x, rounding, add, isa=isa)
                            self.assertEqual(y.dtype, np.dtype(dtype))
                            np.testing.assert_array_equal(y, expected)

    def test_squeeze_excite(self):
        for dtype in ("int8", "uint8"):
            for inner in ("relu", "silu"):
                maker = Maker(3, dtype, lowest=-128)
                block = maker.block((11, 14, 9), 37, 9, 5, 1, "relu6", residual=True, excite=(11, inner))
                x = maker.image(block)
                for rounding, add in (("fp32", "xnnpack"), ("tflite_double", "tflite")):
                    expected = integer_blocks.run_block(x, block, rounding, add)
                    for isa in mbconv.int8.usable_isas():
                        with self.subTest(dtype=dtype, inner=inner, rounding=rounding, isa=isa):
                            np.testing.assert_array_equal(ours.run(block, x, rounding, add, isa=isa), expected)

    def test_dense(self):
        for dtype in ("int8", "uint8"):
            for kernel, stride, activation in ((3, 2, "relu6"), (5, 1, "silu")):
                maker = Maker(5, dtype, lowest=-128)
                block = maker.fused((11, 14, 3), 19, 7, kernel, stride, activation)
                x = maker.image(block)
                expected = integer_blocks.run_block(x, block, "fp32", None)
                for isa in mbconv.int8.usable_isas():
                    with self.subTest(dtype=dtype, kernel=kernel, isa=isa):
                        np.testing.assert_array_equal(ours.run(block, x, "fp32", None, isa=isa), expected)

    def test_addition(self):
        random = np.random.default_rng(3)
        for dtype in ("int8", "uint8"):
            lo = -128 if dtype == "int8" else 0
            quantizations = HostQuantization(np.float32(0.05), lo + 3), HostQuantization(np.float32(0.02), lo + 130)
            y = HostQuantization(np.float32(0.06), lo + 100)
            a, b = (random.integers(lo, lo + 256, (3, 5, 7, 61)).astype(dtype) for _ in range(2))
            for kind, formula in integer_blocks.ADDS.items():
                expected = formula(a.astype(np.int64), b.astype(np.int64), *quantizations, y, dtype)
                for isa in mbconv.int8.usable_isas():
                    with self.subTest(dtype=dtype, kind=kind, isa=isa):
                        np.testing.assert_array_equal(ours.add(a, b, *quantizations, y, dtype, kind, isa), expected)
        made = Addition(a=Q, b=Q, output=Q, activation="relu")
        x = np.full(9, -3, np.int8)
        self.assertIs(made(x, x, x), x)
        np.testing.assert_array_equal(x, np.full(9, -3))

    def test_forms_of_arguments(self):
        random = np.random.default_rng(1)
        weight, x = random.integers(-128, 128, (7, 6), np.int8), random.integers(-128, 128, (2, 5, 4, 6), np.int8)
        expected = Block([Stage("pointwise", weight, np.full(7, 0.01, np.float32), Q, np.zeros(7, np.int32))], input=Q)(x)
        made = Block([Stage("pointwise", weight.reshape(7, 6, 1, 1), 0.01, Q)], input=(0.02, np.int64(-3)), layout="nchw")
        y = made(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), threads=2)
        np.testing.assert_array_equal(y.transpose(0, 2, 3, 1), expected)
        given = Block([Stage("pointwise", weight, 0.01, Q)], input=Q, residual="given", residual_input=Q, sum=Q)
        table = np.random.default_rng(2).permutation(256).astype(np.uint8)
        summed = Block([Stage("pointwise", weight[:6], 0.01, Q)], input=Q, sum=Q)(x)
        mapped = Block([Stage("pointwise", weight[:6], 0.01, Q)], input=Q, sum=Q, sum_table=table, sum_table_output=Q)(x)
        np.testing.assert_array_equal(mapped, table[summed.view(np.uint8)].view(np.int8))
        zero = np.full(expected.shape, Q.zero_point, np.int8)
        np.testing.assert_array_equal(given(x, residual=zero), expected)


    def test_doors(self):
        formulas = {"xnnpack": integers.quantize_reciprocal, "tflite": integers.quantize_away, "onnx": integers.quantize_divide}
        for dtype in ("int8", "uint8"):
            block = Maker(4, dtype, lowest=-128).block((9, 11, 10), 37, 10, 3, 1, "relu6", residual=True)
            x_q, stages = Quantization(*block.layers[0].x), ours.stages(block, "fp32")
            floats = np.random.default_rng(2).normal(0, 60, (1, 9, 11, 10)).astype(np.float32) * x_q.scale
            for door, formula in formulas.items():
                expected = integer_blocks.run_block(formula(floats, block.layers[0].x, dtype).astype(dtype), block, "fp32", "xnnpack")
                total = Quantization(*block.residual)
                for y_door in ("bytes", door):
                    with self.subTest(dtype=dtype, door=door, y=y_door):
                        made = Block(stages, input=x_q, dtype=dtype, sum=total, x_door=door, y_door=y_door)
                        want = expected.astype(np.int32) if y_door == "bytes" else real(expected, total)
                        np.testing.assert_array_equal(made(floats), want)

    def test_tables(self):
        x, y = Quantization(np.float32(0.04), 11), Quantization(np.float32(0.03), -20)
        for name in ("LOGISTIC", "TANH", "GELU", "SILU", "HARD_SWISH", "LEAKY_RELU"):
            for reference, rounding in enumerate(("fp32", "tflite_double")):
                alpha = 0.25 if name == "LEAKY_RELU" else 0.0
                expected = tables.rolled(tables.table_of(name, reference, HostQuantization(*x), HostQuantization(*y), alpha, "int8"), "int8")
                with self.subTest(name=name, rounding=rounding):
                    table = make_table(name.lower(), x, y, rounding=rounding, alpha=alpha)
                    np.testing.assert_array_equal(table, expected)


def real(values, q):
    """What bytes stand for."""
    return (values.astype(np.float32) - np.float32(q.zero_point)) * np.float32(q.scale)


class Refusals(unittest.TestCase):
    def test_messages(self):
        weight, table = np.ones((6, 6), np.int8), np.arange(256, dtype=np.uint8)
        stage, x = Stage("pointwise", weight, 0.01, Q), np.zeros((1, 3, 3, 6), np.int8)
        for error, message, call in (
            (TypeError, "weight is float32, not int8", lambda: Stage("pointwise", weight.astype(np.float32), 0.01, Q)),
            (TypeError, "weight is a list of int64, not an array of int8", lambda: Stage("pointwise", [[1]], 0.01, Q)),
            (TypeError, "slope is a float, not an array of float32", lambda: mbconv.Conv(np.ones((1, 1), np.float32), slope=0.1)),
            (ValueError, "kind 'pool' is unknown: use pointwise, depthwise or dense", lambda: Stage("pool", weight, 0.01, Q)),
            (ValueError, "activation 'silu' is unknown: use none, relu or relu6; others are tables", lambda: Stage("pointwise", weight, 0.01, Q, activation="silu")),
            (ValueError, "table and table_output: one", lambda: Stage("pointwise", weight, 0.01, Q, table=table)),
            (ValueError, "stages has 0 stages", lambda: Block([], input=Q)),
            (TypeError, r"stages\[0\] is a Conv, not an mbconv.int8.Stage", lambda: Block([mbconv.Conv(np.ones((6, 6), np.float32))], input=Q)),
            (TypeError, r"stages\[0\].bias is float64, not int32",
             lambda: Block([Stage("pointwise", weight, 0.01, Q, np.zeros(6))], input=Q)),
            (ValueError, r"stages\[0\].weight_scale has the shape \(5,\)",
             lambda: Block([Stage("pointwise", weight, np.ones(5, np.float32), Q)], input=Q)),
            (ValueError, "weight_scale of channel 0", lambda: Block([Stage("pointwise", weight, 0, Q)], input=Q)),
            (TypeError, "reduce is None, not an mbconv.int8.Stage", lambda: SqueezeExcite(Q, None, stage, Q)),
            (ValueError, "expand is depthwise, not pointwise",
             lambda: SqueezeExcite(Q, stage, Stage("depthwise", np.ones((6, 1, 3, 3), np.int8), 0.01, Q), Q)),
            (ValueError, r"stages\[0\] is squeeze-excite", lambda: Block([SqueezeExcite(Q, stage, stage, Q)], input=Q)),
            (ValueError, r"stages\[1\].reduce.weight has the shape \(6, 5\)",
             lambda: Block([stage, SqueezeExcite(Q, Stage("pointwise", weight[:, :5], 0.01, Q), stage, Q), stage], input=Q)),
            (ValueError, r"stages\[1\] is squeeze-excite: it must be between", lambda: Block([stage, SqueezeExcite(Q, stage, stage, Q)], input=Q)),
            (TypeError, "input is None, not an mbconv.int8.Quantization", lambda: Block([stage], input=None)),
            (TypeError, "input.zero_point is a float, not an integer", lambda: Block([stage], input=(1, 1.0))),
            (TypeError, "input.zero_point is a bool, not an integer", lambda: Block([stage], input=(1, True))),
            (OverflowError, "input.scale is larger than any float", lambda: Block([stage], input=(10**400, 0))),
            (ValueError, "weight_scale of channel 0", lambda: Block([Stage("pointwise", weight, 1e300, Q)], input=Q)),
            (ValueError, "input.zero_point is 256, which", lambda: Block([stage], input=(1, 256))),
            (ValueError, "zero point is 200, not -128 to 127", lambda: Block([stage], input=(1, 200))),
            (ValueError, "dtype 'int16' is unknown: use int8 or uint8", lambda: Block([stage], input=Q, dtype="int16")),
            (ValueError, "rounding 'single' is unknown: use", lambda: Block([stage], input=Q, rounding="single")),
            (ValueError, "x_door 'float' is unknown: use bytes, xnnpack", lambda: Block([stage], input=Q, x_door="float")),
            (TypeError, "x is int8, not float32", lambda: Block([stage], input=Q, x_door="onnx")(x)),
            (ValueError, r"a and b have the shapes \(6, 6\) and \(6,\)", lambda: Addition(a=Q, b=Q, output=Q)(weight, weight[0])),
            (ValueError, "a and y overlap without being the same",
             lambda: Addition(a=Q, b=Q, output=Q)(weight[:5], weight[:5], weight[1:])),
            (ValueError, r"slope has the shape \(6, 6\), not that of channels", lambda: make_prelu(weight, Q, Q, Q)),
            (TypeError, "slope is float32, not int8", lambda: make_prelu(np.ones(3, np.float32), Q, Q, Q)),
            (ValueError, r"stages\[0\].table has the shape \(5, 256\), not \(256,\)",
             lambda: Block([Stage("pointwise", weight, 0.01, Q, table=np.zeros((5, 256), np.uint8), table_output=Q)], input=Q)),
            (ValueError, "function 'relu' is unknown: use logistic, tanh", lambda: make_table("relu", Q, Q)),
            (ValueError, "alpha is not 0, but the function has none", lambda: make_table("silu", Q, Q, alpha=0.5)),
            (TypeError, "x is uint8, not int8", lambda: Block([stage], input=Q)(x.view(np.uint8))),
            (TypeError, "out is float32, not int8", lambda: Block([stage], input=Q)(x, out=np.zeros(x.shape, np.float32))),
        ):  # fmt: skip
            with self.subTest(message), self.assertRaisesRegex(error, message), warnings.catch_warnings():
                warnings.simplefilter("error")
                call()


if __name__ == "__main__":
    unittest.main()
