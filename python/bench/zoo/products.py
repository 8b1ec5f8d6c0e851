# SPDX-License-Identifier: MIT
"""How many multiply-adds PyTorch itself does, by the weight that they are done with.

Counted below `accelerate`, where PyTorch's own operators are called: what is left there was not replaced, whatever a
report says.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mbconv.torch import _call

aten = torch.ops.aten
MATRICES = {aten.mm.default: 1, aten.addmm.default: 2, aten.linear.default: 1}  # the place of the weight


class Count(TorchDispatchMode):
    """`done`: multiply-adds by the parameter's name; "" for products of weights that are no parameters, unless ..."""

    def __init__(self, model):
        super().__init__()
        # ... they were computed: then they belong where the last parameter did (timm's conditional convolutions).
        self.names = {p.data_ptr(): name for name, p in model.named_parameters()}
        self.last, self.done = "", {}

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        if function in (aten.convolution.default, aten.mkldnn_convolution.default):
            weight = arguments[1]
            self.add(weight, result.numel() * weight[0].numel())
        elif function in MATRICES:
            weight = arguments[MATRICES[function]]
            self.add(weight, result.numel() * arguments[MATRICES[function] - 1].shape[-1])
        elif function in (aten.bmm.default, aten.baddbmm.default):
            self.done[""] = self.done.get("", 0) + result.numel() * arguments[-2].shape[-1]
        return result

    def add(self, weight, products):
        name = self.last = self.names.get(weight.data_ptr(), self.last)
        self.done[name] = self.done.get(name, 0) + products


# What is replaced would leave a call to PyTorch, where a mode wants to see PyTorch's operators. This one does not.
_call._WITHOUT_EFFECT += (Count.__name__,)


def products(model, module, *inputs):
    """Of a call of `module`, which is `model` or a part of it."""
    with Count(model) as count:
        module(*inputs)
    return count.done


def is_shortcut(name, block):
    """Of MaxViT's and CoAtNet's blocks, whose shortcut is pooled and, where there are more channels, convolved."""
    return any(name.startswith((f"{module}.shortcut.", f"{module}.proj.")) for module in block)


def by_block(done, blocks):
    """A list of the products of each block, and the products of the rest: a shortcut's own convolution among them."""
    sums, rest = [0] * len(blocks), 0
    owners = {module: index for index, block in enumerate(blocks) for module in block}
    for name, number in done.items():
        parts = name.split(".")
        above = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        owner = next((owners[module] for module in above if module in owners), None)
        if owner is None or is_shortcut(name, blocks[owner]):
            rest += number
        else:
            sums[owner] += number
    return sums, rest
