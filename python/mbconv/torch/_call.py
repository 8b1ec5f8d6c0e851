# SPDX-License-Identifier: MIT
"""Calls of the operators with a module's parameters."""

import torch

from ._cache import forget
from ._derivatives import has_dual_level, is_transformed, run_underived
from ._operators import OPERATORS, PREPARE, checked_layout
from ._versions import versions


class Call:
    """A call of an operator with the tensors that a module has now.

    Where nobody watches, it is not made through PyTorch, which takes its time to pass so many tensors: a sixth of
    MobileNetV2's. What was prepared for the input's memory format before is simply run, on an image of any size, if the
    parameters are still the same tensors in the same version.
    """

    def __init__(self, parts, more=()):
        """`more`: places in the modules where there is no tensor. There is none as long as the call holds."""
        self.parts, self._begins_with_depthwise = parts, parts.begins_with_depthwise()
        self._places = parts.places()
        self._absent, self._more = [place[name] is None for place, name in self._places], list(more)
        self._present = [place for place, is_absent in zip(self._places, self._absent) if not is_absent]
        self._prepared = _Prepared([])

    def has_its_tensors(self):
        """Whether there are tensors where there were, and none where there was none."""
        try:
            return [place[name] is None for place, name in self._places] == self._absent and all(
                [place[name] is None for place, name in self._more]
            )
        except KeyError:
            return False

    def __call__(self, x, watched):
        if watched:
            return OPERATORS[type(self.parts)](x, *self.parts.arguments())
        tensors = [place[name] for place, name in self._present]
        prepared = self._prepared
        if not prepared.is_of(tensors):
            prepared = self._prepared = _Prepared(tensors)
        layout = checked_layout(x, tensors[0], self._begins_with_depthwise)
        run = prepared.runs.get(layout)
        if run is None:
            run = prepared.runs[layout] = PREPARE[type(self.parts)](x, *self.parts.arguments())
        return run_underived(run, x, tensors) if torch.is_grad_enabled() else run(x)

    def forget(self):
        """Frees what was prepared."""
        tensors = self._prepared.tensors
        self._prepared = _Prepared([])
        forget(tensors)
        forget([place[name] for place, name in self._places if place.get(name) is not None])


class _Prepared:
    """Runs for inputs of both layouts, made for these tensors as they are now."""

    def __init__(self, tensors):
        self.tensors, self.runs = tensors, {}
        self._ids, self._versions = [*map(id, tensors)], versions(tensors)
        self._memory = [tensor.detach() for tensor in tensors]  # or others might get their ids and addresses

    def is_of(self, tensors):
        """Whether these are the same tensors with the same memory, strides and version."""
        try:
            return (
                [*map(id, tensors)] == self._ids
                and all(map(torch.Tensor.is_set_to, tensors, self._memory))
                and versions(tensors) == self._versions
            )
        except RuntimeError:  # one was moved to another device
            return False


# ---- Who watches ---------------------------------------------------------------------------------------------------


def is_watched(x):
    """Whether something wants to see which operators are called."""
    if type(x) is not torch.Tensor and not is_compiling() and not hasattr(x, "__torch_function__"):
        raise TypeError(f"mbconv computes tensors, and its input is a {type(x).__name__}")
    return type(x) is not torch.Tensor or is_compiling() or has_watchers() or not x.is_cpu


def has_watchers():
    """Tracing, a derivative, a mode or a profiler."""
    return any([watches() for watches in _WATCHERS])


is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)
_WATCHERS = [is_transformed, has_dual_level] + [
    getattr(owner, name)
    for owner, name in (
        (torch._C, "_get_tracing_state"),
        (torch._C, "_len_torch_dispatch_stack"),
        (torch._C, "_len_torch_function_stack"),
        (torch._C._autograd, "_profiler_enabled"),
    )
    if hasattr(owner, name)
]
