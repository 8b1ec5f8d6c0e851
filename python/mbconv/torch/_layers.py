# SPDX-License-Identifier: MIT
"""What the nodes of a graph compute: convolutions, activations and so on, whether they are modules, functions or
methods."""

import math
import operator

import torch
from torch import nn
from torch.fx import Node
from torch.nn import functional

from .._arguments import with_article
from ._nodes import ADD, DIV, MUL, are_attributes, arguments_of, is_call, module_at, place_of
from ._norms import norm_problem
from ._recognise import SAME, kind, own_class
from ._sizes import same_pad

# ---- Convolutions --------------------------------------------------------------------------------------------------


class Conv:
    """A convolution. `problem`: why mbconv does not compute such a one."""

    def __init__(self, node, name, weight, bias, stride, padding, dilation, groups, mode="zeros"):
        self.node, self.name, self.weight, self.bias, self.groups = node, name, weight, bias, groups
        shape = weight[0][weight[1]].shape
        kernel, strides, dilations = tuple(shape[2:]) or (1, 1), _pair(stride), _pair(dilation)
        dilations = dilations if max(kernel) > 1 else (1, 1)
        self.kernel, self.stride, self.dilation = kernel[0], strides[0], dilations[0]
        self.own_pad, self.problem = _sides(padding, kernel, dilations), ""
        if mode != "zeros":
            self.problem = f"padding with {mode}"
        elif len({*kernel}) > 1 or len({*strides}) > 1 or len({*dilations}) > 1:
            self.problem = f"kernel {kernel}, stride {strides} and dilation {dilations} differ between the directions"


def _pair(value):
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]


def _sides(padding, kernel, dilation):
    """top, left, bottom, right"""
    if padding == "same":
        totals = [(size - 1) * step for size, step in zip(kernel, dilation)]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]
    vertical, horizontal = (0, 0) if padding == "valid" else _pair(padding)
    return [vertical, horizontal, vertical, horizontal]


def conv_at(graph, node):
    """The convolution that a node is, or None."""
    module = module_at(graph, node)
    if module is not None:
        own = own_class(module)
        if own.forward is not getattr(nn.Conv2d, "forward") or own._conv_forward is not nn.Conv2d._conv_forward:
            return None
        weight, bias = (module._parameters, "weight"), (module._parameters, "bias")
        if module._parameters.get("weight") is None or not are_attributes(module, "weight", "bias"):
            return None
        return Conv(node, node.target, weight, bias, module.stride, module.padding, module.dilation, module.groups,
                    module.padding_mode)  # fmt: skip
    if is_call(node, (functional.conv2d, torch.conv2d)):
        given = arguments_of(node, ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
                             {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1})  # fmt: skip
        weight, bias = (place_of(graph, given[name]) for name in ("weight", "bias"))
        if weight is None or (given["bias"] is not None and bias is None) or not isinstance(node.args[0], Node):
            return None
        name = given["weight"].target.rpartition(".")[0] or given["weight"].target
        numbers = [given[key] for key in ("stride", "padding", "dilation", "groups")]
        if any(isinstance(one, Node) for number in numbers for one in _flat(number)):
            return None
        return Conv(node, name, weight, bias, *numbers)
    return None


def linear_at(graph, node):
    """A linear layer as a convolution of one pixel."""
    module = module_at(graph, node)
    if module is not None and own_class(module) is nn.Linear and module._parameters.get("weight") is not None:
        tensors = module._parameters
        return Conv(node, node.target, (tensors, "weight"), (tensors, "bias"), 1, 0, 1, 1)
    if is_call(node, (functional.linear,)):
        given = arguments_of(node, ("input", "weight", "bias"), {"bias": None})
        weight, bias = (place_of(graph, given[name]) for name in ("weight", "bias"))
        if weight is None or (given["bias"] is not None and bias is None) or not node.args:
            return None
        name = given["weight"].target.rpartition(".")[0] or given["weight"].target
        return Conv(node, name, weight, bias, 1, 0, 1, 1)
    return None


def _flat(value):
    return value if isinstance(value, (tuple, list)) else (value,)


class Pad:
    """Zeros around an image: top, left, bottom, right, or SAME for the convolution that `conv` says."""

    def __init__(self, sides, conv=None):
        self.sides, self.conv = sides, conv

    @staticmethod
    def at(graph, node):
        """The padding that a node is, or None."""
        module = module_at(graph, node)
        if module is not None and own_class(module) is nn.ZeroPad2d:
            return Pad._of(module.padding)
        if is_call(node, (same_pad,)):
            return Pad(SAME, node.args[1:])
        if is_call(node, (functional.pad, getattr(torch._C._nn, "pad", None))):
            given = arguments_of(node, ("input", "pad", "mode", "value"), {"mode": "constant", "value": None})
            if given["mode"] == "constant" and not given["value"]:
                return Pad._of(given["pad"])
        return None

    @staticmethod
    def _of(sides):
        sides = [sides] * 4 if isinstance(sides, int) else list(sides)
        if not 0 < len(sides) <= 4 or not all(isinstance(side, int) and side >= 0 for side in sides):
            return None
        left, right, top, bottom = sides + [0] * (4 - len(sides))
        return Pad([top, left, bottom, right])


# ---- Activations ---------------------------------------------------------------------------------------------------


class Activation:
    def __init__(self, name, negative_slope=None, slope=None):
        self.name, self.negative_slope, self.slope = name, negative_slope, slope


_MODULES = {
    nn.ReLU: "relu", nn.ReLU6: "relu6", nn.SiLU: "silu", nn.Sigmoid: "sigmoid", nn.Hardsigmoid: "hard_sigmoid",
    nn.Hardswish: "hard_swish",
}  # fmt: skip
_NAMES = {
    "relu": "relu", "relu6": "relu6", "silu": "silu", "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
}  # fmt: skip


def _functions(name):
    owners = functional, torch, torch._C._nn
    return [getattr(owner, f"{name}{end}") for owner in owners for end in ("", "_") if hasattr(owner, f"{name}{end}")]


_FUNCTIONS = [(_functions(name), name, activation) for name, activation in _NAMES.items()]
_CLAMPS, _GELUS = _functions("hardtanh") + _functions("clamp"), _functions("gelu")
_LEAKY, _PRELUS = _functions("leaky_relu"), _functions("prelu")


def activation_at(graph, node):
    """The activation that a node is, or None."""
    module = module_at(graph, node)
    if module is not None:
        return _activation_of(module)
    for functions, name, activation in _FUNCTIONS:
        if is_call(node, functions, (name,)):
            return Activation(activation)
    if is_call(node, _CLAMPS, ("clamp", "hardtanh")):
        given = arguments_of(node, ("input", "min", "max"), {"max": None})
        lowest, highest = given.get("min", given.get("min_val")), given["max"]
        highest = given.get("max_val", highest)
        if lowest == 0 and highest in (6, None):
            return Activation("relu6" if highest == 6 else "relu")
    if is_call(node, _GELUS):
        return _gelu(node.kwargs.get("approximate", "none"))
    if is_call(node, _LEAKY):
        given = arguments_of(node, ("input", "negative_slope"), {"negative_slope": 0.01})
        return Activation("leaky_relu", negative_slope=float(given["negative_slope"]))
    if is_call(node, _PRELUS, ("prelu",)):
        place = place_of(graph, arguments_of(node, ("input", "weight"))["weight"])
        return None if place is None else Activation("prelu", slope=place)
    return None


def _activation_of(module):
    own = own_class(module)
    if own in _MODULES:
        return Activation(_MODULES[own])
    if own is nn.Hardtanh and (module.min_val, module.max_val) == (0, 6):
        return Activation("relu6")
    if own is nn.GELU:
        return _gelu(module.approximate)
    if own is nn.LeakyReLU:
        return Activation("leaky_relu", negative_slope=float(module.negative_slope))
    if own is nn.PReLU and module._parameters.get("weight") is not None:
        return Activation("prelu", slope=(module._parameters, "weight"))
    return None


def _gelu(approximate):
    return Activation({"none": "gelu", "tanh": "gelu_tanh"}[approximate])


def is_sixth(node, flow):
    """relu6(x + 3) of a node that is it divided by six, or None."""
    if is_call(node, DIV, ("div",)) and node.args[1] in (6, 6.0):
        return flow.source(node.args[0])
    if is_call(node, MUL, ("mul",)) and isinstance(node.args[1], float) and math.isclose(node.args[1], 1 / 6):
        return flow.source(node.args[0])
    return None


def is_plus_three(node):
    return is_call(node, ADD, ("add",)) and len(node.args) == 2 and node.args[1] in (3, 3.0) and not node.kwargs


# ---- Means and what changes nothing --------------------------------------------------------------------------------


def is_mean(graph, node):
    """Whether a node is the mean of each channel."""
    module = module_at(graph, node)
    if module is not None:
        return own_class(module) is nn.AdaptiveAvgPool2d and module.output_size in (1, (1, 1), [1, 1])
    if is_call(node, (functional.adaptive_avg_pool2d,)):
        return node.args[1:] in ((1,), ((1, 1),), ([1, 1],)) or node.kwargs.get("output_size") in (1, (1, 1))
    if is_call(node, (torch.mean,), ("mean",)):
        given = arguments_of(node, ("input", "dim", "keepdim"), {"dim": None})
        dims = _flat(given["dim"])
        return all(isinstance(one, int) for one in dims) and {one % 4 for one in dims} == {2, 3}
    return False


RESHAPES = "view", "reshape", "flatten", "squeeze", "unsqueeze", "expand_as"


def is_reshape(node):
    """Whether a node sees the means in another shape."""
    if is_call(node, (operator.getitem,)):  # x[:, :, None, None]
        key = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
        return all(one is None or one is ... or one == slice(None, None, None) for one in key)
    if node.op == "call_function":
        return node.target in (torch.flatten, torch.squeeze, torch.unsqueeze, torch.reshape)
    return node.op == "call_method" and node.target in RESHAPES


_NOTHING = nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout


def is_identity(graph, node):
    """Whether a node gives what it is given, in evaluation."""
    module = module_at(graph, node)
    if module is not None:
        return own_class(module) in _NOTHING and (own_class(module) is nn.Identity or not module.training)
    if is_call(node, (functional.dropout, functional.dropout2d)):
        given = arguments_of(node, ("input", "p", "training", "inplace"), {"training": True})
        return given["training"] is False
    return is_call(node, (), ("contiguous",)) and len(node.args) == 1 and not node.kwargs


END = "the end of its module"


def describe(graph, node):
    """A node, for those who read a report."""
    if node.op == "call_module":
        name = with_article(kind(graph.module_of(node)))
        reason = graph.opaque.get(node.target, "") or norm_problem(graph, node)
    elif node.op == "output":
        return END
    else:
        name, reason = getattr(node.target, "__name__", str(node.target)), norm_problem(graph, node)
    return name + (f" ({reason})" if reason and reason != "it is a leaf" else "")
