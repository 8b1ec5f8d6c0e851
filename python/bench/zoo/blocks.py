# SPDX-License-Identifier: MIT
"""Which modules are a model's MBConv-like blocks, as table.txt counts them: by the names that its authors gave them."""

import re

# Classes whose every instance is a block.
CLASSES = {
    "torchvision": {"InvertedResidual", "MBConv", "FusedMBConv", "_InvertedResidual"},
    "transformers": {"MobileNetV2InvertedResidual", "MobileViTInvertedResidual", "MobileViTV2InvertedResidual",
                     "EfficientNetBlock", "AlignVisionBlock"},
    "smp": {"MBConvBlock", "InvertedResidual", "DepthwiseSeparableConv", "EdgeResidual", "SeparableConv2d"},
    "efficientnet_pytorch": {"MBConvBlock"},
    "efficientnet_lite_pytorch": {"MBConvBlock"},
}  # fmt: skip
TIMM_CLASSES = {
    "InvertedResidual", "DepthwiseSeparableConv", "EdgeResidual", "UniversalInvertedResidual", "CondConvResidual",
    "LinearBottleneck", "MbConvBlock", "ConvMlpWithNorm", "GhostBottleneck", "PatchMerging", "BottleneckBlock",
}  # fmt: skip
# Of timm's EfficientViT and TinyViT: what is wrapped with its shortcut, and the bare modules.
WRAPPED = {"ResidualBlock": "main", "ResidualDrop": "m"}
INNER = {"MBConv", "DSConv", "FusedMBConv", "ConvBlock"}  # ConvMlp only there: elsewhere it is a part of attention


def timm_blocks(model):
    modules = dict(model.named_modules())
    for name, module in modules.items():
        kind = type(module).__name__.removesuffix("_mbconv")
        parent = modules[name.rpartition(".")[0]] if name else None
        if kind in WRAPPED and type(getattr(module, WRAPPED[kind])).__name__ in INNER | {"ConvMlp"}:
            yield name
        elif kind in TIMM_CLASSES or (kind in INNER and type(parent).__name__ not in WRAPPED):
            yield name
        elif kind == "ConvBnAct" and re.fullmatch(r"blocks\.\d+\.\d+", name):
            if not (parent is modules["blocks"][-1] and module.conv.kernel_size == (1, 1)):  # MobileNetV3's head
                yield name


def block_names(source, name, model):
    """A list of blocks, each a tuple of the names of the modules that it consists of, one after the other."""
    if source == "timm":
        found = [(block,) for block in timm_blocks(model)]
    else:
        found = [(block,) for block, m in model.named_modules() if type(m).__name__ in CLASSES[source]]
    if name.startswith("mnasnet"):  # torchvision's: the first is spread over the network's Sequential
        if source == "torchvision":
            found.insert(0, tuple(f"layers.{i}" for i in range(3, 8)))
    elif name == "mobilenet_v1":
        found += [(f"model.mobilenet_v1.layer.{i}", f"model.mobilenet_v1.layer.{i + 1}") for i in range(0, 26, 2)]
    elif name.startswith("mobilenet_v2") and source == "transformers":
        stem = "model.mobilenet_v2.conv_stem"
        found.insert(0, (f"{stem}.conv_3x3", f"{stem}.reduce_1x1"))
    elif name.startswith("ssdlite"):
        found += [("backbone.features.0.13", "backbone.features.1.0")]
        found += [(f"backbone.extra.{i}",) for i in range(4)]
        found += [(f"head.{head}.module_list.{i}",) for head in ("classification_head", "regression_head") for i in range(6)]
    return found
