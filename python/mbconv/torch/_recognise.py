# SPDX-License-Identifier: MIT
"""From modules to the arguments of the operators.

A block is recognised by its attributes: how torchvision, timm and a plain module name the parts of an MBConv is in
FAMILIES. Its layers, one after the other, are then read as convolution, normalisation, activation, whatever they are
nested in. What does not fit raises Unfit, with the reason.
"""

from torch import nn

ACTIVATIONS = {
    "Identity": "none", "ReLU": "relu", "ReLU6": "relu6", "SiLU": "silu", "Swish": "silu", "Sigmoid": "sigmoid",
    "Hardsigmoid": "hard_sigmoid", "HardSigmoid": "hard_sigmoid", "Hardswish": "hard_swish", "HardSwish": "hard_swish",
}  # fmt: skip
NOTHING_IN_EVALUATION = "Identity", "Dropout", "Dropout2d", "DropPath", "StochasticDepth"
CONVOLUTIONS = "Conv2d", "Conv2dSame"  # the latter timm's, padded as TensorFlow does
NORMS = "BatchNorm2d", "BatchNormAct2d", "FrozenBatchNorm2d"
SAME = ()
MOST_STEM_CHANNELS = 4


class Unfit(Exception):
    """Why a module stays as it is."""


def own_class(module):
    """The class of a module, also of one that has been replaced, whose class is derived from its own."""
    return getattr(type(module), "_mbconv_own", type(module))


def kind(module):
    return own_class(module).__name__


# ---- Families ------------------------------------------------------------------------------------------------------


def _torchvision_mobilenet_v2(block):
    return [block.conv], block.use_res_connect


def _torchvision(block):
    """EfficientNet and MobileNetV3."""
    after = getattr(block, "stochastic_depth", None)
    return [block.block, after], block.use_res_connect


def _timm(block):
    layers = [block.conv_pw, block.bn1, block.conv_dw, block.bn2, block.aa, block.se, block.conv_pwl, block.bn3]
    return [getattr(block, "conv_s2d", None), *layers, block.drop_path], block.has_skip


def _timm_without_expand(block):
    layers = [block.conv_dw, block.bn1, block.aa, block.se, block.conv_pw, block.bn2]
    return [getattr(block, "conv_s2d", None), *layers, block.drop_path], block.has_skip


def _notebook(block):
    return [block.expand, block.depthwise, block.project], block.use_residual


# A block has all of these attributes: the layers in their order, and whether it adds its input.
FAMILIES = (
    (("conv", "use_res_connect"), _torchvision_mobilenet_v2),
    (("block", "use_res_connect"), _torchvision),
    (("conv_pw", "bn1", "conv_dw", "bn2", "aa", "se", "conv_pwl", "bn3", "drop_path", "has_skip"), _timm),
    (("conv_dw", "bn1", "aa", "se", "conv_pw", "bn2", "drop_path", "has_skip"), _timm_without_expand),
    (("expand", "depthwise", "project", "use_residual"), _notebook),
)


def family_of(module):
    """The function that takes such a module apart, or None."""
    return next((take for names, take in FAMILIES if all(hasattr(module, name) for name in names)), None)


# ---- Layers --------------------------------------------------------------------------------------------------------


class Layer:
    """A convolution with its normalisation. Its tensors are looked up at each call: they may have been exchanged."""

    def __init__(self, conv, norm=None):
        if kind(conv) not in CONVOLUTIONS or not isinstance(conv, nn.Conv2d):
            raise Unfit(f"a {kind(conv)} where a Conv2d was expected")
        if conv.padding_mode != "zeros":
            raise Unfit(f"padding with {conv.padding_mode}")
        if tuple(conv.dilation) != (1, 1):
            raise Unfit(f"a dilated convolution, {conv.dilation}")
        if len(set(conv.kernel_size)) > 1 or len(set(conv.stride)) > 1:
            raise Unfit(f"kernel {conv.kernel_size} and stride {conv.stride} are not the same in both directions")
        if norm is not None and norm.running_mean is None:
            raise Unfit("a batch normalisation without running statistics")
        self.conv, self.norm, self.activation = conv, norm, "none"
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.epsilon = norm.eps if norm is not None else 0.0
        self.places = [(conv._parameters, "weight"), (conv._parameters, "bias")]
        if norm is not None:
            affine = norm._buffers if kind(norm) == "FrozenBatchNorm2d" else norm._parameters
            self.places += [(affine, "weight"), (affine, "bias")]
            self.places += [(norm._buffers, "running_mean"), (norm._buffers, "running_var")]
            if (affine["weight"] is None) != (affine["bias"] is None):
                raise Unfit("a batch normalisation with only one of weight and bias")
        if conv._parameters.get("weight") is None:
            raise Unfit("a convolution whose weight is no parameter")

    def tensors(self):
        """As the operators take them."""
        return [place[name] for place, name in self.places if place[name] is not None]

    @property
    def pad(self):
        """top, left, bottom, right, or SAME."""
        if kind(self.conv) == "Conv2dSame":
            return SAME
        if self.conv.padding == "same":
            return [self.kernel // 2] * 4 if self.kernel % 2 else _unfit("an even kernel with padding 'same'")
        vertical, horizontal = (0, 0) if self.conv.padding == "valid" else self.conv.padding
        return [vertical, horizontal, vertical, horizontal]

    @property
    def is_pointwise(self):
        return self.kernel == self.stride == self.conv.groups == 1 and self.pad in ([0] * 4, SAME)

    @property
    def is_depthwise(self):
        return self.conv.groups == self.conv.in_channels == self.conv.out_channels

    def __str__(self):
        noun = "depthwise" if self.is_depthwise and self.kernel > 1 else "convolution"
        return f"{noun} {self.kernel}x{self.kernel}"


class SqueezeExcite:
    """Two layers without normalisation, told by torchvision's names or timm's."""

    def __init__(self, module):
        names = ("fc1", "activation", "fc2", "scale_activation")
        if not all(hasattr(module, name) for name in names):
            names = ("conv_reduce", "act1", "conv_expand", "gate")
        reduce, inner, expand, gate = (getattr(module, name) for name in names)
        self.reduce, self.expand = Layer(reduce), Layer(expand)
        self.inner, self.gate = _activation(inner), _activation(gate)
        if not (self.reduce.is_pointwise and self.expand.is_pointwise):
            raise Unfit("a squeeze-excite of other than 1x1 convolutions")

    def __str__(self):
        return "squeeze-excite"

    @staticmethod
    def fits(module):
        return hasattr(module, "scale_activation") or hasattr(module, "conv_reduce")


def _unfit(reason):
    raise Unfit(reason)


def _activation(module):
    name = kind(module)
    return ACTIVATIONS[name] if name in ACTIVATIONS else _unfit(f"the activation {name}")


def layers_of(modules):
    """Layers and squeeze-excites in their order; activations are those of the layer before."""
    found = []
    for leaf in _leaves(modules):
        name = kind(leaf)
        if SqueezeExcite.fits(leaf):
            found.append(SqueezeExcite(leaf))
        elif name in NORMS:
            if _previous(found, leaf).norm is not None:
                raise Unfit("two normalisations of one convolution")
            found[-1] = Layer(found[-1].conv, leaf)
            if name == "BatchNormAct2d":
                found[-1].activation = _activation(leaf.act)
        elif name in ACTIVATIONS and name != "Identity":
            _previous(found, leaf).activation = ACTIVATIONS[name]
        elif name not in NOTHING_IN_EVALUATION:
            found.append(Layer(leaf))
    return found


def _previous(found, leaf):
    """The layer that a normalisation or an activation belongs to."""
    if not found or not isinstance(found[-1], Layer) or found[-1].activation != "none":
        raise Unfit(f"a {kind(leaf)} that follows no convolution")
    return found[-1]


def _leaves(modules):
    for module in modules:
        if isinstance(module, nn.Sequential):
            yield from _leaves(module)
        elif module is not None:
            yield module


# ---- What is replaced ----------------------------------------------------------------------------------------------


class _Parts:
    layers: list  # None where there is no such layer

    def places(self):
        """Where the modules hold their tensors, or None in place of one: (dictionary, name)."""
        return [place for layer in self.layers if layer for place in layer.places]

    def tensors(self):
        return [tensor for layer in self.layers if layer for tensor in layer.tensors()]


class BlockParts(_Parts):
    """A module of one of the families, as arguments of torch.ops.mbconv.block."""

    def __init__(self, module, take_apart):
        modules, residual = take_apart(module)
        layers = layers_of(modules)
        squeezes = [layer for layer in layers if isinstance(layer, SqueezeExcite)]
        convs = [layer for layer in layers if isinstance(layer, Layer)]
        if len(squeezes) > 1 or len(convs) not in (2, 3) or (squeezes and layers[-2] is not squeezes[0]):
            raise Unfit(f"not expand, depthwise, squeeze-excite and project, but {_order(layers)}")
        self.expand, (self.depthwise, self.project) = convs[0] if len(convs) == 3 else None, convs[-2:]
        self.squeeze, self.residual = squeezes[0] if squeezes else None, bool(residual)
        self._check()
        self.kernel, self.stride, self.pad = self.depthwise.kernel, self.depthwise.stride, list(self.depthwise.pad)
        self.inputs = (self.expand or self.depthwise).conv.in_channels
        self.layers = [self.expand, self.depthwise, self.project, None, None]  # as the operator takes them
        self.activations = [self.depthwise.activation, "none", "none"]
        if self.squeeze:
            self.layers[3:] = self.squeeze.reduce, self.squeeze.expand
            self.activations[1:] = self.squeeze.inner, self.squeeze.gate
        self.epsilons = [layer.epsilon if layer else 0.0 for layer in self.layers[:3]]

    def _check(self):
        depthwise = self.depthwise
        if not depthwise.is_depthwise:
            raise Unfit(f"a convolution of {depthwise.conv.groups} groups where the depthwise was expected")
        if depthwise.kernel not in (3, 5, 7):
            raise Unfit(f"a depthwise kernel {depthwise.kernel}x{depthwise.kernel}: 3, 5 and 7 are supported")
        if depthwise.stride not in (1, 2):
            raise Unfit(f"stride {depthwise.stride}: 1 and 2 are supported")
        if max(depthwise.pad, default=0) >= depthwise.kernel:
            raise Unfit(f"padding {depthwise.pad} as large as the kernel")
        if not self.project.is_pointwise or (self.expand and not self.expand.is_pointwise):
            raise Unfit("expand and project are not both 1x1 convolutions")
        if self.project.activation != "none":
            raise Unfit(f"{self.project.activation} after project, which is linear in an MBConv")
        if self.expand and self.expand.activation != depthwise.activation:
            raise Unfit(f"{self.expand.activation} after expand, but {depthwise.activation} after depthwise")

    def arguments(self):
        tensors = [layer.tensors() if layer else [] for layer in self.layers]
        return *tensors, self.epsilons, *self.activations, self.stride, self.pad, self.residual

    def __str__(self):
        kernel, expanded, outputs = self.kernel, self.depthwise.conv.out_channels, self.project.conv.out_channels
        squeeze = ", squeeze-excite" if self.squeeze else ""
        residual = ", residual" if self.residual else ""
        return (
            f"block {kernel}x{kernel}/{self.stride} {self.inputs}-{expanded}-{outputs} {self.activations[0]}"
            f"{squeeze}{residual}"
        )


class ConvolutionParts(_Parts):
    """A convolution with its normalisation and activation, as arguments of torch.ops.mbconv.convolution."""

    def __init__(self, *modules):
        self.layers = layers_of(modules)
        if len(self.layers) != 1 or not isinstance(self.layers[0], Layer):
            raise Unfit(f"not one convolution, but {_order(self.layers)}")
        layer = self.layers[0]
        if layer.conv.groups != 1:
            raise Unfit(f"a convolution of {layer.conv.groups} groups")
        if layer.kernel > 7 or layer.stride not in (1, 2):
            raise Unfit(f"a convolution {layer.kernel}x{layer.kernel}/{layer.stride}: up to 7x7/2 are supported")
        if layer.kernel > 1 and layer.conv.in_channels > MOST_STEM_CHANNELS:
            raise Unfit(f"a dense {layer} over {layer.conv.in_channels} channels, neither stem nor head")
        if max(layer.pad, default=0) >= layer.kernel:
            raise Unfit(f"padding {layer.pad} as large as the kernel")
        self.kernel, self.stride, self.pad = layer.kernel, layer.stride, list(layer.pad)
        self.inputs, self.outputs = layer.conv.in_channels, layer.conv.out_channels

    def arguments(self):
        layer = self.layers[0]
        return layer.tensors(), layer.epsilon, layer.activation, self.stride, self.pad

    def __str__(self):
        activation = self.layers[0].activation
        return f"convolution {self.kernel}x{self.kernel}/{self.stride} {self.inputs}-{self.outputs} {activation}"


def _order(layers):
    return ", ".join(map(str, layers)) or "nothing"
