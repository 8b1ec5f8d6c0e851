# SPDX-License-Identifier: MIT
"""Whether mbconv computes what a module does, in the state that it has now."""

import torch

from . import _cache
from ._operators import OPERATORS
from ._recognise import NORMS, NOTHING_IN_EVALUATION, BlockParts, ConvolutionParts, Unfit, family_of, kind, own_class
from ._snapshot import HOOKS

CHANGED_BY_TRAINING = {*NORMS, *NOTHING_IN_EVALUATION} - {"Identity", "FrozenBatchNorm2d"}
TOLERANCE = 1e-3  # of the largest output: rounding differs by far less than that, another computation by far more


def examine(modules):
    """The parts of a block, or of a convolution alone or with its neighbour, or Unfit with the reason."""
    try:
        parts = _parts_of(modules)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # an attribute is not as PyTorch makes it
        raise Unfit(f"it cannot be recognised: {error}") from error
    _check_state(modules)
    _check_result(modules, parts)
    return parts


def _parts_of(modules):
    take_apart = family_of(modules[0]) if len(modules) == 1 else None
    return BlockParts(modules[0], take_apart) if take_apart else ConvolutionParts(*modules)


def _check_state(modules):
    """Whether these modules compute what their classes say, in evaluation, with what mbconv can read."""
    for outer in modules:
        for module in outer.modules():
            if module.training and kind(module) in CHANGED_BY_TRAINING:
                raise Unfit(f"its {kind(module)} is in training mode")
            if "forward" in vars(module):
                raise Unfit(f"its {kind(module)} has a forward of its own")
            # A hook of a block sees what goes into the block and what comes out of it, and that stays as it was.
            if (module is not outer or len(modules) > 1) and any(vars(module)[name] for name in HOOKS):
                raise Unfit(f"its {kind(module)} has hooks, which would not be called any more")
        for key, tensor in outer.state_dict(keep_vars=True).items():
            if tensor.device.type != "cpu":
                raise Unfit(f"{key} is on {tensor.device}: mbconv computes on the CPU")
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                raise Unfit(f"{key} is {tensor.dtype}: mbconv computes float32")


@torch.no_grad()
def _check_result(modules, parts):
    """Whether mbconv computes what the modules do, on a small image of odd and even sides."""
    generator = torch.Generator().manual_seed(1)
    shape = 2, parts.inputs, parts.kernel + 4, parts.kernel + 5
    x = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
    expected = x.clone()
    try:
        with torch.autocast("cpu", enabled=False):
            for module in modules:
                expected = own_class(module).forward(module, expected)
    except Exception as error:  # pylint: disable=broad-except # it may be anyone's module
        raise Unfit(f"it cannot be tried: {error}") from error
    tensors = parts.tensors()
    _cache.forget(tensors)  # PyTorch does not count what a normalisation in training mode writes to its statistics
    try:
        y = OPERATORS[type(parts)](x, *parts.arguments())
    except (RuntimeError, ValueError, TypeError) as error:
        raise Unfit(f"mbconv refuses it: {error}") from error
    finally:
        _cache.forget(tensors)
    if y.shape != expected.shape:
        raise Unfit(f"it computes something else: an output of {tuple(expected.shape)} instead of {tuple(y.shape)}")
    scale = expected[expected.isfinite()].abs().max() if expected.isfinite().any() else 1.0
    if not torch.allclose(y, expected, rtol=0, atol=TOLERANCE * float(scale), equal_nan=True):
        raise Unfit("it computes something else than its layers say")
