# SPDX-License-Identifier: MIT
"""accelerate, restore and report."""

import dataclasses
from typing import Optional, Union

import torch
from torch import nn

from . import _cache
from ._modules import Call, fuse, skip, undo
from ._recognise import BlockParts, ConvolutionParts, Unfit, family_of

# Stems and heads: a Sequential of torchvision's, and neighbours in timm's networks.
SEQUENTIAL_CLASSES = "Conv2dNormActivation", "ConvNormActivation"
PAIRED_CLASSES = "EfficientNet", "MobileNetV3", "ConvBnAct"
PAIRS = ("conv_stem", "bn1"), ("conv_head", "bn2"), ("conv", "bn1")
COMPUTING = nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear

TOLERANCE = 1e-3  # of the largest output: rounding differs by far less than that, another computation by far more
REPORT = "_mbconv_report"  # the attribute of an accelerated model

# ---- Report --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of one module."""

    name: str  # in the model; "" for the model itself
    module: str  # its class
    replaced: bool
    text: str  # what it is computed as, or why it stays as it was


class Report(list):
    """The findings, in the model's order."""

    @property
    def replaced(self):
        return [finding for finding in self if finding.replaced]

    @property
    def kept(self):
        return [finding for finding in self if not finding.replaced]

    def __str__(self):
        lines = [f"mbconv: {len(self.replaced)} modules replaced, {len(self.kept)} kept"]
        names = [finding.name or "(the model)" for finding in self]
        for name, finding in zip(names, self):
            sign = "+" if finding.replaced else "-"
            lines.append(f"  {sign} {name:{max(map(len, names))}}  {finding.module}: {finding.text}")
        return "\n".join(lines)


def report(model):
    """What `accelerate` replaced in this model, and what it did not, and why."""
    if not hasattr(model, REPORT):
        raise ValueError("this model was not accelerated, or has been restored")
    return getattr(model, REPORT)


# ---- Accelerate and restore ----------------------------------------------------------------------------------------


def accelerate(model, convolutions=True):
    """Makes every MBConv block of `model` compute with mbconv, in place, and returns the model.

    Blocks are those of torchvision's mobilenet_v2, mobilenet_v3 and efficientnet, of timm's networks of these families,
    and modules with the layers `expand`, `depthwise`, `project` and the flag `use_residual`. Each is tried on a small
    image first: one that mbconv would compute otherwise stays as it is. `convolutions`: also the stems and heads of
    these networks, whose outputs are channels_last. `print(report(model))` tells what became of each module.

    What was replaced only evaluates, on CPU tensors of float32, contiguous or channels_last, and raises on anything
    else. Parameters stay where they are and may be loaded anew, but not be written to through `.data`, which PyTorch
    does not count. A block is prepared when it first sees an image's size.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"a {type(model).__name__} is no torch.nn.Module")
    if model.training:
        raise RuntimeError("the model is in training mode, and mbconv only evaluates: call model.eval() first")
    restore(model)
    candidates = list(_candidates("", model, set()))
    has_blocks = any(isinstance(candidate.parts, BlockParts) for candidate in candidates)
    findings = Report()
    for candidate in candidates:
        if isinstance(candidate.parts, ConvolutionParts) and not (convolutions and has_blocks):
            candidate.parts, candidate.reason = None, "outside any MBConv"
        findings.append(candidate.finding())
        candidate.replace()
    setattr(model, REPORT, findings)
    return model


def restore(model):
    """Undoes `accelerate`, in place, and returns the model."""
    for module in list(model.modules()):
        call = undo(module)
        if call:
            _cache.forget(call.tensors())
        vars(module).pop(REPORT, None)
    return model


# ---- What can be replaced ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Candidate:
    """A module that computes, and what replaces it or the reason why nothing does."""

    name: str
    module: nn.Module
    parts: Optional[Union[BlockParts, ConvolutionParts]] = None
    reason: str = ""
    neighbour: Optional[nn.Module] = None  # what `parts` compute along with it

    def replace(self):
        if self.parts:
            fuse(self.module, Call(self.parts))
            if self.neighbour is not None:
                skip(self.neighbour)

    def finding(self):
        return Finding(self.name, type(self.module).__name__, bool(self.parts), str(self.parts or self.reason))


def _candidates(name, module, seen):
    """Of this module and of those in it; `seen` are the ids of those done."""
    if id(module) in seen:
        return
    seen.add(id(module))
    kind = type(module).__name__
    take_apart = family_of(module)
    if take_apart:
        yield _candidate(name, lambda: BlockParts(module, take_apart), module)
        return
    if kind in SEQUENTIAL_CLASSES:
        yield _candidate(name, lambda: ConvolutionParts(module), module)
        return
    prefix = f"{name}." if name else ""
    if kind in PAIRED_CLASSES:
        for names in PAIRS:
            pair = [getattr(module, child, None) for child in names]
            if all(pair):
                seen.update(map(id, pair))
                yield _candidate(prefix + names[0], lambda pair=pair: ConvolutionParts(*pair), *pair)
    if isinstance(module, COMPUTING):
        yield Candidate(name, module, reason="outside any MBConv")
    for child_name, child in module.named_children():
        yield from _candidates(prefix + child_name, child, seen)


def _candidate(name, make_parts, module, neighbour=None):
    modules = [module] if neighbour is None else [module, neighbour]
    try:
        parts = make_parts()
        _check_state(modules)
        _check_result(modules, parts)
    except Unfit as reason:
        return Candidate(name, module, reason=str(reason))
    return Candidate(name, module, parts, neighbour=neighbour)


def _check_state(modules):
    """Whether these modules compute what their classes say, in evaluation, with what mbconv can read."""
    for outer in modules:
        for module in outer.modules():
            kind = type(module).__name__
            if module.training:
                raise Unfit(f"its {kind} is in training mode")
            if "forward" in vars(module):
                raise Unfit(f"its {kind} has a forward of its own")
            if module is not outer and (module._forward_hooks or module._forward_pre_hooks):
                raise Unfit(f"its {kind} has hooks, which would not be called any more")
        for key, tensor in outer.state_dict(keep_vars=True).items():
            if tensor.device.type != "cpu":
                raise Unfit(f"{key} is on {tensor.device}: mbconv computes on the CPU")
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                raise Unfit(f"{key} is {tensor.dtype}: mbconv computes float32")


@torch.no_grad()
def _check_result(modules, parts):
    """Whether mbconv computes what the modules do, on a small image of odd and even sides."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, parts.inputs, parts.kernel + 4, parts.kernel + 5, generator=generator)
    expected = x.clone()
    try:
        for module in modules:
            expected = type(module).forward(module, expected)
    except Exception as error:  # pylint: disable=broad-except # it may be anyone's module
        raise Unfit(f"it cannot be tried: {error}") from error
    call = Call(parts)
    try:
        y = call(x)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Unfit(f"mbconv refuses it: {error}") from error
    finally:
        _cache.forget(call.tensors())
    if y.shape != expected.shape:
        raise Unfit(f"it computes something else: an output of {tuple(expected.shape)} instead of {tuple(y.shape)}")
    scale = expected[expected.isfinite()].abs().max() if expected.isfinite().any() else 1.0
    if not torch.allclose(y, expected, rtol=0, atol=TOLERANCE * float(scale), equal_nan=True):
        raise Unfit("it computes something else than its layers say")
