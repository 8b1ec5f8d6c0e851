# SPDX-License-Identifier: MIT
"""mbconv: the inverted bottleneck (MBConv) of MobileNetV2 and EfficientNet on CPUs, in float32 and int8.

Operators on NumPy arrays: Block, Stages, Convolution, Pointwise; on bytes: int8.Block. Under PyTorch:
mbconv.torch.accelerate(model).
"""

from __future__ import annotations

from . import _native, int8
from ._native import (
    ACTIVATIONS,
    InvalidArgument,
    MbconvError,
    OutOfMemory,
    SizeOverflow,
    UnsupportedIsa,
    library,
)
from .operators import BatchNorm, Block, Conv, Convolution, Pointwise, SqueezeExcite
from .stages import Stage, Stages
from .threads import Threads

__all__ = [
    "ACTIVATIONS", "BatchNorm", "Block", "Conv", "Convolution", "InvalidArgument", "MbconvError", "OutOfMemory",
    "Pointwise", "SizeOverflow", "SqueezeExcite", "Stage", "Stages", "Threads", "UnsupportedIsa", "int8",
    "usable_isas",
]  # fmt: skip

__version__: str = library.mbconv_version().decode()


def usable_isas() -> list[str]:
    """The instruction sets that are in this build and usable on this CPU, best first."""
    return _native.isa_names(library.mbconv_usable_isas)
