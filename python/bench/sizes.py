#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What images of many sizes cost a network after mbconv.torch.accelerate: memory, against eager PyTorch, and time.

    python3 python/bench/sizes.py [--network NAME] [--memory MB] [--time RATIO]

Memory: a process of its own for each of the two calls the network on 50 sizes, the largest first, and says by how much
its resident memory has grown since the first call. Time: a call with a size that the network has not seen, divided by a
repeated call with it; the median of 20 sizes, by the CPU clock of one thread. Each of the two is the fastest of the
calls of 9 copies of the network. Before each timed call another copy sees the same image, so that the memory of the
outputs has been touched, and then the network itself sees an image of a known size. --memory and --time make the
program fail above these limits.
"""

import argparse
import copy
import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "networks"), str(ROOT / "bench" / "compare")]
from machine import cpu_name, warn_if_busy  # pylint: disable=wrong-import-position
from random_network import random_images, random_network  # pylint: disable=wrong-import-position

import mbconv.torch  # pylint: disable=wrong-import-position

MEMORY_SIZES = [(320, 320)] + [(96 + (37 * i) % 217, 96 + (53 * i) % 219) for i in range(49)]
TIME_SIZES = [(64 + (13 * i) % 97, 64 + (29 * i) % 99) for i in range(20)]
KNOWN = 160, 162  # no smaller than the others
COPIES = 9


# ---- Memory --------------------------------------------------------------------------------------------------------


def resident():
    """Bytes of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def print_growth(name, is_accelerated):
    """What a process of its own does. Prints the bytes after the first call, and by how much they have grown then."""
    network = random_network(name, 1)
    if is_accelerated:
        mbconv.torch.accelerate(network)
    first = 0
    for height, width in MEMORY_SIZES:
        network(random_images(1, 3, height, width))
        first = first or resident()
    print(first, resident() - first)


def growth(name, way):
    """(MB after the first call, MB more after the last)"""
    command = [sys.executable, __file__, "--network", name, "--grow", way]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(int(number) / 2**20 for number in said.split())


def memory(name):
    """A table of both. Returns how many MB more it is with mbconv."""
    print(f"{name}, {len(set(MEMORY_SIZES))} sizes of images, the largest first; MB of resident memory")
    print(f"{'':10}{'first call':>12}{'growth':>10}")
    grown = []
    for way in "eager", "mbconv":
        first, more = growth(name, way)
        grown.append(more)
        print(f"{way:10}{first:12.1f}{more:10.2f}", flush=True)
    print(f"mbconv grows by {grown[1] - grown[0]:.2f} MB more")
    return grown[1] - grown[0]


# ---- Time ----------------------------------------------------------------------------------------------------------


def milliseconds(network, twin, image, known):
    twin(image)
    network(known)
    start = time.thread_time()
    network(image)
    return 1e3 * (time.thread_time() - start)


def new_sizes(name):
    """A table of sizes. Returns the median of new by repeated."""
    network = random_network(name, 1)
    twin, *networks = (mbconv.torch.accelerate(copy.deepcopy(network)) for _ in range(1 + COPIES))
    known, ratios = random_images(1, 3, *KNOWN), []
    for one in (twin, *networks):
        one(known)
    print(f"\n{name}, one thread; ms of a call with a new size, and of a repeated one")
    print(f"{'size':>10}{'new':>9}{'repeated':>10}{'ratio':>8}")
    for height, width in TIME_SIZES:
        image = random_images(1, 3, height, width)
        calls = [[milliseconds(one, twin, image, known) for _ in ("new", "repeated")] for one in networks]
        new, repeated = map(min, zip(*calls))
        ratios.append(new / repeated)
        size = f"{height}x{width}"
        print(f"{size:>10}{new:9.2f}{repeated:10.2f}{ratios[-1]:8.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}")
    return statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="efficientnet_b0", help="one of torchvision's; default: %(default)s")
    parser.add_argument("--memory", type=float, metavar="MB", help="fail if mbconv grows by more than eager and this")
    parser.add_argument("--time", type=float, metavar="RATIO", help="fail if a new size costs more than this")
    parser.add_argument("--grow", choices=("eager", "mbconv"), help=argparse.SUPPRESS)  # for the processes
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    if arguments.grow:
        print_growth(arguments.network, arguments.grow == "mbconv")
        return
    print(f"{cpu_name()}, PyTorch {torch.__version__}, mbconv {mbconv.__version__} {mbconv.usable_isas()[0]}")
    warn_if_busy()
    more, ratio = memory(arguments.network), new_sizes(arguments.network)
    if arguments.memory is not None and more > arguments.memory:
        sys.exit(f"bench: {more:.2f} MB is more than {arguments.memory}")
    if arguments.time is not None and ratio > arguments.time:
        sys.exit(f"bench: {ratio:.3f} is more than {arguments.time}")


if __name__ == "__main__":
    main()
