# SPDX-License-Identifier: MIT
"""What a forward is run on in place of tensors: torch.fx's Proxy, which notes the operations."""

import dis
import inspect
import operator

import torch
from torch.fx.proxy import Proxy


def set_item(x, key, value):
    """x[key] = value, as a function."""
    x[key] = value
    return x


class Symbol(Proxy):
    """torch.fx's, but for in-place operations, which it would note as others."""

    def __init__(self, node, tracer, size=None):
        super().__init__(node, tracer)
        self._size = size

    def __getattr__(self, name):
        size = object.__getattribute__(self, "__dict__").get("_size")
        if size is not None and name in ("shape", "ndim", "size", "dim"):
            whole = {"shape": torch.Size(size), "ndim": len(size), "dim": lambda: len(size),
                     "size": lambda axis=None: torch.Size(size) if axis is None else size[axis]}  # fmt: skip
            return whole[name]
        return super().__getattr__(name)

    def __iter__(self):
        """As many as the caller unpacks."""
        frame = inspect.currentframe().f_back
        for instruction in dis.get_instructions(frame.f_code):
            if instruction.offset == frame.f_lasti and instruction.opname == "UNPACK_SEQUENCE":
                return (self[i] for i in range(instruction.argval))
        return self.tracer.iter(self)

    def __setitem__(self, key, value):
        self.node = self.tracer.create_proxy("call_function", set_item, (self, key, value), {}).node


class Input(Symbol):
    """Of the whole forward: a tensor, for all that can be asked."""

    @property
    def __class__(self):
        return torch.Tensor


def _in_place(name):
    function = getattr(operator, name)

    def method(self, other):
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return method


for _name in ("iadd", "isub", "imul", "itruediv"):
    setattr(Symbol, f"__{_name}__", _in_place(_name))
