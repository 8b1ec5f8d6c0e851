# SPDX-License-Identifier: MIT
"""Blocks as lists of stages: Fused-MBConv, the blocks of MobileNetV4 and others."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Sequence, SupportsIndex, Union

import numpy as np
from numpy.typing import NDArray

from . import _arguments, _native
from ._arguments import size as _size
from ._native import library
from .operators import Conv, Pad, SqueezeExcite, ThreadsLike, _address, _Described, _image_shape, _pad, _shape, _Structs
from .threads import own, threads_of

MOST_STAGES = 6


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a block.

    kind          "pointwise" (1x1), "depthwise" (kxk per channel), "dense" (kxk over all channels; only as the first)
                  or "squeeze_excite" (only before the last stage, which is then pointwise)
    parameters    a Conv, whose weights say the channels and the kernel; for squeeze_excite a SqueezeExcite
    activation    one of mbconv.ACTIVATIONS; leaky_relu and prelu have their slopes in the Conv. After squeeze_excite:
                  of the product.
    stride, pad   of depthwise and dense; pad as in a Block
    dilation      of depthwise
    """

    kind: str
    parameters: Union[Conv, SqueezeExcite]
    activation: str = "none"
    stride: SupportsIndex = 1
    pad: Pad = None
    dilation: SupportsIndex = 1

    def __post_init__(self) -> None:
        _arguments.stage_kind(self.kind)
        _arguments.instance(self.parameters, "parameters", SqueezeExcite if self.kind == "squeeze_excite" else Conv)
        _arguments.activation(self.activation)
        _size(self.stride, "stride")
        _arguments.pads(self.pad, self.kernel, _arguments.dilation(self.dilation))

    @property
    def kernel(self) -> int:
        """What the weights say; 1 if there are none."""
        if self.kind not in ("depthwise", "dense"):
            return 1
        return _shape(self.parameters, "parameters", (4,))[2]


def _described(stage: Stage, index: int, channels: int, structs: _Structs) -> tuple[_native.StageDesc, int]:
    """The struct of a stage that reads so many channels, and how many it writes."""
    name, kernel, dilation = f"stages[{index}]", stage.kernel, _arguments.dilation(stage.dilation)
    made = _native.StageDesc(
        kind=_arguments.stage_kind(stage.kind), activation=_arguments.activation(stage.activation), kernel=kernel,
        stride=_size(stage.stride, "stride"), dilation=dilation, **_pad(stage.pad, kernel, dilation),
    )  # fmt: skip
    if isinstance(stage.parameters, SqueezeExcite):
        made.squeeze_excite = structs.squeeze_excite(stage.parameters, channels, _arguments.activation)
        return made, channels
    outputs = _shape(stage.parameters, f"{name}.parameters", (2, 4) if stage.kind == "pointwise" else (4,))[0]
    inputs = 1 if stage.kind == "depthwise" else channels
    shape = outputs, inputs, kernel, kernel
    made.conv = structs.conv(stage.parameters, f"{name}.parameters", shape, stage.activation)
    made.out_channels = outputs
    return made, outputs


class _Listed(_Described):
    """What blocks that are lists of stages do, of whatever type their images are."""

    _x_dtype: Any = np.float32  # of the residual, too
    _y_dtype: Any = np.float32
    _given: bool  # each call is given what is added
    _residual_channels: int

    def __call__(self, x: NDArray[Any], out: Optional[NDArray[Any]] = None, threads: ThreadsLike = None,
                 residual: Optional[NDArray[Any]] = None) -> NDArray[Any]:  # fmt: skip
        """As a Block's call. `residual`: what is added, if it is given: of the output's size, with
        residual_channels."""
        _arguments.image(x, "x", self._x_dtype)
        batch, height, width = self._sizes_of(x)
        rows, columns = self.output_size(height, width)
        shape = _image_shape(batch, rows, columns, self._outputs, self.layout)
        if self._given:
            _arguments.image(residual, "residual", self._x_dtype)
            expected = _image_shape(batch, rows, columns, self._residual_channels, self.layout)
            _arguments.shape(residual, "residual", expected)  # type: ignore[arg-type] # no None gets here
        elif residual is not None:
            raise ValueError("residual is passed, but this block was not made with residual='given'")
        if out is None:
            out = np.empty(shape, self._y_dtype)
        _arguments.output(out, shape, x, residual, self._y_dtype)
        added = 0 if residual is None else _address(residual)
        self.run_at(batch, height, width, _address(x), _address(out), threads, added)
        return out

    def run_at(self, batch: SupportsIndex, height: SupportsIndex, width: SupportsIndex, x: SupportsIndex,
               y: SupportsIndex, threads: ThreadsLike = None, residual: SupportsIndex = 0) -> None:  # fmt: skip
        """Like a call, but on the addresses of images: what is there is not checked. `residual` 0: none."""
        count, threads_address = threads_of(threads)
        height, width, added = _size(height, "height"), _size(width, "width"), _size(residual, "residual")
        bytes_needed, error = self._scratch_for(height, width, count), own.error_address
        # One that is given and not asked for, or asked for and not given, is the library's to refuse.
        function = library.mbconv_block_run_residual_at if added else library.mbconv_block_run_at
        addresses = (_size(x, "x"), added, _size(y, "y")) if added else (_size(x, "x"), _size(y, "y"))
        if function(
            self._handle, _size(batch, "batch"), height, width, *addresses, own.scratch(bytes_needed), bytes_needed,
            threads_address, error,
        ):  # fmt: skip
            _native.check(own.error.status, own.error)


class Stages(_Listed):
    """A block of up to six stages, each of which reads what the one before writes. Images may have any size.

    residual              True: the input is added to the output; False; None: it is where input and output have the
                          same shape and no stage has a stride; "given": each call is given what is added
    residual_after        whether it is added after the last stage's activation, not before
    residual_channels     it is added to the first so many channels of the output, and has no others; 0: all
    layout                "nhwc" or "nchw", of x, the residual and the output
    isa, exp, strip_rows, group_channels    as in a Block

    Fused-MBConv, for example: Stages([Stage("dense", expand, "silu", stride=2), Stage("pointwise", project)])
    """

    def __init__(self, stages: Sequence[Stage], *, residual: Union[bool, str, None] = None,
                 residual_after: bool = False, residual_channels: SupportsIndex = 0, layout: str = "nhwc",
                 isa: str = "auto", exp: str = "auto", strip_rows: SupportsIndex = 0,
                 group_channels: SupportsIndex = 0) -> None:  # fmt: skip
        if not isinstance(stages, (list, tuple)):
            raise TypeError(f"stages is {_arguments.described(stages)}, not a list of mbconv.Stage")
        if not 1 <= len(stages) <= MOST_STAGES:
            raise ValueError(f"stages has {len(stages)} stages, not 1 to {MOST_STAGES}")
        for i, stage in enumerate(stages):
            _arguments.instance(stage, f"stages[{i}]", Stage)
        structs = _Structs()
        inputs = outputs = _inputs(stages[0])
        described = (_native.StageDesc * len(stages))()
        for i, stage in enumerate(stages):
            described[i], outputs = _described(stage, i, outputs, structs)
        desc = _native.StagesDesc(
            in_channels=inputs, count=len(stages), stages=described, residual=_arguments.residual_or_given(residual),
            residual_place=int(_arguments.flag(residual_after, "residual_after")),
            residual_channels=_size(residual_channels, "residual_channels"), layout=_arguments.layout(layout),
            strip_rows=_size(strip_rows, "strip_rows"), group_channels=_size(group_channels, "group_channels"),
        )  # fmt: skip
        self._make(desc, outputs, isa, exp, "create_stages")
        self.layout = self._output_layout = layout
        self._given = desc.residual == _native.RESIDUALS["given"]
        self._residual_channels = desc.residual_channels or outputs


def _inputs(first: Stage) -> int:
    """The channels that the first stage reads."""
    if first.kind == "squeeze_excite":
        raise ValueError("stages[0] is squeeze_excite: it must stand behind another stage")
    shape = _shape(first.parameters, "stages[0].parameters", (2, 4) if first.kind == "pointwise" else (4,))
    return shape[0] if first.kind == "depthwise" else shape[1]
