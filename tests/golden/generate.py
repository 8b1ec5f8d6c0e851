#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden data: MBConv blocks computed by PyTorch, one file per case in the format of README.md.

    /usr/bin/python3 generate.py                      the committed files, in place
    /usr/bin/python3 generate.py --seed 7 --out DIR   the same shapes but the notebook's, and random ones, from seed 7
"""

import argparse
import copy
import pathlib
import random
import struct
from dataclasses import dataclass
from typing import Optional, Tuple

import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent

# The numbers are those of mbconv_activation_kind.
ACTIVATIONS = {
    "none": (0, nn.Identity),
    "relu": (1, nn.ReLU),
    "relu6": (2, nn.ReLU6),
    "silu": (3, nn.SiLU),
    "sigmoid": (4, nn.Sigmoid),
    "hard_sigmoid": (5, nn.Hardsigmoid),
    "hard_swish": (6, nn.Hardswish),
}
PRESENT, BIAS, BATCH_NORM = 1, 2, 4  # flags of a convolution in the file's header
RESIDUAL_AUTO, RESIDUAL_OFF = 0, 1  # mbconv_residual


@dataclass
class Case:
    name: str
    image: Tuple[int, int]  # height, width
    channels: Tuple[int, int, int]  # in, expanded, out
    batch: int = 1
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    pad: Optional[Tuple[int, int, int, int]] = None  # top, left, bottom, right; None: half of what the taps span
    activation: str = "silu"
    expand: bool = True
    squeeze: Optional[Tuple[int, str, str]] = None  # width, inner activation, gate
    residual: bool = True  # where the shapes allow it
    bias: bool = False
    batch_norm: bool = True
    epsilon: float = 1e-5
    training: bool = False  # normalise by the statistics of the batch itself, as a module in training mode does

    def __post_init__(self):
        self.pad = self.pad or (self.kernel // 2 * self.dilation,) * 4


class ConvNorm(nn.Sequential):
    """A convolution without padding and, as the case asks, its batch normalisation."""

    def __init__(self, case, c_in, c_out, kernel=1, stride=1, dilation=1, groups=1):
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, dilation=dilation, groups=groups, bias=case.bias),
            nn.BatchNorm2d(c_out, eps=case.epsilon) if case.batch_norm else nn.Identity(),
        )

    def tensors(self):
        conv, norm = self
        yield conv.weight
        if conv.bias is not None:
            yield conv.bias
        if isinstance(norm, nn.BatchNorm2d):
            yield from (norm.weight, norm.bias, norm.running_mean, norm.running_var, torch.tensor([norm.eps]))

    def flags(self):
        conv, norm = self
        normed = isinstance(norm, nn.BatchNorm2d)
        return PRESENT | (BIAS if conv.bias is not None else 0) | (BATCH_NORM if normed else 0)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, width, inner, gate):
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.inner = ACTIVATIONS[inner][1]()
        self.expand = nn.Conv2d(width, channels, 1)
        self.gate = ACTIVATIONS[gate][1]()

    def forward(self, h):
        mean = h.mean(dim=(2, 3), keepdim=True)
        return h * self.gate(self.expand(self.inner(self.reduce(mean))))

    def tensors(self):
        yield from (self.reduce.weight, self.reduce.bias, self.expand.weight, self.expand.bias)


class MBConv(nn.Module):
    def __init__(self, case):
        super().__init__()
        c_in, expanded, c_out = case.channels
        top, left, bottom, right = case.pad
        self.expand = ConvNorm(case, c_in, expanded) if case.expand else None
        self.pad = nn.ZeroPad2d((left, right, top, bottom))
        self.depthwise = ConvNorm(
            case, expanded, expanded, case.kernel, case.stride, case.dilation, groups=expanded
        )
        self.squeeze = SqueezeExcite(expanded, *case.squeeze) if case.squeeze else None
        self.project = ConvNorm(case, expanded, c_out)
        self.activation = ACTIVATIONS[case.activation][1]()
        self.residual = case.residual and case.stride == 1

    def forward(self, x):
        h = self.activation(self.expand(x)) if self.expand else x
        h = self.activation(self.depthwise(self.pad(h)))
        h = self.squeeze(h) if self.squeeze else h
        h = self.project(h)
        return h + x if self.residual and h.shape == x.shape else h

    def tensors(self):
        for part in (self.expand, self.depthwise, self.project, self.squeeze):
            if part is not None:
                yield from part.tensors()


def plain_block(c_in, c_out):
    def layer(channels):
        return (nn.Conv2d(channels, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())

    return nn.Sequential(*layer(c_in), *layer(c_out))


def count_parameters(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def norms(block):
    return [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]


def randomise_norms(block, channels):
    """Makes every parameter of the normalisations matter, keeping what they put out near unit variance: running
    statistics of some other batch, shaken, and random gamma and beta."""
    for norm in norms(block):
        norm.momentum = 1.0
    block.train()
    block(torch.randn(4, channels, 16, 16))
    for norm in norms(block):
        norm.running_mean += 0.3 * torch.randn_like(norm.running_mean)
        norm.running_var *= 0.5 + 1.5 * torch.rand_like(norm.running_var)
        norm.weight += 0.3 * torch.randn_like(norm.weight)
        norm.bias += 0.3 * torch.randn_like(norm.bias)
    block.eval()


def run_in_training_mode(block, x):
    """y as a block in training mode computes it; leaves the batch's statistics behind as the running ones."""

    def record(norm, inputs):
        h = inputs[0].double()
        statistics.append((norm, h.mean(dim=(0, 2, 3)), h.var(dim=(0, 2, 3), unbiased=False)))

    statistics = []
    handles = [norm.register_forward_pre_hook(record) for norm in norms(block)]
    y = block.train()(x)
    for handle in handles:
        handle.remove()
    for norm, mean, variance in statistics:
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
    block.eval()
    return y


def compute(case, seed):
    """x, the block and y, drawn in the notebook's order: the input, then the weights."""
    torch.manual_seed(seed)
    x = torch.randn(case.batch, case.channels[0], *case.image)
    block = MBConv(case)
    if case.training:
        y = run_in_training_mode(block, x)
    else:
        randomise_norms(block, case.channels[0])
        y = block(x)
    exact = copy.deepcopy(block).double()(x.double())
    error = ((y - exact).abs().max() / exact.abs().max()).item()
    if not error < 2e-6:  # also true of NaN
        raise SystemExit(f"{case.name}: PyTorch's float32 is {error:.1e} from its float64")
    return x, block, y


def write(case, seed, directory):
    x, block, y = compute(case, seed)
    width, inner, gate = case.squeeze or (0, "none", "none")
    floats = b"".join(t.detach().contiguous().numpy().astype("<f4").tobytes() for t in (x, *block.tensors(), y))
    header = (
        1 if case.dilation == 1 else 2,  # version of the format
        case.batch, *case.image, *case.channels, case.kernel, case.stride, *case.pad, ACTIVATIONS[case.activation][0],
        RESIDUAL_AUTO if case.residual else RESIDUAL_OFF,
        block.expand.flags() if block.expand else 0, block.depthwise.flags(), block.project.flags(),
        width, ACTIVATIONS[inner][0], ACTIVATIONS[gate][0], *y.shape[2:],
        count_parameters(block), count_parameters(plain_block(case.channels[0], case.channels[2])), len(floats) // 4,
        *(() if case.dilation == 1 else (case.dilation,)),
    )  # fmt: skip
    path = directory / f"{case.name}.bin"
    path.write_bytes(struct.pack(f"<8s{len(header)}I", b"MBGOLDEN", *header) + floats)


NOTEBOOK = Case("notebook", (32, 32), (16, 96, 16))

CASES = [
    Case("notebook_training", (8, 8), (16, 96, 16), training=True),
    Case("stride2", (12, 10), (16, 96, 24), stride=2),
    Case("stride2_odd", (9, 7), (16, 64, 16), stride=2),
    Case("stride2_same", (10, 8), (16, 48, 24), stride=2, pad=(0, 0, 1, 1), activation="relu6", epsilon=1e-3),
    Case("stride2_same_k5", (8, 11), (8, 48, 16), kernel=5, stride=2, pad=(1, 2, 2, 2), epsilon=1e-3),
    Case("t1_expand", (8, 8), (16, 16, 16)),
    Case("no_expand", (8, 8), (32, 32, 16), expand=False, activation="relu6"),
    Case("no_expand_residual", (7, 9), (24, 24, 24), expand=False),
    Case("k5", (10, 9), (16, 64, 16), kernel=5),
    Case("k7", (9, 10), (16, 64, 16), kernel=7),
    Case("k7_stride2", (11, 12), (8, 32, 24), kernel=7, stride=2),
    Case("squeeze_efficientnet", (8, 8), (24, 144, 24), kernel=5, squeeze=(6, "silu", "sigmoid"), epsilon=1e-3),
    Case("squeeze_mobilenetv3", (7, 7), (24, 72, 40), kernel=5, stride=2, activation="hard_swish",
         squeeze=(24, "relu", "hard_sigmoid"), epsilon=1e-3),
    Case("squeeze_no_expand", (6, 7), (32, 32, 16), expand=False, squeeze=(8, "silu", "sigmoid"), batch=2),
    Case("relu", (8, 7), (16, 64, 16), activation="relu"),
    Case("relu6", (8, 7), (16, 96, 16), activation="relu6"),
    Case("hard_swish", (8, 7), (16, 64, 16), activation="hard_swish"),
    Case("linear", (6, 6), (16, 48, 16), activation="none"),
    Case("odd_7x5", (7, 5), (16, 96, 16)),
    Case("pixel", (1, 1), (16, 96, 16)),
    Case("row", (1, 19), (16, 32, 16), kernel=5),
    Case("batch3", (6, 5), (16, 96, 16), batch=3),
    Case("tails_24_40", (7, 7), (24, 144, 40), activation="relu6"),
    Case("tails_40_40", (5, 6), (40, 100, 40)),
    Case("ratio_2_3", (6, 6), (16, 37, 16)),
    Case("ratio_below_one", (6, 6), (20, 9, 20)),
    Case("channels_3_5_7", (5, 4), (3, 5, 7), batch=2),
    Case("channels_1", (6, 5), (1, 1, 1), batch=2),
    Case("no_padding", (8, 9), (16, 48, 16), pad=(0, 0, 0, 0)),
    Case("bias_with_norm", (6, 6), (16, 48, 16), bias=True),
    Case("bias_without_norm", (6, 6), (16, 48, 16), bias=True, batch_norm=False),
    Case("residual_off", (6, 6), (16, 48, 16), residual=False),
    Case("dilation2", (9, 10), (16, 96, 16), dilation=2, activation="relu6"),
    Case("dilation2_squeeze", (9, 7), (24, 72, 40), kernel=5, dilation=2, activation="hard_swish",
         squeeze=(24, "relu", "hard_sigmoid"), epsilon=1e-3),
    Case("dilation2_stride2", (10, 9), (16, 48, 24), stride=2, dilation=2),
    Case("dilation3_stride2", (11, 12), (8, 32, 24), kernel=5, stride=2, dilation=3, pad=(5, 6, 7, 4)),
    Case("dilation4_no_expand", (8, 13), (32, 32, 16), expand=False, dilation=4),
    Case("dilation18_k7", (6, 7), (16, 32, 16), kernel=7, dilation=18),
]  # fmt: skip


def random_case(rng, index):
    kernel = rng.choice((3, 5, 7))
    c_in, expand = rng.randint(1, 50), rng.random() < 0.8
    expanded = rng.randint(1, 150) if expand else c_in
    dilation = rng.choice((1, 1, 2, 3))
    span = (kernel - 1) * dilation + 1
    return Case(
        f"random{index}",
        (rng.randint(span, span + 13), rng.randint(span, span + 13)),
        (c_in, expanded, rng.choice((c_in, rng.randint(1, 50)))),
        batch=rng.randint(1, 3),
        kernel=kernel,
        stride=rng.choice((1, 2)),
        dilation=dilation,
        pad=rng.choice((None, tuple(rng.randint(0, span - 1) for _ in range(4)))),
        activation=rng.choice(("relu", "relu6", "silu", "hard_swish")),
        expand=expand,
        squeeze=rng.choice((None, (max(1, c_in // 4), "silu", "sigmoid"), (8, "relu", "hard_sigmoid"))),
        residual=rng.random() < 0.8,
        bias=rng.random() < 0.3,
        epsilon=rng.choice((1e-5, 1e-3)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="draw other data; needs --out")
    parser.add_argument("--out", type=pathlib.Path, help="directory to write to, made if missing")
    arguments = parser.parse_args()
    if arguments.seed is not None and arguments.out is None:
        parser.error("--seed needs --out: the committed files are those without a seed")
    directory = arguments.out or HERE
    directory.mkdir(parents=True, exist_ok=True)
    if arguments.seed is None:
        cases = [NOTEBOOK, *CASES]
    else:
        rng = random.Random(arguments.seed)
        cases = [*CASES, *(random_case(rng, index) for index in range(12))]
    torch.set_num_threads(1)  # sums are then added in one order
    with torch.no_grad():
        for case in cases:
            write(case, arguments.seed or 0, directory)
    print(f"{len(cases)} cases written to {directory}")


if __name__ == "__main__":
    main()
