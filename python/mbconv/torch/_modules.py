# SPDX-License-Identifier: MIT
"""Modules that compute with mbconv. A module stays the object that it is, with its parameters, its name and its hooks:
only its class changes, to one derived from its own, as torch.nn.utils.parametrize does it. Changing it back restores
it.
"""

import copy
import functools
import inspect
import warnings

import torch
from torch.nn.modules import module as torch_module

from .._arguments import with_article
from ._call import Call, Way, has_watchers, is_autocasting, is_compiling, way_now, way_of
from ._examine import examine
from ._given import given_of, named_arguments, named_values
from ._program import Program
from ._recognise import Unfit, kind, own_class
from ._snapshot import OURS, Snapshot

REPLACEMENT = "_mbconv_replacement"  # the attribute of a module

_assume_constant_result = getattr(getattr(torch, "compiler", None), "assume_constant_result", lambda function: function)

# ---- Classes -------------------------------------------------------------------------------------------------------


class Fused:
    """What comes before the module's own class. Its forward has the arguments of the module's own, by their names."""

    def __reduce__(self):
        # Python 3.11 gives every object a __getstate__; before, only classes that leave something out have one.
        state = self.__getstate__() if hasattr(self, "__getstate__") else self.__dict__
        return _unpickled, (self._mbconv_own,), state

    def __prepare_scriptable__(self):
        raise RuntimeError(
            f"torch.jit.script compiles no {kind(self)} that mbconv replaced: call mbconv.torch.restore(model) first, "
            "or use torch.jit.trace"
        )


class FusedGraph(Fused):
    """Of a torch.fx.GraphModule. Each has a class of its own, whose forward is written anew when its graph is exchanged
    or compiled again, and makes its copies itself."""

    def recompile(self):
        own, replacement = self._mbconv_own, vars(self)[REPLACEMENT]
        code = own.recompile(_with_attributes(own, vars(self)))
        self.__class__ = _class(own)
        vars(self)[REPLACEMENT] = Replacement(replacement.lone, replacement.given)
        replacement.forget()
        return code

    def __deepcopy__(self, memo):
        plain, ours = self._apart()
        memo.setdefault(id(memo), []).append(plain)  # as long as the memo has its id
        return _fused_graph(self._mbconv_own.__deepcopy__(plain, memo), copy.deepcopy(ours, memo))

    def __copy__(self):
        plain, ours = self._apart()
        return _fused_graph(self._mbconv_own.__copy__(plain), copy.deepcopy(ours))

    def __reduce__(self):
        return _fused_graph, self._apart()

    def _apart(self):
        """It as it was before, with the same parameters and modules, and what we have added to it."""
        ours = {name: value for name, value in vars(self).items() if name.startswith(OURS)}
        return _with_attributes(self._mbconv_own, {k: v for k, v in vars(self).items() if k not in ours}), ours


def _with_attributes(own, attributes):
    module = object.__new__(own)
    object.__setattr__(module, "__dict__", attributes)
    return module


def _fused_graph(module, ours):
    vars(module).update(ours)
    module.__class__ = _class(type(module))
    return module


def _run(module, arguments, defaults, others):
    """The forward of a replaced module. `arguments`: the first, and those without a default. `defaults`: of the others
    (name, what was given, what it would be). `others`: whatever else was given, by name."""
    x, given = arguments[0], given_of(defaults) if defaults else ()
    if others or x is None or given is None:
        return module._mbconv_own.forward(module, *arguments, **{name: value for name, value, _ in defaults}, **others)
    if is_compiling():
        _look_at(module)
        call = module._mbconv_replacement.found(given) if not is_autocasting() and _has_call(module, given) else None
        y = None if call is None else call.compiled(x) if type(call) is Call else call(module, arguments)
    else:
        # An image says itself whether mbconv takes it; in a Program each chain's does.
        way = way_now() if type(module._mbconv_replacement.found(given)) is Program else way_of(x)
        call = call_of(module, may_examine=way is Way.RUN, given=given) if way is not Way.EAGER else None
        y = None if call is None else call(module, arguments) if type(call) is Program else call(x, way)
    return module._mbconv_own.forward(module, *arguments, **named_values(given)) if y is None else y


def fuse(module, call, others, lone, given=()):
    """Makes a module compute with a Call or a Program, which was made of the modules `others`, too."""
    module.__class__ = _class(type(module))
    setattr(module, REPLACEMENT, None)  # a snapshot counts the attributes
    setattr(module, REPLACEMENT, Replacement(lone, given, call, Snapshot(module, others)))


def is_replaced(module):
    return isinstance(module, Fused)


def undo(module):
    """Makes a module what it was."""
    module.__class__ = own_class(module)
    replacement = vars(module).pop(REPLACEMENT, None)
    if replacement is not None:
        replacement.forget()


def _class(own):
    return _derived(own, FusedGraph) if issubclass(own, torch.fx.GraphModule) else _shared_class(own)


@functools.lru_cache(maxsize=None)
def _shared_class(own):
    return _derived(own, Fused)


def _derived(own, base):
    parameters = list(inspect.signature(own.forward).parameters.values())[1:]
    named = named_arguments(parameters)
    defaults = {one.name: one.default for one in named if one.default is not one.empty}
    required = [one.name for one in named[:1]] + [one.name for one in named[1:] if one.name not in defaults]
    others = "".join(one.name for one in parameters if one not in named)  # all that have no name of their own
    found = {"_run": _run, **{f"_default_{name}": value for name, value in defaults.items()}}
    given = [f"{one.name}=_default_{one.name}" if one.name in defaults else one.name for one in named]
    optional = ", ".join(f"('{name}', {name}, _default_{name})" for name in defaults if name not in required)
    exec(  # pylint: disable=exec-used # what traces a forward reads the names of its arguments
        f"def forward(self, {', '.join(given + ['**' + others] * bool(others))}):\n"
        f"    return _run(self, ({', '.join(required)},), [{optional}], {others or '{}'})", found,
    )  # fmt: skip
    members = {"__doc__": own.__doc__, "_mbconv_own": own, "forward": found["forward"]}
    return type(f"Fused{own.__name__}", (base, own), members)


def _unpickled(own):
    made = _class(own)
    return made.__new__(made)


# ---- What a module computes now ------------------------------------------------------------------------------------


_GLOBAL_HOOKS = [
    name
    for name in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks",
                 "_global_backward_pre_hooks")
    if hasattr(torch_module, name)
]  # fmt: skip


def call_of(module, may_examine, given):
    """The call that computes what this replaced module would now, or None where only PyTorch does."""
    if any([getattr(torch_module, name) for name in _GLOBAL_HOOKS]):
        return None  # they are called for each of the modules in it
    return getattr(module, REPLACEMENT).call_of(module, may_examine, given)


def reason_of(module):
    """Why only PyTorch computes what this replaced module would now; "" where mbconv does, too."""
    replacement = getattr(module, REPLACEMENT)
    if call_of(module, may_examine=True, given=replacement.given) is not None:
        return ""
    return replacement.reason or "hooks of all modules"


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
def _has_call(module, given):
    return call_of(module, may_examine=not has_watchers(), given=given) is not None


class Replacement:
    """What computes a module. It was found right for the module in one state. A module that is in another state is
    examined again, and computed by PyTorch as long as mbconv would not compute the same. So is a copy, which shares
    nothing with the original, and what is called with other values for arguments that have a default (`given`)."""

    def __init__(self, lone, given=(), call=None, snapshot=None):
        self.lone, self.given, self.reason, self._found = lone, given, "", {given: (call, snapshot)}

    def call_of(self, module, may_examine, given):
        call, snapshot = self._found.get(given, (None, None))
        if snapshot is not None and snapshot.is_of(module) and (call is None or call.has_its_tensors()):
            return call
        if may_examine:
            return self._renewed(module, given)
        warnings.warn(
            f"{with_article(kind(module))} that mbconv accelerated is computed by PyTorch while it is traced or profiled, as it was "
            "not called since it was copied or changed: call it once before", stacklevel=2,
        )  # fmt: skip
        return None

    @property
    def call(self):
        return self.found(self.given)

    def found(self, given):
        return self._found[given][0] if given in self._found else None

    def _renewed(self, module, given):
        if given not in self._found and len(self._found) == MOST_CHOICES:
            return None
        every = [inner for inner in module.modules() if inner is not module]
        snapshot = Snapshot(module, every)  # before, so that a change in the meantime is noticed
        try:
            call, others, _ = examine(module, self.lone, given)
            self.reason = "" if given == self.given else self.reason
            if len(others) <= len(every):
                snapshot = Snapshot(module, _without(others, module))
        except Unfit as reason:
            subject = f"{with_article(kind(module))} that mbconv accelerated"
            call, text = None, f"{subject} is computed by PyTorch from now on: {reason}"
            if given == self.given:
                self.reason = str(reason)
            warnings.warn(text, stacklevel=2)
        self._found[given] = call, snapshot
        return call

    def forget(self):
        for call, _ in self._found.values():
            if call is not None:
                call.forget()

    def __reduce__(self):
        return Replacement, (self.lone, self.given)


MOST_CHOICES = 4  # of values for the arguments that have a default: with more, PyTorch computes


def _without(modules, module):
    return [other for other in modules if other is not module]
