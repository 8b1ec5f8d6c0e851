# SPDX-License-Identifier: MIT
"""How long a model takes with mbconv, with PyTorch eager, compiled (Inductor) and frozen, by turns on one thread.

One image, channels_last. "frozen" is torch.jit.freeze, "inductor frozen" Inductor's freezing, which also packs weights.
Where mbconv replaces less than MOST of the multiply-adds, its backend of torch.compile is measured, too: Inductor
compiles the rest. What is compiled is kept where Inductor keeps it: a first run may take minutes, later ones seconds.
"""

import copy
import pathlib
import sys
import warnings

import torch

import mbconv.torch
from mbconv.torch import _backend

from .errors import random_model

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "networks"), str(ROOT / "bench" / "compare")]
import measure  # pylint: disable=wrong-import-position
from peers import Peer  # pylint: disable=wrong-import-position
from random_network import random_images  # pylint: disable=wrong-import-position

# One model of each family, with everything that PyTorch offers.
FAMILIES = (
    "transformers mobilenet_v1", "torchvision mobilenet_v2", "timm mobilenetv3_large_100", "timm mobilenetv4_conv_medium",
    "efficientnet_pytorch efficientnet-b0", "efficientnet_lite_pytorch efficientnet-lite0", "timm tf_efficientnetv2_b0",
    "timm efficientnet_es", "torchvision mnasnet1_0", "timm fbnetc_100", "timm rexnet_100", "timm mobilevit_xxs",
)  # fmt: skip
MOST = 0.8
TOLERANCE = 1e-3  # of the largest output: deep networks with random statistics are steep


class Way(Peer):
    """A model to be called in one way."""

    has_overhead = False  # what PyTorch's entry takes is part of it

    def __init__(self, module, x):
        for _ in range(3):  # what is compiled or frozen is so at its first calls
            self.y = module(x)
        self.calls(lambda: module(x), None)


def frozen(model, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer PyTorch would rather compile
        return torch.jit.freeze(torch.jit.trace(copy.deepcopy(model), x))


def ways(model, x, everything):
    """Functions of an image by name."""
    found = {"eager": model}
    if everything:
        found["compiled"] = torch.compile(copy.deepcopy(model))
        found["frozen"] = frozen(model, x)
        found["inductor frozen"] = torch.compile(copy.deepcopy(model), options={"freezing": True})
    found["mbconv"] = mbconv.torch.accelerate(copy.deepcopy(model))
    if everything and mbconv.torch.report(found["mbconv"], x).share < MOST:
        options = {"freezing": True}
        found["mbconv compiled"] = torch.compile(copy.deepcopy(model), backend=_backend.backend, options=options)
    return found


def speed(row, seconds, everything, say=lambda text: None):
    """Milliseconds by name."""
    torch.set_num_threads(1)
    model = random_model(row).to(memory_format=torch.channels_last)
    x = random_images(1, 3, row.size, row.size).contiguous(memory_format=torch.channels_last)
    contestants, eager = [], None
    for name, function in ways(model, x, everything).items():
        say(name)
        way = Way(function, x)
        eager = way.y if eager is None else eager
        difference = float((way.y - eager).abs().max() / eager.abs().max())
        if not difference <= TOLERANCE:
            raise ValueError(f"{name} differs from eager by {difference:.1e} of the largest output")
        contestants.append(measure.Contestant(name, way, 1))
    times, _ = measure.measure(contestants, 1, seconds, lambda: 1.0)
    return {name: 1e-3 * time.us_min for name, time in times.items()}
