#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds `mbconv run` against PyTorch: whole networks, torchvision's and those of networks/other_networks.py, random weights, random statistics of normalisation.

    parity.py SET=COMMAND... [--small] [--threads [N...]] [--seed N]
    parity.py scalar=build/default/cli/mbconv avx2=build/default/cli/mbconv
    parity.py --small avx2=build/default/cli/mbconv "neon=qemu-aarch64 build/arm64-linux/cli/mbconv"

Each COMMAND computes on its SET. Logits must be within 1e-4 of the largest one from PyTorch's, with the same five
classes first; those of the second set and on, of more threads, of timm's names and of NHWC images must be the same
floats as the first's. Then every tensor in turn is changed, and the comparison must notice.

--small: a few cases, for emulators. The last lines are one per set, as those of mbconv_tests.
"""

import argparse
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import export  # pylint: disable=wrong-import-position
from random_network import random_images, random_network, randomise  # pylint: disable=wrong-import-position
from changed_modules import changed_modules, with_same_padding  # pylint: disable=wrong-import-position
from single_blocks import random_input, single_blocks  # pylint: disable=wrong-import-position
from timm_names import efficientnet_pytorch_names, timm_names  # pylint: disable=wrong-import-position

TOLERANCE = 1e-4  # of the largest logit
NETWORKS = (
    "mobilenet_v2", "mobilenet_v2_0.5", "efficientnet_b0", "efficientnet_b3",
    "mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v4_conv_small", "mnasnet0_5", "efficientnet_lite0",
    "efficientnet_v2_b0",
)  # fmt: skip
# The rest of their families, once each: their tables.
RELATIVES = (
    "mobilenet_v2_0.33", "mobilenet_v2_0.35", "mobilenet_v2_0.75", "mobilenet_v2_1.4", "mobilenet_v2_2.5", "efficientnet_b1", "efficientnet_b2",
    "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_lite1", "efficientnet_lite2",
    "efficientnet_lite3", "efficientnet_lite4", "efficientnet_v2_b1", "efficientnet_v2_b2", "efficientnet_v2_b3",
    "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
    "mobilenet_v1", "mobilenet_v1_1.25", "mobilenet_v4_conv_medium", "mobilenet_v4_conv_large",
)  # fmt: skip
SMALL_NETWORKS = (
    "mobilenet_v2_0.5", "efficientnet_b0", "mobilenet_v3_small", "mobilenet_v4_conv_small", "efficientnet_v2_b0",
)  # fmt: skip
SAME_NETWORKS = (
    "mobilenet_v2_0.5", "efficientnet_b0", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_lite0",
    "efficientnet_v2_b0",
)  # fmt: skip
# Under the names of efficientnet_pytorch, too.
EFFICIENTNETS = "efficientnet_b", "efficientnet_lite"
SIZES = (224, 224), (160, 160), (97, 131)
SMALL_SIZES = ((97, 131),)
THREADS = 2, 3, 7
TINY = 1, 3, 64, 64  # the image that changed tensors are looked for with
CHANGE = 1.5


class Runner:
    """mbconv on one set, and how its cases went."""

    def __init__(self, isa, command):
        self.isa, self.command = isa, shlex.split(command)
        self.cases = self.failed = 0

    def logits(self, model, images, threads=1, layout="nchw", more=()):
        """[batch][classes]. `images`: a tensor [batch][3][height][width]."""
        batch, _, height, width = images.shape
        ordered = images if layout == "nchw" else images.permute(0, 2, 3, 1)
        raw = model.parent / "input.raw"
        raw.write_bytes(ordered.contiguous().numpy().astype("<f4").tobytes())
        arguments = ["--raw-input", raw, "--size", f"{height}x{width}", "--batch", batch, "--raw-output", "-"]
        arguments += ["--layout", layout, "--threads", threads, *more]
        return np.frombuffer(self.run(model, *arguments), "<f4").reshape(batch, -1)

    def start(self, *arguments):
        command = [*self.command, "run", *map(str, arguments), "--isa", self.isa]
        return subprocess.run(command, capture_output=True, check=False)

    def said(self, *arguments):
        """The status of `mbconv run`, and what is on standard error."""
        run = self.start(*arguments)
        return run.returncode, run.stderr.decode()

    def run(self, *arguments):
        """What `mbconv run` says."""
        run = self.start(*arguments)
        if run.returncode:
            raise RuntimeError(f"status {run.returncode}: {run.stderr.decode(errors='replace').strip()}")
        return run.stdout

    def check(self, what, judge):
        """One case: judge() returns what is wrong, or nothing."""
        self.cases += 1
        try:
            wrong = judge()
        except (RuntimeError, ValueError) as error:
            wrong = str(error)
        if wrong:
            self.failed += 1
            print(f"FAILED {self.isa}: {what}: {wrong}", flush=True)


def difference(y, expected):
    return np.abs(y.astype(np.float64) - expected).max() / np.abs(expected).max()


def top5(logits):
    return np.argsort(-logits, axis=1, kind="stable")[:, :5].tolist()


def differs_from_torch(y, expected):
    if y.shape != expected.shape:
        return f"{y.shape} logits instead of {expected.shape}"
    error = difference(y, expected)
    if not error <= TOLERANCE:
        return f"differs by {error:.1e} of the largest logit"
    return "" if top5(y) == top5(expected) else f"the first five are {top5(y)} instead of {top5(expected)}"


def differs(y, first):
    """Equal floats: the sign of a zero is free."""
    return "" if np.array_equal(y, first) else f"not the same floats: {np.sum(y != first)} of {y.size} differ"


class Parity:
    def __init__(self, runners, arguments, folder):
        self.runners, self.folder = runners, folder
        self.small, self.seed, self.thread_counts = arguments.small, arguments.seed, arguments.threads
        self.worst = {}

    @torch.no_grad()
    def network(self, name):
        module = random_network(name, self.seed)
        model = self.folder / f"{name}.safetensors"
        export(module.state_dict(), model)
        for height, width in SMALL_SIZES if self.small else SIZES:
            for batch in (1,) if self.small else (1, 2):
                images = random_images(batch, 3, height, width)
                self.case(name, f"{name} {batch}x{height}x{width}", model, images, module(images).numpy())
        # The last, odd size.
        self.threads(name, model, images)
        self.other_files(name, module, images)

    @torch.no_grad()
    def relative(self, name):
        module, model = random_network(name, self.seed), self.folder / "relative.safetensors"
        images = random_images(1, 3, *SMALL_SIZES[0])
        export(module.state_dict(), model)
        self.case(name, name, model, images, module(images).numpy(), runners=self.runners[-1:])

    def case(self, name, what, model, images, expected, layout="nchw", runners=None):
        first = None
        for runner in runners or self.runners:

            def judge(runner=runner):
                nonlocal first
                y = runner.logits(model, images, layout=layout)
                self.worst[name] = max(self.worst.get(name, 0), difference(y, expected))
                first = y if first is None else first
                return differs_from_torch(y, expected) or differs(y, first)

            runner.check(what, judge)

    def threads(self, name, model, images):
        first = self.runners[0].logits(model, images)
        for runner in self.runners:
            for threads in self.thread_counts:
                what = f"{name} on {threads} threads"
                runner.check(what, lambda: differs(runner.logits(model, images, threads), first))

    def other_files(self, name, module, images):
        """The same network said otherwise: by timm's names, with its epsilon; and its images pixel by pixel."""
        runner, model = self.runners[-1], self.folder / "other.safetensors"
        first = runner.logits(self.folder / f"{name}.safetensors", images)
        nhwc = runner.logits(self.folder / f"{name}.safetensors", images, layout="nhwc")
        runner.check(f"{name} in NHWC", lambda: differs(nhwc, first))
        export(module, model)
        runner.check(f"{name} with its epsilon", lambda: differs(runner.logits(model, images), first))
        export(timm_names(module.state_dict()), model)
        epsilon = ("--epsilon", next(part.eps for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)))
        runner.check(f"{name} by timm's names", lambda: differs(runner.logits(model, images, more=epsilon), first))
        if name.startswith(EFFICIENTNETS):
            export(efficientnet_pytorch_names(module.state_dict()), model)
            said = ("--padding", "symmetric", *epsilon)
            what = f"{name} by efficientnet_pytorch's names"
            runner.check(what, lambda: differs(runner.logits(model, images, more=said), first))

    @torch.no_grad()
    def same_padding(self, name):
        """As in timm's tf_* networks: said by the module, by the file of timm's names, or by the option."""
        module, model = with_same_padding(random_network(name, self.seed)), self.folder / "same.safetensors"
        epsilon = next(part.eps for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d))
        tensors, said = timm_names(module.state_dict()), ("--padding", "same", "--epsilon", epsilon)
        for height, width in SMALL_SIZES if self.small else SIZES:
            images = random_images(1, 3, height, width)
            export(module, model)
            self.case(name, f"{name} padded as TensorFlow does, {height}x{width}", model, images, module(images).numpy())
            first, runner = self.runners[0].logits(model, images), self.runners[-1]
            export(tensors, model)
            runner.check(f"{name} --padding same", lambda: differs(runner.logits(model, images, more=said), first))
            wrong = runner.logits(model, images, more=said[2:])
            runner.check(f"{name} padding", lambda: "" if differs(wrong, first) else "has no effect")
            export(tensors, model, **{"mbconv.padding": "same", "bn_eps": repr(epsilon)})
            runner.check(f"{name} SAME in the file", lambda: differs(runner.logits(model, images), first))
            if name.startswith(EFFICIENTNETS):  # whose padding these names stand for
                export(efficientnet_pytorch_names(tensors), model)
                what = f"{name} by efficientnet_pytorch's names"
                runner.check(what, lambda: differs(runner.logits(model, images, more=said[2:]), first))

    @torch.no_grad()
    def changed_modules(self):
        """Modules of a network's names and shapes that compute otherwise."""
        images, model = random_images(*TINY), self.folder / "changed-module.safetensors"
        for what, module in changed_modules(self.seed):
            export(module, model)
            self.case(what, what, model, images, module(images).numpy(), runners=self.runners[-1:])

    @torch.no_grad()
    def single_blocks(self):
        """What comes out is an image again, pixel by pixel."""
        torch.manual_seed(self.seed)
        for name, module in single_blocks().items():
            randomise(module, random_input(8))
            model, x = self.folder / f"{name}.safetensors", random_input(2)
            export(module, model)
            self.case(name, f"{name} 2x{x.shape[2]}x{x.shape[3]}", model, x,
                      module(x).permute(0, 2, 3, 1).reshape(2, -1).numpy(), "nhwc")  # fmt: skip

    @torch.no_grad()
    def changed_tensors(self, name, count=None):
        """Whether the comparison is one: a change of any tensor, or of `count` of them, must be found."""
        module, model = random_network(name, self.seed), self.folder / "changed.safetensors"
        images = random_images(*TINY)
        expected, tensors = module(images).numpy(), module.state_dict()
        names = [key for key, tensor in tensors.items() if tensor.is_floating_point()]
        for key in random.Random(self.seed).sample(names, count or len(names)):

            def judge(key=key):
                export({**tensors, key: CHANGE * tensors[key]}, model)
                found = differs_from_torch(self.runners[-1].logits(model, images), expected)
                return "" if "of the largest logit" in found else "changed, and nobody noticed"

            self.runners[-1].check(f"{name} {key}", judge)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runners", nargs="+", metavar="SET=COMMAND")
    parser.add_argument("--small", action="store_true", help="a few cases, for emulators")
    parser.add_argument("--threads", type=int, nargs="*", default=THREADS, help="beside one, default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    runners = [Runner(*text.split("=", 1)) for text in arguments.runners]
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        parity = Parity(runners, arguments, pathlib.Path(folder))
        for name in SMALL_NETWORKS if arguments.small else NETWORKS:
            parity.network(name)
        for name in () if arguments.small else RELATIVES:
            parity.relative(name)
        for name in SMALL_NETWORKS[:1] if arguments.small else SAME_NETWORKS:
            parity.same_padding(name)
        if not arguments.small:
            parity.changed_modules()
        parity.single_blocks()
        for name, error in parity.worst.items():
            print(f"{name}: differs by at most {error:.1e} of the largest output")
        if not arguments.small:
            parity.changed_tensors("mobilenet_v2_0.5")
            parity.changed_tensors("efficientnet_b0", 60)
            parity.changed_tensors("efficientnet_v2_b0", 60)
            parity.changed_tensors("mobilenet_v4_conv_small", 60)
    for runner in runners:
        print(f"set {runner.isa}: {runner.cases} cases, {runner.failed} failed, 0 skipped")
    sys.exit(any(runner.failed for runner in runners))


if __name__ == "__main__":
    main()
