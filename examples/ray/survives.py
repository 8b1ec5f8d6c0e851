#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tries classify.py: two nodes on this machine, one of which is killed when half of the images are done. Every image
must have a result, once, and the one that this process computes alone."""

from __future__ import annotations

import csv
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from ray.cluster_utils import Cluster

import classify

COUNT, MODEL = 2000, "mobilenet_v2"


def make_images(folder: pathlib.Path) -> None:
    random = np.random.default_rng(1)
    for i in range(COUNT):
        coarse = random.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((160, 128), Image.Resampling.BICUBIC).save(folder / f"{i:04}.jpg")


def run(folder: pathlib.Path, out: pathlib.Path, cluster: Cluster) -> None:
    """Classifies the folder, and kills the second node when half of it is done."""
    doomed = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    options = ["--model", MODEL, "--wait", "300", "--address", cluster.address]
    command = [sys.executable, classify.__file__, folder, out, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            words = line.split()
            if words[1:2] != ["of"]:
                continue
            print(line, end="", flush=True)
            if doomed and int(words[0]) * 2 >= COUNT:
                print(f"node {doomed.node_id} is killed", flush=True)
                cluster.remove_node(doomed, allow_graceful=False)
                doomed = None
    if process.returncode or doomed:
        sys.exit(f"status {process.returncode}; the node was {'not ' if doomed else ''}killed")


def judge(folder: pathlib.Path, out: pathlib.Path) -> None:
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = [row["path"] for row in rows]
    expected = sorted(str(path) for path in folder.iterdir())
    nodes = {row["node"] for row in rows}
    if sorted(paths) != expected or len(nodes) != 2:
        sys.exit(f"{len(paths)} results of {len(set(paths))} images by {len(nodes)} nodes, not of {COUNT} by 2")
    model = classify.Model(MODEL, None, 1)
    for i in range(0, COUNT, 50):
        _, logits = model.best([row["path"] for row in rows[i : i + 50]])
        off = np.abs(logits - np.array([float(row["logit"]) for row in rows[i : i + 50]])).max()
        if not off <= 1e-4 * np.abs(logits).max():  # not 0: the last layer is PyTorch's, which depends on the batch
            sys.exit(f"a logit is off by {off}")
    print(f"{len(paths)} results, each image once, by {len(nodes)} nodes, one of which was killed")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name).resolve()
        folder = work / "images"
        folder.mkdir()
        make_images(folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            run(folder, work / "out.csv", cluster)
        finally:
            cluster.shutdown()
        judge(folder, work / "out.csv")


if __name__ == "__main__":
    main()
