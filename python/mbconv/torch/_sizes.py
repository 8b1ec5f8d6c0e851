# SPDX-License-Identifier: MIT
"""Forwards that a symbol cannot run through, and that are understood all the same.

TensorFlow's SAME padding is computed from the image's size. Such a module is traced with sizes that are known, many of
them: below, beyond and at the usual ones. It is what it seems to be if all its graphs are the same but for what is
padded, and that is what SAME says for a convolution in it. An activation is sometimes an autograd.Function, which takes
no symbols. A module without tensors is one if it gives, for each number of bfloat16, what the activation does.
"""

import functools

import torch
from torch import nn
from torch.nn import functional

from ._random import Randomness
from ._recognise import Unfit

# Any threshold below 4096 lies between two of them, or is beside one.
SIZES = [*range(1, 35), 48, 63, 64, 65, 96, 112, 127, 128, 129, 144, 160, 176, 192, 208, 224, 240, 255, 256, 257, 260,
         288, 299, 300, 320, 331, 380, 384, 416, 448, 456, 480, 511, 512, 513, 528, 600, 640, 768, 800, 1023, 1024,
         1025, 2048, 4096]  # fmt: skip


def same_sides(size, kernel, stride, dilation):
    """What SAME adds before and behind."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def same_pad(x, kernel, stride, dilation):
    """x with the padding that SAME says for a convolution: a node of graphs."""
    top, bottom = same_sides(x.shape[2], kernel, stride, dilation)
    left, right = same_sides(x.shape[3], kernel, stride, dilation)
    return functional.pad(x, (left, right, top, bottom))


def padded_layer(module):
    """The Graph of a module that pads by SAME, or None if it is none. The graph has same_pad where it pads."""
    from ._layers import Pad, conv_at  # pylint: disable=import-outside-toplevel,cyclic-import # they read graphs
    from ._trace import trace  # pylint: disable=import-outside-toplevel,cyclic-import

    convs = [inner for inner in module.modules() if isinstance(inner, nn.Conv2d)]
    if len(convs) != 1 or len(list(module.modules())) > 8:
        return None
    first = None
    for i, height in enumerate(SIZES):
        width = SIZES[(7 * i + 3) % len(SIZES)]
        try:
            graph = trace(module, sized=(2, convs[0].in_channels, height, width))
            conv, pad = _taken_out(graph, Pad, conv_at)
        except Unfit:
            return None
        kernel, stride, dilation = conv.kernel, conv.stride, conv.dilation
        before, behind = zip(*(same_sides(size, kernel, stride, dilation) for size in (height, width)))
        if pad != [*before, *behind] or any(conv.own_pad):
            return None
        if first is None:
            first = graph, conv
        elif _text(graph) != _text(first[0]):
            return None
    graph, conv = first
    if conv.kernel == 1:
        return graph  # never padded
    source = next(iter(node for node in graph.nodes.nodes if node.op == "placeholder"))
    with graph.nodes.inserting_before(conv.node):
        padding = graph.nodes.call_function(same_pad, (source, conv.kernel, conv.stride, conv.dilation))
    conv.node.replace_input_with(source, padding)
    return graph


def _taken_out(graph, pad_kind, conv_at):
    """The convolution and the padding before it, which is taken out of the graph: top, left, bottom, right."""
    convs = [conv for conv in (conv_at(graph, node) for node in graph.nodes.nodes) if conv is not None]
    if len(convs) != 1:
        raise Unfit("not one convolution")
    node, pad = convs[0].node.args[0], [0, 0, 0, 0]
    while node.op != "placeholder":
        padding = pad_kind.at(graph, node)
        if padding is None or len(node.users) != 1:
            raise Unfit("something before the convolution")
        pad = [one + other for one, other in zip(pad, padding.sides)]
        convs[0].node.replace_input_with(node, node.args[0])
        before = node.args[0]
        graph.nodes.erase_node(node)
        node = before
    return convs[0], pad


def _text(graph):
    """The graph, without the names of its nodes."""
    numbers = {node: i for i, node in enumerate(graph.nodes.nodes)}
    return [(node.op, str(node.target), repr(torch.fx.node.map_arg((node.args, node.kwargs), numbers.get)))
            for node in graph.nodes.nodes]  # fmt: skip


# ---- Activations ---------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "relu": functional.relu, "relu6": functional.relu6, "silu": functional.silu, "sigmoid": torch.sigmoid,
    "hard_sigmoid": functional.hardsigmoid, "hard_swish": functional.hardswish, "gelu": functional.gelu,
}  # fmt: skip


@functools.lru_cache(maxsize=None)
def _numbers():
    """Each finite float of bfloat16, as an image of two channels."""
    bits = torch.arange(65536, dtype=torch.int32) << 16
    values = bits.view(torch.float32)
    values = values[values.isfinite() & (values.abs() < 1e6)]
    return torch.cat([values, values[: len(values) % 2]])[: len(values) // 2 * 2].reshape(1, 2, 1, -1)


@torch.no_grad()
def activation_of(module):
    """The name of the activation that a module computes, or None."""
    if list(module.children()) or module._parameters or module._buffers:
        return None
    x, random = _numbers(), Randomness() if module.training else None
    try:
        with torch.autocast("cpu", enabled=False):
            y = type(module).forward(module, x.clone())
            other = type(module).forward(module, x.flip(3).clone())
    except Exception:  # pylint: disable=broad-except # it may be anyone's module
        return None
    finally:
        has_drawn = random is not None and random.restored()
    if has_drawn:
        return None
    if not isinstance(y, torch.Tensor) or y.shape != x.shape or not torch.allclose(other.flip(3), y, equal_nan=True):
        return None
    for name, function in FUNCTIONS.items():
        if torch.allclose(y, function(x), rtol=1e-5, atol=1e-7):
            return name
    return None
