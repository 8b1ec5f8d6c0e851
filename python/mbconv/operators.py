# SPDX-License-Identifier: MIT
"""The library's operators on NumPy arrays of float32. An object is immutable: any number of threads may call it."""

from __future__ import annotations

import ctypes
import dataclasses
import weakref
from typing import Any, NoReturn, Optional, Sequence, SupportsIndex, TypeVar, Union

import numpy as np

from . import _arguments, _native
from ._arguments import Floats
from ._arguments import size as _size
from ._native import library
from .threads import Threads, own, threads_of

# ---- Parameters ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, an array of a float per channel each."""

    mean: Floats
    variance: Floats
    gamma: Optional[Floats] = None  # ones
    beta: Optional[Floats] = None  # zeros
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        _arguments.parameters(self.mean, "mean")
        _arguments.parameters(self.variance, "variance")
        _arguments.parameters_or_none(self.gamma, "gamma")
        _arguments.parameters_or_none(self.beta, "beta")
        _arguments.real(self.epsilon, "epsilon")


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution's parameters, in PyTorch's layout. They are copied when an operator is made of them."""

    weight: Floats  # 1x1: [out][in] or [out][in][1][1]; depthwise: [channels][1][k][k]
    bias: Optional[Floats] = None
    batch_norm: Optional[BatchNorm] = None
    scale: Optional[Floats] = None  # [out]: multiplies what the batch norm gives, as layer scale does
    slope: Optional[Floats] = None  # of the activation after it: leaky_relu a single float, prelu [out]

    def __post_init__(self) -> None:
        _arguments.parameters(self.weight, "weight")
        for name in "bias", "scale", "slope":
            _arguments.parameters_or_none(getattr(self, name), name)
        if self.batch_norm is not None:
            _arguments.instance(self.batch_norm, "batch_norm", BatchNorm)


@dataclasses.dataclass(frozen=True)
class SqueezeExcite:
    """Two 1x1 convolutions of the depthwise's means, with the activation `inner` after the first and `gate` after the
    second, by which the depthwise's output is multiplied."""

    reduce: Conv
    expand: Conv
    inner: str = "silu"
    gate: str = "sigmoid"

    def __post_init__(self) -> None:
        _arguments.instance(self.reduce, "reduce", Conv)
        _arguments.instance(self.expand, "expand", Conv)
        _arguments.activation(self.inner, "inner")
        _arguments.activation(self.gate, "gate")


class _Structs:
    """The C structs of parameters, and the arrays that they point into."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def conv(self, conv: Conv, name: str, shape: tuple[int, ...], activation: str = "none") -> Any:
        """A pointer to the struct. `shape`: of the weights. `activation`: what comes after it."""
        norm, channels = conv.batch_norm, shape[:1]
        made = _native.Conv(weight=self.address(conv.weight, f"{name}.weight", shape))
        if conv.bias is not None:
            made.bias = self.address(conv.bias, f"{name}.bias", channels)
        if conv.scale is not None:
            made.scale = self.address(conv.scale, f"{name}.scale", channels)
        if activation in ("leaky_relu", "prelu"):
            if conv.slope is None:
                raise ValueError(f"{name}.slope is None, but {activation} needs one")
            one = activation == "leaky_relu"
            slope = np.reshape(conv.slope, 1) if one and np.size(conv.slope) == 1 else conv.slope
            made.slope = self.address(slope, f"{name}.slope", (1,) if one else channels)
        if norm is not None:
            vectors = {key: getattr(norm, key) for key in ("gamma", "beta", "mean", "variance")}
            addresses = {
                key: self.address(vector, f"{name}.batch_norm.{key}", channels)
                for key, vector in vectors.items()
                if vector is not None or key in ("mean", "variance")
            }
            made.batch_norm = self.pointer(_native.BatchNorm(epsilon=float(norm.epsilon), **addresses))
        return self.pointer(made)

    def squeeze_excite(self, squeeze: Any, channels: int, activation: Any = _arguments.block_activation) -> Any:
        """A pointer to the struct. `activation`: what takes a name for an activation."""
        _arguments.instance(squeeze, "squeeze_excite", SqueezeExcite)
        width, *inputs = _shape(squeeze.reduce, "squeeze_excite.reduce", (2, 4))
        _arguments.fitting((width, *inputs), "squeeze_excite.reduce.weight", "width", channels)
        made = _native.SqueezeExcite(
            width=width,
            reduce=self.conv(squeeze.reduce, "squeeze_excite.reduce", (width, channels, 1, 1)),
            expand=self.conv(squeeze.expand, "squeeze_excite.expand", (channels, width, 1, 1)),
            inner=activation(squeeze.inner, "inner"),
            gate=activation(squeeze.gate, "gate"),
        )
        return self.pointer(made)

    def pointer(self, struct: ctypes.Structure) -> Any:
        self._kept.append(struct)
        return ctypes.pointer(struct)

    def address(self, value: Floats, name: str, shape: tuple[int, ...]) -> int:
        array = _arguments.parameters(value, name)
        if array.shape not in (shape, shape[:2]) or array.size != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}{_arguments.as_in_pytorch(name)}")
        self._kept.append(np.require(array, requirements=["C", "ALIGNED"]))
        return _address(self._kept[-1])


def _pad(pad: Any, kernel: int, dilation: int = 1) -> dict[str, Any]:
    """The fields of a description."""
    sides = _arguments.pads(pad, kernel, dilation)
    return {"pad": _native.Pad(*sides), "pad_kind": _native.PAD_KINDS.index("given" if sides else "same")}


def _shape(conv: Any, name: str, dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """Of the weights of the argument `name`."""
    shape = np.shape(_arguments.instance(conv, name, Conv).weight)
    if len(shape) not in dimensions:
        raise ValueError(f"{name}.weight has the shape {shape}, not of {' or '.join(map(str, dimensions))} dimensions")
    return shape


# ---- Operators -----------------------------------------------------------------------------------------------------

ThreadsLike = Union[SupportsIndex, Threads, None]
Pad = Union[SupportsIndex, Sequence[SupportsIndex], str, None]  # the str is "same"
Shape = tuple[int, int, int, int]
Itself = TypeVar("Itself")


class _Operator:
    """create, info and destroy, which have the same form for all."""

    _noun: str
    isa: str
    exp: str
    weight_bytes: int

    def _create(self, desc: _native.Versioned, isa: str, exp: str, function: str = "create") -> None:
        options = _native.Options(isa=_arguments.isa(isa), exp=_arguments.exp(exp))
        handle = ctypes.c_void_p()
        status = getattr(library, f"mbconv_{self._noun}_{function}")(desc, options, handle, own.error)
        _native.check(status, own.error)
        self._handle = handle.value
        weakref.finalize(self, getattr(library, f"mbconv_{self._noun}_destroy"), self._handle).atexit = False
        info = _native.Info()
        _native.check(getattr(library, f"mbconv_{self._noun}_info")(self._handle, info, own.error), own.error)
        self.isa = library.mbconv_isa_name(info.isa).decode()
        self.exp = library.mbconv_exp_name(info.exp).decode()
        self.weight_bytes = info.weight_bytes

    def __copy__(self: Itself) -> Itself:
        return self

    def __deepcopy__(self: Itself, memo: Any) -> Itself:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds weights packed for this CPU: pickle its parameters instead")


class _ImageOperator(_Operator):
    """Operators on images. One object serves images of any size. The library plans anew at each run, which takes about
    a microsecond, so nothing is kept for a size here either."""

    layout: str
    _output_layout: str

    def _make(self, desc: Any, outputs: int, isa: str, exp: str, function: str = "create") -> None:
        self._create(desc, isa, exp, function)
        self._inputs, self._outputs = desc.in_channels, outputs
        self._output_size_at = getattr(library, f"mbconv_{self._noun}_output_size_at")
        self._scratch_size_at = getattr(library, f"mbconv_{self._noun}_scratch_size_at")

    def output_size(self, height: SupportsIndex, width: SupportsIndex) -> tuple[int, int]:
        """The height and width of the output for images of height x width."""
        sizes = (ctypes.c_size_t * 2)()
        rows, error = ctypes.addressof(sizes), own.error_address
        columns = rows + ctypes.sizeof(ctypes.c_size_t)
        if self._output_size_at(self._handle, _size(height, "height"), _size(width, "width"), rows, columns, error):
            _native.check(own.error.status, own.error)
        return sizes[0], sizes[1]

    def scratch_size(self, height: SupportsIndex, width: SupportsIndex, threads: SupportsIndex = 1) -> int:
        """Bytes that a run on images of height x width with so many threads needs."""
        return self._scratch_for(_size(height, "height"), _size(width, "width"), _size(threads, "threads"))

    def _scratch_for(self, height: int, width: int, threads: int) -> int:
        bytes_needed = ctypes.c_size_t()
        address = ctypes.addressof(bytes_needed)
        if self._scratch_size_at(self._handle, height, width, threads, address, own.error_address):
            _native.check(own.error.status, own.error)
        return bytes_needed.value

    def output_shape(self, height: SupportsIndex, width: SupportsIndex, batch: SupportsIndex = 1) -> Shape:
        """The shape of the output for so many images of height x width."""
        return _image_shape(_size(batch, "batch"), *self.output_size(height, width), self._outputs, self._output_layout)

    def __call__(self, x: Floats, out: Optional[Floats] = None, threads: ThreadsLike = None) -> Floats:
        """The output for x, [batch][height][width][channels] or as the layout says. `out`: an array to put it in.
        `threads`: how many, from a pool that the process keeps, or a Threads."""
        _arguments.image(x, "x")
        batch, height, width = self._sizes_of(x)
        shape = self.output_shape(height, width, batch)
        if out is None:
            out = np.empty(shape, np.float32)
        _arguments.output(out, shape, x)
        self.run_at(batch, height, width, _address(x), _address(out), threads)
        return out

    def _sizes_of(self, x: Floats) -> tuple[int, int, int]:
        """batch, height and width"""
        if x.ndim == 4:
            batch, *sides = x.shape
            channels = sides.pop(-1 if self.layout == "nhwc" else 0)
            if channels == self._inputs:
                return batch, sides[0], sides[1]
        expected = ", ".join(map(str, _image_shape("batch", "height", "width", self._inputs, self.layout)))
        hint = ": x[None] is a batch of one image" if x.ndim == 3 else ""
        raise ValueError(f"x has the shape {x.shape}, not ({expected}){hint}")

    def run_at(self, batch: SupportsIndex, height: SupportsIndex, width: SupportsIndex, x: SupportsIndex,
               y: SupportsIndex, threads: ThreadsLike = None) -> None:  # fmt: skip
        """Like a call, but on the addresses of floats: what is there is not checked."""
        raise NotImplementedError


class _Described(_ImageOperator):
    """Blocks of both kinds."""

    _noun = "block"

    def describe(self, height: SupportsIndex, width: SupportsIndex, threads: SupportsIndex = 1) -> str:
        """How it runs on images of height x width: strategy, strip, group, scratch and weight bytes."""
        text, length = ctypes.create_string_buffer(512), ctypes.c_size_t()
        _native.check(library.mbconv_block_describe_at(
            self._handle, _size(height, "height"), _size(width, "width"), _size(threads, "threads"), text, len(text),
            length, own.error_address,
        ), own.error)  # fmt: skip
        return text.value.decode()


class Block(_Described):
    """The inverted bottleneck: 1x1 expand, depthwise, [squeeze-excite], 1x1 project, (+ x). Of images of any size.

    expand              None: the depthwise is the first
    pad                 zeros around the depthwise's input: one number, (top, left, bottom, right), None: kernel // 2,
                        times the dilation, or "same": TensorFlow's padding, which depends on the image's size
    activation          after expand and depthwise: "none", "relu", "relu6", "silu", "sigmoid", "hard_sigmoid" or
                        "hard_swish"; Stages take all of mbconv.ACTIVATIONS
    residual            True, False, or None: where input and output have the same shape and the stride is 1
    layout              "nhwc" or "nchw", of x and the output
    isa, exp            "auto": what MBCONV_ISA and MBCONV_EXP in the environment name, else the best for this CPU
    strip_rows, group_channels  the plan, for experiments

    Numbers are of any type that Python takes for an integer, NumPy's among them.
    """

    def __init__(self, *, depthwise: Conv, project: Conv, activation: str, expand: Optional[Conv] = None,
                 squeeze_excite: Optional[SqueezeExcite] = None, stride: SupportsIndex = 1, pad: Pad = None,
                 residual: Optional[bool] = None, layout: str = "nhwc", isa: str = "auto", exp: str = "auto",
                 strip_rows: SupportsIndex = 0, group_channels: SupportsIndex = 0,
                 dilation: SupportsIndex = 1) -> None:  # fmt: skip
        structs = _Structs()
        taps = channels, _, kernel, _ = _shape(depthwise, "depthwise", (4,))
        _arguments.fitting(taps, "depthwise.weight", "channels", 1, "k", "k")
        outputs, inputs = _shape(project, "project", (2, 4))[0], channels
        if expand is not None:
            _, inputs, *_ = shape = _shape(expand, "expand", (2, 4))
            _arguments.fitting(shape, "expand.weight", channels, "in")
        apart = _arguments.dilation(dilation)
        desc = _native.BlockDesc(
            in_channels=inputs, expanded_channels=channels, out_channels=outputs, kernel=kernel, dilation=apart,
            stride=_size(stride, "stride"), **_pad(pad, kernel, apart),
            activation=_arguments.block_activation(activation),
            residual=_arguments.residual(residual), layout=_arguments.layout(layout),
            strip_rows=_size(strip_rows, "strip_rows"),
            group_channels=_size(group_channels, "group_channels"),
        )  # fmt: skip
        desc.depthwise = structs.conv(depthwise, "depthwise", (channels, 1, kernel, kernel))
        desc.project = structs.conv(project, "project", (outputs, channels, 1, 1))
        if expand is not None:
            desc.expand = structs.conv(expand, "expand", (channels, inputs, 1, 1))
        if squeeze_excite is not None:
            desc.squeeze_excite = structs.squeeze_excite(squeeze_excite, channels)
        self._make(desc, outputs, isa, exp)
        self.layout = self._output_layout = layout

    def run_at(self, batch: SupportsIndex, height: SupportsIndex, width: SupportsIndex, x: SupportsIndex,
               y: SupportsIndex, threads: ThreadsLike = None) -> None:  # fmt: skip
        count, threads_address = threads_of(threads)
        height, width = _size(height, "height"), _size(width, "width")
        size, error = self._scratch_for(height, width, count), own.error_address
        if library.mbconv_block_run_at(
            self._handle, _size(batch, "batch"), height, width, _size(x, "x"), _size(y, "y"), own.scratch(size), size,
            threads_address, error,
        ):  # fmt: skip
            _native.check(own.error.status, own.error)


class Convolution(_ImageOperator):
    """A dense convolution, kernel 1 to 7, and its activation. Of images of any size, padded as a Block's may be. The
    layout is that of x; the output is always NHWC."""

    _noun = "convolution"
    _output_layout = "nhwc"

    def __init__(self, *, conv: Conv, activation: str = "none", stride: SupportsIndex = 1, pad: Pad = None,
                 layout: str = "nhwc", isa: str = "auto", exp: str = "auto") -> None:  # fmt: skip
        outputs, inputs, kernel, _ = _shape(conv, "conv", (4,))
        desc = _native.ConvolutionDesc(
            in_channels=inputs, out_channels=outputs, kernel=kernel, stride=_size(stride, "stride"),
            **_pad(pad, kernel), activation=_arguments.activation(activation), layout=_arguments.layout(layout),
        )  # fmt: skip
        structs = _Structs()
        desc.conv = structs.conv(conv, "conv", (outputs, inputs, kernel, kernel), activation)
        self._make(desc, outputs, isa, exp)
        self.layout = layout

    def run_at(self, batch: SupportsIndex, height: SupportsIndex, width: SupportsIndex, x: SupportsIndex,
               y: SupportsIndex, threads: ThreadsLike = None) -> None:  # fmt: skip
        count, threads_address = threads_of(threads)
        height, width = _size(height, "height"), _size(width, "width")
        size, error = self._scratch_for(height, width, count), own.error_address
        if library.mbconv_convolution_run_at(
            self._handle, _size(batch, "batch"), height, width, _size(x, "x"), _size(y, "y"), None,
            own.scratch(size), size, threads_address, error,
        ):  # fmt: skip
            _native.check(own.error.status, own.error)


class Pointwise(_Operator):
    """A 1x1 convolution, or a fully connected layer, and its activation, for any number of pixels."""

    _noun = "pointwise"

    def __init__(self, *, conv: Conv, activation: str = "none", isa: str = "auto", exp: str = "auto") -> None:
        outputs, inputs = _shape(conv, "conv", (2, 4))[:2]
        structs = _Structs()
        desc = _native.PointwiseDesc(
            in_channels=inputs, out_channels=outputs,
            conv=structs.conv(conv, "conv", (outputs, inputs, 1, 1), activation),
            activation=_arguments.activation(activation),
        )  # fmt: skip
        self._create(desc, isa, exp)
        self._inputs, self._outputs = inputs, outputs

    def __call__(self, x: Floats, out: Optional[Floats] = None, threads: ThreadsLike = None) -> Floats:
        """The output for x, [...][channels]. `out` and `threads` are as in a Block's call."""
        _arguments.image(x, "x")
        pixels = x.shape[:-1]
        _arguments.shape(x, "x", (*pixels, self._inputs))
        if out is None:
            out = np.empty((*pixels, self._outputs), np.float32)
        _arguments.output(out, (*pixels, self._outputs), x)
        self.run_at(int(np.prod(pixels, dtype=np.int64)), _address(x), _address(out), threads)
        return out

    def run_at(self, pixels: SupportsIndex, x: SupportsIndex, y: SupportsIndex, threads: ThreadsLike = None) -> None:
        """Like a call, but on the addresses of floats: what is there is not checked."""
        _, threads_address = threads_of(threads)
        error = own.error_address
        if library.mbconv_pointwise_run(
            self._handle, _size(pixels, "pixels"), _size(x, "x"), 0, _size(y, "y"), 0, None, 0, threads_address, error
        ):
            _native.check(own.error.status, own.error)


# ---- Arrays --------------------------------------------------------------------------------------------------------


def _address(array: Floats) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _image_shape(batch: Any, height: Any, width: Any, channels: Any, layout: str) -> tuple[Any, Any, Any, Any]:
    return (batch, height, width, channels) if layout == "nhwc" else (batch, channels, height, width)
