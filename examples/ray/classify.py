#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Classifies a folder of images on a Ray cluster, by a torchvision model whose blocks run on mbconv.

    classify.py IMAGES OUT.csv --model efficientnet_b0 --weights b0.pth --address auto

OUT.csv has a line per image: its path, the class, the logit, and the node that computed it. It is there once all images
are in it, each once; before, what there is so far stands in OUT.csv.part.
"""

from __future__ import annotations

import argparse
import csv
import os
import pathlib
import sys
from typing import Any, Iterable

import numpy as np
import ray

ENDINGS = (".jpg", ".jpeg", ".png")


class Model:
    """A model of torchvision, on mbconv. Its weights are packed once, at the first batch."""

    def __init__(self, name: str, weights: str | None, threads: int) -> None:
        import torch
        import torchvision

        import mbconv.torch

        torch.set_num_threads(threads)
        torch.manual_seed(1)  # without a file of weights all workers have the same random ones
        model = getattr(torchvision.models, name)(weights=None).eval()
        if weights is not None:
            model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.torch, self.model = torch, mbconv.torch.accelerate(model)

    def best(self, paths: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """The class of each image, and its logit."""
        images = np.stack([pixels(path) for path in paths])
        with self.torch.no_grad():
            logits = self.model(self.torch.from_numpy(images)).numpy()
        return logits.argmax(axis=1), logits.max(axis=1)


class Worker:
    """An actor of Ray."""

    def __init__(self, *arguments: Any) -> None:
        self.model = Model(*arguments)
        self.node = ray.get_runtime_context().get_node_id()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        best, logits = self.model.best(batch["path"])
        return {"path": batch["path"], "class": best, "logit": logits, "node": np.array([self.node] * len(best))}


def pixels(path: str) -> np.ndarray:
    """An image as ImageNet's models want it: the middle 224 of 256 pixels, normalised, [channels][height][width]."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    width, height = (max(224, round(side * scale)) for side in image.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    image = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    values = np.asarray(image, np.float32) / 255 - np.array([0.485, 0.456, 0.406], np.float32)
    return np.ascontiguousarray((values / np.array([0.229, 0.224, 0.225], np.float32)).transpose(2, 0, 1))


def classified(paths: list[str], arguments: argparse.Namespace) -> ray.data.Dataset:
    """What Ray is asked for: nothing is computed before it is read."""
    items = [{"path": path} for path in paths]
    images = ray.data.from_items(items, override_num_blocks=-(-len(items) // arguments.batch))
    workers = max(1, arguments.workers or int(ray.cluster_resources()["CPU"]) // arguments.threads)
    if arguments.wait:
        ray.data.DataContext.get_current().wait_for_min_actors_s = arguments.wait
    return images.map_batches(
        Worker,
        fn_constructor_args=(arguments.model, arguments.weights, arguments.threads),
        batch_size=arguments.batch,
        num_cpus=arguments.threads,
        compute=ray.data.ActorPoolStrategy(min_size=workers if arguments.wait else 1, max_size=workers),
    )


def collect(results: ray.data.Dataset, paths: list[str], out: pathlib.Path) -> None:
    left, part = set(paths), out.with_name(out.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "class", "logit", "node"))
        for batch in results.iter_batches(batch_size=None):
            for path, best, logit, node in zip(batch["path"], batch["class"], batch["logit"], batch["node"]):
                left.remove(path)  # a KeyError for what comes twice, or was never asked for
                lines.writerow((path, best, repr(float(logit)), node))
            file.flush()
            print(f"{len(paths) - len(left)} of {len(paths)} images", flush=True)
    if left:
        sys.exit(f"{len(left)} images have no result, {min(left)} among them: {part} has the others")
    os.replace(part, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=pathlib.Path, help="a folder that all nodes see under this name")
    parser.add_argument("out", type=pathlib.Path, help="the CSV to write")
    parser.add_argument("--model", default="efficientnet_b0", help="a name in torchvision.models")
    parser.add_argument("--weights", help="its state_dict, seen by all nodes; random weights without it")
    parser.add_argument("--batch", type=int, default=32, help="images per batch: what is done again if a worker dies")
    parser.add_argument("--threads", type=int, default=1, help="CPUs per worker")
    parser.add_argument("--workers", type=int, default=0, help="how many at most; 0: as the cluster has room")
    parser.add_argument("--wait", type=int, default=0, help="seconds to wait for all workers; 0: for the first")
    parser.add_argument("--address", help="of a cluster, or auto; without it, one is started on this machine alone")
    arguments = parser.parse_args()
    for name in ("batch", "threads"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is {getattr(arguments, name)}, less than 1")
    paths = sorted(str(path.resolve()) for path in arguments.images.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        parser.error(f"{arguments.images} has no image: {', '.join(ENDINGS)}")
    ray.init(address=arguments.address)
    collect(classified(paths, arguments), paths, arguments.out)


if __name__ == "__main__":
    main()
