# SPDX-License-Identifier: MIT
"""The C library by ctypes: mbconv.h's functions and errors under their own names, and its structs, of _structs.py."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import pathlib
import sys
from ctypes import POINTER, c_char_p, c_float, c_int, c_size_t, c_uint64, c_void_p
from typing import Any

from ._structs import *

# ---- Errors --------------------------------------------------------------------------------------------------------


class MbconvError(Exception):
    """The library refused; the message says why."""


class InvalidArgument(MbconvError, ValueError):
    """A shape, size or value that makes no sense."""


class SizeOverflow(MbconvError, OverflowError):
    """A tensor or the scratch would not fit into memory at all."""


class UnsupportedIsa(MbconvError, RuntimeError):
    """An instruction set or variant of the exponential that this CPU or build lacks."""


class OutOfMemory(MbconvError, MemoryError):
    """The allocator had no more."""


_KINDS = {1: InvalidArgument, 2: SizeOverflow, 3: UnsupportedIsa, 4: OutOfMemory}


def check(status: int, error: Error) -> None:
    """Raises what a function's status and mbconv_error say."""
    if status:
        raise _KINDS.get(status, MbconvError)(error.message.decode())


# ---- Functions -----------------------------------------------------------------------------------------------------


_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def path(name: str) -> pathlib.Path:
    """Of a library in the package `_mbconv`, which has nothing but them: setup.py says why."""
    name += _SUFFIX
    found = importlib.util.find_spec("_mbconv")
    folders = (found and found.submodule_search_locations) or ()
    paths = (pathlib.Path(folder, name) for folder in folders)
    first = next((one for one in paths if one.exists()), None)
    if first is None:
        raise ImportError(f"_mbconv/{name} is missing: mbconv was not installed (pip install ./python)")
    return first


def _load(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(path(name)))


def _declare(loaded: ctypes.CDLL, functions: dict[str, tuple[Any, ...]]) -> None:
    for name, (result, *arguments) in functions.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments


library, threads_library = _load("libmbconv"), _load("libmbconv_threads")
_object, _text, _error = c_void_p, c_char_p, POINTER(Error)
_declare(library, {
    "mbconv_version": (_text,),
    "mbconv_isa_name": (_text, c_int),
    "mbconv_exp_name": (_text, c_int),
    "mbconv_usable_isas": (c_size_t, POINTER(c_int), c_size_t),
})  # fmt: skip


def _names(function: Any) -> tuple[str, ...]:
    """The names of an enum's values from 0 on, as the library tells them; it calls what follows them unknown."""
    names = (function(value).decode() for value in itertools.count())
    return tuple(itertools.takewhile(lambda name: name != "unknown", names))


def isa_names(usable: Any) -> list[str]:
    """What mbconv_usable_isas(), or another function like it, lists."""
    isas = (c_int * usable(None, 0))()
    return [library.mbconv_isa_name(isa).decode() for isa in isas[: usable(isas, len(isas))]]


ISAS, EXPS = _names(library.mbconv_isa_name), _names(library.mbconv_exp_name)

for _noun, _desc in {"block": BlockDesc, "convolution": ConvolutionDesc, "pointwise": PointwiseDesc}.items():
    _declare(library, {
        f"mbconv_{_noun}_create": (c_int, POINTER(_desc), POINTER(Options), POINTER(c_void_p), _error),
        f"mbconv_{_noun}_info": (c_int, _object, POINTER(Info), _error),
        f"mbconv_{_noun}_destroy": (None, _object),
    })  # fmt: skip
# What each call needs takes addresses instead of pointers, which is faster. A run's last arguments are the same
# everywhere: threads and error.
_scratch, _image = (c_void_p, c_size_t), (c_size_t, c_size_t)
for _noun in "block", "convolution":
    _declare(library, {
        f"mbconv_{_noun}_output_size_at": (c_int, _object, *_image, c_void_p, c_void_p, c_void_p),
        f"mbconv_{_noun}_scratch_size_at": (c_int, _object, *_image, c_size_t, c_void_p, c_void_p),
    })  # fmt: skip
_declare(library, {
    "mbconv_block_create_stages": (c_int, POINTER(StagesDesc), POINTER(Options), POINTER(c_void_p), _error),
    "mbconv_block_create_i8": (c_int, POINTER(I8Desc), POINTER(Options), POINTER(c_void_p), _error),
    "mbconv_addition_create_i8": (c_int, POINTER(I8AdditionDesc), POINTER(Options), POINTER(c_void_p), _error),
    "mbconv_addition_info": (c_int, _object, POINTER(Info), _error),
    "mbconv_addition_destroy": (None, _object),
    "mbconv_addition_run": (c_int, _object, c_size_t, *[c_void_p] * 3, c_void_p),
    "mbconv_i8_make_prelu":
        (c_int, c_size_t, c_void_p, POINTER(Quantization), c_int, POINTER(Quantization), POINTER(Quantization),
         c_void_p, c_void_p),
    "mbconv_i8_make_table":
        (c_int, c_int, c_float, c_int, c_int, POINTER(Quantization), POINTER(Quantization), c_void_p, c_void_p),
    "mbconv_usable_isas_i8": (c_size_t, POINTER(c_int), c_size_t),
    "mbconv_block_run_residual_at":
        (c_int, _object, c_size_t, *_image, *[c_void_p] * 3, *_scratch, c_void_p, c_void_p),
    "mbconv_block_run_at": (c_int, _object, c_size_t, *_image, *[c_void_p] * 2, *_scratch, c_void_p, c_void_p),
    "mbconv_block_describe_at":
        (c_int, _object, *_image, c_size_t, c_char_p, c_size_t, POINTER(c_size_t), c_void_p),
    "mbconv_convolution_run_at": (c_int, _object, c_size_t, *_image, *[c_void_p] * 3, *_scratch, c_void_p, c_void_p),
    "mbconv_pointwise_run":
        (c_int, _object, c_size_t, *[c_void_p, c_size_t] * 3, c_void_p, c_void_p),
})  # fmt: skip
_declare(threads_library, {
    "mbconv_pool_create": (c_void_p, c_size_t),
    "mbconv_pool_destroy": (None, c_void_p),
    "mbconv_sample": (c_uint64, c_void_p, c_size_t),
})  # fmt: skip
