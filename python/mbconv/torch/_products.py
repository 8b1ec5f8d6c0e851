# SPDX-License-Identifier: MIT
"""How many multiply-adds PyTorch itself does, by the weight that they are done with.

Counted below `accelerate`, where PyTorch's own operators are called: what is left there was not replaced, whatever a
report says.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
MATRICES = {aten.mm.default: 1, aten.addmm.default: 2, aten.linear.default: 1}  # the place of the weight


class CountAll(TorchDispatchMode):
    """Of a model as PyTorch would compute it. `done`: multiply-adds by the parameter's name. Weights that are computed
    are no parameters (timm's conditional convolutions): they count for the parameter that was used last, or for ""."""

    def __init__(self, model):
        super().__init__()
        self.names = {p.data_ptr(): name for name, p in model.named_parameters()}
        self.last, self.done = "", {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in (aten.convolution.default, aten.mkldnn_convolution.default):
            is_transposed = func is aten.convolution.default and args[6]
            self._add(args[1], (args[0] if is_transposed else result).numel() * args[1][0].numel())
        elif func in MATRICES:
            weight = args[MATRICES[func]]
            self._add(weight, result.numel() * args[MATRICES[func] - 1].shape[-1])
        elif func in (aten.bmm.default, aten.baddbmm.default):
            self.done[""] = self.done.get("", 0) + result.numel() * args[-2].shape[-1]
        return result

    def _add(self, weight, products):
        name = self.last = self.names.get(weight.data_ptr(), self.last)
        self.done[name] = self.done.get(name, 0) + products


class MbconvCountOfWhatIsLeft(CountAll):
    """Of what was not replaced: other modes see a model as PyTorch would compute it, this one (_call.py) as it is."""


def products(model, module, *inputs, count=MbconvCountOfWhatIsLeft):
    """Of a call of `module`, which is `model` or a part of it."""
    with count(model) as counted:
        module(*inputs)
    return counted.done


@torch.no_grad()
def share_replaced(model, *inputs):
    """The part of a model's multiply-adds that PyTorch does not do any more."""
    model(*inputs)  # what has changed is examined at once, or its trial would be counted
    everything = sum(products(model, model, *inputs, count=CountAll).values())
    left = sum(products(model, model, *inputs).values())
    return 1 - left / everything if everything else 0.0
