# SPDX-License-Identifier: MIT
"""PyTorch's MBConv blocks on mbconv.

    model = mbconv.torch.accelerate(torchvision.models.efficientnet_b0().eval())
    print(mbconv.torch.report(model))
    mbconv.torch.restore(model)

Operators: torch.ops.mbconv.block, torch.ops.mbconv.convolution and torch.ops.mbconv.stages.
"""

import importlib.util

if importlib.util.find_spec("torch") is None:
    raise ModuleNotFoundError("mbconv.torch needs PyTorch: pip install torch", name="torch")

# pylint: disable=wrong-import-position
from . import _stages  # noqa: E402
from ._accelerate import Finding, Report, accelerate, report, restore

__all__ = ["Finding", "Report", "accelerate", "report", "restore"]
