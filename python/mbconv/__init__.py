# SPDX-License-Identifier: MIT
"""mbconv: the inverted bottleneck (MBConv) of MobileNetV2 and EfficientNet on CPUs, in float32.

Operators on NumPy arrays: Block, Stages, Convolution, Pointwise. Under PyTorch: mbconv.torch.accelerate(model).
"""

from __future__ import annotations

import ctypes

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
    "Pointwise", "SizeOverflow", "SqueezeExcite", "Stage", "Stages", "Threads", "UnsupportedIsa", "usable_isas",
]  # fmt: skip

__version__: str = library.mbconv_version().decode()


def usable_isas() -> list[str]:
    """The instruction sets that are in this build and usable on this CPU, best first."""
    isas = (ctypes.c_int * library.mbconv_usable_isas(None, 0))()
    return [library.mbconv_isa_name(isa).decode() for isa in isas[: library.mbconv_usable_isas(isas, len(isas))]]
