# SPDX-License-Identifier: MIT
"""torchvision's names of tensors as timm has them, for MobileNetV2 and EfficientNet."""

import re

ENDS = {"stem": ("conv_stem", "bn1"), "head": ("conv_head", "bn2")}
WHOLE = ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")
WITHOUT_EXPAND = ("conv_dw", "bn1"), ("conv_pw", "bn2")
SQUEEZE_EXCITE = {"fc1": "se.conv_reduce", "fc2": "se.conv_expand"}
MOBILENET_STAGES = 1, 2, 3, 4, 3, 3, 1  # how many blocks are in each


def timm_names(tensors):
    """The same tensors under timm's names."""
    efficientnet = "features.1.0.block.0.0.weight" in tensors
    return {(_efficientnet if efficientnet else _mobilenet)(name, tensors): t for name, t in tensors.items()}


def _mobilenet(name, tensors):
    outer = _outer(name, "18")
    if outer:
        return outer
    feature, rest = re.fullmatch(r"features\.(\d+)\.conv\.(.+)", name).groups()
    # 0.0 and 0.1, 1.0 and 1.1 are convolutions and their normalisations; the project's are two numbers on.
    layers, index = _layers(f"features.{feature}.conv.3.weight" in tensors), int(feature) - 1
    layer, part, leaf = re.fullmatch(r"(\d)(?:\.(\d))?\.(\w+)", rest).groups()
    if part is None:
        layer, part = len(layers) - 1, int(layer) - (len(layers) - 1)
    stage = 0
    while index >= MOBILENET_STAGES[stage]:
        index, stage = index - MOBILENET_STAGES[stage], stage + 1
    return f"blocks.{stage}.{index}.{layers[int(layer)][int(part)]}.{leaf}"


def _efficientnet(name, tensors):
    outer = _outer(name, "8")
    if outer:
        return outer
    stage, block, layer, part, leaf = re.fullmatch(r"features\.(\d)\.(\d+)\.block\.(\d)\.(\w+)\.(\w+)", name).groups()
    head = f"blocks.{int(stage) - 1}.{block}"
    if part in SQUEEZE_EXCITE:
        return f"{head}.{SQUEEZE_EXCITE[part]}.{leaf}"
    layers = _layers(f"features.{stage}.{block}.block.3.0.weight" in tensors)
    before_project = int(layer) < len(layers) - 1  # after which the squeeze-excite has a number
    return f"{head}.{layers[int(layer) - (not before_project)][int(part)]}.{leaf}"


def _layers(has_expand):
    return WHOLE if has_expand else WITHOUT_EXPAND


def _outer(name, last):
    """Of what lies before and behind the blocks; None for all others."""
    feature, part, leaf = re.fullmatch(r"(features\.\d+|classifier)\.(.+)\.(\w+)", name).groups()
    if feature == "classifier":
        return f"classifier.{leaf}"
    end = {"features.0": "stem", f"features.{last}": "head"}.get(feature)
    return end and f"{ENDS[end][int(part)]}.{leaf}"
