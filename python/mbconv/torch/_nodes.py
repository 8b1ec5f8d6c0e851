# SPDX-License-Identifier: MIT
"""How the nodes of a graph are read: what they call, with which arguments, and where their tensors are."""

import operator

import torch
from torch.fx import Node

from ._symbols import set_item

ADD, MUL = (operator.add, operator.iadd, torch.add), (operator.mul, operator.imul, torch.mul)
DIV = operator.truediv, operator.itruediv, torch.div


def is_call(node, functions, methods=()):
    """Whether a node calls one of these functions, or a method of one of these names (or of it in place)."""
    if node.op == "call_function":
        return any(node.target is function for function in functions)
    return node.op == "call_method" and node.target.rstrip("_") in methods


def arguments_of(node, names, defaults=()):
    """A node's arguments by their names."""
    found = dict(defaults)
    found.update(zip(names, node.args))
    found.update(node.kwargs)
    return found


def module_at(graph, node):
    """The module that a node calls as it is, or None."""
    if node.op != "call_module" or node.target in graph.opaque:
        return None
    return graph.module_of(node)


def is_in_place(graph, node):
    """Whether it writes to its first argument."""
    if node.op == "call_method":
        return node.target.endswith("_") and not node.target.endswith("__")
    if node.op == "call_module":
        return bool(getattr(graph.module_of(node), "inplace", False))
    if node.op != "call_function":
        return False
    name = getattr(node.target, "__name__", "")
    return node.target in (operator.iadd, operator.isub, operator.imul, operator.itruediv, set_item) or bool(
        node.kwargs.get("inplace")) or (name.endswith("_") and not name.endswith("__"))  # fmt: skip


def place_of(graph, node):
    """Where a parameter or a buffer is, or None."""
    return graph.place(node) if isinstance(node, Node) and node.op == "get_attr" else None


def are_attributes(module, *names):
    """Whether the tensors are what the forward reads: a class may have properties of these names."""
    return all(getattr(module, name, None) is module._parameters.get(name, module._buffers.get(name)) for name in names)
