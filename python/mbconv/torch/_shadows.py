# SPDX-License-Identifier: MIT
"""What a forward is run on in place of modules: *shadows*, objects with the attributes of the modules and a class
derived from theirs, whose calls and parameters are a tracer's symbols."""

import operator

import torch
from torch import nn

from ._recognise import own_class


class Shadows:
    """Those of one tracer."""

    def __init__(self, tracer):
        self._tracer, self._made, self._classes, self._before = tracer, {}, {}, []

    def of(self, module, path):
        if id(module) in self._made:
            return self._made[id(module)]
        if isinstance(module, torch.jit.ScriptModule):
            shadow = _Opaque()
            vars(shadow)["_called"] = self._tracer, path, module
            return shadow
        own = own_class(module)
        shadow = object.__new__(self._class(own))
        self._made[id(module)] = shadow
        vars(shadow).update({name: _copied(value) for name, value in vars(module).items()})
        vars(shadow)["_mbconv_shadow"] = self._tracer, path, module
        prefix = f"{path}." if path else ""
        vars(shadow)["_modules"] = {
            name: None if child is None else self.of(child, prefix + name) for name, child in module._modules.items()
        }
        before = {name: (value, _copied(value)) for name, value in vars(shadow).items()}
        self._before.append((module, shadow, before))
        return shadow

    def close(self):
        for _, shadow, _ in self._before:
            vars(shadow).clear()

    def changed(self):
        """A module whose forward wrote to its attributes, or None."""
        for module, shadow, before in self._before:
            now = vars(shadow)
            if now.keys() != before.keys() or not all(
                now[name] is value and (value is copied or _is_same(value, copied))
                for name, (value, copied) in before.items()
            ):
                return module
        return None

    def _class(self, own):
        if own not in self._classes:
            self._classes[own] = type(own.__name__, (_Shadow, own), {"__module__": own.__module__})
        return self._classes[own]


def _copied(value):
    return value.copy() if isinstance(value, (list, dict, set)) and type(value).__module__ in _OF_PYTHON else value


def _is_same(value, copied):
    """Whether a container has what it had."""
    if isinstance(value, dict):
        return value.keys() == copied.keys() and all(one is copied[key] for key, one in value.items())
    return len(value) == len(copied) and (isinstance(value, set) or all(map(operator.is_, value, copied)))


_OF_PYTHON = "builtins", "collections"


class _Shadow:
    def __call__(self, *arguments, **named):
        tracer, path, module = vars(self)["_mbconv_shadow"]
        return tracer.call(self, path, module, arguments, named)

    def __getattr__(self, name):
        found = super().__getattr__(name)
        return vars(self)["_mbconv_shadow"][0].symbol_of(found) if isinstance(found, torch.Tensor) else found


class _Opaque(nn.Module):
    def __call__(self, *arguments, **named):
        tracer, path, module = vars(self)["_called"]
        return tracer.call(self, path, module, arguments, named)
