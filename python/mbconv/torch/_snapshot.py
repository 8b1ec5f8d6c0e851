# SPDX-License-Identifier: MIT
"""Whether modules are still what they were: their classes, their attributes, the modules in them and the hooks.

Tensors are not part of it: the parameters that replace others are simply used.
"""

import operator
import types

import torch
from torch import nn

from ._recognise import own_class

OURS = "_mbconv_"  # an attribute whose name begins so says nothing about what a module computes
HOOKS = tuple(
    name
    for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if name in vars(nn.Module())
)
ALWAYS = "training", "_modules"
_BOOKKEEPING = frozenset(vars(nn.Module()))  # every module has it; what matters of it is compared apart


class Snapshot:
    """Of a module and of the others that it computes with.

    The module itself is given anew at each comparison. A reference to it would be a cycle, which keeps all memory until
    Python's garbage collector comes by.
    """

    def __init__(self, module, others, own_hooks=False):
        """`own_hooks`: whether the hooks of the module itself count. Those of the others do."""
        self._others = others
        self._of_own_class = [other for other in others if own_class(other) is type(other)]  # not replaced ones
        found = self._attributes(module)
        names = [[*ALWAYS, *HOOKS, *_names_of(attributes)] for attributes in found]
        if not own_hooks:
            names[0] = [name for name in names[0] if name not in HOOKS]
        self._readers = [operator.itemgetter(*names_of_one) for names_of_one in names]
        self._values = [
            tuple(_copied(attributes[name]) if name not in _BOOKKEEPING else attributes[name] for name in names_of_one)
            for names_of_one, attributes in zip(names, found)
        ]
        self._classes = [*map(type, self._of_own_class)]
        # What may grow or shrink without another object in its place: attributes, modules in a module, hooks.
        hooks = [attributes[name] for attributes in found[not own_hooks :] for name in HOOKS]
        self._containers = hooks + [attributes["_modules"] for attributes in found]
        self._parents = [attributes["_modules"] for attributes in found if attributes["_modules"]]
        self._sizes, self._children = self._contents(found)
        self._settings = [(value, dict(vars(value))) for attributes in found for value in _settings(attributes)]

    def is_of(self, module):
        """Whether nothing has changed. It is asked at each call and takes a few microseconds."""
        found = self._attributes(module)
        try:
            return (
                [*map(type, self._of_own_class)] == self._classes
                and [read(attributes) for read, attributes in zip(self._readers, found)] == self._values
                and self._contents(found) == (self._sizes, self._children)
                and all([vars(value) == before for value, before in self._settings])
            )
        except (KeyError, RuntimeError, ValueError):  # an attribute is gone, or is a tensor or an array now
            return False

    def _contents(self, found):
        """How many there are of each, and the modules in their order, which a Sequential follows."""
        children = [module for modules in self._parents for module in modules.values()]
        return [*map(len, found), *map(len, self._containers)], children

    def _attributes(self, module):
        return [vars(module), *map(vars, self._others)]


def _names_of(attributes):
    return [name for name in attributes if name not in _BOOKKEEPING and not name.startswith(OURS)]


def _copied(value):
    """A list of numbers may change in place."""
    return value.copy() if type(value) in (list, dict, set) else value


def _settings(attributes):
    """Objects that a module holds, such as a configuration that several modules read."""
    return [value for name, value in attributes.items()
            if name not in _BOOKKEEPING and not name.startswith(OURS) and _holds_settings(value)]  # fmt: skip


def _holds_settings(value):
    return hasattr(value, "__dict__") and not callable(value) and not isinstance(value, _OTHERS)


_OTHERS = nn.Module, torch.Tensor, type, types.ModuleType
