# SPDX-License-Identifier: MIT
"""The blocks of ../blocks.csv in int8: random, as tests/hosts makes them, and the bytes that they must give."""

import copy
import dataclasses
import functools
import pathlib
import sys
import zlib

import numpy as np

# pylint: disable=wrong-import-position
sys.path.append(str(pathlib.Path(__file__).parent.parent.parent / "tests" / "hosts"))

import integer_blocks  # noqa: E402
from quantized import Maker  # noqa: E402

# Of the sums, in bytes. SiLU's inputs are seldom cut off: some peers do not make bytes of them.
_SPREAD = {"relu6": 45, "silu": 12}


@dataclasses.dataclass(eq=False)
class Case:
    block: object  # of ../blocks.csv
    part: object  # quantized.Block
    x: np.ndarray  # [1][height][width][channels]

    @functools.cache
    def expected(self, add, tables=None):
        """The exact bytes with the shortcut added so, and SiLU by these tables."""
        return integer_blocks.run_block(self.x, self.part, "fp32", add, dict(tables) if tables else None)

    @functools.cached_property
    def unsigned(self):
        """The same block on uint8: every byte and zero point is larger by 128."""
        part = copy.deepcopy(self.part)
        for layer in part.layers:
            layer.dtype = "uint8"
            layer.x, layer.y = _moved(layer.x), _moved(layer.y)
            layer.function_y = layer.function_y and _moved(layer.function_y)
        part.residual = part.residual and _moved(part.residual)
        return part, self.x.view(np.uint8) ^ 0x80

    @property
    def shape(self):
        """Of the result."""
        return 1, self.block.out_height, self.block.out_width, self.block.out


def _moved(quantization):
    return dataclasses.replace(quantization, zero=quantization.zero + 128)


def make(block, seed):
    maker = Maker(zlib.crc32(f"{block.name} {seed}".encode()), "int8", spread=_SPREAD[block.variant], whole_clamp=True)
    shape = block.height, block.width, block.channels
    part = maker.block(shape, block.expanded, block.out, block.kernel, block.stride, block.variant, block.residual,
                       block.has_expand)  # fmt: skip
    if part.residual:  # what is added must not be cut off, since some peers add what has not become bytes yet
        last = part.layers[-1]
        last.weight_scales, last.y = last.weight_scales / np.float32(4), dataclasses.replace(last.y, zero=0)
    return Case(block, part, maker.image(part))
