# SPDX-License-Identifier: MIT
"""PyTorch's MBConv blocks on mbconv.

    model = mbconv.torch.accelerate(torchvision.models.efficientnet_b0().eval())
    print(mbconv.torch.report(model))
    mbconv.torch.restore(model)

Operators: torch.ops.mbconv.block, torch.ops.mbconv.convolution and torch.ops.mbconv.stages.
"""

from . import _stages
from ._accelerate import Finding, Report, accelerate, report, restore

__all__ = ["Finding", "Report", "accelerate", "report", "restore"]
