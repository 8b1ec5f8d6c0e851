# SPDX-License-Identifier: MIT
"""What callers pass, checked. A message names the argument, what was passed, and what is expected."""

from __future__ import annotations

import ctypes
import numbers
import operator
from typing import Any, Optional, Sequence, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _native

Floats = NDArray[np.float32]
Anything = TypeVar("Anything")

SIZE_MAX = ctypes.c_size_t(-1).value


def described(value: object) -> str:
    """A value by its type, as it stands in a message."""
    return "None" if value is None else with_article(type(value).__name__)


def with_article(name: str) -> str:
    """The name of a type, as it stands in a message."""
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def size(value: Any, name: str, expected: str = "an integer") -> int:
    """An integer of any type that Python takes for one (`__index__`), as a size_t. ctypes would cut off what does not
    fit, without a word."""
    if type(value) is int and 0 <= value <= SIZE_MAX:  # pylint: disable=unidiomatic-typecheck # a bool is no size
        return value
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} is {described(value)}, not {expected}")
    if number < 0:
        raise ValueError(f"{name} is negative: {number}")
    if number > SIZE_MAX:
        raise OverflowError(f"{name} is larger than any size: {number}")
    return number


def dilation(value: Any) -> int:
    number = size(value, "dilation")
    if number == 0:
        raise ValueError("dilation is 0: 1 is that of a kernel without gaps")
    return number


def real(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {described(value)}, not a number")
    try:
        return float(value)
    except OverflowError:  # of an integer or a fraction
        raise OverflowError(f"{name} is larger than any float") from None


def instance(value: Any, name: str, kind: type[Anything]) -> Anything:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {described(value)}, not an mbconv.{kind.__name__}")
    return value


def pads(value: Any, kernel: int, dilation: int = 1) -> tuple[int, ...]:
    """top, left, bottom, right; nothing at all for "same"."""
    if value is None:
        return (kernel // 2 * dilation,) * 4
    if isinstance(value, str):
        if value != "same":
            raise ValueError(f"pad {value!r} is unknown: use an integer, (top, left, bottom, right), 'same' or None")
        return ()
    if not isinstance(value, (list, tuple)) and not (isinstance(value, np.ndarray) and value.ndim == 1):
        return (size(value, "pad", "an integer, (top, left, bottom, right), 'same' or None"),) * 4
    if len(value) != 4:
        raise ValueError(f"pad has {len(value)} numbers, not 4: top, left, bottom, right")
    return tuple(size(side, f"pad[{i}]") for i, side in enumerate(value))


# ---- One of several ------------------------------------------------------------------------------------------------


def _listed(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _position(value: Any, name: str, choices: Sequence[str], others: str = "") -> int:
    """`others`: what to do about those that are not among the choices."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {described(value)}, not a str: use {_listed(choices)}{others}")
    if value not in choices:
        raise ValueError(f"{name} {value!r} is unknown: use {_listed(choices)}{others}")
    return choices.index(value)


def activation(value: Any, name: str = "activation") -> int:
    return _position(value, name, _native.ACTIVATIONS)


def block_activation(value: Any, name: str = "activation") -> int:
    """As activation(), but for a Block, which knows fewer."""
    position = activation(value, name)
    if position >= len(_native.BLOCK_ACTIVATIONS):
        raise ValueError(f"{name} {value!r} is for mbconv.Stages: a Block takes {_listed(_native.BLOCK_ACTIVATIONS)}")
    return position


def stage_kind(value: Any) -> int:
    return _position(value, "kind", _native.STAGE_KINDS) + 1


def one_of(value: Any, name: str, choices: Sequence[str], others: str = "") -> int:
    """The position of a name."""
    return _position(value, name, choices, others)


def layout(value: Any) -> int:
    return _position(value, "layout", _native.LAYOUTS)


def isa(value: Any) -> int:
    return _position(value, "isa", _native.ISAS)


def exp(value: Any) -> int:
    return _position(value, "exp", _native.EXPS)


def residual(value: Any) -> int:
    if value is not None and not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"residual is {described(value)}, not True, False or None")
    return _native.RESIDUALS[value if value is None else bool(value)]


def residual_or_given(value: Any) -> int:
    """As residual(), but for Stages, which also take "given"."""
    if isinstance(value, str):
        if value != "given":
            raise ValueError(f"residual {value!r} is unknown: use True, False, None or 'given'")
        return _native.RESIDUALS["given"]
    if value is not None and not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"residual is {described(value)}, not True, False, None or 'given'")
    return residual(value)


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {described(value)}, not True or False")
    return bool(value)


# ---- Arrays --------------------------------------------------------------------------------------------------------


def parameters(value: Any, name: str, dtype: Any = np.float32) -> NDArray[Any]:
    """What NumPy can read as an array of float32, or of `dtype`: an array, or a tensor on the CPU."""
    _refuse_mask(value, name)
    try:
        array = np.asarray(value)
    except Exception as error:  # of whatever type this is
        raise TypeError(f"{name} is {described(value)} that is no array: {error}") from error
    if array.dtype != dtype:
        expected = np.dtype(dtype)
        if isinstance(value, np.ndarray):
            raise TypeError(f"{name} is {array.dtype}, not {expected}")
        elements = f" of {array.dtype}" if array.ndim and array.dtype.kind in "biufc" else ""
        raise TypeError(f"{name} is {described(value)}{elements}, not an array of {expected}")
    return array


def parameters_or_none(value: Any, name: str) -> Optional[Floats]:
    return None if value is None else parameters(value, name)


def image(array: Any, name: str, dtype: Any = np.float32) -> None:
    """An array that can be used where it is."""
    if type(array) is not np.ndarray:  # pylint: disable=unidiomatic-typecheck # what follows takes its time
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} is {described(array)}, not a NumPy array")
        _refuse_mask(array, name)
    if array.dtype != dtype:
        raise TypeError(f"{name} is {array.dtype}, not {np.dtype(dtype)}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} is not contiguous: numpy.ascontiguousarray makes a copy that is")
    if not array.flags.aligned:
        raise ValueError(f"{name} does not begin at a multiple of 4 bytes: its copy() does")


def fitting(shape: tuple[int, ...], name: str, *expected: Any) -> None:
    """The shape of weights. `expected`: numbers, and words for those that are free."""
    if any(one != other for one, other in zip(expected, shape) if isinstance(one, int)):
        raise ValueError(f"{name} has the shape {shape}, not ({', '.join(map(str, expected))}){as_in_pytorch(name)}")


def as_in_pytorch(name: str) -> str:
    """What to say of the argument besides, if its shape is wrong: TensorFlow's weights lie otherwise."""
    return ": weights lie as PyTorch's, [out][in][k][k]" if name.endswith("weight") else ""


def shape(array: NDArray[Any], name: str, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ValueError(f"{name} has the shape {array.shape}, not {expected}")


def writable(out: Any, expected: tuple[int, ...], dtype: Any) -> None:
    """An array that can be written where it is."""
    image(out, "out", dtype)
    shape(out, "out", expected)
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def output(out: Any, expected: tuple[int, ...], x: NDArray[Any], added: Optional[NDArray[Any]] = None,
           dtype: Any = np.float32) -> None:  # fmt: skip
    writable(out, expected, dtype)
    if np.may_share_memory(x, out):
        raise ValueError("out overlaps x")
    if added is not None and np.may_share_memory(added, out):
        raise ValueError("out overlaps residual")


def _refuse_mask(value: Any, name: str) -> None:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, and mbconv would not see its mask")
