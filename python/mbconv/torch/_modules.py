# SPDX-License-Identifier: MIT
"""Modules that compute with mbconv. A module stays the object that it is, with its parameters, its name and its hooks:
only its class changes, to one derived from its own, as torch.nn.utils.parametrize does it. Changing it back restores
it.
"""

import functools

import torch

from ._cache import MOST_SHAPES, versions
from ._operators import prepared_block, prepared_convolution, refuse_gradient
from ._recognise import BlockParts

CALL = "_mbconv_call"  # the attribute of a module that computes with mbconv
MOST_PREPARED = MOST_SHAPES  # shapes and strides of inputs, for each module


class Call:
    """A call of an operator with a module's parameters.

    Where nobody watches, it is not made through PyTorch, which takes its time to pass so many tensors: a sixth of
    MobileNetV2's. What was prepared for such an input before is simply run, if the parameters are still the same
    tensors in the same version.
    """

    def __init__(self, parts):
        self.parts = parts
        self._places = [place for layer in parts.layers if layer for place in layer.places]
        self._prepared = {}

    def __call__(self, x):
        if _is_watched(x):
            return self._operator()(x, *self.parts.arguments())
        key = (x.shape, x.stride(), x.dtype)
        tensors = self.tensors()
        state = [*map(id, tensors), *[tensor.data_ptr() for tensor in tensors], *versions(tensors)]
        found = self._prepared.get(key)
        if found is None or found[0] != state:
            if len(self._prepared) >= MOST_PREPARED:
                self._prepared.clear()
            prepare = prepared_block if isinstance(self.parts, BlockParts) else prepared_convolution
            kept = tensors, [tensor.detach() for tensor in tensors]  # or others might get their ids and addresses
            self._prepared[key] = found = state, prepare(x, *self.parts.arguments()), kept
        return found[1](x)

    def _operator(self):
        return torch.ops.mbconv.block if isinstance(self.parts, BlockParts) else torch.ops.mbconv.convolution

    def tensors(self):
        return [place[name] for place, name in self._places if place[name] is not None]

    def __reduce__(self):
        return Call, (self.parts,)


def _is_watched(x):
    """Whether something wants to see which operators are called: tracing, compilation, a mode, a profiler."""
    return type(x) is not torch.Tensor or _is_compiling() or any([watches() for watches in _WATCHERS]) or not x.is_cpu


_is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)
_functorch = getattr(torch._C, "_functorch", None)
_WATCHERS = [
    getattr(owner, name)
    for owner, name in (
        (torch._C, "_get_tracing_state"),
        (torch._C, "_len_torch_dispatch_stack"),
        (torch._C, "_len_torch_function_stack"),
        (_functorch, "peek_interpreter_stack"),
        (torch._C._autograd, "_profiler_enabled"),
    )
    if hasattr(owner, name)
]


# ---- Classes -------------------------------------------------------------------------------------------------------


class _Derived:
    """What comes before the module's own class."""

    def __reduce__(self):
        return _unpickled, type(self).__bases__, self.__dict__


class Fused(_Derived):
    def forward(self, x):
        if self.training:
            raise RuntimeError(
                f"a {type(self).__bases__[1].__name__} in training mode, accelerated by mbconv, which only evaluates: "
                "call model.eval(), or mbconv.torch.restore(model) to train it"
            )
        refuse_gradient(x)
        return self._mbconv_call(x)


class Skipped(_Derived):
    """What a fused convolution, its neighbour, has already done."""

    def forward(self, x):
        return x


def fuse(module, call):
    setattr(module, CALL, call)
    module.__class__ = _class(Fused, type(module))


def skip(module):
    module.__class__ = _class(Skipped, type(module))


def undo(module):
    """Makes a module what it was. Returns the call of a fused one."""
    if isinstance(module, _Derived):
        module.__class__ = type(module).__bases__[1]
    return vars(module).pop(CALL, None)


@functools.lru_cache(maxsize=None)
def _class(kind, own):
    return type(f"Fused{own.__name__}", (kind, own), {"__doc__": own.__doc__})


def _unpickled(kind, own):
    made = _class(kind, own)
    return made.__new__(made)
