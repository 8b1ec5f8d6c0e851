# SPDX-License-Identifier: MIT
"""Modules that compute with mbconv. A module stays the object that it is, with its parameters, its name and its hooks:
only its class changes, to one derived from its own, as torch.nn.utils.parametrize does it. Changing it back restores
it.
"""

import functools
import warnings
import weakref

import torch
from torch.nn.modules import module as torch_module

from ._call import Call, Way, has_watchers, is_autocasting, is_compiling, way_of
from ._examine import examine
from ._recognise import Unfit, kind, own_class
from ._snapshot import Snapshot

REPLACEMENT, PAIR = "_mbconv_replacement", "_mbconv_pair"  # attributes of the modules

_assume_constant_result = getattr(getattr(torch, "compiler", None), "assume_constant_result", lambda function: function)

# ---- Classes -------------------------------------------------------------------------------------------------------


class _Derived:
    """What comes before the module's own class."""

    def __reduce__(self):
        return _unpickled, (type(self).__bases__[0], self._mbconv_own), self.__dict__


class Fused(_Derived):
    def forward(self, x):
        if is_compiling():
            _look_at(self)
            call = self._mbconv_replacement.call if _has_call(self) and not is_autocasting() else None
            y = call.operator(x) if call is not None and call.takes(x) else None
        else:
            way = way_of(x)
            call = None if way is Way.EAGER else call_of(self, may_examine=way is Way.RUN)
            y = None if call is None else call(x) if way is Way.RUN else call.operator(x)
            if way is Way.RUN and y is not None and PAIR in vars(self):
                vars(y)[PAIR] = vars(self)[PAIR]  # its neighbour will find it
        return self._mbconv_own.forward(self, x) if y is None else y


class Skipped(_Derived):
    """What a fused convolution, its neighbour, has already done."""

    def forward(self, x):
        if is_compiling():
            _look_at(self)
            is_done = _is_skipped(self) and x.dtype == torch.float32 and not is_autocasting()
        elif way_of(x) is Way.RUN:
            is_done = vars(x).pop(PAIR, None) is vars(self)[PAIR]
        else:
            is_done = way_of(x) is Way.OPERATOR and _is_skipped(self)
        return x if is_done else self._mbconv_own.forward(self, x)


def fuse(modules, parts, pair=None):
    """Makes a module compute with mbconv, or the two modules of a pair."""
    for module, derived in zip(modules, (Fused, Skipped)):
        module.__class__ = _class(derived, type(module))
        if pair is not None:
            setattr(module, PAIR, pair)
    setattr(modules[0], REPLACEMENT, None)  # a snapshot counts the attributes
    setattr(modules[0], REPLACEMENT, Replacement(modules, Call(parts)))


def is_replaced(module):
    return isinstance(module, Fused)


def undo(module):
    """Makes a module what it was."""
    module.__class__ = own_class(module)
    vars(module).pop(PAIR, None)
    replacement = vars(module).pop(REPLACEMENT, None)
    if replacement is not None:
        replacement.forget()


@functools.lru_cache(maxsize=None)
def _class(derived, own):
    return type(f"{derived.__name__}{own.__name__}", (derived, own), {"__doc__": own.__doc__, "_mbconv_own": own})


def _unpickled(derived, own):
    made = _class(derived, own)
    return made.__new__(made)


# ---- Pairs ---------------------------------------------------------------------------------------------------------


class Pair:
    """A convolution and the normalisation that follows it, of one module. The first computes both, as long as both are
    where they were."""

    def __init__(self, parent, names):
        """`parent`: None: it is gone. Not kept: its modules hold this object."""
        self._parent, self._names = weakref.ref(parent) if parent is not None else lambda: None, names

    def modules(self):
        """Both, or nothing if they are not together any more."""
        parent = self._parent()
        modules = [parent._modules.get(name) for name in self._names] if parent is not None else []
        return modules if all(module is not None and vars(module).get(PAIR) is self for module in modules) else []

    def __deepcopy__(self, memo):
        return Pair(memo.get(id(self._parent())), self._names)

    def __reduce__(self):
        return Pair, (self._parent(), self._names)


# ---- What a module computes now ------------------------------------------------------------------------------------


_GLOBAL_HOOKS = [
    name
    for name in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks",
                 "_global_backward_pre_hooks")
    if hasattr(torch_module, name)
]  # fmt: skip


def call_of(module, may_examine):
    """The call that computes what this replaced module would now, or None where only PyTorch does."""
    if any([getattr(torch_module, name) for name in _GLOBAL_HOOKS]):
        return None  # they are called for each of the modules in it
    together = _together(module)
    return getattr(module, REPLACEMENT).call_of(together, may_examine) if together else None


def reason_of(module):
    """Why only PyTorch computes what this replaced module would now; "" where mbconv does, too."""
    if call_of(module, may_examine=True) is not None:
        return ""
    return getattr(module, REPLACEMENT).reason or "it is not where it was"


def _together(module):
    """This module and the one that it computes, too; nothing if that has been exchanged."""
    pair = vars(module).get(PAIR)
    if pair is None:
        return [module]
    modules = pair.modules()
    return modules if modules and modules[0] is module else []


# For torch.compile, which asks these once and does not look into them. It compiles anew when what it has seen by itself
# changes: the classes of the modules and these attributes.

_SEEN = (
    "training", "eps", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode", "use_residual",
    "use_res_connect", "has_skip",
)  # fmt: skip


def _look_at(module):
    for name in _SEEN:
        if getattr(module, name, None) == "":  # no value is; but what was compared is watched from then on
            return
    for child in module._modules.values():
        if child is not None:
            _look_at(child)


@_assume_constant_result
def _has_call(module):
    return call_of(module, may_examine=not has_watchers()) is not None


@_assume_constant_result
def _is_skipped(module):
    modules = vars(module)[PAIR].modules()
    return module in modules and call_of(modules[0], may_examine=False) is not None


class Replacement:
    """What computes a module. It was found right for the module in one state. A module that is in another state is
    examined again, and computed by PyTorch as long as mbconv would not compute the same."""

    def __init__(self, modules, call):
        self.reason, self._found = "", (call, _snapshot(modules))

    def call_of(self, modules, may_examine):
        call, snapshot = self._found
        if snapshot.is_of(modules[0]) and (call is None or call.has_its_tensors()):
            return call
        return self._renewed(modules) if may_examine else None

    @property
    def call(self):
        return self._found[0]

    def _renewed(self, modules):
        snapshot = _snapshot(modules)  # before, so that a change in the meantime is noticed
        try:
            call, self.reason = Call(examine(modules)), ""
        except Unfit as reason:
            call, self.reason = None, str(reason)
            text = f"a {kind(modules[0])} that mbconv accelerated is computed by PyTorch from now on: {reason}"
            warnings.warn(text, stacklevel=2)
        self._found = call, snapshot
        return call

    def forget(self):
        if self.call is not None:
            self.call.forget()


def _snapshot(modules):
    others = [inner for module in modules for inner in module.modules() if inner is not modules[0]]
    return Snapshot(modules[0], others, own_hooks=len(modules) > 1)
