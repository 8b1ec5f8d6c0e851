# SPDX-License-Identifier: MIT
"""The parts of the networks that export_tflite.py knows, with their names in files of int8: tables_*.c and names.c of this
folder in Python, for the networks that converters to .tflite are given."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Expansion, kernel, channels, blocks
MOBILENET_V2 = (1, 3, 16, 1), (6, 3, 24, 2), (6, 3, 32, 3), (6, 3, 64, 4), (6, 3, 96, 3), (6, 3, 160, 3), (6, 3, 320, 1)
EFFICIENTNET = (1, 3, 16, 1), (6, 3, 24, 2), (6, 5, 40, 2), (6, 3, 80, 3), (6, 5, 112, 3), (6, 5, 192, 4), (6, 3, 320, 1)
MOBILENET_V1 = (64, 1), (128, 2), (256, 2), (512, 6), (1024, 2)  # channels, blocks
# Width and depth
EFFICIENTNETS = (1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1), (2.2, 3.6)
# Kernel, expanded, channels, whether it has squeeze-excite
MOBILENET_V3_LARGE = (
    (3, 16, 16, 0), (3, 64, 24, 0), (3, 72, 24, 0), (5, 72, 40, 1), (5, 120, 40, 1), (5, 120, 40, 1), (3, 240, 80, 0), (3, 200, 80, 0),
    (3, 184, 80, 0), (3, 184, 80, 0), (3, 480, 112, 1), (3, 672, 112, 1), (5, 672, 160, 1), (5, 960, 160, 1), (5, 960, 160, 1),
)  # fmt: skip
MOBILENET_V3_SMALL = (
    (3, 16, 16, 1), (3, 72, 24, 0), (3, 88, 24, 0), (5, 96, 40, 1), (5, 240, 40, 1), (5, 240, 40, 1), (5, 120, 48, 1), (5, 144, 48, 1),
    (5, 288, 96, 1), (5, 576, 96, 1), (5, 576, 96, 1),
)  # fmt: skip
LITES = EFFICIENTNETS[:5]
PUBLISHED = 1.0, 0.5, 0.75, 0.35, 1.4, 1.3, 0.25  # widths of MobileNetV2


@dataclass
class Expected:
    name: str
    kind: str  # as in tflite_parts.Part
    inputs: int
    outputs: int | None  # None: as many as there are classes
    kernel: int = 1
    block: int = 0  # its number; 0 outside of blocks
    alone: bool = False  # of a block that adds nothing, and has an activation at its end

    def __str__(self):
        return f"{self.kind} {self.kernel}x{self.kernel} {self.inputs}-{self.outputs or 'classes'}"

    def fits(self, part):
        sizes = (part.kind, part.inputs, part.kernel) == (self.kind, self.inputs, self.kernel)
        return sizes and self.outputs in (None, part.outputs)


def networks():
    """(name, its parts as Expected) of those with published weights."""
    for width in PUBLISHED:
        yield _mobilenet_v2(width)
    for variant, (width, depth) in enumerate(EFFICIENTNETS):
        yield f"efficientnet_b{variant}", _efficientnet(width, depth, False)
    for variant, (width, depth) in enumerate(LITES):
        yield f"efficientnet_lite{variant}", _efficientnet(width, depth, True)


    yield "mobilenet_v1", _mobilenet_v1(1)
    yield "mobilenet_v1_1.25", _mobilenet_v1(1.25)
    yield "mobilenet_v3_small", _mobilenet_v3(MOBILENET_V3_SMALL, 1024)
    yield "mobilenet_v3_large", _mobilenet_v3(MOBILENET_V3_LARGE, 1280)


def other_widths(stem, head):
    """Networks of any other width whose stem and head have so many channels."""
    for width in (thousandths / 1000 for step in (100, 10, 1) for thousandths in range(100, 4001, step)):
        if _divisible(32 * width) == stem and _divisible(1280 * max(1, width)) == head:
            yield _mobilenet_v2(width)


def _divisible(channels):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _mobilenet_v2(width):
    name = "mobilenet_v2" if width == 1 else f"mobilenet_v2_{width}"
    parts = [Expected("features.0.0", "dense", 3, _divisible(32 * width), 3)]
    for expansion, kernel, channels, blocks in MOBILENET_V2:
        for _ in range(blocks):
            number = parts[-1].block + 1
            prefix = f"features.{number}.conv."
            names = [prefix + last for last in (("0.0", "1.0", "2") if expansion > 1 else ("", "0.0", "1"))]
            parts += _block(names, number, parts[-1].outputs, (expansion, kernel, _divisible(channels * width)))
    return name, parts + _end(f"features.{parts[-1].block + 1}.0", parts[-1].outputs, _divisible(1280 * max(1, width)))


def _efficientnet(width, depth, lite):
    """Lite's stem, first row, last row and head are not scaled, and it has no squeeze-excite."""
    parts, last = [Expected("features.0.0", "dense", 3, 32 if lite else _divisible(32 * width), 3)], len(EFFICIENTNET) - 1
    for stage, (expansion, kernel, channels, blocks) in enumerate(EFFICIENTNET):
        for index in range(blocks if lite and stage in (0, last) else math.ceil(blocks * depth)):
            number, inputs = parts[-1].block + 1, parts[-1].outputs
            prefix = f"features.{number}.block." if lite else f"features.{stage + 1}.{index}.block."
            first = expansion > 1
            names = [f"{prefix}{place}.0" for place in (0, int(first), int(first) + (1 if lite else 2))]
            squeeze = [] if lite else [f"{prefix}{first + 1}.fc1", f"{prefix}{first + 1}.fc2"]
            parts += _block(names, number, inputs, (expansion, kernel, _divisible(channels * width)), squeeze, inputs // 4)
    head = f"features.{parts[-1].block + 1}.0" if lite else f"features.{last + 2}.0"
    return parts + _end(head, parts[-1].outputs, 1280 if lite else 4 * parts[-1].outputs)


def _mobilenet_v1(width):
    """Under timm's names."""
    parts = [Expected("conv_stem", "dense", 3, _divisible(32 * width), 3)]
    for stage, (channels, blocks) in enumerate(MOBILENET_V1):
        for index in range(blocks):
            number, inputs, prefix = parts[-1].block + 1, parts[-1].outputs, f"blocks.{stage}.{index}"
            parts.append(Expected(f"{prefix}.conv_dw", "depthwise", 1, inputs, 3, number, alone=True))
            parts.append(Expected(f"{prefix}.conv_pw", "pointwise", inputs, _divisible(channels * width), 1, number, alone=True))
    return [*parts, Expected("classifier", "connected", parts[-1].outputs, None)]


def _mobilenet_v3(rows, features):
    parts = [Expected("features.0.0", "dense", 3, 16, 3)]
    for number, (kernel, expanded, channels, excite) in enumerate(rows, 1):
        inputs, prefix = parts[-1].outputs, f"features.{number}.block."
        first = int(expanded != inputs)
        names = [f"{prefix}{place}.0" for place in (0, first, first + 1 + excite)]
        squeeze = [f"{prefix}{first + 1}.fc1", f"{prefix}{first + 1}.fc2"] if excite else []
        row = expanded / inputs, kernel, channels
        parts += _block(names, number, inputs, row, squeeze, _divisible(expanded // 4))
    head = Expected(f"features.{len(rows) + 1}.0", "pointwise", parts[-1].outputs, 6 * parts[-1].outputs)
    connected = Expected("classifier.0", "connected", head.outputs, features)
    return [*parts, head, connected, Expected("classifier.3", "connected", features, None)]


# pylint: disable-next=too-many-arguments,too-many-positional-arguments
def _block(names, number, inputs, row, squeeze=(), width=0):
    """`names`: of expand, depthwise, project; `squeeze`: of squeeze-excite's two parts, of so many channels. `row`: expansion,
    kernel, channels."""
    (expansion, kernel, channels), expanded = row, round(inputs * row[0])
    parts = [Expected(names[0], "pointwise", inputs, expanded, block=number)] if expansion > 1 else []
    parts.append(Expected(names[1], "depthwise", 1, expanded, kernel, number))
    if squeeze:
        parts.append(Expected(squeeze[0], "reduce", expanded, width, block=number))
        parts.append(Expected(squeeze[1], "excite", width, expanded, block=number))
    return parts + [Expected(names[2], "pointwise", expanded, channels, block=number)]


def _end(name, inputs, channels):
    return [Expected(name, "pointwise", inputs, channels), Expected("classifier.1", "connected", channels, None)]
