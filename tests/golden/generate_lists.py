#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden data of lists of stages: blocks computed by PyTorch, one .list file each in the format of README.md.

    /usr/bin/python3 generate_lists.py                the committed files, in place
    /usr/bin/python3 generate_lists.py --out DIR --seed 7
"""

import argparse
import copy
import pathlib
import struct
from dataclasses import dataclass, field
from typing import List, Optional, Tuple

import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent

# The numbers are those of mbconv_activation_kind.
ACTIVATIONS = {
    "none": (0, nn.Identity), "relu": (1, nn.ReLU), "relu6": (2, nn.ReLU6), "silu": (3, nn.SiLU),
    "sigmoid": (4, nn.Sigmoid), "hard_sigmoid": (5, nn.Hardsigmoid), "hard_swish": (6, nn.Hardswish),
    "gelu": (7, nn.GELU), "gelu_tanh": (8, lambda: nn.GELU(approximate="tanh")),
    "leaky_relu": (9, lambda: nn.LeakyReLU(0.125)), "prelu": (10, None),
}  # fmt: skip
POINTWISE, DEPTHWISE, DENSE, SQUEEZE_EXCITE = 1, 2, 3, 4  # mbconv_stage_kind
OFF, ON, GIVEN = 1, 2, 3  # mbconv_residual
BIAS, BATCH_NORM, SCALE, SLOPE = 1, 2, 4, 8  # flags of a stage


@dataclass
class Stage:
    kind: int
    out: int = 0  # 0: as many as go in
    activation: str = "none"
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pad: Optional[Tuple[int, int, int, int]] = None  # top, left, bottom, right; None keeps the size at stride 1
    bias: bool = False
    scale: bool = False
    squeeze: Tuple[int, str, str] = (0, "none", "none")  # width, inner activation, gate


@dataclass
class Case:
    name: str
    image: Tuple[int, int]  # height, width
    channels: int
    stages: List[Stage] = field(default_factory=list)
    residual: int = OFF
    after: bool = False
    residual_channels: int = 0
    batch: int = 1


class Layer(nn.Module):
    """A convolution, its normalisation, layer scale and activation; or squeeze-excite and its activation."""

    def __init__(self, stage, channels):
        super().__init__()
        self.stage, self.out = stage, stage.out or channels
        prelu = stage.activation == "prelu"
        self.activation = nn.PReLU(self.out) if prelu else ACTIVATIONS[stage.activation][1]()
        half = stage.kernel // 2 * stage.dilation
        self.sides = stage.pad or (half,) * 4
        if stage.kind == SQUEEZE_EXCITE:
            width, inner, gate = stage.squeeze
            self.reduce, self.expand = nn.Conv2d(channels, width, 1), nn.Conv2d(width, channels, 1)
            self.inner, self.gate = ACTIVATIONS[inner][1](), ACTIVATIONS[gate][1]()
            return
        groups = channels if stage.kind == DEPTHWISE else 1
        self.conv = nn.Conv2d(channels, self.out, stage.kernel, stage.stride, dilation=stage.dilation, groups=groups,
                              bias=stage.bias)  # fmt: skip
        self.norm = None if stage.bias else nn.BatchNorm2d(self.out)
        self.scale = nn.Parameter(torch.randn(self.out)) if stage.scale else None

    def sums(self, x):
        if self.stage.kind == SQUEEZE_EXCITE:
            return x * self.gate(self.expand(self.inner(self.reduce(x.mean(dim=(2, 3), keepdim=True)))))
        top, left, bottom, right = self.sides
        y = self.conv(nn.functional.pad(x, (left, right, top, bottom)))
        y = y if self.norm is None else self.norm(y)
        return y if self.scale is None else y * self.scale[:, None, None]

    def flags(self):
        slope = SLOPE if self.stage.activation in ("prelu", "leaky_relu") else 0
        if self.stage.kind == SQUEEZE_EXCITE:
            return 0
        return (BIAS if self.stage.bias else BATCH_NORM) | (SCALE if self.stage.scale else 0) | slope

    def tensors(self):
        if self.stage.kind == SQUEEZE_EXCITE:
            yield from (self.reduce.weight, self.reduce.bias, self.expand.weight, self.expand.bias)
            return
        yield self.conv.weight
        if self.conv.bias is not None:
            yield self.conv.bias
        if self.norm is not None:
            norm = self.norm
            yield from (norm.weight, norm.bias, norm.running_mean, norm.running_var, torch.tensor([norm.eps]))
        if self.scale is not None:
            yield self.scale
        if self.stage.activation == "prelu":
            yield self.activation.weight
        if self.stage.activation == "leaky_relu":
            yield torch.full((self.out,), self.activation.negative_slope)


class Block(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.case, channels, layers = case, case.channels, []
        for stage in case.stages:
            layers.append(Layer(stage, channels))
            channels = layers[-1].out
        self.layers = nn.ModuleList(layers)

    def forward(self, x, added=None):
        added = x if self.case.residual == ON else added
        for layer in self.layers[:-1]:
            x = layer.activation(layer.sums(x))
        last = self.layers[-1]
        y = last.sums(x)
        if added is None:
            return last.activation(y)
        added = nn.functional.pad(added, (0, 0, 0, 0, 0, y.shape[1] - added.shape[1]))
        return last.activation(y) + added if self.case.after else last.activation(y + added)


def randomise(block, channels):
    """Makes every parameter of the normalisations matter, and the slopes differ."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    block.train()
    x = torch.randn(4, channels, 16, 16)
    for layer in block.layers:
        x = layer.activation(layer.sums(x))
    for norm in norms:
        norm.running_mean += 0.3 * torch.randn_like(norm.running_mean)
        norm.running_var *= 0.5 + 1.5 * torch.rand_like(norm.running_var)
        norm.weight += 0.3 * torch.randn_like(norm.weight)
        norm.bias += 0.3 * torch.randn_like(norm.bias)
    for module in block.modules():
        if isinstance(module, nn.PReLU):
            module.weight.copy_(torch.rand_like(module.weight))
    block.eval()


def compute(case, seed):
    torch.manual_seed(seed)
    x, block = torch.randn(case.batch, case.channels, *case.image), Block(case)
    randomise(block, case.channels)
    added = None
    if case.residual == GIVEN:
        shape = block(x).shape
        added = torch.randn(shape[0], case.residual_channels or shape[1], *shape[2:])
    y = block(x, added)
    exact = copy.deepcopy(block).double()(x.double(), None if added is None else added.double())
    error = ((y - exact).abs().max() / exact.abs().max()).item()
    if not error < 2e-6:  # also true of NaN
        raise SystemExit(f"{case.name}: PyTorch's float32 is {error:.1e} from its float64")
    return x, block, added, y


def write(case, seed, directory):
    x, block, added, y = compute(case, seed)
    tensors = [x, *(tensor for layer in block.layers for tensor in layer.tensors()), *([] if added is None else [added]), y]
    floats = b"".join(t.detach().contiguous().numpy().astype("<f4").tobytes() for t in tensors)
    parameters = sum(p.numel() for p in block.parameters())
    words = [1, case.batch, *case.image, case.channels, len(case.stages), case.residual, int(case.after),
             case.residual_channels, *y.shape[2:], parameters, len(floats) // 4]  # fmt: skip
    for layer in block.layers:
        stage = layer.stage
        width, inner, gate = stage.squeeze
        words += [stage.kind, layer.out, ACTIVATIONS[stage.activation][0], stage.kernel, stage.stride, stage.dilation,
                  *layer.sides, layer.flags(), width, ACTIVATIONS[inner][0], ACTIVATIONS[gate][0]]  # fmt: skip
    (directory / f"{case.name}.list").write_bytes(struct.pack(f"<8s{len(words)}I", b"MBSTAGES", *words) + floats)


def dense(out, activation="silu", kernel=3, stride=1, **more):
    return Stage(DENSE, out, activation, kernel, stride, **more)


def point(out, activation="none", **more):
    return Stage(POINTWISE, out, activation, **more)


def depth(activation="none", kernel=3, stride=1, **more):
    return Stage(DEPTHWISE, 0, activation, kernel, stride, **more)


CASES = [
    Case("fused", (9, 8), 12, [dense(48, stride=2), point(20)]),
    Case("fused_residual", (7, 8), 16, [dense(32), point(16)], residual=ON, batch=2),
    Case("fused_without_project", (7, 6), 16, [dense(16)], residual=ON, after=True),
    Case("fused_squeeze_excite", (6, 7), 12, [
        dense(32, "gelu_tanh", pad=(0, 1, 2, 1)), Stage(SQUEEZE_EXCITE, squeeze=(5, "silu", "sigmoid")), point(9)]),
    Case("extra_depthwise", (9, 8), 16, [
        depth(kernel=5), point(48, "relu"), depth("relu", stride=2, pad=(0, 0, 1, 1)), point(24)]),
    Case("feed_forward", (7, 7), 16, [point(64, "gelu"), point(16, scale=True)], residual=ON),
    Case("convnext_like", (9, 8), 16, [
        depth(kernel=7, bias=True), point(48, "gelu", bias=True), point(16, scale=True, bias=True)], residual=ON),
    Case("lcnet_squeeze_excite", (9, 7), 24, [
        depth("hard_swish", 5, 2), Stage(SQUEEZE_EXCITE, squeeze=(6, "relu", "hard_sigmoid")), point(48, "hard_swish")]),
    Case("blazeface", (8, 8), 24, [depth(kernel=5, stride=2, bias=True), point(40, "prelu", bias=True)],
         residual=GIVEN, residual_channels=24),
    Case("rexnet", (7, 8), 15, [
        point(60, "silu"), depth(), Stage(SQUEEZE_EXCITE, activation="relu6", squeeze=(5, "relu", "sigmoid")),
        point(21)], residual=ON, residual_channels=15),
    Case("leaky_dilated", (9, 9), 12, [point(36, "leaky_relu"), depth("leaky_relu", dilation=2), point(12, "relu")],
         residual=ON),
]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="draw other data; needs --out")
    parser.add_argument("--out", type=pathlib.Path, help="directory to write to, made if missing")
    arguments = parser.parse_args()
    if arguments.seed is not None and arguments.out is None:
        parser.error("--seed needs --out: the committed files are those without a seed")
    directory = arguments.out or HERE
    directory.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # sums are then added in one order
    with torch.no_grad():
        for case in CASES:
            write(case, arguments.seed or 0, directory)
    print(f"{len(CASES)} lists written to {directory}")


if __name__ == "__main__":
    main()
