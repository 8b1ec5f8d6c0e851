# SPDX-License-Identifier: MIT
"""Blocks on quantized images, int8 or uint8, exact to the byte: those of LiteRT, TFLM, CMSIS-NN and ONNX Runtime.

The formulas stand in mbconv_i8.h. Everything else is as in mbconv.Stages.
"""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, NamedTuple, Optional, Sequence, SupportsIndex, Union

import numpy as np
from numpy.typing import NDArray

from . import _arguments, _native
from ._arguments import size as _size
from ._native import library
from .operators import Pad, _address, _Operator, _pad
from .stages import MOST_STAGES, _Listed
from .threads import own

__all__ = ["Addition", "Block", "Quantization", "SqueezeExcite", "Stage", "make_prelu", "make_table", "usable_isas"]

_TYPES = {"int8": "s8", "uint8": "u8"}
_KINDS = _native.STAGE_KINDS[:3]
_ACTIVATIONS = _native.ACTIVATIONS[:3]
_TABLES = "; others are tables, of make_table() or make_prelu()"


class Quantization(NamedTuple):
    """A byte q stands for scale * (q - zero_point)."""

    scale: float
    zero_point: int


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a block. The arrays are copied when a Block is made of it.

    kind          "pointwise" (1x1), "depthwise" (kxk per channel) or "dense" (kxk; only the first)
    weight        int8: [out][in] or [out][in][1][1]; depthwise [channels][1][k][k]; dense [out][in][k][k]
    weight_scale  a number, the same for all channels, or float32 [out]
    output        what the sums become
    bias          int32 [out], in units of the input's scale times weight_scale, or None
    activation    "none", "relu" or "relu6"
    table         None, or uint8 [256]: from a byte (of int8, -1 is at 255) to what is stored; any activation: see
                  make_table(). Or [out][256], a table of each channel: see make_prelu()
    table_output  what the table's bytes stand for
    stride, pad, dilation   of depthwise; dense has the first two; pad as in mbconv.Block
    """

    kind: str
    weight: NDArray[np.int8]
    weight_scale: Union[float, NDArray[np.float32]]
    output: Quantization
    bias: Optional[NDArray[np.int32]] = None
    activation: str = "none"
    table: Optional[NDArray[np.uint8]] = None
    table_output: Optional[Quantization] = None
    stride: SupportsIndex = 1
    pad: Pad = None
    dilation: SupportsIndex = 1

    def __post_init__(self) -> None:
        _arguments.one_of(self.kind, "kind", _KINDS)
        _arguments.parameters(self.weight, "weight", np.int8)
        _arguments.one_of(self.activation, "activation", _ACTIVATIONS, _TABLES)
        _size(self.stride, "stride")
        _arguments.pads(self.pad, self.kernel, _arguments.dilation(self.dilation))
        if (self.table is None) != (self.table_output is None):
            raise ValueError("table and table_output: one of them is None, and the other is not")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        shape = np.shape(self.weight)
        if len(shape) not in ((2, 4) if self.kind == "pointwise" else (4,)):
            numbers = "2 or 4" if self.kind == "pointwise" else "4"
            raise ValueError(f"weight has the shape {shape}, not of {numbers} dimensions")
        return shape

    @property
    def kernel(self) -> int:
        return 1 if self.kind == "pointwise" else self.shape[2]


@dataclasses.dataclass(frozen=True)
class SqueezeExcite:
    """A stage of a block, behind another one and before the last: means over the image, two layers, and the product of
    the image and what they give, as LiteRT computes MEAN, two 1x1 and MUL.

    mean          what the means become
    reduce        a pointwise Stage: from the channels to fewer
    expand        a pointwise Stage: back to the channels; its table makes gates of them, such as "logistic"
    output        what the products become
    activation, table, table_output    of the products, as a Stage's
    """

    mean: Quantization
    reduce: Stage
    expand: Stage
    output: Quantization
    activation: str = "none"
    table: Optional[NDArray[np.uint8]] = None
    table_output: Optional[Quantization] = None

    def __post_init__(self) -> None:
        for name in ("reduce", "expand"):
            layer = getattr(self, name)
            if not isinstance(layer, Stage):
                raise TypeError(f"{name} is {_arguments.described(layer)}, not an mbconv.int8.Stage")
            if layer.kind != "pointwise":
                raise ValueError(f"{name} is {layer.kind}, not pointwise")
        _arguments.one_of(self.activation, "activation", _ACTIVATIONS, _TABLES)
        if (self.table is None) != (self.table_output is None):
            raise ValueError("table and table_output: one of them is None, and the other is not")


class Block(_Listed):
    """A block of up to six stages, for int8 or uint8 images of any size.

    input                 the quantization of x
    dtype                 "int8" or "uint8", of x, the residual and the output, and of all zero points
    rounding              "fp32": LiteRT's default (XNNPACK), ONNX Runtime; "tflite_double": LiteRT's reference, TFLM
    sum                   the quantization of the output where a shortcut is added; else None
    residual              None: the input is added if `sum` is given; True; False; "given": each call is given what is
                          added, with the quantization residual_input
    add                   how: "xnnpack" (LiteRT's default), "tflite" (its reference) or "float" (ONNX Runtime)
    sum_activation        "none", "relu" or "relu6"
    sum_table, sum_table_output    None, or as a Stage's: behind the shortcut
    x_door, y_door        "bytes"; or floats, which are quantized or dequantized at the door, as "xnnpack" (LiteRT's
                          default), "tflite" (its reference) or "onnx" do it. x_door: a residual that is given, too
    layout, isa, strip_rows, group_channels    as in mbconv.Stages
    """

    def __init__(self, stages: Sequence[Union[Stage, SqueezeExcite]], *, input: Quantization, dtype: str = "int8", rounding: str = "fp32",
                 sum: Optional[Quantization] = None, residual: Union[bool, str, None] = None, add: str = "xnnpack",
                 residual_input: Optional[Quantization] = None, sum_activation: str = "none",
                 sum_table: Optional[NDArray[np.uint8]] = None, sum_table_output: Optional[Quantization] = None, x_door: str = "bytes",
                 y_door: str = "bytes", layout: str = "nhwc", isa: str = "auto", strip_rows: SupportsIndex = 0,
                 group_channels: SupportsIndex = 0) -> None:  # fmt: skip
        # pylint: disable=redefined-builtin # the names of mbconv_i8_desc
        if not isinstance(stages, (list, tuple)):
            raise TypeError(f"stages is {_arguments.described(stages)}, not a list of mbconv.int8.Stage")
        if not 1 <= len(stages) <= MOST_STAGES:
            raise ValueError(f"stages has {len(stages)} stages, not 1 to {MOST_STAGES}")
        for i, stage in enumerate(stages):
            if not isinstance(stage, (Stage, SqueezeExcite)):
                raise TypeError(f"stages[{i}] is {_arguments.described(stage)}, not an mbconv.int8.Stage")
        if not isinstance(stages[0], Stage):
            raise ValueError("stages[0] is squeeze-excite: it must stand behind another stage")
        kind = list(_TYPES.values())[_arguments.one_of(dtype, "dtype", list(_TYPES))]
        first = stages[0].shape
        inputs = outputs = first[0] if stages[0].kind == "depthwise" else first[1]
        kept: list[Any] = []
        described = (_native.I8StageDesc * len(stages))()
        for i, stage in enumerate(stages):
            if isinstance(stage, SqueezeExcite):
                described[i] = _excited(stage, f"stages[{i}]", outputs, kept)
            else:
                described[i] = _described(stage, f"stages[{i}]", outputs, kept)
                outputs = stage.shape[0]
        desc = _native.I8Desc(
            type=_native.TYPES.index(kind), rounding=_arguments.one_of(rounding, "rounding", _native.ROUNDINGS),
            in_channels=inputs, input=_quantization(input, "input"), count=len(stages), stages=described,
            residual=_arguments.residual_or_given(residual), add=_arguments.one_of(add, "add", _native.ADDS),
            residual_input=_quantization_or_none(residual_input, "residual_input"), sum=_quantization_or_none(sum, "sum"),
            sum_activation=_arguments.one_of(sum_activation, "sum_activation", _ACTIVATIONS),
            layout=_arguments.layout(layout), strip_rows=_size(strip_rows, "strip_rows"),
            group_channels=_size(group_channels, "group_channels"),
            x_door=_arguments.one_of(x_door, "x_door", _native.DOORS),
            y_door=_arguments.one_of(y_door, "y_door", _native.DOORS),
        )  # fmt: skip
        if sum_table is not None:
            desc.sum_table = _kept(sum_table, "sum_table", np.uint8, kept, (256,))
        desc.sum_table_output = _quantization_or_none(sum_table_output, "sum_table_output")
        self._make(desc, outputs, isa, "auto", "create_i8")
        self.layout = self._output_layout = layout
        self._x_dtype = np.dtype(dtype if x_door == "bytes" else "float32")
        self._y_dtype = np.dtype(dtype if y_door == "bytes" else "float32")
        self._given = desc.residual == _native.RESIDUALS["given"]
        self._residual_channels = outputs


class Addition(_Operator):
    """The sum of two arrays of bytes of one shape.

    a, b          the quantizations of what is added
    output        that of the sum
    dtype         "int8" or "uint8", of all three
    add           how: "xnnpack" (LiteRT's default), "tflite" (its reference) or "float" (ONNX Runtime)
    activation    "none", "relu" or "relu6", of the sum
    isa           as in mbconv.Stages
    """

    _noun = "addition"

    def __init__(self, *, a: Quantization, b: Quantization, output: Quantization, dtype: str = "int8",
                 add: str = "xnnpack", activation: str = "none", isa: str = "auto") -> None:  # fmt: skip
        kind = list(_TYPES.values())[_arguments.one_of(dtype, "dtype", list(_TYPES))]
        desc = _native.I8AdditionDesc(
            type=_native.TYPES.index(kind), kind=_arguments.one_of(add, "add", _native.ADDS), a=_quantization(a, "a"),
            b=_quantization(b, "b"), output=_quantization(output, "output"),
            activation=_arguments.one_of(activation, "activation", _ACTIVATIONS),
        )  # fmt: skip
        self._create(desc, isa, "auto", "create_i8")
        self._dtype = np.dtype(dtype)

    def __call__(self, a: NDArray[Any], b: NDArray[Any], out: Optional[NDArray[Any]] = None) -> NDArray[Any]:
        """The sum. `out`, if given, receives it; it may be a or b."""
        _arguments.image(a, "a", self._dtype)
        _arguments.image(b, "b", self._dtype)
        if a.shape != b.shape:
            raise ValueError(f"a and b have the shapes {a.shape} and {b.shape}")
        if out is None:
            out = np.empty(a.shape, self._dtype)
        _arguments.writable(out, a.shape, self._dtype)
        status = library.mbconv_addition_run(self._handle, a.size, _address(a), _address(b), _address(out), own.error_address)
        if status:
            _native.check(status, own.error)
        return out


def make_table(function: str, input: Quantization, output: Quantization, *, dtype: str = "int8",
               rounding: str = "fp32", alpha: float = 0.0) -> NDArray[np.uint8]:  # fmt: skip
    """A stage's table: the function as LiteRT's default ("fp32") or its reference ("tflite_double") has it.

    function   "logistic", "tanh", "gelu", "silu", "hard_swish" or "leaky_relu", which alone has an alpha
    input      the stage's output
    output     its table_output
    """
    # pylint: disable=redefined-builtin # the names of mbconv_i8_make_table()
    kind = list(_TYPES.values())[_arguments.one_of(dtype, "dtype", list(_TYPES))]
    table: NDArray[Any] = np.empty(256, np.uint8)
    status = library.mbconv_i8_make_table(
        _arguments.one_of(function, "function", _native.I8_FUNCTIONS), _arguments.real(alpha, "alpha"),
        _native.TYPES.index(kind), _arguments.one_of(rounding, "rounding", _native.ROUNDINGS),
        _quantization(input, "input"), _quantization(output, "output"), _address(table), own.error_address,
    )  # fmt: skip
    if status:
        _native.check(status, own.error)
    return table


def make_prelu(slope: NDArray[Any], slopes: Quantization, input: Quantization, output: Quantization) -> NDArray[np.uint8]:
    """A stage's tables, [channels][256]: PReLU as LiteRT has it.

    slope      [channels], int8 or uint8 as the block
    slopes     what its bytes stand for
    input      the stage's output
    output     its table_output
    """
    # pylint: disable=redefined-builtin # the names of mbconv_i8_make_prelu()
    dtype = getattr(slope, "dtype", None)
    values = _arguments.parameters(slope, "slope", np.uint8 if dtype == np.uint8 else np.int8)
    if values.ndim != 1:
        raise ValueError(f"slope has the shape {values.shape}, not that of channels")
    values = np.require(values, requirements=["C", "ALIGNED"])
    tables: NDArray[Any] = np.empty((values.size, 256), np.uint8)
    status = library.mbconv_i8_make_prelu(
        values.size, _address(values), _quantization(slopes, "slopes"), _native.TYPES.index(_TYPES[values.dtype.name]),
        _quantization(input, "input"), _quantization(output, "output"), _address(tables), own.error_address,
    )  # fmt: skip
    if status:
        _native.check(status, own.error)
    return tables


def usable_isas() -> list[str]:
    """The instruction sets of int8 that are in this build and usable on this CPU, best first."""
    return _native.isa_names(library.mbconv_usable_isas_i8)


def _described(stage: Stage, name: str, channels: int, kept: list[Any]) -> _native.I8StageDesc:
    """The struct of a stage that reads so many channels. `kept`: the arrays that it points into."""
    outputs, kernel, dilation = stage.shape[0], stage.kernel, _arguments.dilation(stage.dilation)
    number = not np.ndim(stage.weight_scale)
    scale: Any = stage.weight_scale
    if number:
        with np.errstate(over="ignore"):  # an infinity is the library's to refuse
            scale = np.array([_arguments.real(scale, f"{name}.weight_scale")], np.float32)
    weights = outputs, 1 if stage.kind == "depthwise" else channels, kernel, kernel
    made = _native.I8StageDesc(
        kind=_arguments.stage_kind(stage.kind), out_channels=outputs, kernel=kernel, dilation=dilation,
        stride=_size(stage.stride, "stride"), **_pad(stage.pad, kernel, dilation),
        weight=_kept(stage.weight, f"{name}.weight", np.int8, kept, weights, *([weights[:2]] if kernel == 1 else [])),
        weight_scale=_kept(scale, f"{name}.weight_scale", np.float32, kept, (outputs,), (1,)), weight_scales=np.size(scale),
        **_ending(stage, name, outputs, kept),
    )  # fmt: skip
    if stage.bias is not None:
        made.bias = _kept(stage.bias, f"{name}.bias", np.int32, kept, (outputs,))
    return made


def _excited(stage: SqueezeExcite, name: str, channels: int, kept: list[Any]) -> _native.I8StageDesc:
    """The struct of squeeze-excite of so many channels."""
    layers, inputs = [], channels
    for field in ("reduce", "expand"):
        layer = getattr(stage, field)
        layers.append(_described(layer, f"{name}.{field}", inputs, kept))
        inputs = layer.shape[0]
    excite = _native.I8SqueezeExcite(
        mean=_quantization(stage.mean, f"{name}.mean"), reduce=ctypes.pointer(layers[0]), expand=ctypes.pointer(layers[1])
    )
    kept += [*layers, excite]
    return _native.I8StageDesc(
        kind=_arguments.stage_kind("squeeze_excite"), squeeze_excite=ctypes.addressof(excite),
        **_ending(stage, name, channels, kept),
    )


def _ending(stage: Union[Stage, SqueezeExcite], name: str, channels: int, kept: list[Any]) -> dict[str, Any]:
    """What happens to the sums of so many channels, as fields of the struct."""
    made = {
        "output": _quantization(stage.output, f"{name}.output"),
        "activation": _arguments.one_of(stage.activation, "activation", _ACTIVATIONS),
        "table_output": _quantization_or_none(stage.table_output, f"{name}.table_output"),
    }
    if stage.table is not None:
        made["table"] = _kept(stage.table, f"{name}.table", np.uint8, kept, (256,), (channels, 256))
        made["tables"] = channels if np.ndim(stage.table) == 2 else 1
    return made


def _kept(value: Any, name: str, dtype: Any, kept: list[Any], *shapes: tuple[int, ...]) -> int:
    """The address of an array of one of the shapes, which is put with those `kept`."""
    array = _arguments.parameters(value, name, dtype)
    if array.shape not in shapes:
        raise ValueError(f"{name} has the shape {array.shape}, not {shapes[0]}{_arguments.as_in_pytorch(name)}")
    kept.append(np.require(array, requirements=["C", "ALIGNED"]))
    return _address(kept[-1])


def _quantization_or_none(value: Any, name: str) -> _native.Quantization:
    """The struct of a Quantization; zeros if it is None."""
    if value is None:
        return _native.Quantization()
    made = _quantization(value, name)
    if made.scale == 0:  # of zeros the library thinks that there is none
        raise ValueError(f"{name}: the scale is not a normal number above 0")
    return made


def _quantization(value: Any, name: str) -> _native.Quantization:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{name} is {_arguments.described(value)}, not an mbconv.int8.Quantization")
    zero = value[1]
    if not -128 <= _integer(zero, name) <= 255:
        raise ValueError(f"{name}.zero_point is {zero}, which no byte is")
    return _native.Quantization(scale=_arguments.real(value[0], f"{name}.scale"), zero_point=int(zero))


def _integer(value: Any, name: str) -> int:
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}.zero_point is {_arguments.described(value)}, not an integer")
    return int(value)
