# SPDX-License-Identifier: MIT
"""mbconv.h's and mbconv_i8.h's structs by ctypes, and the names of their enums' values. They need no library: the
benchmarks load this file, too."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char, c_float, c_int, c_int32, c_size_t, c_void_p
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
