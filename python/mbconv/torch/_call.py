# SPDX-License-Identifier: MIT
"""Calls of the operators with a module's parameters, and which calls are left to PyTorch."""

import enum
import warnings

import torch

from ._cache import forget
from ._derivatives import has_dual_level, is_transformed, run_derived
from ._operators import OPERATORS, PREPARE, REFERENCE, arranged, has_channels_last, layout_of
from ._versions import Sample, versions


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

    def __call__(self, x, way):
        """None for an input or parameters that mbconv does not take."""
        return self._run(x) if way is Way.RUN else self.operator(x)

    def compiled(self, x):
        """Likewise, for torch.compile, which looks into this."""
        tensors = self.parts.tensors()
        channels = tensors[0].shape[0 if self._begins_with_depthwise else 1]
        is_taken = x.dim() == 4 and x.shape[1] == channels and all([_is_of_floats(one) for one in (x, *tensors)])
        return self.operator(x) if is_taken else None

    def always(self, x):
        """What it computes, by PyTorch where mbconv does not."""
        if is_compiling():
            y = self.compiled(x)
        else:
            way = way_of(x)
            y = None if way is Way.EAGER else self(x, way)
        return REFERENCE[type(self.parts)](x, *self.parts.arguments()) if y is None else y

    def _run(self, x):
        tensors = [place[name] for place, name in self._present]
        prepared = self._prepared
        if not prepared.is_of(tensors):
            prepared = self._prepared = _Prepared(tensors)
        if not prepared.is_fit or x.shape[1] != tensors[0].shape[0 if self._begins_with_depthwise else 1]:
            return None
        layout = layout_of(x, prepared.has_channels_last)
        run = prepared.runs[layout] if layout in prepared.runs else self._prepare(prepared, layout)
        if run is None:
            return None
        x = arranged(x, layout)
        try:
            if not torch.is_grad_enabled():
                return run(x)
            return run_derived(run, REFERENCE[type(self.parts)], x, self.parts.arguments())
        except ValueError:  # the image is too small: PyTorch says so, too
            return None

    def _prepare(self, prepared, layout):
        try:
            run = PREPARE[type(self.parts)](layout, *self.parts.arguments())
        except (TypeError, ValueError) as error:
            warnings.warn(f"mbconv leaves a module to PyTorch, as it refuses its parameters: {error}", stacklevel=2)
            run = None
        prepared.runs[layout] = run
        return run

    def operator(self, x):
        """The same through PyTorch, for those who watch which operators are called."""
        return OPERATORS[type(self.parts)](x, *self.parts.arguments())

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
        self.is_fit = all(map(_is_plain, tensors))
        self.has_channels_last = self.is_fit and has_channels_last(tensors)
        self._ids, self._versions = [*map(id, tensors)], versions(tensors)
        self._memory = [tensor.detach() for tensor in tensors]  # or others might get their ids and addresses
        self._addresses = self._addresses_of(tensors)
        self._sample = Sample(tensors if self.is_fit else [])
        self._sampled = self._sample()

    def is_of(self, tensors):
        """Whether these are the same tensors with the same memory, strides and version, and, as far as a sample tells,
        the same floats."""
        try:
            return (
                [*map(id, tensors)] == self._ids
                and all(map(torch.Tensor.is_set_to, tensors, self._memory))
                and versions(tensors) == self._versions
                and self._addresses_of(tensors) == self._addresses  # before it is read there
                and self._sample() == self._sampled
            )
        except RuntimeError:  # one was moved to another device
            return False

    def _addresses_of(self, tensors):
        return [*map(torch.Tensor.data_ptr, tensors)] if self.is_fit else []


# ---- Which calls are made ------------------------------------------------------------------------------------------


class Way(enum.Enum):
    RUN = 0  # at once
    OPERATOR = 1  # through PyTorch, where a trace is made of it, or a profile
    EAGER = 2  # by the module itself


def way_of(x):
    """How a call with this input is made. What is not an ordinary image in float32 is left to the module itself."""
    if type(x) not in _PLAIN:
        return Way.OPERATOR if _is_tracing(type(x)) else Way.EAGER
    way = way_now()
    is_image = way is Way.OPERATOR and _is_of_floats(x) or _is_plain(x)
    return way if is_image and x.dim() == 4 else Way.EAGER


def way_now():
    """How calls are made now, whatever the input is."""
    if is_transformed() or has_dual_level() or is_autocasting():
        return Way.EAGER
    if any([watches() for watches in _MODES]):
        modes = [mode for mode in map(type, _modes()) if mode.__name__ not in _WITHOUT_EFFECT]
        if modes:  # others than tracing ones see PyTorch's operators
            return Way.OPERATOR if any(map(_is_tracing, modes)) else Way.EAGER
    return Way.OPERATOR if any([watches() for watches in _WATCHERS]) else Way.RUN


def _is_plain(x):
    """Whether its memory holds its floats, one by one."""
    return type(x) in _PLAIN and _is_of_floats(x) and not x.is_neg() and not _has_names(x)


def _is_of_floats(x):
    return x.dtype == torch.float32 and x.device.type == "cpu" and x.layout == torch.strided


def is_autocasting():
    return _is_autocasting()


if hasattr(torch, "get_autocast_dtype"):  # PyTorch 2.4

    def _is_autocasting():
        return torch.is_autocast_enabled("cpu")

else:
    _is_autocasting = torch.is_autocast_cpu_enabled

_PLAIN = torch.Tensor, torch.nn.Parameter
_has_names = getattr(torch.Tensor, "has_names", lambda x: False)
is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)

# ---- Who watches ---------------------------------------------------------------------------------------------------


def _existing(*places):
    return [getattr(owner, name) for owner, name in places if hasattr(owner, name)]


_WATCHERS = _existing((torch._C, "_get_tracing_state"), (torch._C._autograd, "_profiler_enabled"))
_MODES = _existing((torch._C, "_len_torch_dispatch_stack"), (torch._C, "_len_torch_function_stack"))
_WITHOUT_EFFECT = (
    "DeviceContext", "_TorchDispatchStackMode", "_TorchFunctionStackMode",
    "MbconvCountOfWhatIsLeft",  # _products.py
)  # fmt: skip


def has_watchers():
    """Tracing, a derivative, a mode or a profiler."""
    return bool(is_transformed()) or has_dual_level() or any([watches() for watches in _WATCHERS + _MODES])


def _modes():
    for kind in "dispatch", "function":
        count, at = (getattr(torch._C, name, None) for name in (f"_len_torch_{kind}_stack", f"_get_{kind}_stack_at"))
        if count and at:
            yield from map(at, range(count()))


def _is_tracing(kind):
    """torch.fx's proxies, and the tensors without numbers that PyTorch traces with, and their modes."""
    return kind.__module__.startswith(("torch.fx.", "torch._subclasses.", "torch._functorch.", "torch._export."))
