# SPDX-License-Identifier: MIT
"""mbconv and oneDNN in int8, through the driver (../driver.h)."""

import ctypes
import importlib.util
import pathlib

import integer_blocks
import integers
import numpy as np

from peers.native import Native

_TYPES = {"int8": "s8", "uint8": "u8"}


def _python_structs():
    """Those of the Python package, without the package, which loads a library."""
    path = pathlib.Path(__file__).parents[3] / "python" / "mbconv" / "_structs.py"
    spec = importlib.util.spec_from_file_location("mbconv_structs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_structs = _python_structs()


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
    desc = _structs.I8Desc(
        type=_structs.TYPES.index(_TYPES[part.dtype]), height=part.height, width=part.width, in_channels=part.channels,
        input=_quantization(part.layers[0].x), count=len(stages), stages=(_structs.I8StageDesc * len(stages))(*stages),
        add=_structs.ADDS.index(add),
        sum=_quantization(part.residual) if part.residual else _structs.Quantization(),
    )  # fmt: skip
    kept.append(desc)
    return desc


def _stage(layer, shape, kept):
    def address(array, dtype):
        kept.append(np.ascontiguousarray(array, dtype))
        return kept[-1].ctypes.data

    (top, bottom, _), (left, right, _) = (integers.same_padding(size, layer.kernel, layer.stride) for size in shape)
    stage = _structs.I8StageDesc(
        kind=1 + _structs.STAGE_KINDS.index("depthwise" if layer.depthwise else "pointwise"),
        out_channels=layer.channels,
        weight=address(layer.weight.transpose(2, 0, 1) if layer.depthwise else layer.weight, np.int8),
        bias=address(layer.bias, np.int32), weight_scale=address(layer.weight_scales, np.float32),
        weight_scales=len(layer.weight_scales), output=_quantization(layer.y),
        activation=_structs.ACTIVATIONS.index(layer.clamp), kernel=layer.kernel, stride=layer.stride, pad=_structs.Pad(top, left, bottom, right),
    )  # fmt: skip
    if layer.function:
        table = integer_blocks.TABLES["fp32"][layer.function](layer.y, layer.function_y, layer.dtype)
        # from the type's lowest byte on; the library counts from the byte 0 on
        table = np.roll(table, -128 if layer.dtype == "int8" else 0).astype(layer.dtype)
        stage.table, stage.table_output = address(table.view(np.uint8), np.uint8), _quantization(layer.function_y)
    return stage


def _quantization(quantization):
    return _structs.Quantization(float(quantization.scale), quantization.zero)
