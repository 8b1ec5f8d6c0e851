# SPDX-License-Identifier: MIT
"""The library's operators on NumPy arrays of float32. An object is immutable: any number of threads may call it."""

import ctypes
import dataclasses
import weakref
from typing import Optional

import numpy as np

from . import _native
from ._native import library
from .threads import own, threads_of

# ---- Parameters ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, an array of a float per channel each."""

    mean: np.ndarray
    variance: np.ndarray
    gamma: Optional[np.ndarray] = None  # ones
    beta: Optional[np.ndarray] = None  # zeros
    epsilon: float = 1e-5


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution's parameters, in PyTorch's layout. They are copied when an operator is made of them."""

    weight: np.ndarray  # 1x1: [out][in] or [out][in][1][1]; depthwise: [channels][1][k][k]
    bias: Optional[np.ndarray] = None
    batch_norm: Optional[BatchNorm] = None


@dataclasses.dataclass(frozen=True)
class SqueezeExcite:
    reduce: Conv
    expand: Conv
    inner: str = "silu"
    gate: str = "sigmoid"


class _Structs:
    """The C structs of parameters, and the arrays that they point into."""

    def __init__(self):
        self._kept = []

    def conv(self, conv, name, shape):
        """`shape`: of the weights."""
        norm, channels = conv.batch_norm, shape[:1]
        made = _native.Conv(self.address(conv.weight, f"{name}.weight", shape))
        if conv.bias is not None:
            made.bias = self.address(conv.bias, f"{name}.bias", channels)
        if norm is not None:
            vectors = {key: getattr(norm, key) for key in ("gamma", "beta", "mean", "variance")}
            addresses = {
                key: self.address(vector, f"{name}.batch_norm.{key}", channels)
                for key, vector in vectors.items()
                if vector is not None or key in ("mean", "variance")
            }
            made.batch_norm = self.pointer(_native.BatchNorm(epsilon=norm.epsilon, **addresses))
        return made

    def pointer(self, struct):
        self._kept.append(struct)
        return ctypes.pointer(struct)

    def address(self, array, name, shape):
        array = np.asarray(array)
        if array.dtype != np.float32:
            raise TypeError(f"{name} is {array.dtype}, not float32")
        if array.shape not in (shape, shape[:2]) or array.size != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
        self._kept.append(np.ascontiguousarray(array))
        return _address(self._kept[-1])


def _number(names, name, what):
    if name not in names:
        raise ValueError(f"{what} {name!r} is none of {', '.join(map(str, names))}")
    return names.index(name) if isinstance(names, tuple) else names[name]


def _activation(name, what="activation"):
    return _number(_native.ACTIVATIONS, name, what)


def _pad(pad, kernel):
    pad = kernel // 2 if pad is None else pad
    top, left, bottom, right = (pad,) * 4 if isinstance(pad, int) else pad
    return _native.Pad(top, left, bottom, right)


def _size(weight, name, dimensions):
    shape = np.shape(weight)
    if len(shape) not in dimensions:
        raise ValueError(f"{name} has the shape {shape}")
    return shape


# ---- Operators -----------------------------------------------------------------------------------------------------


class _Operator:
    """create, info and destroy, which have the same form for all."""

    _noun: str

    def _create(self, desc, isa, silu):
        options = _native.Options(isa=_number(_native.ISAS, isa, "isa"), silu=_number(_native.SILUS, silu, "silu"))
        handle = ctypes.c_void_p()
        status = getattr(library, f"mbconv_{self._noun}_create")(desc, options, handle, own.error)
        _native.check(status, own.error)
        self._handle = handle.value
        weakref.finalize(self, getattr(library, f"mbconv_{self._noun}_destroy"), self._handle).atexit = False
        info = getattr(library, f"mbconv_{self._noun}_info")(self._handle)
        self.isa = library.mbconv_isa_name(info.isa).decode()
        self.silu = library.mbconv_silu_name(info.silu).decode()
        self.weight_bytes = info.weight_bytes

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError(f"a {type(self).__name__} holds weights packed for this CPU: pickle its parameters instead")


class _ImageOperator(_Operator):
    """Operators that are made for one size of images."""

    def _create(self, desc, isa, silu):
        super()._create(desc, isa, silu)
        height, width = ctypes.c_size_t(), ctypes.c_size_t()
        getattr(library, f"mbconv_{self._noun}_output_size")(self._handle, height, width)
        self._scratch_size = getattr(library, f"mbconv_{self._noun}_scratch_size")
        self._input = (desc.height, desc.width, desc.in_channels)
        self._output = (height.value, width.value, desc.out_channels)
        self._scratch_sizes = {}

    def scratch_size(self, threads=1):
        """Bytes that a run with so many threads needs."""
        if threads not in self._scratch_sizes:
            self._scratch_sizes[threads] = self._scratch_size(self._handle, threads)
        return self._scratch_sizes[threads]

    @staticmethod
    def _shape(image, layout, batch):
        height, width, channels = image
        return (batch, height, width, channels) if layout == "nhwc" else (batch, channels, height, width)

    def __call__(self, x, out=None, threads=None):
        """The output for x, [batch][height][width][channels] or as the layout says. `out`: an array to put it in.
        `threads`: how many, from a pool that the process keeps, or a Threads."""
        _check_array(x, "x")
        batch = len(x) if x.ndim == 4 else 0
        _check_shape(x, "x", self.input_shape(batch))
        if out is None:
            out = np.empty(self.output_shape(batch), np.float32)
        _check_output(out, self.output_shape(batch), x)
        self.run_at(batch, _address(x), _address(out), threads)
        return out


class Block(_ImageOperator):
    """The inverted bottleneck: 1x1 expand, depthwise, [squeeze-excite], 1x1 project, (+ x).

    height, width       of the input images
    expand              None: the depthwise is the first
    pad                 zeros around the depthwise's input: one number, (top, left, bottom, right), or None: kernel // 2
    activation          after expand and depthwise: one of mbconv.ACTIVATIONS
    residual            True, False, or None: where input and output have the same shape and the stride is 1
    layout              "nhwc" or "nchw", of x and the output
    isa, silu           "auto": what MBCONV_ISA and MBCONV_SILU in the environment name, else the best for this CPU
    strip_rows, group_channels  the plan, for experiments
    """

    _noun = "block"

    def __init__(self, height, width, *, depthwise, project, activation, expand=None, squeeze_excite=None, stride=1,
                 pad=None, residual=None, layout="nhwc", isa="auto", silu="auto", strip_rows=0,
                 group_channels=0):  # fmt: skip
        structs = _Structs()
        channels, one, kernel, _ = _size(depthwise.weight, "depthwise.weight", (4,))
        outputs = _size(project.weight, "project.weight", (2, 4))[0]
        inputs = _size(expand.weight, "expand.weight", (2, 4))[1] if expand else channels
        if one != 1:
            raise ValueError(f"depthwise.weight has {one} inputs per channel, not 1")
        desc = _native.BlockDesc(
            height=height, width=width, in_channels=inputs, expanded_channels=channels, out_channels=outputs,
            kernel=kernel, stride=stride, pad=_pad(pad, kernel), activation=_activation(activation),
            residual=_number(_native.RESIDUALS, residual, "residual"),
            layout=_number(_native.LAYOUTS, layout, "layout"), strip_rows=strip_rows, group_channels=group_channels,
        )  # fmt: skip
        desc.depthwise = structs.pointer(structs.conv(depthwise, "depthwise", (channels, 1, kernel, kernel)))
        desc.project = structs.pointer(structs.conv(project, "project", (outputs, channels, 1, 1)))
        if expand:
            desc.expand = structs.pointer(structs.conv(expand, "expand", (channels, inputs, 1, 1)))
        if squeeze_excite:
            reduce, excite = squeeze_excite.reduce, squeeze_excite.expand
            width = _size(reduce.weight, "squeeze_excite.reduce.weight", (2, 4))[0]
            desc.squeeze_excite = structs.pointer(_native.SqueezeExcite(
                width, structs.conv(reduce, "squeeze_excite.reduce", (width, channels, 1, 1)),
                structs.conv(excite, "squeeze_excite.expand", (channels, width, 1, 1)),
                _activation(squeeze_excite.inner, "inner"), _activation(squeeze_excite.gate, "gate"),
            ))  # fmt: skip
        self._create(desc, isa, silu)
        self.layout = layout

    def input_shape(self, batch=1):
        return self._shape(self._input, self.layout, batch)

    def output_shape(self, batch=1):
        return self._shape(self._output, self.layout, batch)

    def describe(self, threads=1):
        """How it runs: strategy, strip, group, scratch and weight bytes."""
        text = ctypes.create_string_buffer(512)
        library.mbconv_block_describe(self._handle, threads, text, len(text))
        return text.value.decode()

    def run_at(self, batch, x, y, threads=None):
        """Like a call, but on the addresses of floats: nothing is checked."""
        count, threads_address = threads_of(threads)
        size, error = self.scratch_size(count), own.error_address
        if library.mbconv_block_run(self._handle, batch, x, y, own.scratch(size), size, threads_address, error):
            _native.check(own.error.status, own.error)


class Convolution(_ImageOperator):
    """A dense convolution, kernel 1 to 7, and its activation. The layout is that of x; the output is always NHWC."""

    _noun = "convolution"

    def __init__(self, height, width, *, conv, activation="none", stride=1, pad=None, layout="nhwc", isa="auto",
                 silu="auto"):  # fmt: skip
        outputs, inputs, kernel, _ = _size(conv.weight, "conv.weight", (4,))
        desc = _native.ConvolutionDesc(
            height=height, width=width, in_channels=inputs, out_channels=outputs, kernel=kernel, stride=stride,
            pad=_pad(pad, kernel), activation=_activation(activation),
            layout=_number(_native.LAYOUTS, layout, "layout"),
        )  # fmt: skip
        structs = _Structs()
        desc.conv = structs.conv(conv, "conv", (outputs, inputs, kernel, kernel))
        self._create(desc, isa, silu)
        self.layout = layout

    def input_shape(self, batch=1):
        return self._shape(self._input, self.layout, batch)

    def output_shape(self, batch=1):
        return self._shape(self._output, "nhwc", batch)

    def run_at(self, batch, x, y, threads=None):
        """Like a call, but on the addresses of floats: nothing is checked."""
        count, threads_address = threads_of(threads)
        size, error = self.scratch_size(count), own.error_address
        scratch = own.scratch(size)
        if library.mbconv_convolution_run(self._handle, batch, x, y, None, scratch, size, threads_address, error):
            _native.check(own.error.status, own.error)


class Pointwise(_Operator):
    """A 1x1 convolution, or a fully connected layer, and its activation, for any number of pixels."""

    _noun = "pointwise"

    def __init__(self, *, conv, activation="none", isa="auto", silu="auto"):
        outputs, inputs = _size(conv.weight, "conv.weight", (2, 4))[:2]
        structs = _Structs()
        desc = _native.PointwiseDesc(
            in_channels=inputs, out_channels=outputs, conv=structs.conv(conv, "conv", (outputs, inputs, 1, 1)),
            activation=_activation(activation),
        )  # fmt: skip
        self._create(desc, isa, silu)
        self._inputs, self._outputs = inputs, outputs

    def __call__(self, x, out=None, threads=None):
        """The output for x, [...][channels]. `out` and `threads` are as in a Block's call."""
        _check_array(x, "x")
        pixels = x.shape[:-1]
        _check_shape(x, "x", (*pixels, self._inputs))
        if out is None:
            out = np.empty((*pixels, self._outputs), np.float32)
        _check_output(out, (*pixels, self._outputs), x)
        self.run_at(int(np.prod(pixels, dtype=np.int64)), _address(x), _address(out), threads)
        return out

    def run_at(self, pixels, x, y, threads=None):
        """Like a call, but on the addresses of floats: nothing is checked."""
        _, threads_address = threads_of(threads)
        error = own.error_address
        if library.mbconv_pointwise_run(self._handle, pixels, x, 0, y, 0, None, 0, threads_address, error):
            _native.check(own.error.status, own.error)


# ---- Arrays --------------------------------------------------------------------------------------------------------


def _address(array):
    return array.__array_interface__["data"][0]


def _check_array(array, name):
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, not a NumPy array")
    if array.dtype != np.float32:
        raise TypeError(f"{name} is {array.dtype}, not float32")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} is not contiguous: numpy.ascontiguousarray makes a copy that is")


def _check_shape(array, name, shape):
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, not {shape}")


def _check_output(out, shape, x):
    _check_array(out, "out")
    _check_shape(out, "out", shape)
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    if np.may_share_memory(x, out):
        raise ValueError("out overlaps x")
