# SPDX-License-Identifier: MIT
"""The C library by ctypes: mbconv.h's structs, functions and errors under their own names."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import pathlib
import sys
from ctypes import POINTER, Structure, c_char, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint64, c_void_p
from typing import Any

LAYOUTS = "nhwc", "nchw"
PAD_KINDS = "given", "same"
ACTIVATIONS = "none", "relu", "relu6", "silu", "sigmoid", "hard_sigmoid", "hard_swish", "gelu", "gelu_tanh", \
    "leaky_relu", "prelu"
BLOCK_ACTIVATIONS = ACTIVATIONS[:7]  # what a Block and squeeze-excite in it take
RESIDUALS = {None: 0, False: 1, True: 2, "given": 3}
TYPES = "f32", "s8", "u8"
ROUNDINGS, ADDS = ("fp32", "tflite_double"), ("xnnpack", "tflite", "float")  # of int8
DOORS = "bytes", "xnnpack", "tflite", "onnx"
I8_FUNCTIONS = "logistic", "tanh", "gelu", "silu", "hard_swish", "leaky_relu"
STAGE_KINDS = "pointwise", "depthwise", "dense", "squeeze_excite"  # from 1 on

# ---- Structs -------------------------------------------------------------------------------------------------------


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 252)]


class Versioned(Structure):
    """Begins with its own size. Made of its other fields by name."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(self), **fields)


class Options(Versioned):
    _fields_ = [("struct_size", c_size_t), ("isa", c_int), ("exp", c_int), ("allocator", c_void_p)]


class Threads(Versioned):
    _fields_ = [("struct_size", c_size_t), ("parallel_for", c_void_p), ("context", c_void_p), ("count", c_size_t)]


class Info(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        *[(name, c_int) for name in ("isa", "exp", "type")],
        ("weight_bytes", c_size_t),
    ]


class BatchNorm(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        *[(name, c_void_p) for name in ("gamma", "beta", "mean", "variance")],
        ("epsilon", c_float),
    ]


class Conv(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("batch_norm", POINTER(BatchNorm)),
        *[(name, c_void_p) for name in ("scale", "slope")],
    ]


class Pad(Structure):
    _fields_ = [("top", c_size_t), ("left", c_size_t), ("bottom", c_size_t), ("right", c_size_t)]


class PointwiseDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        *[(name, c_size_t) for name in ("in_channels", "out_channels")],
        ("conv", POINTER(Conv)),
        ("activation", c_int),
    ]


class ConvolutionDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        *[(name, c_size_t) for name in ("height", "width", "in_channels", "out_channels", "kernel", "stride")],
        ("pad", Pad),
        ("pad_kind", c_int),
        ("conv", POINTER(Conv)),
        ("activation", c_int),
        ("layout", c_int),
    ]


class SqueezeExcite(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_size_t),
        *[(name, POINTER(Conv)) for name in ("reduce", "expand")],
        *[(name, c_int) for name in ("inner", "gate")],
    ]


class BlockDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        *[(name, c_size_t) for name in ("height", "width", "in_channels", "expanded_channels", "out_channels")],
        *[(name, POINTER(Conv)) for name in ("expand", "depthwise", "project")],
        ("squeeze_excite", POINTER(SqueezeExcite)),
        ("kernel", c_size_t),
        ("stride", c_size_t),
        ("pad", Pad),
        ("pad_kind", c_int),
        ("activation", c_int),
        ("residual", c_int),
        ("layout", c_int),
        ("strip_rows", c_size_t),
        ("group_channels", c_size_t),
        ("dilation", c_size_t),
    ]


class StageDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("out_channels", c_size_t),
        ("conv", POINTER(Conv)),
        ("squeeze_excite", POINTER(SqueezeExcite)),
        ("activation", c_int),
        *[(name, c_size_t) for name in ("kernel", "stride", "dilation")],
        ("pad", Pad),
        ("pad_kind", c_int),
    ]


class StagesDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        *[(name, c_size_t) for name in ("height", "width", "in_channels", "count")],
        ("stages", POINTER(StageDesc)),
        *[(name, c_int) for name in ("residual", "residual_place")],
        ("residual_channels", c_size_t),
        ("layout", c_int),
        *[(name, c_size_t) for name in ("strip_rows", "group_channels")],
    ]


class Quantization(Structure):
    _fields_ = [("scale", c_float), ("zero_point", c_int32)]


class I8StageDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("out_channels", c_size_t),
        *[(name, c_void_p) for name in ("weight", "bias", "weight_scale")],
        ("weight_scales", c_size_t),
        ("output", Quantization),
        ("activation", c_int),
        *[(name, c_int32) for name in ("clamp_lo", "clamp_hi")],
        ("table", c_void_p),
        ("table_output", Quantization),
        *[(name, c_size_t) for name in ("kernel", "stride", "dilation")],
        ("pad", Pad),
        ("pad_kind", c_int),
        ("squeeze_excite", c_void_p),
        ("tables", c_size_t),
    ]


class I8SqueezeExcite(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        ("mean", Quantization),
        *[(name, POINTER(I8StageDesc)) for name in ("reduce", "expand")],
    ]


class I8Desc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        *[(name, c_int) for name in ("type", "rounding")],
        *[(name, c_size_t) for name in ("height", "width", "in_channels")],
        ("input", Quantization),
        ("count", c_size_t),
        ("stages", POINTER(I8StageDesc)),
        *[(name, c_int) for name in ("residual", "add")],
        *[(name, Quantization) for name in ("residual_input", "sum")],
        *[(name, c_int) for name in ("sum_activation", "layout")],
        *[(name, c_size_t) for name in ("strip_rows", "group_channels")],
        *[(name, c_int) for name in ("x_door", "y_door")],
        ("sum_table", c_void_p),
        ("sum_table_output", Quantization),
    ]


class I8AdditionDesc(Versioned):
    _fields_ = [
        ("struct_size", c_size_t),
        *[(name, c_int) for name in ("type", "kind")],
        *[(name, Quantization) for name in ("a", "b", "output")],
        ("activation", c_int),
        *[(name, c_int32) for name in ("clamp_lo", "clamp_hi")],
    ]


class Team(Structure):
    """native/threads.h"""

    _fields_ = [("parallel", c_void_p), ("threads", ctypes.c_uint)]


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
