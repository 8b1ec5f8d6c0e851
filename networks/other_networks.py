# SPDX-License-Identifier: MIT
"""The networks that torchvision lacks, in PyTorch, under timm's names and by the names of tables*.c.

Padding is symmetric, and the epsilon of the normalisations 1e-5: what a file of timm's names is taken for that says nothing.
"""

import math

from torch import nn

SMALL = 3  # kernel


class Layer(nn.Sequential):
    """A convolution and its normalisation, called conv and bn, and perhaps an activation."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, activation=None, norm="bn"):
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, 1, groups, False))
        self.add_module(norm, nn.BatchNorm2d(outputs))
        if activation:
            self.add_module("act", activation())


class SqueezeExcite(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv_reduce, self.act1 = nn.Conv2d(channels, width, 1), nn.SiLU()
        self.conv_expand, self.gate = nn.Conv2d(width, channels, 1), nn.Sigmoid()

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.conv_expand(self.act1(self.conv_reduce(mean))))


class Block(nn.Module):
    """MBConv, Fused-MBConv or MobileNetV1's block: convolutions and normalisations are its own."""

    def __init__(self, inputs, outputs, kernel, stride, expansion, activation, squeeze=False, kind="mbconv"):
        super().__init__()
        expanded, place = inputs * expansion, 0
        layers = []

        def add(name, *shape, groups=1, active=True):
            nonlocal place
            place += 1
            setattr(self, name, nn.Conv2d(*shape, shape[2] // 2, 1, groups, False))
            setattr(self, f"bn{place}", nn.BatchNorm2d(shape[1]))
            layers.extend((name, f"bn{place}"))
            if active:
                setattr(self, f"act{place}", activation())
                layers.append(f"act{place}")

        if kind == "fused" and expansion == 1:
            add("conv", inputs, outputs, kernel, stride)
        elif kind == "fused":
            add("conv_exp", inputs, expanded, kernel, stride)
            add("conv_pwl", expanded, outputs, 1, 1, active=False)
        else:
            if expansion > 1:
                add("conv_pw", inputs, expanded, 1, 1)
            add("conv_dw", expanded, expanded, kernel, stride, groups=expanded)
            if squeeze:
                self.se = SqueezeExcite(expanded, inputs // 4)
                layers.append("se")
            add("conv_pwl" if expansion > 1 else "conv_pw", expanded, outputs, 1, 1, active=kind == "v1")
        self.layers, self.has_skip = layers, kind != "v1" and stride == 1 and inputs == outputs

    def forward(self, x):
        y = x
        for name in self.layers:
            y = getattr(self, name)(y)
        return x + y if self.has_skip else y


class Universal(nn.Module):
    """MobileNetV4's: a kernel of 0 stands for no depthwise."""

    def __init__(self, inputs, outputs, start, kernel, stride, expanded):
        super().__init__()
        self.has_skip = stride == 1 and inputs == outputs
        if start:
            self.dw_start = Layer(inputs, inputs, start, 1 if kernel else stride, inputs)
        self.pw_exp = Layer(inputs, expanded, 1, activation=nn.ReLU)
        if kernel:
            self.dw_mid = Layer(expanded, expanded, kernel, stride, expanded, nn.ReLU)
        self.pw_proj = Layer(expanded, outputs, 1)

    def forward(self, x):
        y = x
        for layer in self.children():
            y = layer(y)
        return x + y if self.has_skip else y


class Network(nn.Module):
    """`stages`: lists of blocks, each made by its inputs; `head` and `features` may be missing."""

    def __init__(self, stem, stages, activation, head=None, features=None, classes=1000):
        super().__init__()
        self.conv_stem, self.bn1, self.act1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), activation()
        channels, blocks = stem, []
        for stage in stages:
            row = []
            for outputs, make in stage:
                row.append(make(channels))
                channels = outputs
            blocks.append(nn.Sequential(*row))
        self.blocks = nn.Sequential(*blocks)
        if head:
            self.conv_head, self.bn2, self.act2 = nn.Conv2d(channels, head, 1, bias=False), nn.BatchNorm2d(head), activation()
        if features:  # after the pooling
            self.conv_head, self.norm_head = nn.Conv2d(channels, features, 1, bias=False), nn.BatchNorm2d(features)
            self.act2 = activation()
        self.after = features is not None
        self.classifier = nn.Linear(head or features or channels, classes)

    def forward(self, x):
        x = self.blocks(self.act1(self.bn1(self.conv_stem(x))))
        if self.after:
            x = self.act2(self.norm_head(self.conv_head(x.mean((2, 3), keepdim=True))))
        elif hasattr(self, "conv_head"):
            x = self.act2(self.bn2(self.conv_head(x)))
        return self.classifier(x.mean((2, 3)))


def _divisible(channels, least=0.9):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < least * channels else rounded


def _row(outputs, kernel, stride, expansion, blocks, activation, **more):
    """The blocks of a stage, of which the first has the stride."""
    return [
        (outputs, lambda inputs, s=stride if b == 0 else 1: Block(inputs, outputs, kernel, s, expansion, activation, **more))
        for b in range(blocks)
    ]


def _lite(width, depth):
    rows = ((16, 3, 1, 1, 1), (24, 3, 2, 6, 2), (40, 5, 2, 6, 2), (80, 3, 2, 6, 3), (112, 5, 1, 6, 3), (192, 5, 2, 6, 4),
            (320, 3, 1, 6, 1))  # fmt: skip
    fixed = rows[0], rows[-1]
    return Network(32, [
        _row(_divisible(c * width), k, s, e, n if row in fixed else math.ceil(n * depth), nn.ReLU6)
        for row in rows for c, k, s, e, n in (row,)
    ], nn.ReLU6, 1280)  # fmt: skip


def _v2_b(width, depth):
    def channels(count):
        return _divisible(count * width, 0)

    rows = ((16, 1, 1, 1), (32, 2, 4, 2), (48, 2, 4, 2), (96, 2, 4, 3), (112, 1, 6, 5), (192, 2, 6, 8))
    return Network(channels(32), [
        _row(channels(c), SMALL, s, e, math.ceil(n * depth), nn.SiLU, squeeze=i > 2, kind="fused" if i < 3 else "mbconv")
        for i, (c, s, e, n) in enumerate(rows)
    ], nn.SiLU, channels(1280))  # fmt: skip


def _v1(width):
    rows = (64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 2, 6), (1024, 2, 2)
    return Network(_divisible(32 * width), [
        _row(_divisible(c * width), SMALL, s, 1, n, nn.ReLU6, kind="v1") for c, s, n in rows
    ], nn.ReLU6)  # fmt: skip


def _layer(outputs, kernel, stride):
    def make(inputs):
        return Layer(inputs, outputs, kernel, stride, activation=nn.ReLU, norm="bn1")

    return outputs, make


def _universal(row):
    """START KERNEL EXPANDED OUTPUTS, "/2" for a stride, "*3" for so many."""
    shape, _, count = row.partition("*")
    shape, _, stride = shape.partition("/")
    start, kernel, expanded, outputs = map(int, shape.split())
    return [(outputs, lambda inputs, s=int(stride or 1) if b == 0 else 1:
             Universal(inputs, outputs, start, kernel, s, expanded)) for b in range(int(count or 1))]  # fmt: skip


def _v4(stem, front, *stages):
    universal = [[block for row in stage.split(", ") for block in _universal(row)] for stage in stages]
    return Network(stem, [*front, *universal, [_layer(960, 1, 1)]], nn.ReLU, features=1280)


V4_SMALL = "5 5 192 96/2, 0 3 192 96*4, 3 0 384 96", "3 3 576 128/2, 5 5 512 128, 0 5 512 128, 0 5 384 128, 0 3 512 128*2"
V4_MEDIUM = (
    "3 5 192 80/2, 3 3 160 80",
    "3 5 480 160/2, 3 3 640 160*2, 3 5 640 160, 3 3 640 160, 3 0 640 160, 0 0 320 160, 3 0 640 160",
    "5 5 960 256/2, 5 5 1024 256, 3 5 1024 256*2, 0 0 1024 256, 3 0 1024 256, 3 5 512 256, 5 5 1024 256, 0 0 1024 256*2, "
    "5 0 512 256",
)
V4_LARGE = (
    "3 5 192 96/2, 3 3 384 96",
    "3 5 384 192/2, 3 3 768 192*3, 3 5 768 192, 5 3 768 192*5, 3 0 768 192",
    "5 5 768 512/2, 5 5 2048 512*3, 5 0 2048 512, 5 3 2048 512, 5 0 2048 512*2, 5 3 2048 512, 5 5 2048 512, 5 0 2048 512*3",
)
CONVOLUTIONS = [_layer(32, 3, 2), _layer(32, 1, 1)], [_layer(96, 3, 2), _layer(64, 1, 1)]
FUSED = [_row(48, SMALL, 2, 4, 1, nn.ReLU, kind="fused")]
SCALES = (1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8)
NETWORKS = {
    **{f"efficientnet_lite{i}": lambda scale=scale: _lite(*scale) for i, scale in enumerate(SCALES)},
    **{f"efficientnet_v2_b{i}": lambda scale=scale: _v2_b(*scale) for i, scale in enumerate(SCALES[:4])},
    "mobilenet_v1": lambda: _v1(1),
    "mobilenet_v1_1.25": lambda: _v1(1.25),
    "mobilenet_v4_conv_small": lambda: _v4(32, CONVOLUTIONS, *V4_SMALL),
    "mobilenet_v4_conv_medium": lambda: _v4(32, FUSED, *V4_MEDIUM),
    "mobilenet_v4_conv_large": lambda: _v4(24, FUSED, *V4_LARGE),
}
