# SPDX-License-Identifier: MIT
"""Blocks as lists of stages: against the reference in double, and what they refuse."""

import unittest

import numpy as np

import mbconv
from mbconv import Stage
from reference import TOLERANCE, Random, block, difference, stages

SHAPE = 11, 14  # of images


def with_more(random, conv, scale=False, slope=0):
    """A Conv with a layer scale, or with slopes."""
    channels = conv.weight.shape[0]
    return mbconv.Conv(
        conv.weight, conv.bias, conv.batch_norm, random.floats(channels) if scale else None,
        random.floats(slope) if slope else None,
    )  # fmt: skip


def lists(random):
    """Blocks by name: (stages, options)."""
    conv, more = random.conv, with_more
    squeeze = mbconv.SqueezeExcite(conv(5, 24, bias=True, norm=False), conv(24, 5, norm=False), "gelu", "sigmoid")
    return {
        "fused": ([Stage("dense", conv(24, 6, 3, 3), "silu", 2), Stage("pointwise", conv(9, 24))], {}),
        "fused, one layer": ([Stage("dense", conv(6, 6, 3, 3), "silu")], {"residual": True, "residual_after": True}),
        "extra depthwise": ([
            Stage("depthwise", conv(6, 1, 5, 5)), Stage("pointwise", conv(24, 6), "relu"),
            Stage("depthwise", conv(24, 1, 3, 3), "relu", 2, (1, 1, 1, 1)), Stage("pointwise", conv(9, 24))], {}),
        "feed-forward": ([Stage("pointwise", conv(24, 6), "gelu_tanh"),
                          Stage("pointwise", more(random, conv(6, 24), scale=True))], {"residual": True}),
        "ConvNeXt-like": ([Stage("depthwise", conv(6, 1, 7, 7)), Stage("pointwise", conv(24, 6), "gelu"),
                           Stage("pointwise", more(random, conv(6, 24), scale=True))], {"residual": None}),
        "squeeze-excite": ([Stage("pointwise", conv(24, 6), "hard_swish"), Stage("depthwise", conv(24, 1, 3, 3)),
                            Stage("squeeze_excite", squeeze, "relu6"), Stage("pointwise", conv(9, 24))],
                           {"residual": True, "residual_channels": 6}),
        "dilated": ([Stage("pointwise", more(random, conv(24, 6), slope=1), "leaky_relu"),
                     Stage("depthwise", conv(24, 1, 3, 3), "relu", dilation=2), Stage("pointwise", conv(6, 24))], {}),
        "given": ([Stage("depthwise", conv(6, 1, 3, 3), stride=2),
                   Stage("pointwise", more(random, conv(9, 6), slope=9), "prelu")],
                  {"residual": "given", "residual_channels": 7}),
    }  # fmt: skip


def run(made, x, residual, layout):
    """In a layout; the images are NHWC."""
    if layout == "nhwc":
        return made(x, residual=residual, threads=2)
    turned = [None if image is None else np.ascontiguousarray(image.transpose(0, 3, 1, 2)) for image in (x, residual)]
    return made(turned[0], residual=turned[1]).transpose(0, 2, 3, 1)


class Lists(unittest.TestCase):
    def test_against_reference(self):
        random = Random()
        for name, (listed, options) in lists(random).items():
            x = random.floats(2, *SHAPE, 6)
            plain = stages(x, listed)
            keeps = plain.shape == x.shape
            residual = options.get("residual")
            given = random.floats(*plain.shape[:3], options["residual_channels"]) if residual == "given" else None
            added = given if given is not None else x if residual or (residual is None and keeps) else None
            expected = stages(x, listed, added, options.get("residual_after", False))
            for layout in ("nhwc", "nchw"):
                with self.subTest(name, layout=layout):
                    made = mbconv.Stages(listed, layout=layout, **options)
                    y = run(made, x, given, layout)
                    self.assertEqual(made.output_size(*SHAPE), expected.shape[1:3])
                    self.assertEqual(y.shape, expected.shape)
                    self.assertLess(difference(y, expected), TOLERANCE)

    def test_same_floats_everywhere(self):
        random = Random()
        for name, (listed, options) in lists(random).items():
            x = random.floats(1, *SHAPE, 6)
            out = mbconv.Stages(listed, **{**options, "residual": False})(x)
            given = random.floats(*out.shape[:3], 7) if options.get("residual") == "given" else None
            expected = mbconv.Stages(listed, **options)(x, residual=given)
            for isa in mbconv.usable_isas():
                with self.subTest(name, isa=isa):
                    made = mbconv.Stages(listed, isa=isa, strip_rows=2, **options)
                    self.assertEqual(made.isa, isa)
                    np.testing.assert_array_equal(made(x, threads=3, residual=given), expected)

    def test_a_block_is_a_list(self):
        """The same floats, with a dilation too."""
        random = Random()
        layers = {"expand": random.conv(24, 6), "depthwise": random.conv(24, 1, 3, 3), "project": random.conv(6, 24)}
        x = random.floats(2, *SHAPE, 6)
        for dilation in (1, 2, 3):
            made = mbconv.Block(**layers, activation="silu", dilation=dilation)
            listed = [Stage("pointwise", layers["expand"], "silu"),
                      Stage("depthwise", layers["depthwise"], "silu", dilation=dilation),
                      Stage("pointwise", layers["project"])]  # fmt: skip
            y = made(x)
            np.testing.assert_array_equal(mbconv.Stages(listed)(x), y)
            expected = block(x, **layers, activation="silu", stride=1, pad=dilation, residual=True, dilation=dilation)
            self.assertLess(difference(y, expected), TOLERANCE)

    def test_operators_with_slopes(self):
        random = Random()
        x = random.floats(2, *SHAPE, 6)
        for activation, slope in (("prelu", 9), ("leaky_relu", 1), ("gelu", 0)):
            conv = with_more(random, random.conv(9, 6, 3, 3), slope=slope)
            made = mbconv.Convolution(conv=conv, activation=activation)
            self.assertLess(difference(made(x), stages(x, [Stage("dense", conv, activation)])), TOLERANCE)
            conv = with_more(random, random.conv(9, 6), scale=True, slope=slope)
            made = mbconv.Pointwise(conv=conv, activation=activation)
            self.assertLess(difference(made(x), stages(x, [Stage("pointwise", conv, activation)])), TOLERANCE)


class Refusals(unittest.TestCase):
    """Each a clear exception."""

    def test_lists(self):
        conv = Random().conv
        dense, point, depth = conv(6, 6, 3, 3), conv(6, 6), conv(6, 1, 3, 3)
        squeeze = mbconv.SqueezeExcite(conv(2, 6), conv(6, 2))
        for error, message, make in (
            (ValueError, "stages has 7 stages, not 1 to 6", lambda: [Stage("pointwise", point)] * 7),
            (TypeError, r"stages\[1\] is a Conv, not an mbconv.Stage", lambda: [Stage("pointwise", point), point]),
            (ValueError, "kind 'conv' is unknown: use pointwise", lambda: [Stage("conv", dense)]),
            (TypeError, "parameters is a Conv, not an mbconv.SqueezeExcite", lambda: [Stage("squeeze_excite", point)]),
            (TypeError, "parameters is a SqueezeExcite, not an mbconv.Conv", lambda: [Stage("dense", squeeze)]),
            (ValueError, r"stages\[0\] is squeeze_excite", lambda: [Stage("squeeze_excite", squeeze)]),
            (ValueError, r"stages\[1\] is squeeze-excite: it must",
             lambda: [Stage("depthwise", depth), Stage("squeeze_excite", squeeze)]),
            (ValueError, r"stages\[1\] is dense: only the first",
             lambda: [Stage("pointwise", point), Stage("dense", dense)]),
            (ValueError, r"stages\[1\].parameters.weight has the shape \(6, 7\), not \(6, 6, 1, 1\)",
             lambda: [Stage("pointwise", point), Stage("pointwise", conv(6, 7))]),
            (ValueError, r"stages\[1\]: out_channels is 7, but it keeps its 6 channels",
             lambda: [Stage("pointwise", point), Stage("depthwise", conv(7, 1, 3, 3))]),
            (ValueError, r"stages\[0\]: kernel is 9", lambda: [Stage("depthwise", conv(6, 1, 9, 9))]),
            (ValueError, r"stages\[0\]: dilation is 2", lambda: [Stage("dense", dense, dilation=2)]),
            (ValueError, r"stages\[0\] has a kernel, stride or padding", lambda: [Stage("pointwise", point, stride=2)]),
            (ValueError, r"stages\[0\].parameters.slope is None, but prelu needs one",
             lambda: [Stage("pointwise", point, "prelu")]),
            (ValueError, r"stages\[0\].parameters.slope has the shape \(5,\), not \(6,\)",
             lambda: [Stage("pointwise", with_more(Random(), point, slope=5), "prelu")]),
            (ValueError, r"slope has the shape \(6,\), not \(1,\)",
             lambda: [Stage("pointwise", with_more(Random(), point, slope=6), "leaky_relu")]),
        ):  # fmt: skip
            with self.subTest(message), self.assertRaisesRegex(error, message):
                mbconv.Stages(make())

    def test_residuals(self):
        random = Random()
        listed = [Stage("depthwise", random.conv(6, 1, 3, 3)), Stage("pointwise", random.conv(9, 6))]
        x, other = random.floats(1, *SHAPE, 6), random.floats(1, *SHAPE, 9)
        given, without = mbconv.Stages(listed, residual="given"), mbconv.Stages(listed)
        for error, message, call in (
            (ValueError, "residual is on, but input and output", lambda: mbconv.Stages(listed, residual=True)),
            (ValueError, "the last stage is depthwise", lambda: mbconv.Stages(listed[:1], residual="given")),
            (ValueError, "residual_channels is 10, more than the 9",
             lambda: mbconv.Stages(listed, residual_channels=10)),
            (TypeError, "residual is None, not a NumPy array", lambda: given(x)),
            (ValueError, r"residual has the shape \(1, 11, 14, 6\), not \(1, 11, 14, 9\)",
             lambda: given(x, residual=x)),
            (ValueError, "out overlaps residual", lambda: given(x, out=other, residual=other)),
            (ValueError, "residual is passed, but", lambda: without(x, residual=other)),
            (ValueError, "residual is NULL, but the block", lambda: given.run_at(1, 3, 3, 64, 64)),
            (ValueError, "a residual is given, but the block", lambda: without.run_at(1, 3, 3, 64, 64, None, 64)),
        ):  # fmt: skip
            with self.subTest(message), self.assertRaisesRegex(error, message):
                call()
        self.assertEqual(given(x[:0], residual=other[:0]).shape, (0, *SHAPE, 9))


if __name__ == "__main__":
    unittest.main()
