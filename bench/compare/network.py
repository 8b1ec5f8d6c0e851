# SPDX-License-Identifier: MIT
"""Whole networks with random weights, as lists of convolutions with their normalisations folded."""

import copy
import dataclasses
import pathlib
import sys

import numpy as np
import torch

from blocks import Conv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "networks"))
from export import export  # pylint: disable=wrong-import-position
from random_network import random_images, random_network  # pylint: disable=wrong-import-position

SIDES = {"mobilenet_v2": 224, "efficientnet_b0": 224, "efficientnet_v2_s": 384, "mobilenet_v4_conv_medium": 256}  # of images
NAMES = tuple(SIDES)
ACTIVATIONS = {torch.nn.ReLU: "relu", torch.nn.ReLU6: "relu6", torch.nn.SiLU: "silu", torch.nn.Sigmoid: "sigmoid"}


@dataclasses.dataclass(frozen=True)
class Block:
    residual: bool
    expand: Conv = None  # no expand
    depthwise: Conv = None
    reduce: Conv = None  # as gate: no squeeze-excite
    gate: Conv = None
    project: Conv = None
    stages: tuple = ()  # of a block that is no MBConv: its convolutions; what stands above is None

    @property
    def convs(self):
        """Those that read images."""
        return self.stages or [conv for conv in (self.expand, self.depthwise, self.project) if conv]


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    height: int
    width: int
    stem: Conv
    blocks: list
    head: Conv
    features: Conv  # 1x1, between the pooling and the classifier; None: none
    classifier: Conv  # 1x1
    module: torch.nn.Module  # the same, before anything was folded
    x: np.ndarray  # NHWC
    y: np.ndarray  # the logits [1][1000], double

    @property
    def multiply_adds(self):
        """Padding taps included, as in mbconv_block_count."""
        total, height, width = 0, self.height, self.width
        for conv in self._spatial():
            height, width = ((size + 2 * conv.pad - conv.kernel) // conv.stride + 1 for size in (height, width))
            total += height * width * conv.weight.size
        return total + sum(conv.weight.size for conv in self._of_means())

    @property
    def weight_bytes(self):
        return 4 * sum(conv.weight.size + conv.bias.size for conv in (*self._spatial(), *self._of_means()))

    def _spatial(self):
        yield self.stem
        for block in self.blocks:
            yield from block.convs
        yield self.head

    def _of_means(self):
        for block in self.blocks:
            yield from (conv for conv in (block.reduce, block.gate) if conv)
        if self.features:
            yield self.features
        yield self.classifier


@torch.no_grad()
def make_network(name, seed):
    module = random_network(name, seed)
    x = random_images(1, 3, SIDES[name], SIDES[name])
    features = None
    if hasattr(module, "features"):
        stem, *middle, head = module.features
        linear = module.classifier[-1]
    else:  # MobileNetV4, of other_networks.py
        stem = torch.nn.Sequential(module.conv_stem, module.bn1, module.act1)
        *middle, head = module.blocks
        features = _convs(torch.nn.Sequential(module.conv_head, module.norm_head, module.act2))[0]
        linear = module.classifier
    parts = [part for stage in middle for part in (stage if isinstance(stage, torch.nn.Sequential) else [stage])]
    return Network(
        name=name,
        height=SIDES[name],
        width=SIDES[name],
        stem=_convs(stem)[0],
        blocks=[_block(part) for part in parts],
        head=_convs(head)[0],
        features=features,
        classifier=Conv(linear.weight.numpy()[:, :, np.newaxis, np.newaxis].copy(), linear.bias.numpy().copy()),
        module=module,
        x=np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1)),
        y=copy.deepcopy(module).double()(x.double()).numpy(),
    )


def save(network, path):
    """Its weights as safetensors."""
    export(network.module, path)


def _block(module):
    convs = _convs(module)
    residual = module.use_res_connect if hasattr(module, "use_res_connect") else module.has_skip
    windows = [i for i, conv in enumerate(convs) if conv.kernel > 1]
    depthwise = windows[0] if windows else 0
    if len(windows) != 1 or depthwise > 1 or convs[depthwise].groups == 1 or len(convs) - depthwise not in (2, 4):
        return Block(residual, stages=tuple(convs))
    reduce, gate = convs[depthwise + 1 : -1] or (None, None)
    if gate:  # whose activations are not listed behind them
        reduce, gate = _activated(reduce, "silu"), _activated(gate, "sigmoid")
    expand = convs[0] if depthwise else None
    return Block(residual, expand, convs[depthwise], reduce, gate, convs[-1])


def _convs(module):
    """The convolutions in a module in their order, each with the normalisation and the activation that follow it."""
    convs = []
    for leaf in module.modules():
        if isinstance(leaf, torch.nn.Conv2d):
            bias = np.zeros(leaf.out_channels, np.float32) if leaf.bias is None else leaf.bias.numpy().copy()
            stride, pad = leaf.stride[0], leaf.padding[0]
            convs.append(Conv(leaf.weight.numpy().copy(), bias, stride, pad, leaf.groups))
        elif isinstance(leaf, torch.nn.BatchNorm2d):
            convs[-1] = _folded(convs[-1], leaf)
        elif type(leaf) in ACTIVATIONS:
            convs[-1] = _activated(convs[-1], ACTIVATIONS[type(leaf)])
    return convs


def _activated(conv, activation):
    return dataclasses.replace(conv, activation=activation)


def _folded(conv, norm):
    mean, variance, gamma, beta = (
        tensor.double().numpy() for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    scale = gamma / np.sqrt(variance + norm.eps)
    weight = (conv.weight * scale[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.float32)
    return dataclasses.replace(conv, weight=weight, bias=((conv.bias - mean) * scale + beta).astype(np.float32))
