# SPDX-License-Identifier: MIT
"""What is computed by mbconv, as arguments of its operators: a block, a convolution, or a list of stages.

A layer is a convolution with what follows it. Of its tensors it holds the places, (dictionary, name), and looks them up
at each call: they may have been exchanged.
"""

SAME = ()


class Unfit(Exception):
    """Why a module stays as it is."""


def own_class(module):
    """The class of a module, also of one that has been replaced, whose class is derived from its own."""
    return getattr(type(module), "_mbconv_own", type(module))


def kind(module):
    return own_class(module).__name__


# ---- Layers --------------------------------------------------------------------------------------------------------


class Layer:
    """A convolution with its normalisation, scale and activation."""

    def __init__(self, conv):
        """`conv`: of _layers.py."""
        self.name, self.kernel, self.stride, self.dilation = conv.name, conv.kernel, conv.stride, conv.dilation
        self.groups, self.pad, self.activation, self.epsilon = conv.groups, conv.own_pad, "none", 0.0
        self.negative_slope = None  # of leaky_relu
        self._places = {"weight": conv.weight, "bias": conv.bias}
        self.outputs, inputs = conv.weight[0][conv.weight[1]].shape[:2]
        self.inputs = inputs * self.groups

    def normalise(self, norm):
        self._places.update(gamma=norm.gamma, beta=norm.beta, mean=norm.mean, variance=norm.variance)
        self.epsilon = norm.epsilon

    def scale(self, place):
        self._places["scale"] = place

    def slope(self, place):
        self._places["slope"] = place

    @property
    def has_scale(self):
        return "scale" in self._places

    @property
    def has_norm(self):
        return "mean" in self._places

    @property
    def is_plain(self):
        """Whether a block's and a convolution's operators take it."""
        return not self.has_scale and self.dilation == 1 and self.activation in OF_BLOCKS

    @property
    def places(self):
        return [self._places.get(name) or ABSENT for name in TENSORS]

    def tensors(self):
        """As the operators take them."""
        return [place[name] for place, name in self.places if place[name] is not None]

    def letters(self):
        """Which of the tensors there are."""
        return "".join(letter for letter, (place, name) in zip("wbgBmvsp", self.places) if place[name] is not None)

    @property
    def is_pointwise(self):
        return self.kernel == self.stride == self.groups == 1 and self.pad in ([0] * 4, SAME)

    @property
    def is_depthwise(self):
        return self.groups == self.inputs == self.outputs > 1

    @property
    def letter(self):
        """P, D or C."""
        if self.is_pointwise:
            return "P"
        return "D" if self.is_depthwise else "C"

    def keeps_size(self):
        sides = (self.kernel - 1) * self.dilation
        pad = self.pad
        return self.stride == 1 and (pad == SAME or (pad[0] + pad[2] == sides and pad[1] + pad[3] == sides))

    def __str__(self):
        noun = "depthwise" if self.is_depthwise else "convolution"
        return f"{noun} {self.kernel}x{self.kernel}"

    def multiply_adds(self):
        """Per pixel of its output."""
        return self.outputs * (self.inputs // self.groups) * self.kernel * self.kernel


TENSORS = "weight", "bias", "gamma", "beta", "mean", "variance", "scale", "slope"
OF_BLOCKS = "none", "relu", "relu6", "silu", "sigmoid", "hard_sigmoid", "hard_swish"
ABSENT = ({"": None}, "")


class SqueezeExcite:
    """Two layers without normalisation; `activation` is that of the product."""

    letter, is_plain = "E", True

    def __init__(self, reduce, inner, expand, gate):
        self.reduce, self.inner, self.expand, self.gate, self.activation = reduce, inner, expand, gate, "none"

    def __str__(self):
        return "squeeze-excite"


# ---- What is replaced ----------------------------------------------------------------------------------------------


class _Parts:
    layers: list  # None where there is no such layer

    def places(self):
        """Where the modules hold their tensors, or None in place of one."""
        return [place for layer in self.layers if layer for place in layer.places]

    def tensors(self):
        return [tensor for layer in self.layers if layer for tensor in layer.tensors()]

    def convolutions(self):
        return [layer for layer in self.layers if layer]

    def begins_with_depthwise(self):
        return self.convolutions()[0].is_depthwise


class BlockParts(_Parts):
    """[P] D [E] P, as arguments of torch.ops.mbconv.block."""

    def __init__(self, stages, residual):
        squeeze = next((stage for stage in stages if isinstance(stage, SqueezeExcite)), None)
        convs = [stage for stage in stages if stage is not squeeze]
        self.expand, (self.depthwise, self.project) = convs[0] if len(convs) == 3 else None, convs[-2:]
        self.squeeze, self.residual = squeeze, residual
        self.kernel, self.stride, self.pad = self.depthwise.kernel, self.depthwise.stride, list(self.depthwise.pad)
        self.inputs = convs[0].inputs
        self.layers = [self.expand, self.depthwise, self.project, None, None]  # as the operator takes them
        self.activations = [self.depthwise.activation, "none", "none"]
        if squeeze:
            self.layers[3:] = squeeze.reduce, squeeze.expand
            self.activations[1:] = squeeze.inner, squeeze.gate
        self.epsilons = [layer.epsilon if layer else 0.0 for layer in self.layers[:3]]

    @staticmethod
    def fits(stages, residual):
        """Whether it is more than a list of stages, and no other than this."""
        letters = "".join(stage.letter for stage in stages)
        if letters not in ("PDP", "DP", "PDEP", "DEP") or not all(stage.is_plain for stage in stages):
            return False
        *before, last = [stage.activation for stage in stages if stage.letter != "E"]
        squeezes = [stage for stage in stages if stage.letter == "E"]
        return (
            last == "none" and len(set(before)) == 1 and residual in ("", "before")
            and all(stage.activation == "none" and {stage.inner, stage.gate} <= {*OF_BLOCKS} for stage in squeezes)
        )  # fmt: skip

    def arguments(self):
        tensors = [layer.tensors() if layer else [] for layer in self.layers]
        return *tensors, self.epsilons, *self.activations, self.stride, self.pad, self.residual

    def __str__(self):
        kernel, expanded, outputs = self.kernel, self.depthwise.outputs, self.project.outputs
        squeeze = ", squeeze-excite" if self.squeeze else ""
        residual = ", residual" if self.residual else ""
        return (
            f"block {kernel}x{kernel}/{self.stride} {self.inputs}-{expanded}-{outputs} {self.activations[0]}"
            f"{squeeze}{residual}"
        )


class ConvolutionParts(_Parts):
    """A convolution with its normalisation and activation, as arguments of torch.ops.mbconv.convolution."""

    def __init__(self, layer):
        self.layers = [layer]
        self.kernel, self.stride, self.pad = layer.kernel, layer.stride, list(layer.pad)
        self.inputs, self.outputs = layer.inputs, layer.outputs

    def arguments(self):
        layer = self.layers[0]
        return layer.tensors(), layer.epsilon, layer.activation, self.stride, self.pad

    def __str__(self):
        activation = self.layers[0].activation
        return f"convolution {self.kernel}x{self.kernel}/{self.stride} {self.inputs}-{self.outputs} {activation}"


class StagesParts(_Parts):
    """Any other list of stages, as arguments of torch.ops.mbconv.stages."""

    def __init__(self, stages, residual="", residual_channels=0):
        """`residual`: "", "before" the last activation or "after" it."""
        self.stages, self.residual, self.residual_channels = stages, residual, residual_channels
        self.layers = []
        for stage in stages:
            self.layers += [stage.reduce, stage.expand] if isinstance(stage, SqueezeExcite) else [stage]
        self.inputs = self.layers[0].inputs
        self.kernel = max(layer.kernel * layer.dilation for layer in self.layers)

    def arguments(self):
        tensors = [_vector(tensor, layer.outputs) if letter in "sp" else tensor
                   for layer in self.layers for tensor, letter in zip(layer.tensors(), layer.letters())]  # fmt: skip
        epsilons = [layer.epsilon for layer in self.layers]
        return tensors, self.specification(), epsilons, self.residual, self.residual_channels

    def specification(self):
        return ";".join(map(_specified, self.stages))

    def __str__(self):
        names = []
        for stage in self.stages:
            activation = f" {stage.activation}" if stage.activation != "none" else ""
            if isinstance(stage, SqueezeExcite):
                names.append("squeeze-excite" + activation)
                continue
            noun = {"P": "pointwise", "D": "depthwise", "C": "dense"}[stage.letter]
            kernel = "" if stage.letter == "P" else f" {stage.kernel}x{stage.kernel}/{stage.stride}"
            dilation = f" dilation {stage.dilation}" if stage.dilation > 1 else ""
            names.append(f"{noun}{kernel}{dilation} {stage.outputs}{activation}")
        residual = f", residual {self.residual} the activation" if self.residual else ""
        channels = f" of {self.residual_channels} channels" if self.residual_channels else ""
        return f"stages {self.inputs}: {', '.join(names)}{residual}{channels}"


def _vector(tensor, channels):
    """A scale or slopes, one per channel."""
    return tensor if tensor.shape == (channels,) else tensor.reshape(-1).expand(channels)


def _specified(stage):
    """A stage in words: kind, activation, what it has, and its geometry."""
    if isinstance(stage, SqueezeExcite):
        letters = stage.reduce.letters(), stage.expand.letters()
        return " ".join(("squeeze_excite", stage.activation, *letters, stage.inner, stage.gate))
    name = {"P": "pointwise", "D": "depthwise", "C": "dense"}[stage.letter]
    slope = f"={stage.negative_slope!r}" if stage.negative_slope is not None else ""
    pad = "same" if stage.pad == SAME else ",".join(map(str, stage.pad))
    return f"{name} {stage.activation}{slope} {stage.letters()} {stage.stride} {stage.dilation} {pad}"


def parts_of(stages, residual, residual_channels):
    """The parts of a chain, as the most special operator takes them."""
    if not residual_channels and BlockParts.fits(stages, residual):
        return BlockParts(stages, residual != "")
    if len(stages) == 1 and not residual and stages[0].is_plain and stages[0].letter in "PC":
        return ConvolutionParts(stages[0])
    return StagesParts(stages, residual, residual_channels)
