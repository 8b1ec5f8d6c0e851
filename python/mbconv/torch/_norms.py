# SPDX-License-Identifier: MIT
"""The nodes of a graph that normalise by statistics, or multiply by a parameter for each channel."""

import operator

import torch
from torch import nn
from torch.fx import Node
from torch.nn import functional

from ._nodes import MUL, are_attributes, arguments_of, is_call, module_at, place_of
from ._recognise import own_class


class Norm:
    def __init__(self, mean, variance, gamma, beta, epsilon):
        self.mean, self.variance, self.gamma, self.beta, self.epsilon = mean, variance, gamma, beta, epsilon


def norm_at(graph, node):
    """The batch normalisation that a node is, with its statistics, or None."""
    if node.op == "call_module" and _is_frozen(graph.module_of(node)):
        buffers = graph.module_of(node)._buffers
        places = [(buffers, name) for name in ("running_mean", "running_var", "weight", "bias")]
        return Norm(*places, graph.module_of(node).eps)
    module = module_at(graph, node)
    if module is not None:
        if own_class(module).forward is not nn.BatchNorm2d.forward:
            return None
        buffers, parameters = module._buffers, module._parameters
        if buffers.get("running_mean") is None or buffers.get("running_var") is None:
            return None
        if not are_attributes(module, "weight", "bias", "running_mean", "running_var"):
            return None
        if "weight" not in parameters or (parameters["weight"] is None) != (parameters.get("bias") is None):
            return None
        return Norm((buffers, "running_mean"), (buffers, "running_var"), (parameters, "weight"), (parameters, "bias"),
                    module.eps)  # fmt: skip
    given = _norm_arguments(node)
    if given is None or given["training"] is not False or not isinstance(given["eps"], (int, float)):
        return None
    places = [place_of(graph, given[name]) for name in _NORM_TENSORS]
    absent = [one is None for one in (given["weight"], given["bias"], *places[2:])]
    return Norm(*places, given["eps"]) if places[0] and places[1] and len({*absent}) == 1 else None


_NORM_TENSORS = "running_mean", "running_var", "weight", "bias"
_NORM_FUNCTIONS = [
    (functional.batch_norm, ("input", *_NORM_TENSORS, "training", "momentum", "eps")),
    (torch.batch_norm, ("input", *_NORM_TENSORS[2:], *_NORM_TENSORS[:2], "training", "momentum", "eps", "cudnn_enabled")),
]


def _norm_arguments(node):
    """Of a call of a function that normalises, by their names, or None."""
    for function, names in _NORM_FUNCTIONS:
        if is_call(node, (function,)):
            return arguments_of(node, names, {"weight": None, "bias": None, "training": False, "eps": 1e-5})
    return None


def norm_problem(graph, node):
    """Why a normalisation is none that mbconv knows, "" if it is one, or something else."""
    given = _norm_arguments(node)
    if given is not None:
        if given["training"] is not False:
            return "in training mode"
        computed = any(given[name] is not None and place_of(graph, given[name]) is None for name in _NORM_TENSORS)
        affine = [given["weight"] is None, given["bias"] is None]
    else:
        module = module_at(graph, node)
        if not isinstance(module, nn.BatchNorm2d):
            return ""
        if module._buffers.get("running_mean") is None:
            return "without running statistics"
        computed, affine = False, [module._parameters.get(name) is None for name in ("weight", "bias")]
    if computed:
        return "by tensors that are computed"
    return "with only one of weight and bias" if len({*affine}) > 1 else ""


def _is_frozen(module):
    own = own_class(module)
    known = own.__name__ == "FrozenBatchNorm2d" and own.__module__.startswith("torchvision.")
    return known and not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def scale_at(graph, node, x, channels):
    """The place of a parameter that x is multiplied by, one value per channel, or None."""
    if not is_call(node, MUL, ("mul",)) or len(node.args) != 2:
        return None
    others = [one for one in node.args if one is not x]
    value = _value(graph, others[0]) if len(others) == 1 else None
    if value is None or value[1].shape not in ((channels, 1, 1), (1, channels, 1, 1)):
        return None
    return value[0]


def _value(graph, node):
    """The place and the tensor of a parameter, seen in another shape."""
    if not isinstance(node, Node):
        return None
    place = place_of(graph, node)
    if place is not None:
        return place, place[0][place[1]].detach()
    if node.op == "call_method" and node.target in ("view", "reshape", "unsqueeze") and node.args:
        inner = _value(graph, node.args[0])
        if inner is not None and not any(isinstance(one, Node) for one in node.args[1:]):
            return inner[0], getattr(inner[1], node.target)(*node.args[1:])
    if is_call(node, (operator.getitem,)) and not isinstance(node.args[1], Node):
        inner = _value(graph, node.args[0])
        if inner is not None:
            value = inner[1][node.args[1]]
            return (inner[0], value) if value.numel() == inner[1].numel() else None
    return None
