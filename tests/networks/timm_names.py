# SPDX-License-Identifier: MIT
"""torchvision's tensors under timm's names, and those under efficientnet_pytorch's."""

import re

WHOLE = ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")
WITHOUT_EXPAND = ("conv_dw", "bn1"), ("conv_pw", "bn2")
FUSED = {1: (("conv", "bn1"),), 2: (("conv_exp", "bn1"), ("conv_pwl", "bn2"))}
SQUEEZE_EXCITE = {"fc1": "se.conv_reduce", "fc2": "se.conv_expand"}
# How many blocks are in each stage, where torchvision counts blocks only: by the number of the last feature.
STAGES = {18: (1, 2, 3, 4, 3, 3, 1), 16: (1, 2, 3, 4, 2, 3), 12: (1, 2, 3, 2, 3)}


# Of MnasNet, whose first block lies among the network's own layers: by their numbers.
MNASNET = {
    "0": "conv_stem", "1": "bn1", "3": "blocks.0.0.conv_dw", "4": "blocks.0.0.bn1", "6": "blocks.0.0.conv_pw",
    "7": "blocks.0.0.bn2", "14": "conv_head", "15": "bn2",
}  # fmt: skip
MNASNET_BLOCK = {"0": "conv_pw", "1": "bn1", "3": "conv_dw", "4": "bn2", "6": "conv_pwl", "7": "bn3"}
# Of efficientnet_pytorch, by timm's.
EFFICIENTNET_PYTORCH = {
    "conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc",
}  # fmt: skip
EFFICIENTNET_PYTORCH_BLOCK = {
    "conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
    "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand", "conv_pwl": "_project_conv", "bn3": "_bn2",
}  # fmt: skip


def timm_names(tensors):
    if "conv_stem.weight" in tensors:  # timm's already
        return dict(tensors)
    if "layers.0.weight" in tensors:
        return dict(_renamed_mnasnet(name, tensor) for name, tensor in tensors.items())
    return dict(_renamed(name, tensor, tensors) for name, tensor in tensors.items())


def efficientnet_pytorch_names(tensors):
    tensors = timm_names(tensors)
    blocks = sorted({tuple(map(int, name.split(".")[1:3])) for name in tensors if name.startswith("blocks.")})
    renamed = {}
    for name, tensor in tensors.items():
        head, leaf = name.rsplit(".", 1)
        if head in EFFICIENTNET_PYTORCH:
            renamed[f"{EFFICIENTNET_PYTORCH[head]}.{leaf}"] = tensor
            continue
        stage, index, layer = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", head).groups()
        if f"blocks.{stage}.{index}.conv_pwl.weight" not in tensors:  # without an expand
            layer = {"conv_pw": "conv_pwl", "bn1": "bn2", "bn2": "bn3"}.get(layer, layer)
        number = blocks.index((int(stage), int(index)))
        renamed[f"_blocks.{number}.{EFFICIENTNET_PYTORCH_BLOCK[layer]}.{leaf}"] = tensor
    return renamed


def _renamed_mnasnet(name, tensor):
    head, leaf = name.rsplit(".", 1)
    if head == "classifier.1":
        return f"classifier.{leaf}", tensor
    block = re.fullmatch(r"layers\.(\d+)\.(\d+)\.layers\.(\d)", head)
    if block:
        stage, index, layer = block.groups()
        return f"blocks.{int(stage) - 7}.{index}.{MNASNET_BLOCK[layer]}.{leaf}", tensor
    return f"{MNASNET[head.split('.')[1]]}.{leaf}", tensor


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
    block = f"blocks.{int(feature) - 1}.{prefix.split('.')[0]}" if prefix != "block" else _block(feature, last)
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
    first = tensors[f"{prefix}.0.0.weight"]
    if first.shape[1] > 1 and first.shape[2] > 1:  # a dense convolution
        return FUSED[1 + (f"{prefix}.1.0.weight" in tensors)][layer][int(part)]
    gate = next((n for n in range(3) if f"{prefix}.{n}.fc1.weight" in tensors), None)
    count = next(n for n in (4, 3, 2) if f"{prefix}.{n - 1}.0.weight" in tensors) - (gate is not None)
    number = layer - (gate is not None and layer > gate)
    return (WHOLE if count == 3 else WITHOUT_EXPAND)[number][int(part)]
