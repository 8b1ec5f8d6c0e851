#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much faster torchvision's networks are with mbconv.torch.accelerate: against PyTorch eager, frozen
(torch.jit.freeze) and optimised (torch.jit.optimize_for_inference), in both memory formats, on 1 and 2 threads.

    python3 python/bench/networks.py [--networks NAME,...] [--threads N,...] [--seconds S] [--require RATIO]

One image of 224x224. The contenders run by turns, as in bench/compare; one thread is timed by its CPU clock, several
by the wall clock. Debian's PyTorch computes with whatever libblas.so.3 is: libopenblas0-pthread makes it fast.
"""

import argparse
import copy
import ctypes
import pathlib
import sys
import warnings

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "networks"), str(ROOT / "bench" / "compare")]
import measure  # pylint: disable=wrong-import-position
from machine import cpu_name, warn_if_busy  # pylint: disable=wrong-import-position
from peers import Peer  # pylint: disable=wrong-import-position
from random_network import random_images, random_network  # pylint: disable=wrong-import-position

import mbconv.torch  # pylint: disable=wrong-import-position

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
TOLERANCE = 1e-4  # of the largest logit


class Way(Peer):
    """A network to be called in one way."""

    has_overhead = False  # what PyTorch's entry takes is part of it

    def __init__(self, module, x):
        self.y = module(x)
        module(x)  # what is frozen compiles at its second call
        self.calls(lambda: module(x), None)


def ways(network, x):
    """The contenders by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer PyTorch would rather compile
        frozen = torch.jit.freeze(torch.jit.script(network))
        optimised = torch.jit.optimize_for_inference(torch.jit.script(network))
    modules = {"eager": network, "frozen": frozen, "optimised": optimised}
    modules["mbconv"] = mbconv.torch.accelerate(copy.deepcopy(network))
    found = {name: Way(module, x) for name, module in modules.items()}
    for name, way in found.items():
        error = (way.y - found["eager"].y).abs().max() / found["eager"].y.abs().max()
        if not error <= TOLERANCE:
            sys.exit(f"bench: {name} differs from eager by {error:.1e} of the largest logit")
    return found


def set_threads(threads):
    """Of OpenMP, and of OpenBLAS, which has its own."""
    torch.set_num_threads(threads)
    try:
        ctypes.CDLL("libopenblas.so.0").openblas_set_num_threads(threads)
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="mobilenet_v2,efficientnet_b0")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=10, help="per line; default: %(default)s")
    parser.add_argument("--require", type=float, metavar="RATIO", help="fail if mbconv is not so many times as fast")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    print(f"{cpu_name()}, PyTorch {torch.__version__}, mbconv {mbconv.__version__} {mbconv.usable_isas()[0]}; ms")
    warn_if_busy()
    print(f"{'':34}{'eager':>9}{'frozen':>9}{'optimised':>11}{'mbconv':>9}{'best by mbconv':>16}")
    slowest = float("inf")
    for name in arguments.networks.split(","):
        network, images = random_network(name, 1), random_images(1, 3, 224, 224)
        for threads in map(int, arguments.threads.split(",")):
            set_threads(threads)
            for format_name, memory_format in FORMATS.items():
                contenders = ways(network.to(memory_format=memory_format), images.to(memory_format=memory_format))
                contestants = [measure.Contestant(key, way, threads) for key, way in contenders.items()]
                times, _ = measure.measure(contestants, threads, arguments.seconds, lambda: 1.0)
                ms = {key: 1e-3 * time.us_min for key, time in times.items()}
                ratio = min(ms["eager"], ms["frozen"], ms["optimised"]) / ms["mbconv"]
                slowest = min(slowest, ratio)
                print(f"{name:16} {threads} {format_name:15}{ms['eager']:9.2f}{ms['frozen']:9.2f}"
                      f"{ms['optimised']:11.2f}{ms['mbconv']:9.2f}{ratio:16.2f}", flush=True)  # fmt: skip
    if arguments.require and slowest < arguments.require:
        sys.exit(f"bench: {slowest:.2f} is less than {arguments.require}")


if __name__ == "__main__":
    main()
