# SPDX-License-Identifier: MIT
"""The blocks of ../blocks.csv and ../lists.csv, their random parameters, and what they must compute, in double
precision."""

import csv
import dataclasses
import math
import pathlib

import numpy as np

CSV = pathlib.Path(__file__).parent.parent / "blocks.csv"
LISTS_CSV = CSV.with_name("lists.csv")
FIGURES_PEAK = 103.8  # GFLOP/s of the core that the figures of blocks.csv come from


@dataclasses.dataclass(frozen=True)
class Block:
    """One block in one variant: relu6, silu or silu-se."""

    name: str
    height: int
    width: int
    channels: int  # of the input
    expanded: int
    out: int
    kernel: int
    stride: int
    silu: bool
    has_expand: bool
    se_width: int  # 0: no squeeze-excite
    figures: dict  # kept figures of the peers that fit this variant: {(peer, threads): us}

    @property
    def variant(self):
        return ("silu-se" if self.se_width else "silu") if self.silu else "relu6"

    @property
    def pad(self):
        return self.kernel // 2

    @property
    def out_height(self):
        return (self.height - 1) // self.stride + 1

    @property
    def out_width(self):
        return (self.width - 1) // self.stride + 1

    @property
    def residual(self):
        return self.stride == 1 and self.channels == self.out

    @property
    def multiply_adds(self):
        """As mbconv_block_count counts them: padding taps included."""
        pixels = self.out_height * self.out_width
        expand = self.height * self.width * self.channels * self.expanded if self.has_expand else 0
        squeeze_excite = 2 * self.expanded * self.se_width
        return expand + pixels * self.expanded * (self.kernel**2 + self.out) + squeeze_excite

    @property
    def bytes(self):
        """Input, output and weights."""
        weights = self.expanded * ((self.channels if self.has_expand else 0) + self.kernel**2 + self.out)
        weights += 2 * self.expanded * self.se_width
        x = self.height * self.width * self.channels
        return 4 * (x + self.out_height * self.out_width * self.out + weights)


@dataclasses.dataclass(frozen=True)
class Stage:
    kind: str  # C dense, P pointwise, D depthwise
    kernel: int
    stride: int
    out: int
    activation: str  # none, relu, silu


@dataclasses.dataclass(frozen=True)
class ListBlock:
    """A block that is a list of stages."""

    name: str
    height: int
    width: int
    channels: int  # of the input
    stages: tuple
    residual: bool

    se_width, figures = 0, {}

    @property
    def variant(self):
        return "fused" if self.stages[0].kind == "C" else "uib"

    @property
    def out(self):
        return self.stages[-1].out

    def shapes(self):
        """(height, width, channels) before each stage, and after the last."""
        shapes = [(self.height, self.width, self.channels)]
        for stage in self.stages:
            height, width = ((size - 1) // stage.stride + 1 for size in shapes[-1][:2])
            shapes.append((height, width, stage.out))
        return shapes

    def _weights(self):
        """The number of each stage's."""
        for stage, (_, _, channels) in zip(self.stages, self.shapes()):
            yield stage.out * stage.kernel**2 * (1 if stage.kind == "D" else channels)

    @property
    def multiply_adds(self):
        return sum(shape[0] * shape[1] * weights for shape, weights in zip(self.shapes()[1:], self._weights()))

    @property
    def bytes(self):
        """Input, output and weights."""
        return 4 * (math.prod(self.shapes()[0]) + math.prod(self.shapes()[-1]) + sum(self._weights()))


def read_blocks():
    """Every block in every variant it has, in the files' order, squeeze-excite last but for the lists of stages."""
    rows = _rows(CSV)
    plain = [_block(row, 0) for row in rows]
    excited = [_block(row, int(row["se_width"])) for row in rows if row["se_width"] != "0"]
    return plain + excited + [_list_block(row) for row in _rows(LISTS_CSV)]


def _rows(path):
    with open(path, encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _list_block(row):
    stages = [text.split(":") for text in row["stages"].split()]
    return ListBlock(
        name=row["block"],
        height=int(row["height"]),
        width=int(row["width"]),
        channels=int(row["in"]),
        stages=tuple(Stage(s[0], int(s[1]), int(s[2]), int(s[3]), s[4]) for s in stages),
        residual=row["residual"] == "yes",
    )


def _block(row, se_width):
    columns = {("xnnpack", 1): "xnnpack_se_us"}
    if not se_width:
        columns = {(peer, 1): peer + "_us" for peer in ("xnnpack", "onednn", "ort", "ncnn", "torch")}
        columns["xnnpack", 2] = "xnnpack_2_threads_us"
    return Block(
        name=row["block"],
        height=int(row["height"]),
        width=int(row["width"]),
        channels=int(row["in"]),
        expanded=int(row["expanded"]),
        out=int(row["out"]),
        kernel=int(row["kernel"]),
        stride=int(row["stride"]),
        silu=row["activation"] == "silu",
        has_expand=row["expand"] == "yes",
        se_width=se_width,
        figures={key: float(row[column]) for key, column in columns.items() if row[column]},
    )


@dataclasses.dataclass(frozen=True)
class Conv:
    weight: np.ndarray  # PyTorch's layout: [out][in][k][k], depthwise [channels][1][k][k]
    bias: np.ndarray
    stride: int = 1
    pad: int = 0  # on all four sides
    groups: int = 1
    activation: str = "none"  # or relu, relu6, silu, sigmoid

    @property
    def out(self):
        return len(self.weight)

    @property
    def kernel(self):
        return self.weight.shape[2]


@dataclasses.dataclass(frozen=True)
class Case:
    """A block with parameters, an image x and the result y; both images NHWC [1][height][width][channels]."""

    block: Block  # or ListBlock
    x: np.ndarray
    y: np.ndarray  # double
    expand: Conv = None  # no expand
    depthwise: Conv = None
    project: Conv = None
    reduce: Conv = None  # as gate: no squeeze-excite
    gate: Conv = None
    stages: tuple = ()  # of a ListBlock: the convolutions of its stages; what stands above is None

    @property
    def residual(self):
        return self.block.residual


def make_case(block, seed):
    random = np.random.default_rng(seed)

    def uniform(shape, scale):
        return (scale * (2 * random.random(shape) - 1)).astype(np.float32)

    def conv(out, channels, activation="none", kernel=1, **more):
        """Such that outputs are as large as inputs."""
        shape = (out, channels, kernel, kernel)
        weight, bias = uniform(shape, np.sqrt(3 / (channels * kernel**2))), uniform(out, 1)
        return Conv(weight, bias, activation=activation, **more)

    x = uniform((1, block.height, block.width, block.channels), 2)
    if isinstance(block, ListBlock):
        stages = []
        for stage, (_, _, channels) in zip(block.stages, block.shapes()):
            groups = channels if stage.kind == "D" else 1
            spatial = {"kernel": stage.kernel, "stride": stage.stride, "pad": stage.kernel // 2, "groups": groups}
            stages.append(conv(stage.out, channels // groups, stage.activation, **spatial))
        case = Case(block=block, x=x, y=None, stages=tuple(stages))
        return dataclasses.replace(case, y=_compute_list(case))
    inside = "silu" if block.silu else "relu6"
    spatial = {"kernel": block.kernel, "stride": block.stride, "pad": block.pad, "groups": block.expanded}
    case = Case(
        block=block,
        expand=conv(block.expanded, block.channels, inside) if block.has_expand else None,
        depthwise=conv(block.expanded, 1, inside, **spatial),
        project=conv(block.out, block.expanded),
        reduce=conv(block.se_width, block.expanded, "silu") if block.se_width else None,
        gate=conv(block.expanded, block.se_width, "sigmoid") if block.se_width else None,
        x=x,
        y=None,
    )
    return dataclasses.replace(case, y=_compute(case))


def _compute(case):
    block = case.block
    activation = (lambda h: h * _sigmoid(h)) if block.silu else (lambda h: np.clip(h, 0, 6))
    x = case.x.astype(np.float64)
    h = activation(_pointwise(case.expand, x)) if block.has_expand else x
    h = activation(_depthwise(case.depthwise, h, block))
    if block.se_width:
        inner = _pointwise(case.reduce, h.mean(axis=(1, 2), keepdims=True))
        h *= _sigmoid(_pointwise(case.gate, inner * _sigmoid(inner)))
    y = _pointwise(case.project, h)
    return y + x if block.residual else y


def _compute_list(case):
    h = case.x.astype(np.float64)
    for conv in case.stages:
        h = _convolution(conv, h)
        if conv.activation == "relu":
            h = np.maximum(h, 0)
        elif conv.activation == "silu":
            h = h * _sigmoid(h)
    return h + case.x if case.residual else h


def _convolution(conv, h):
    """Dense, or depthwise where there is more than one group."""
    pad, stride, weight = conv.pad, conv.stride, conv.weight.astype(np.float64)
    height, width = ((size - 1) // stride + 1 for size in h.shape[1:3])
    padded = np.pad(h, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    y = np.zeros((1, height, width, conv.out)) + conv.bias
    for i in range(conv.kernel):
        for j in range(conv.kernel):
            taps = padded[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
            y += taps * weight[:, 0, i, j] if conv.groups > 1 else taps @ weight[:, :, i, j].T
    return y


def _sigmoid(h):
    return 1 / (1 + np.exp(-h))


def _pointwise(conv, h):
    return h @ conv.weight[:, :, 0, 0].T.astype(np.float64) + conv.bias


def _depthwise(conv, h, block):
    padded = np.pad(h, ((0, 0), (block.pad, block.pad), (block.pad, block.pad), (0, 0)))
    rows, columns = block.stride * (block.out_height - 1) + 1, block.stride * (block.out_width - 1) + 1
    y = np.zeros((1, block.out_height, block.out_width, block.expanded)) + conv.bias
    for i in range(block.kernel):
        for j in range(block.kernel):
            taps = padded[:, i : i + rows : block.stride, j : j + columns : block.stride]
            y += taps * conv.weight[:, 0, i, j]
    return y
