# SPDX-License-Identifier: MIT
"""Makes a model of the table, in evaluation mode, without trained weights."""

import importlib
import warnings

import torch


class Heads(torch.nn.Module):
    """A detector without what depends on the values: its backbone and its heads."""

    def __init__(self, detector):
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, x):
        y = self.head(list(self.backbone(x).values()))
        return torch.cat([y["cls_logits"].flatten(1), y["bbox_regression"].flatten(1)], 1)


class Single(torch.nn.Module):
    """A model whose output is a dictionary: one tensor of it."""

    def __init__(self, model, key):
        super().__init__()
        self.model, self.key = model, key

    def forward(self, x):
        return self.model(x)[self.key]


def torchvision(name):
    models = importlib.import_module("torchvision.models")
    if name.startswith("ssdlite"):
        return Heads(models.get_model(name, weights=None, weights_backbone=None))
    if name.startswith(("deeplab", "lraspp")):
        return Single(models.get_model(name, weights=None, weights_backbone=None), "out")
    return models.get_model(name, weights=None)


def timm(name):
    return importlib.import_module("timm").create_model(name)


def transformers(name):
    t = importlib.import_module("transformers")
    b0 = {"width_coefficient": 1.0, "depth_coefficient": 1.0, "image_size": 224, "hidden_dim": 1280}
    if name == "mobilenet_v1":
        return Single(t.MobileNetV1ForImageClassification(t.MobileNetV1Config()), "logits")
    if name == "mobilenet_v2":
        return Single(t.MobileNetV2ForImageClassification(t.MobileNetV2Config()), "logits")
    if name == "mobilenet_v2_segmentation":
        return Single(t.MobileNetV2ForSemanticSegmentation(t.MobileNetV2Config(output_stride=8)), "logits")
    if name == "efficientnet_b0":
        return Single(t.EfficientNetForImageClassification(t.EfficientNetConfig(**b0)), "logits")
    if name == "align_vision":
        return Single(t.AlignVisionModel(t.AlignVisionConfig(**b0)), "pooler_output")
    if name == "mobilevit":
        return Single(t.MobileViTForImageClassification(t.MobileViTConfig()), "logits")
    if name == "mobilevitv2":
        return Single(t.MobileViTV2ForImageClassification(t.MobileViTV2Config()), "logits")
    raise SystemExit(f"coverage: no configuration for {name}")


def smp(name):
    architecture, encoder = name.split("/")
    module = importlib.import_module("segmentation_models_pytorch")
    return getattr(module, architecture)(encoder_name=encoder, encoder_weights=None)


def efficientnet_pytorch(name):
    return importlib.import_module("efficientnet_pytorch").EfficientNet.from_name(name)


def efficientnet_lite_pytorch(name):
    return importlib.import_module("efficientnet_lite_pytorch").EfficientNet.from_name(name)


def create(source, name):
    """In evaluation mode; without gradients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return globals()[source](name).eval().requires_grad_(False)
