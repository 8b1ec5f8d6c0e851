# SPDX-License-Identifier: MIT
"""Operators on NumPy arrays: against a reference in double, and what they refuse."""

import copy
import itertools
import pickle
import unittest

import numpy as np

import mbconv
from reference import ACTIVATIONS, TOLERANCE, Random, block, convolution, difference, pointwise

SHAPE = 11, 14  # of images
CHANNELS = 20, 50, 20


def parameters(random, kernel=3, has_expand=True, squeeze=None):
    inputs, expanded, outputs = CHANNELS if has_expand else (CHANNELS[1],) * 3
    found = {
        "depthwise": random.conv(expanded, 1, kernel, kernel, bias=not has_expand),
        "project": random.conv(outputs, expanded, 1, 1),
    }
    if has_expand:
        found["expand"] = random.conv(expanded, inputs)
    if squeeze:
        reduce, excite = random.conv(5, expanded, bias=True, norm=False), random.conv(expanded, 5, norm=False)
        found["squeeze_excite"] = mbconv.SqueezeExcite(reduce, excite, *squeeze)
    return found


class Blocks(unittest.TestCase):
    def test_against_reference(self):
        squeezes = None, ("silu", "sigmoid"), ("relu", "hard_sigmoid")
        pads = {3: (1, (0, 0, 1, 1)), 5: (2, (1, 2, 2, 1))}
        cases = itertools.product((3, 5), (1, 2), (0, 1), squeezes, (True, False), ("relu6", "silu", "hard_swish"))
        for kernel, stride, which, squeeze, has_expand, activation in cases:
            pad = pads[kernel][which]
            residual = stride == 1 and isinstance(pad, int)
            with self.subTest(kernel=kernel, stride=stride, pad=pad, squeeze=squeeze, activation=activation):
                random = Random(kernel)
                layers = parameters(random, kernel, has_expand, squeeze)
                x = random.floats(2, *SHAPE, CHANNELS[0] if has_expand else CHANNELS[1])
                options = {"stride": stride, "pad": pad, "activation": activation, "residual": residual}
                made = mbconv.Block(**layers, **options)
                y = made(x)
                self.assertEqual(y.shape, made.output_shape(*SHAPE, 2))
                self.assertLess(difference(y, block(x, **layers, **options)), TOLERANCE)

    def test_same_floats_everywhere(self):
        """Every set, number of threads, layout and plan."""
        random = Random()
        layers = parameters(random, squeeze=("silu", "sigmoid"))
        x = random.floats(3, *SHAPE, CHANNELS[0])
        expected = mbconv.Block(**layers, activation="silu")(x)
        for isa in mbconv.usable_isas():
            made = mbconv.Block(**layers, activation="silu", isa=isa, strip_rows=2)
            self.assertEqual(made.isa, isa)
            for threads in (1, 2, 3, mbconv.Threads(2)):
                np.testing.assert_array_equal(made(x, threads=threads), expected)
        planes = mbconv.Block(**layers, activation="silu", layout="nchw")
        y = planes(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        np.testing.assert_array_equal(y.transpose(0, 2, 3, 1), expected)

    def test_output_in_place(self):
        random = Random()
        made = mbconv.Block(**parameters(random), activation="relu6")
        x, out = random.floats(1, *SHAPE, CHANNELS[0]), np.full((1, *SHAPE, CHANNELS[2]), np.nan, np.float32)
        self.assertIs(made(x, out), out)
        np.testing.assert_array_equal(out, made(x))

    def test_no_images(self):
        made = mbconv.Block(**parameters(Random()), activation="relu6")
        self.assertEqual(made(np.empty((0, *SHAPE, CHANNELS[0]), np.float32)).shape, (0, *SHAPE, CHANNELS[2]))

    def test_parameters_are_copied(self):
        random = Random()
        layers = parameters(random)
        made = mbconv.Block(**layers, activation="relu6")
        x = random.floats(1, *SHAPE, CHANNELS[0])
        before = made(x)
        layers["project"].weight[:] = 7
        np.testing.assert_array_equal(made(x), before)

    def test_what_it_tells(self):
        made = mbconv.Block(**parameters(Random()), activation="silu", isa="scalar")
        self.assertEqual((made.isa, made.exp), ("scalar", "inline"))
        self.assertIn("scalar", made.describe(*SHAPE))
        self.assertIn("weights", made.describe(*SHAPE, threads=2))
        self.assertGreater(made.scratch_size(*SHAPE, 2), 0)
        self.assertGreater(made.weight_bytes, 4 * CHANNELS[1] * (CHANNELS[0] + 9 + CHANNELS[2]))

    def test_copies(self):
        made = mbconv.Block(**parameters(Random()), activation="silu")
        self.assertIs(copy.deepcopy([made])[0], made)
        with self.assertRaisesRegex(TypeError, "packed for this CPU"):
            pickle.dumps(made)


class Others(unittest.TestCase):
    def test_convolution(self):
        random = Random()
        for kernel, stride, layout in itertools.product((1, 3, 5), (1, 2), ("nhwc", "nchw")):
            with self.subTest(kernel=kernel, stride=stride, layout=layout):
                conv = random.conv(10, 3, kernel, kernel)
                made = mbconv.Convolution(conv=conv, activation="hard_swish", stride=stride, layout=layout)
                x = random.floats(2, *SHAPE, 3)
                given = x if layout == "nhwc" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
                expected = ACTIVATIONS["hard_swish"](convolution(x, conv, stride, kernel // 2))
                self.assertLess(difference(made(given, threads=2), expected), TOLERANCE)

    def test_pointwise(self):
        random = Random()
        conv = random.conv(33, 21, bias=True)
        made = mbconv.Pointwise(conv=conv, activation="silu")
        for shape in ((21,), (5, 21), (2, 3, 4, 21), (0, 21)):
            x = random.floats(*shape)
            y = made(x, threads=2)
            self.assertEqual(y.shape, (*shape[:-1], 33))
            if y.size:
                self.assertLess(difference(y, ACTIVATIONS["silu"](pointwise(x, conv))), TOLERANCE)


class Refusals(unittest.TestCase):
    """Each a clear exception."""

    def setUp(self):
        self.random = Random()
        self.layers = parameters(self.random)
        self.block = mbconv.Block(**self.layers, activation="silu")
        self.x = self.random.floats(1, *SHAPE, CHANNELS[0])

    def test_inputs(self):
        x, run = self.x, self.block
        read_only = np.empty_like(x)
        read_only.flags.writeable = False
        both = np.empty(x.size + 1, np.float32)
        for error, message, arguments in (
            (TypeError, "x is float64, not float32", (x.astype(np.float64),)),
            (TypeError, "x is a list, not a NumPy array", (x.tolist(),)),
            (ValueError, "x is not contiguous", (x[:, :, ::-1],)),
            (ValueError, r"x has the shape \(1, 11, 14, 19\), not \(batch, height, width, 20\)", (x[..., 1:].copy(),)),
            (ValueError, r"x has the shape \(11, 14, 20\), not \(batch, height, width, 20\): x\[None\]", (x[0],)),
            (ValueError, "out has the shape", (x[:, 1:].copy(), np.empty((1, *SHAPE, 20), np.float32))),
            (ValueError, "the image is 0 x 14", (x[:, :0].copy(),)),
            (TypeError, "out is float16", (x, x.astype(np.float16))),
            (ValueError, "out has the shape", (x, np.empty((2, *SHAPE, 20), np.float32))),
            (ValueError, "out is read-only", (x, read_only)),
            (ValueError, "out overlaps x", (both[1:].reshape(x.shape), both[:-1].reshape(x.shape))),
            (ValueError, "0 threads", (x, None, 0)),
            (ValueError, "9999 threads", (x, None, 9999)),
            (TypeError, "threads is a str, not an integer, an mbconv.Threads or None", (x, None, "two")),
        ):
            with self.subTest(message), self.assertRaisesRegex(error, message):
                run(*arguments)

    def test_descriptions(self):
        random, layers = self.random, self.layers
        lacking = next((isa for isa in ("neon", "avx512") if isa not in mbconv.usable_isas()))
        for error, message, changes in (
            (ValueError, "kernel", {"depthwise": random.conv(50, 1, 9, 9)}),
            (ValueError, "stride", {"stride": 3}),
            (ValueError, "pad", {"pad": 3}),
            (ValueError, "pad has 2 numbers, not 4", {"pad": (1, 1)}),
            (ValueError, "pad 'SAME' is unknown: use an integer, .* 'same' or None", {"pad": "SAME"}),
            (ValueError, "residual", {"residual": True, "stride": 2}),
            (TypeError, "residual is a str, not True, False or None", {"residual": "yes"}),
            (ValueError, "activation 'elu' is unknown: use none, relu", {"activation": "elu"}),
            (ValueError, "activation 'gelu' is for mbconv.Stages", {"activation": "gelu"}),
            (ValueError, "dilation is 0", {"dilation": 0}),
            (ValueError, "layout 'chwn' is unknown: use nhwc or nchw", {"layout": "chwn"}),
            (ValueError, "isa 'mmx' is unknown: use auto", {"isa": "mmx"}),
            (mbconv.UnsupportedIsa, lacking, {"isa": lacking}),
            (mbconv.UnsupportedIsa, "sleef", {"exp": "sleef"}),
            (ValueError, r"project.weight has the shape \(20, 51, 1, 1\)", {"project": random.conv(20, 51, 1, 1)}),
            (ValueError, r"depthwise.weight has the shape \(50, 2, 3, 3\), not \(channels, 1, k, k\)", {"depthwise": random.conv(50, 2, 3, 3)}),
            (ValueError, r"depthwise.weight has the shape \(50, 1, 3, 5\)", {"depthwise": random.conv(50, 1, 3, 5)}),
            (ValueError, r"depthwise.weight has the shape \(50, 9\)", {"depthwise": random.conv(50, 9)}),
            (ValueError, r"expand.weight has the shape \(20, 50\), not \(50, in\): weights lie as PyTorch's",
             {"expand": mbconv.Conv(random.floats(20, 50))}),
            (ValueError, r"reduce.weight has the shape \(50, 5\), not \(width, 50\): weights lie as PyTorch's",
             {"squeeze_excite": mbconv.SqueezeExcite(mbconv.Conv(random.floats(50, 5)), mbconv.Conv(random.floats(5, 50)))}),
            (ValueError, r"expand.weight has the shape \(50,\), not of 2 or 4 dimensions", {"expand": mbconv.Conv(random.floats(50))}),
            (TypeError, "expand is a ndarray, not an mbconv.Conv", {"expand": random.floats(50, 20)}),
            (ValueError, "expand.bias has", {"expand": mbconv.Conv(random.floats(50, 20), random.floats(51))}),
            (ValueError, "variance", {"expand": mbconv.Conv(random.floats(50, 20), None, mbconv.BatchNorm(
                random.floats(50), -np.ones(50, np.float32)))}),
        ):  # fmt: skip
            with self.subTest(message), self.assertRaisesRegex(error, message):
                mbconv.Block(**{**layers, "activation": "silu", **changes})

    def test_sizes(self):
        """By each function that is told one."""
        unpadded = mbconv.Block(**self.layers, activation="silu", pad=0, residual=False)
        functions = [getattr(unpadded, name) for name in ("output_size", "output_shape", "scratch_size", "describe")]
        for function in (*functions, lambda height, width: unpadded.run_at(1, height, width, 64, 64)):
            for error, message, sizes in (
                (OverflowError, "does not fit into memory", (1 << 62, 1 << 62)),
                (ValueError, "the image is 0 x 14", (0, 14)),
                (ValueError, "the image is 11 x 0", (11, 0)),
                (ValueError, "the padded image of 2 x 14 is smaller than the kernel of 3", (2, 14)),
                (ValueError, "the padded image of 11 x 2 is smaller than the kernel of 3", (11, 2)),
            ):
                with self.subTest(function=function, sizes=sizes), self.assertRaisesRegex(error, message):
                    function(*sizes)
        with self.assertRaisesRegex(ValueError, "kernel"):
            unpadded(self.x[:, :2].copy())


if __name__ == "__main__":
    unittest.main()
