# SPDX-License-Identifier: MIT
"""Squeeze-excite in a graph, in the ways in which people write it: the means by a pooling, by one mean or by two; the layers
as convolutions or as linear ones, with views, squeezes and indices around them, whose arguments are sizes of the image; and
the product with the gate as it is or expanded to the image."""

import operator

import torch
from torch.fx import Node

from ._layers import is_mean, is_reshape
from ._nodes import MUL, arguments_of, is_call
from ._recognise import SqueezeExcite


def squeeze_after(flow, value, layer_at):
    """The squeeze-excite of a value that nobody else uses, and its nodes, or None. `layer_at`: that of _flow.py."""
    sizes = _sizes(flow, value)
    uses = [node for node in flow.uses(value) if node not in sizes and not _is_expanded_to(flow, node, value)]
    if len(uses) != 2:
        return None
    for first, product in (uses, uses[::-1]):
        operands = flow.operands(product, MUL, ("mul",))
        means = _means_at(flow, first) if operands is not None and value in operands else None
        found = _two_layers(flow, means[-1], layer_at) if means is not None else None
        if found is None:
            continue
        squeeze, layers, asked = found
        gate, inside = operands[1 - operands.index(value)], [*means, *layers, *sizes, *asked, product]
        users = [user for one in (value, *sizes, *asked) for user in flow.uses(one)]
        if layers[-1] is gate and flow.only_use(gate) is product and all(user in inside for user in users):
            return squeeze, inside
    return None


# ---- Sizes ---------------------------------------------------------------------------------------------------------


def _sizes(flow, value):
    """The nodes that ask a value for its size, and those that take numbers of it."""
    found = [node for node in flow.uses(value) if _is_size(node)]
    for node in found:
        found += [user for user in flow.uses(node) if is_call(user, (operator.getitem,)) and user not in found]
    return found


def _is_size(node):
    return is_call(node, (), ("size",)) or (is_call(node, (getattr,)) and node.args[1:] == ("shape",))


def _is_expanded_to(flow, node, value):
    """gate.expand_as(value)"""
    is_expanded = is_call(node, (), ("expand_as",)) and len(node.args) == 2
    return is_expanded and flow.source(node.args[1]) is value and flow.source(node.args[0]) is not value


def _next(flow, value, sizes):
    """The only node that uses more of a value than its size. Those that ask for this are put with `sizes`."""
    asked = _sizes(flow, value)
    uses = [node for node in flow.uses(value) if node not in asked]
    sizes += asked
    return uses[0] if len(uses) == 1 else None


# ---- Means ---------------------------------------------------------------------------------------------------------


def _means_at(flow, node):
    """The nodes of the means of each channel that begin with this one, or None."""
    if is_mean(flow.graph, node):
        return [node]
    then = flow.only_use(node)
    if then is None:
        return None
    first, second = _mean_over(node), _mean_over(then)
    if second is None:
        return None
    if first is None:  # height and width as one dimension
        flat = is_call(node, (torch.flatten,), ("flatten",)) and node.args[1:] == (2,)
        flat = flat or (is_call(node, (), ("view", "reshape")) and len(node.args) == 4 and node.args[3] == -1)
        return [node, then] if flat and second[0] % 3 == 2 else None
    rows_or_columns, kept = first[0] % 4, first[1]
    left = second[0] % 4 == 5 - rows_or_columns if kept else second[0] % 3 == 2
    return [node, then] if rows_or_columns in (2, 3) and left else None


def _mean_over(node):
    """The one dimension of a mean, and whether it is kept, or None."""
    if not is_call(node, (torch.mean,), ("mean",)):
        return None
    given = arguments_of(node, ("input", "dim", "keepdim"), {"dim": None, "keepdim": False})
    if set(given) != {"input", "dim", "keepdim"} and set(given) != {"dim", "keepdim"}:
        return None
    dims = given["dim"] if isinstance(given["dim"], (tuple, list)) else [given["dim"]]
    return (dims[0], given["keepdim"]) if len(dims) == 1 and isinstance(dims[0], int) else None


# ---- Layers --------------------------------------------------------------------------------------------------------


def _two_layers(flow, mean, layer_at):
    """The two layers after the means, all nodes, and those that ask for sizes."""
    value, nodes, layers, sizes = mean, [], [], []
    while True:
        node = _next(flow, value, sizes)
        if isinstance(node, Node) and is_reshape(node) and flow.source(node.args[0]) is value:
            nodes.append(node)
            value = node
            continue
        if len(layers) == 2:
            break
        found = node and (layer_at(flow, node) or layer_at(flow, node, linear=True))
        if not found or found.problem or found.letter != "P" or found.stage.has_scale:
            return None
        layers.append(found.stage)
        nodes += found.nodes
        value = found.output
    if any(layer.activation in ("leaky_relu", "prelu") for layer in layers):
        return None
    reduce, expand = layers
    return SqueezeExcite(reduce, reduce.activation, expand, expand.activation), nodes, sizes
