# SPDX-License-Identifier: MIT
"""mbconv and oneDNN in int8, through the driver (../driver.h)."""

import ctypes
from ctypes import c_float, c_int, c_int32, c_size_t, c_void_p

import integer_blocks
import integers
import numpy as np

from peers.native import Native

_TYPES = {"int8": 1, "uint8": 2}  # mbconv_type
_ADDS = {"xnnpack": 0, "tflite": 1, "float": 2}  # mbconv_i8_add_kind
_ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 2}


class _Quantization(ctypes.Structure):
    _fields_ = [("scale", c_float), ("zero_point", c_int32)]


# The driver refuses these two if their sizes are not the header's.
class _Stage(ctypes.Structure):
    """struct mbconv_i8_stage_desc, field by field."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("out_channels", c_size_t),
        *[(name, c_void_p) for name in ("weight", "bias", "weight_scale")],
        ("weight_scales", c_size_t),
        ("output", _Quantization),
        ("activation", c_int),
        *[(name, c_int32) for name in ("clamp_lo", "clamp_hi")],
        ("table", c_void_p),
        ("table_output", _Quantization),
        *[(name, c_size_t) for name in ("kernel", "stride", "dilation")],
        ("pad", c_size_t * 4),  # top, left, bottom, right
        ("pad_kind", c_int),
        ("squeeze_excite", c_void_p),
    ]


class _Desc(ctypes.Structure):
    """struct mbconv_i8_desc, field by field."""

    _fields_ = [
        ("struct_size", c_size_t),
        *[(name, c_int) for name in ("type", "rounding")],
        *[(name, c_size_t) for name in ("height", "width", "in_channels")],
        ("input", _Quantization),
        ("count", c_size_t),
        ("stages", ctypes.POINTER(_Stage)),
        *[(name, c_int) for name in ("residual", "add")],
        *[(name, _Quantization) for name in ("residual_input", "sum")],
        *[(name, c_int) for name in ("sum_activation", "layout")],
        *[(name, c_size_t) for name in ("strip_rows", "group_channels")],
        *[(name, c_int) for name in ("x_door", "y_door")],
        ("sum_table", c_void_p),
        ("sum_table_output", _Quantization),
    ]


class NativeI8(Native):
    """`name`: mbconv or onednn. `part`, `x`: of a Case, signed or not."""

    def __init__(self, driver, name, case, part, x, threads, isa, add="xnnpack"):  # pylint: disable=super-init-not-called
        kept = []
        self._shape, self._dtype = case.shape, part.dtype
        x = np.ascontiguousarray(x)
        request = ctypes.byref(_described(part, add, kept)), x.ctypes.data, threads, isa
        self._create(driver, self, driver.library.compare_create_i8, name.encode(), *request)

    def output(self):
        y = np.empty(self._shape, np.float32)
        self._library.compare_output(self._handle, y.ctypes.data)
        return y.astype(self._dtype)


def _described(part, add, kept):
    stages, shape = [], (part.height, part.width)
    for layer in part.layers:
        stages.append(_stage(layer, shape, kept))
        shape = tuple(-(-size // layer.stride) for size in shape)
    desc = _Desc(
        struct_size=ctypes.sizeof(_Desc),
        type=_TYPES[part.dtype], height=part.height, width=part.width, in_channels=part.channels,
        input=_quantization(part.layers[0].x), count=len(stages), stages=(_Stage * len(stages))(*stages), add=_ADDS[add],
        sum=_quantization(part.residual) if part.residual else _Quantization(),
    )  # fmt: skip
    kept.append(desc)
    return desc


def _stage(layer, shape, kept):
    def address(array, dtype):
        kept.append(np.ascontiguousarray(array, dtype))
        return kept[-1].ctypes.data

    (top, bottom, _), (left, right, _) = (integers.same_padding(size, layer.kernel, layer.stride) for size in shape)
    stage = _Stage(
        struct_size=ctypes.sizeof(_Stage),
        kind=2 if layer.depthwise else 1,  # mbconv_stage_kind
        out_channels=layer.channels,
        weight=address(layer.weight.transpose(2, 0, 1) if layer.depthwise else layer.weight, np.int8),
        bias=address(layer.bias, np.int32), weight_scale=address(layer.weight_scales, np.float32),
        weight_scales=len(layer.weight_scales), output=_quantization(layer.y), activation=_ACTIVATIONS[layer.clamp],
        kernel=layer.kernel, stride=layer.stride, pad=(top, left, bottom, right),
    )  # fmt: skip
    if layer.function:
        table = integer_blocks.TABLES["fp32"][layer.function](layer.y, layer.function_y, layer.dtype)
        # from the type's lowest byte on; the library counts from the byte 0 on
        table = np.roll(table, -128 if layer.dtype == "int8" else 0).astype(layer.dtype)
        stage.table, stage.table_output = address(table.view(np.uint8), np.uint8), _quantization(layer.function_y)
    return stage


def _quantization(quantization):
    return _Quantization(float(quantization.scale), quantization.zero)
