#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far results are from exact ones: mbconv's and PyTorch's, against the same in float64.

    python3 python/bench/accuracy.py [--seed N]

Each output is one chain of FMAs here, channel after channel, which is what makes the floats the same everywhere. Libraries
that add up several shorter sums err less, the more so the more channels there are. Weights and inputs are normal, scaled
such that outputs are as large as inputs; errors are root mean squares, divided by that of the exact outputs.
"""

import argparse
import copy
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "networks"))
from random_network import random_images, random_network  # pylint: disable=wrong-import-position

import mbconv.torch  # pylint: disable=wrong-import-position

WIDTHS = 16, 64, 160, 320, 640, 1280  # of a block's input and output; six times that when expanded
LENGTHS = 96, 384, 960, 3840, 7680  # inputs of a 1x1 convolution
SIDE, OUTPUTS = 14, 64
NETWORKS = "mobilenet_v2", "efficientnet_b0", "mobilenet_v3_large"  # random weights, images of 224x224


def weights(random, *shape):
    """Of as many inputs as the shape says, each output as large as one of them."""
    return (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def error(got, exact):
    return np.sqrt(np.mean((got - exact) ** 2) / np.mean(exact**2))


def pointwise(x, w):
    return torch.nn.functional.conv2d(x, w[:, :, None, None])


def block(x, expand, depthwise, project):
    hidden = torch.nn.functional.relu6(pointwise(x, expand))
    hidden = torch.nn.functional.conv2d(hidden, depthwise, padding=1, groups=len(depthwise))
    return pointwise(torch.nn.functional.relu6(hidden), project)


def print_row(name, ours, theirs, exact):
    mine, other = error(ours, exact), error(theirs, exact)
    print(f"{name:18} {mine:11.1e} {other:11.1e} {mine / other:7.1f}", flush=True)
    return mine


def compare(name, channels, function, parameters, x, ours):
    """`channels` is the length of the longest chain."""
    in_double = function(*(torch.from_numpy(array.astype(np.float64)) for array in (x, *parameters))).numpy()
    theirs = function(*(torch.from_numpy(array) for array in (x, *parameters))).numpy()
    if not print_row(name, ours, theirs, in_double) <= np.sqrt(channels) / 2**24:
        sys.exit(f"accuracy: mbconv's error is above sqrt({channels}) / 2^24")


def compare_pointwise(random, channels):
    x, w = random.standard_normal((1, channels, SIDE, SIDE)).astype(np.float32), weights(random, OUTPUTS, channels)
    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(-1, channels)
    ours = mbconv.Pointwise(conv=mbconv.Conv(w))(pixels).reshape(1, SIDE, SIDE, OUTPUTS).transpose(0, 3, 1, 2)
    compare(f"1x1 {channels}-{OUTPUTS}", channels, pointwise, (w,), x, ours)


def compare_block(random, width):
    expanded = 6 * width
    x = random.standard_normal((1, width, SIDE, SIDE)).astype(np.float32)
    parameters = weights(random, expanded, width), weights(random, expanded, 1, 3, 3), weights(random, width, expanded)
    expand, depthwise, project = map(mbconv.Conv, parameters)
    ours = mbconv.Block(expand=expand, depthwise=depthwise, project=project, activation="relu6",
                        residual=False, layout="nchw")(x)  # fmt: skip
    compare(f"{width}-{expanded}-{width}", expanded, block, parameters, x, ours)


@torch.no_grad()
def compare_network(name, seed):
    module, x = random_network(name, seed), random_images(1, 3, 224, 224)
    theirs, exact = module(x).numpy(), copy.deepcopy(module).double()(x.double()).numpy()
    print_row(name, mbconv.torch.accelerate(module)(x).numpy(), theirs, exact)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs; default: 1")
    seed = parser.parse_args().seed
    random = np.random.default_rng(seed)
    print(f"mbconv {mbconv.__version__}, PyTorch {torch.__version__}; errors against float64")
    print(f"{'':18} {'mbconv':>11} {'PyTorch':>11} {'ratio':>7}")
    for channels in LENGTHS:
        compare_pointwise(random, channels)
    for width in WIDTHS:
        compare_block(random, width)
    for name in NETWORKS:
        compare_network(name, seed)


if __name__ == "__main__":
    main()
