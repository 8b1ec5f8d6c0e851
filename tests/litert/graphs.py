# SPDX-License-Identifier: MIT
"""Small graphs of f32: each name with its graph and how many operators of it the delegate takes. What it refuses, or only takes in
part, is among them."""

import numpy as np
from models import Graph, schema

HEIGHT, WIDTH, CHANNELS = 17, 22, 24


def f32():
    """(name, graph, operators taken)"""
    for name, make in {**FLOATS, **LEFT}.items():
        graph = Graph(len(name))
        x = graph.input([1, HEIGHT, WIDTH, CHANNELS], "float32")
        taken = make(graph, x)
        if not graph.outputs:
            graph.outputs.append(len(graph._tensors) - 1)  # pylint: disable=protected-access
        yield name, graph, taken


# ---- Taken whole -----------------------------------------------------------------------------------------------------


def _depthwise(kernel, stride, **options):
    def make(graph, x):
        graph.conv(graph.depthwise(graph.conv(x, 40, fused="relu6"), kernel, stride, "relu", **options), 30)
        return 3

    return make


def _padded(graph, x):
    y = graph.depthwise(graph.pad(graph.conv(x, 40, fused="relu"), 0, 1, 1, 2), 3, 2, "relu6", "VALID")
    graph.conv(y, 30)
    return 4


def _padded_shortcut(stride, behind):
    """As in BlazeFace, where a block has more channels than its shortcut, which at stride 2 is a MAX_POOL_2D."""

    def make(graph, x):
        shortcut = graph.largest(x) if stride == 2 else x
        y = graph.conv(graph.depthwise(x, 3, stride), 40)
        shortcut = graph.pad(shortcut, 0, 0, 0, 0, channels=40 - CHANNELS)
        graph.activation(graph.add(shortcut, y, "relu" if behind == "relu" else "none"), behind)
        return 5 if behind == "prelu" else 4

    return make


def _padded_first(graph, x):
    graph.conv(graph.conv(graph.pad(x, 1, 0, 2, 1), 32, 3, 2, "relu", "VALID"), 16)
    return 3


def _activation(name):
    def make(graph, x):
        y = graph.activation(graph.conv(x, 40), name)
        y = graph.activation(graph.depthwise(y, 5), name)
        graph.add(graph.conv(y, CHANNELS), x)
        return 8 if name == "silu" else 6

    return make


def _behind_sum(name):
    def make(graph, x):
        y = graph.add(x, graph.conv(graph.depthwise(x), CHANNELS), "relu6" if name == "fused" else "none")
        if name != "fused":
            graph.activation(y, name)
        return 3 if name == "fused" else 4

    return make


def _sum_behind_activation(graph, x):
    graph.add(graph.conv(x, CHANNELS, 3, fused="relu"), x)
    return 2


def _given(graph, x):
    other = graph.input([1, HEIGHT, WIDTH, 30], "float32")
    graph.add(graph.conv(graph.depthwise(x, 3, fused="relu"), 30), other, "relu")
    return 3


def _excite(inner):
    def make(graph, x):
        y = graph.squeeze_excite(graph.depthwise(graph.conv(x, 40, fused="relu6"), 3, 2, "relu"), 10, inner)
        graph.conv(y, 30)
        return {"relu": 8, "hard_swish": 9, "silu": 10}[inner]

    return make


def _excite_by_pool(graph, x):
    """As in MobileNetV3."""
    y = graph.activation(graph.depthwise(graph.conv(x, 40, fused="relu"), 5, 2), "hard_swish")
    gate = graph.hard_sigmoid(graph.conv(graph.conv(graph.whole_pool(y), 10, fused="relu"), 40))
    graph.conv(graph.mul(y, gate), 30)
    return 10


def _excite_connected(graph, x):
    y = graph.depthwise(graph.conv(x, 40, fused="relu"), 3, fused="relu6")
    gate = graph.one("LOGISTIC", graph.connected(graph.connected(graph.mean(y, keep=False), 10, "relu"), 40))
    graph.conv(graph.mul(y, graph.reshape(gate, 1, 1, 1, 40)), 30)
    return 9


def _excite_of_any_batch(of, taken, shared=False, packed=(1, 1, CHANNELS)):
    """As Keras writes it, whose layer Reshape computes its shape: of the vector, or of the block's input. `shared`: read by others, too."""

    def make(graph, x):
        early = graph.shape_of_batch(x, *packed) if of == "input, early" else None
        y = graph.depthwise(x, 3, fused="relu6")
        mean = graph.mean(y, keep=False)
        shape = early or graph.shape_of_batch(x if of == "input" else mean, *packed)
        z = graph.reshape_to(mean, shape, *packed)
        if packed != (1, 1, CHANNELS):
            z = graph.reshape(z, 1, 1, 1, CHANNELS)
        gate = graph.one("LOGISTIC", graph.conv(graph.conv(z, 10, fused="relu"), CHANNELS))
        graph.outputs.append(graph.conv(graph.mul(y, gate), 30))
        if shared:
            graph.outputs.append(graph.reshape_to(graph.mean(x, keep=False), early, 1, 1, CHANNELS) if early else shape)
        graph.any_batch()
        return taken

    return make


def _classifier(channels, out, taken):
    """FULLY_CONNECTED of the means of an image."""

    def make(graph, x):
        y = graph.connected(graph.mean(graph.conv(x, channels), keep=False), out, "relu")
        graph.outputs.append(graph.connected(y, 10))
        return 1 + taken

    return make


def _excite_by_other_pool(graph, x):
    """The window is not the whole image, of which an average is all the same."""
    y = graph.depthwise(x)
    z = graph.whole_pool(y)
    options = graph._operators[-1].builtinOptions  # pylint: disable=protected-access
    options.filterHeight, options.strideH = HEIGHT // 2 + 1, HEIGHT
    gate = graph.one("LOGISTIC", graph.conv(graph.conv(z, 10, fused="relu"), CHANNELS))
    graph.conv(graph.mul(y, gate), 30)
    return 4  # the convolutions, each alone


def _separate_relus(graph, x):
    y = graph.one("RELU6", graph.depthwise(graph.one("RELU", graph.conv(x, 40)), 3))
    graph.conv(y, 30)
    return 5


def _halves(graph, x):
    graph.half = True
    y = graph.prelu(graph.conv(graph.depthwise(x, 5, 2), 40))
    graph.conv(graph.conv(y, 30, 3, fused="relu"), 16)
    return 5


def _strided_pointwise(graph, x):
    graph.conv(x, 30, 1, 2, "relu")
    return 1


FLOATS = {
    **{f"depthwise {k}x{k}/{s}": _depthwise(k, s) for k in (3, 5, 7) for s in (1, 2)},
    "depthwise, dilated": _depthwise(3, 1, dilationHFactor=2, dilationWFactor=2),
    "depthwise, VALID": _depthwise(5, 2, padding="VALID"),
    "PAD before depthwise": _padded,
    "PAD before dense": _padded_first,
    **{f"PAD of a shortcut's channels, {s}, {name}": _padded_shortcut(s, name) for s in (1, 2) for name in ("none", "relu", "prelu")},
    **{name: _activation(name) for name in ("silu", "hard_swish", "prelu", "leaky_relu")},
    **{f"{name} behind the sum": _behind_sum(name) for name in ("fused", "prelu")},
    "sum behind the activation": _sum_behind_activation,
    "a shortcut from elsewhere": _given,
    **{f"squeeze-excite, {name}": _excite(name) for name in ("relu", "silu", "hard_swish")},
    "squeeze-excite by AVERAGE_POOL_2D, hard sigmoid": _excite_by_pool,
    "squeeze-excite by FULLY_CONNECTED": _excite_connected,
    "squeeze-excite of any batch": _excite_of_any_batch("vector", 11),
    "squeeze-excite of any batch, that of the input": _excite_of_any_batch("input", 11),
    "squeeze-excite of any batch, whose shape others read": _excite_of_any_batch("input, early", 8, shared=True),
    "FULLY_CONNECTED as classifier": _classifier(CHANNELS, 64, 2),
    "RELU and RELU6 of their own": _separate_relus,
    "weights in f16": _halves,
    "1x1 of stride 2": _strided_pointwise,
}


# ---- Left, wholly or in part -----------------------------------------------------------------------------------------


def _alone(taken, *arguments, **options):
    def make(graph, x):
        graph.conv(x, *arguments, **options)
        return taken

    return make


def _multiplier(graph, x):
    graph.conv(x, 2 * CHANNELS, 3, depthwise=True, depthMultiplier=2)
    return 0


def _groups(graph, x):
    y = graph.conv(x, 32, 3)
    filters = graph._operators[-1].inputs[1]  # pylint: disable=protected-access
    tensor = graph._tensors[filters]  # pylint: disable=protected-access
    tensor.shape = [32, 3, 3, CHANNELS // 2]
    graph._buffers[tensor.buffer].data = graph.floats(32 * 9 * CHANNELS // 2).view(np.uint8)  # pylint: disable=protected-access
    graph.conv(y, 16)
    return 1


def _padded_channels(graph, x):
    graph.conv(graph.pad(x, 1, 1, 1, 1, channels=8), 16, 3, padding="VALID")
    return 1


def _image_of_the_middle(graph, x):
    y = graph.depthwise(graph.conv(x, 40, fused="relu"), 3)
    graph.outputs += [y, graph.conv(y, 30)]
    return 3  # two blocks: the image between them is an output


def _read_twice(graph, x):
    y = graph.conv(x, CHANNELS, fused="relu")
    graph.add(y, graph.conv(graph.depthwise(y), CHANNELS))
    return 4


def _sum_with_itself(graph, x):
    y = graph.conv(graph.depthwise(x), 30)
    graph.add(y, y)
    return 2


def _two_activations(graph, x):
    graph.add(graph.conv(x, CHANNELS, 3, fused="relu"), x, "relu6")
    return 1


def _sum_of_one_pixel(graph, x):
    """The shortcut is spread over the image, which mbconv does not do."""
    graph.add(graph.conv(graph.depthwise(x), CHANNELS), graph.mean(x))
    return 2


LEFT = {
    "RELU_N1_TO_1": _alone(0, 30, fused=schema.ActivationFunctionType.RELU_N1_TO_1),
    "stride 3": _alone(0, 30, 3, 3),
    "strides that differ": _alone(0, 30, 3, 1, strideW=2, padding="VALID"),
    "dense of dilation 2": _alone(0, 30, 3, dilationHFactor=2, dilationWFactor=2),
    "depthwise 4x4": lambda graph, x: [graph.depthwise(x, 4), 0][1],
    "depthwise multiplier": _multiplier,
    "groups": _groups,
    "PAD of channels": _padded_channels,
    "an output in the middle": _image_of_the_middle,
    "a shortcut read twice": _read_twice,
    "a sum with itself": _sum_with_itself,
    "two activations": _two_activations,
    "a shortcut of one pixel": _sum_of_one_pixel,
    "squeeze-excite of any batch, whose shape within is an output": _excite_of_any_batch("vector", 4, shared=True),
    "squeeze-excite whose shape may be another": _excite_of_any_batch("vector", 4, packed=(CHANNELS, 1, 1)),
    "AVERAGE_POOL_2D of half an image": _excite_by_other_pool,
}
