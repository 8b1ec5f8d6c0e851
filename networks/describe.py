# SPDX-License-Identifier: MIT
"""What a live PyTorch module knows and its tensors do not say: the metadata of export.py's files.

metadata.h lists it. A module that cannot be told in these words is refused by a ValueError that names the part.
"""

import math

ACTIVATIONS = {
    "ReLU": "relu", "ReLU6": "relu6", "SiLU": "silu", "Swish": "silu", "Sigmoid": "sigmoid",
    "MemoryEfficientSwish": "silu", "Hardswish": "hard-swish", "HardSwish": "hard-swish", "Hardsigmoid": "hard-sigmoid", "HardSigmoid": "hard-sigmoid",
}  # fmt: skip
# By the convolutions that a squeeze-excite has: torchvision's, timm's. And what its gate is called.
SQUEEZES = ("fc1", "fc2"), ("conv_reduce", "conv_expand")
GATES = "scale_activation", "gate"
# torchvision's, timm's and efficientnet_pytorch's words for an addition.
SHORTCUTS = "use_res_connect", "apply_residual", "has_skip", "has_residual", "id_skip"
# Modules with SAME padding: timm's; efficientnet_pytorch's, the second of which pads at every size as it would at one.
SAME = "Conv2dSame", "Conv2dDynamicSamePadding", "Conv2dStaticSamePadding"
# The pooling before the classifier: any other is of a network that is none here, such as timm's with BlurPool2d.
POOLS = "AdaptiveAvgPool2d", "SelectAdaptivePool2d", "FastAdaptiveAvgPool"
SWISH = "Swish", "MemoryEfficientSwish"  # in efficientnet_pytorch's utils, among others that are no activations


def describe(module):
    """Strings by name."""
    found = {
        "bn_eps": _one("epsilons", [repr(part.eps) for part in module.modules() if hasattr(part, "running_var")]),
        **_convolutions(module),
        **_activations(module),
    }
    _check_shortcuts(module)
    _check_pools(module)
    found.update(_size(module))
    return {key: value for key, value in found.items() if value}


def describe_images(how):
    """Of torchvision's transforms for classification, or timm's data config."""
    if isinstance(how, dict) or not hasattr(how, "resize_size"):
        config = how if isinstance(how, dict) else vars(how)
        if not {"input_size", "crop_pct", "interpolation", "mean", "std"} <= config.keys():
            return {}
        *_, height, size = config["input_size"]
        crop = config["crop_pct"] or 0.875  # timm's default
        resize, interpolation = math.floor(size / crop), config["interpolation"]
        mean, std, mode = config["mean"], config["std"], config.get("crop_mode") or "center"
    else:
        (resize,), (size,), height, mode = how.resize_size, how.crop_size, how.crop_size[0], "center"
        interpolation, mean, std = how.interpolation.value, how.mean, how.std
    if height != size or mode != "center" or interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"images of {height}x{size}, cut as {mode}, resized as {interpolation}: no way known here")
    return {
        "mbconv.size": str(size),
        "mbconv.resize": str(resize),
        "mbconv.interpolation": interpolation,
        "mbconv.mean": ",".join(repr(float(value)) for value in mean),
        "mbconv.std": ",".join(repr(float(value)) for value in std),
    }


def _size(module):
    """Of a network of efficientnet_pytorch whose padding is that of one size: the size."""
    if not any(type(part).__name__ == "Conv2dStaticSamePadding" for part in module.modules()):
        return {}
    size = getattr(getattr(module, "_global_params", None), "image_size", None)
    if size is None:
        raise ValueError("its convolutions are padded for images of one size, and the network does not say which")
    return {"mbconv.size": str(_square("the network", "image size", size))}


def _one(what, values):
    """The value that all have; None of none."""
    if len(set(values)) > 1:
        raise ValueError(f"different {what}: {', '.join(sorted(set(values)))}")
    return values[0] if values else None


def _convolutions(module):
    """Strides, and padding where it shows: at stride 1 SAME is symmetric."""
    strides, paddings = [], []
    for name, part in module.named_modules():
        if not hasattr(part, "dilation") or not hasattr(part, "kernel_size") or not hasattr(part, "groups"):
            continue
        kernel, stride = _square(name, "kernel", part.kernel_size), _square(name, "stride", part.stride)
        if _square(name, "dilation", part.dilation) != 1 or part.padding_mode != "zeros":
            raise ValueError(f"{name} is dilated, or padded by other than zeros: no network here is")
        padding = _padding(name, part, kernel, stride)
        if kernel == 1:
            if stride != 1:
                raise ValueError(f"{name} is 1x1 with stride {stride}: no network here has that")
            continue
        strides.append(str(stride))
        if stride > 1:
            paddings.append(padding)
    return {"mbconv.strides": ",".join(strides), "mbconv.padding": _one("paddings", paddings)}


def _square(name, what, value):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or pair[0] != pair[1]:
        raise ValueError(f"{name} has the {what} {value}: only square ones can be told")
    return pair[0]


def _padding(name, part, kernel, stride):
    if type(part).__name__ in SAME:  # in its forward()
        return "same"
    if part.padding == "same" and stride == 1 or part.padding in (kernel // 2, (kernel // 2, kernel // 2)):
        return "symmetric"
    raise ValueError(f"{name} is {kernel}x{kernel} with padding {part.padding}: neither symmetric nor SAME")


def _activations(module):
    """In the modules' order. A single one, which may be used several times, stands for all."""
    squeezes = {
        f"{name}." if name else "": part
        for name, part in module.named_modules()
        if any(all(hasattr(part, layer) for layer in pair) for pair in SQUEEZES)
    }
    outside, inside, shared = [], {False: [], True: []}, 0
    for name, part in module.named_modules():
        kind = _activation(name, part)
        if not kind:
            continue
        parent, leaf = name.rpartition(".")[0], name.rpartition(".")[2]
        shared += leaf == "_swish"  # efficientnet_pytorch's: of all layers of a block
        if (f"{parent}." if parent else "") in squeezes:
            inside[leaf in GATES].append(kind)
        else:
            outside.append(kind)
    squeeze = [_one("activations in squeeze-excite", inside[gate]) for gate in (False, True)]
    if shared:
        outside = [_one("activations", outside)]
    return {
        "mbconv.activations": ",".join(outside),
        "mbconv.squeeze": ",".join(squeeze) if all(squeeze) else None,
    }


def _activation(name, part):
    kind = type(part)
    if any(part.children()) or any(True for _ in part.parameters()):
        return None
    if "activation" not in kind.__module__ and kind.__name__ not in SWISH:
        return None
    for suffix in "Me", "Jit", "JitAuto":  # timm's, with less memory
        if kind.__name__.endswith(suffix) and kind.__name__[: -len(suffix)] in ACTIVATIONS:
            return ACTIVATIONS[kind.__name__[: -len(suffix)]]
    if kind.__name__ not in ACTIVATIONS:
        raise ValueError(f"{name} is a {kind.__name__}, which no network here has")
    return ACTIVATIONS[kind.__name__]


def _check_pools(module):
    for name, part in module.named_modules():
        kind = type(part).__name__
        if "Pool" in kind and kind not in POOLS:
            raise ValueError(f"{name} is a {kind}, which no network here has")


def _stands_alone(name, part, convolutions):
    """A 1x1 convolution of MobileNetV4's first stages, and MobileNetV1's block, in which an activation follows each
    convolution: they add nothing, whatever their channels."""
    if len(convolutions) == 1:
        return _square(name, "kernel", convolutions[0].kernel_size) == 1
    activations = [layer for inner, layer in part.named_modules() if _activation(f"{name}.{inner}", layer)]
    return len(convolutions) == 2 and len(activations) == 2


def _check_shortcuts(module):
    """A block adds its input where it can: what a module does otherwise cannot be told."""
    for name, part in module.named_modules():
        said = next((getattr(part, word) for word in SHORTCUTS if isinstance(getattr(part, word, None), bool)), None)
        convolutions = [layer for layer in part.modules() if hasattr(layer, "groups") and hasattr(layer, "kernel_size")]
        if said is None or not convolutions:
            continue
        first, last = convolutions[0], convolutions[-1]
        depthwise = [layer for layer in convolutions if _square(name, "stride", layer.stride) > 1]
        could = not depthwise and first.in_channels == last.out_channels and not _stands_alone(name, part, convolutions)
        if (said and could if hasattr(part, "id_skip") else said) != could:
            raise ValueError(f"{name} {'adds' if said else 'does not add'} its input, unlike this block elsewhere")
