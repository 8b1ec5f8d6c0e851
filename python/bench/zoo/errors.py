# SPDX-License-Identifier: MIT
"""How far blocks and models are from exact results, with mbconv and with PyTorch alone.

Weights are random, statistics those of images on their way through the network, shaken; what authors begin with zeros
or tiny numbers (the last scale of a block, layer scale) is random, too. A block is called with what reaches it in the
model.
"""

import copy
import pathlib
import sys

import torch

import mbconv.torch
from mbconv.torch._products import products

from .blocks import block_names
from .bounds import bounded
from .create import create
from .products import by_block

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "networks"))
from random_network import random_images, randomise  # pylint: disable=wrong-import-position

TIMES = 4  # as far as PyTorch
LITTLE = 2.0**-25  # of the output: where PyTorch's error is nearly none, as of a sum of few terms


def random_model(row):
    torch.manual_seed(1)
    model = create(row.source, row.model)
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[2] in ("gamma", "layer_scale"):  # of layer scale
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    randomise(model, random_images(4, 3, row.small, row.small))
    return model


def parts(model, block):
    return [model.get_submodule(name) for name in block]


def run(modules, x):
    for module in modules:
        x = module(x)
    return x


def inputs(model, blocks, x):
    """What reaches each block."""
    seen, hooks = {}, []
    for block in blocks:
        module = model.get_submodule(block[0])
        hooks.append(module.register_forward_pre_hook(lambda _, a, name=block[0]: seen.update({name: a[0].clone()})))
    y = model(x)
    for hook in hooks:
        hook.remove()
    return [seen[block[0]] for block in blocks], y


def plain(modules):
    """Copies whose activations are PyTorch's own functions, with which bounds are computed."""
    modules = copy.deepcopy(modules)
    for module in modules:
        if type(getattr(module, "_swish", None)).__name__ == "MemoryEfficientSwish":  # efficientnet_pytorch's
            module.set_swish(memory_efficient=False)
    return modules


def rms(t):
    return float(t.double().square().mean().sqrt())


def replaced(model, block, x):
    """The block's output with mbconv, or None: by the module itself, or by a copy of it alone, where what was rewritten
    is the forward of a module around it."""
    modules = parts(model, block)
    if done_by_mbconv(model, modules, block, x):
        return run(modules, x)
    alone = torch.nn.Sequential(*map(mbconv.torch.restore, copy.deepcopy(modules))).eval()
    mbconv.torch.accelerate(alone)
    return alone(x) if done_by_mbconv(alone, [alone], map(str, range(len(block))), x) else None


def done_by_mbconv(model, modules, block, x):
    (left,), _ = by_block(products(model, lambda x: run(modules, x), x), [tuple(block)])
    return left == 0


def errors(row):
    """Of the blocks that were replaced, and of the model."""
    model = random_model(row)
    images = random_images(1, 3, row.small, row.small)
    blocks = block_names(row.source, row.model, model)
    seen, eager = inputs(model, blocks, images)
    whole = copy.deepcopy(model).double()(images.double())
    own = copy.deepcopy(model)
    mbconv.torch.accelerate(model)
    worst, nearest, measured, wrong = 0.0, 0.0, 0, []
    for block, x in zip(blocks, seen):
        y = replaced(model, block, x.clone())
        if y is None:
            continue
        measured += 1
        their, (value, bound) = run(parts(own, block), x.clone()), bounded(plain(parts(own, block)), x)
        times = rms(y - value) / max(rms(their - value), LITTLE * rms(value))
        of_bound = float(((y - value).abs() / bound).max())
        worst, nearest = max(worst, times), max(nearest, of_bound)
        if not (times <= TIMES and of_bound <= 1):
            wrong.append(f"{'+'.join(block)}: {times:.1f} times PyTorch's error, {of_bound:.2f} of the bound")
    size = rms(whole)
    return {
        "measured": measured, "times": worst, "of_bound": nearest, "wrong": wrong,
        "model": rms(model(images) - whole) / size, "model_eager": rms(eager - whole) / size,
    }  # fmt: skip
