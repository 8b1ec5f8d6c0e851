# SPDX-License-Identifier: MIT
"""torchvision's tensors under timm's names: MobileNetV2, MobileNetV3 and EfficientNet."""

import re

WHOLE = ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")
WITHOUT_EXPAND = ("conv_dw", "bn1"), ("conv_pw", "bn2")
SQUEEZE_EXCITE = {"fc1": "se.conv_reduce", "fc2": "se.conv_expand"}
# How many blocks are in each stage, where torchvision counts blocks only: by the number of the last feature.
STAGES = {18: (1, 2, 3, 4, 3, 3, 1), 16: (1, 2, 3, 4, 2, 3), 12: (1, 2, 3, 2, 3)}


def timm_names(tensors):
    return dict(_renamed(name, tensor, tensors) for name, tensor in tensors.items())


def _renamed(name, tensor, tensors):
    head, leaf = name.rsplit(".", 1)
    last = max(int(key.split(".")[1]) for key in tensors if key.startswith("features."))
    if head.startswith("classifier"):
        if "classifier.3.weight" in tensors and head == "classifier.0":  # of MobileNetV3, in timm a convolution
            return f"conv_head.{leaf}", tensor[:, :, None, None] if leaf == "weight" else tensor
        return f"classifier.{leaf}", tensor
    feature, rest = re.fullmatch(r"features\.(\d+)\.(.+)", head).groups()
    if feature == "0":
        return f"{('conv_stem', 'bn1')[int(rest)]}.{leaf}", tensor
    if int(feature) == last and "classifier.3.weight" in tensors:
        return f"blocks.{len(STAGES[last])}.0.{('conv', 'bn1')[int(rest)]}.{leaf}", tensor
    if int(feature) == last:
        return f"{('conv_head', 'bn2')[int(rest)]}.{leaf}", tensor
    if rest.startswith("conv."):
        return f"{_block(feature, last)}.{_mobilenet_v2_layer(feature, rest, tensors)}.{leaf}", tensor
    prefix, layer, part = re.fullmatch(r"((?:\d+\.)?block)\.(\d)\.(\w+)", rest).groups()
    block = f"blocks.{int(feature) - 1}.{prefix[0]}" if prefix != "block" else _block(feature, last)
    return f"{block}.{_layer(f'features.{feature}.{prefix}', int(layer), part, tensors)}.{leaf}", tensor


def _block(feature, last):
    stage, index = 0, int(feature) - 1
    while index >= STAGES[last][stage]:
        index, stage = index - STAGES[last][stage], stage + 1
    return f"blocks.{stage}.{index}"


def _mobilenet_v2_layer(feature, rest, tensors):
    """0.0 and 0.1, 1.0 and 1.1 are convolutions and their normalisations; the project's are numbers of their own."""
    layers = WHOLE if f"features.{feature}.conv.3.weight" in tensors else WITHOUT_EXPAND
    numbers = [int(number) for number in rest.split(".")[1:]]
    if len(numbers) == 1:
        return layers[-1][numbers[0] - (len(layers) - 1)]
    return layers[numbers[0]][numbers[1]]


def _layer(prefix, layer, part, tensors):
    """Squeeze-excite has a number among the layers, before the project."""
    if part in SQUEEZE_EXCITE:
        return SQUEEZE_EXCITE[part]
    gate = next((n for n in range(3) if f"{prefix}.{n}.fc1.weight" in tensors), None)
    count = next(n for n in (4, 3, 2) if f"{prefix}.{n - 1}.0.weight" in tensors) - (gate is not None)
    number = layer - (gate is not None and layer > gate)
    return (WHOLE if count == 3 else WITHOUT_EXPAND)[number][int(part)]
