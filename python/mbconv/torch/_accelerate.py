# SPDX-License-Identifier: MIT
"""accelerate, restore and report."""

import dataclasses
from typing import List, Optional, TypeVar, Union

from torch import nn

from ._examine import examine
from ._modules import Pair, fuse, is_replaced, reason_of, undo
from ._recognise import BlockParts, ConvolutionParts, Unfit, family_of

# Stems and heads: a Sequential of torchvision's, and neighbours in timm's networks.
SEQUENTIAL_CLASSES = "Conv2dNormActivation", "ConvNormActivation"
PAIRED_CLASSES = "EfficientNet", "MobileNetV3", "ConvBnAct"
PAIRS = ("conv_stem", "bn1"), ("conv_head", "bn2"), ("conv", "bn1")
COMPUTING = nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear

REPORT = "_mbconv_report"  # the attribute of an accelerated model

Model = TypeVar("Model", bound=nn.Module)


def _check_model(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}, not a torch.nn.Module")


# ---- Report --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of one module."""

    name: str  # in the model; "" for the model itself
    module: str  # its class
    replaced: bool
    text: str  # what it is computed as, or why it stays as it was


class Report(List[Finding]):
    """The findings, in the model's order."""

    @property
    def replaced(self) -> List[Finding]:
        """The modules that run here now."""
        return [finding for finding in self if finding.replaced]

    @property
    def kept(self) -> List[Finding]:
        """The modules that PyTorch still computes, each with the reason."""
        return [finding for finding in self if not finding.replaced]

    def __str__(self) -> str:
        lines = [f"mbconv: {len(self.replaced)} modules replaced, {len(self.kept)} kept"]
        names = [finding.name or "(the model)" for finding in self]
        for name, finding in zip(names, self):
            sign = "+" if finding.replaced else "-"
            lines.append(f"  {sign} {name:{max(map(len, names))}}  {finding.module}: {finding.text}")
        return "\n".join(lines)


def report(model: nn.Module) -> Report:
    """What `accelerate` replaced in this model, and what it did not, and why.

    A module that has been changed since, so that only PyTorch computes the same, is among those that were kept.
    """
    _check_model(model)
    if not hasattr(model, REPORT):
        raise ValueError("this model was not accelerated, or has been restored")
    modules = dict(model.named_modules())
    return Report(_as_of_now(finding, modules.get(finding.name)) for finding in getattr(model, REPORT))


def _as_of_now(finding, module):
    if not finding.replaced:
        return finding
    reason = reason_of(module) if is_replaced(module) else "it has been exchanged"
    return dataclasses.replace(finding, replaced=False, text=f"since changed: {reason}") if reason else finding


# ---- Accelerate and restore ----------------------------------------------------------------------------------------


def accelerate(model: Model, convolutions: bool = True) -> Model:
    """Makes every MBConv block of `model` compute with mbconv, in place, and returns the model.

    Blocks are those of torchvision's mobilenet_v2, mobilenet_v3 and efficientnet, of timm's networks of these families,
    and modules with the layers `expand`, `depthwise`, `project` and the flag `use_residual`. Each is tried on a small
    image first: one that mbconv would compute otherwise stays as it is. `convolutions`: also the stems and heads of
    these networks, whose outputs are channels_last. `print(report(model))` tells what became of each module.

    What was replaced only evaluates, on CPU tensors of float32, contiguous or channels_last, and raises on anything
    else. Parameters stay where they are and may be loaded anew, but not be written to through `.data`, which PyTorch
    does not count. A module that is changed afterwards is tried again at its next call, and computed by PyTorch if
    mbconv does not compute the same. A block is prepared at its first call, for images of any size.
    """
    _check_model(model)
    if not isinstance(convolutions, bool):
        raise TypeError(f"convolutions is a {type(convolutions).__name__}, not a bool")
    if model.training:
        raise RuntimeError("the model is in training mode, and mbconv only evaluates: call model.eval() first")
    restore(model)
    candidates = list(_candidates("", model, set()))
    has_blocks = any(isinstance(candidate.parts, BlockParts) for candidate in candidates)
    findings = Report()
    setattr(model, REPORT, findings)
    for candidate in candidates:
        if isinstance(candidate.parts, ConvolutionParts) and not (convolutions and has_blocks):
            candidate.parts, candidate.reason = None, "outside any MBConv"
        findings.append(candidate.finding())
        candidate.replace()
    return model


def restore(model: Model) -> Model:
    """Undoes `accelerate`, in place, and returns the model."""
    _check_model(model)
    for module in list(model.modules()):
        undo(module)
        vars(module).pop(REPORT, None)
    return model


# ---- What can be replaced ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Candidate:
    """A module that computes, or two that do so together, and what replaces it or the reason why nothing does."""

    name: str
    modules: List[nn.Module]
    parts: Optional[Union[BlockParts, ConvolutionParts]] = None
    reason: str = ""
    pair: Optional[Pair] = None

    def replace(self):
        if self.parts:
            fuse(self.modules, self.parts, self.pair)

    def finding(self):
        return Finding(self.name, type(self.modules[0]).__name__, bool(self.parts), str(self.parts or self.reason))


def _candidates(name, module, seen):
    """Of this module and of those in it; `seen` are the ids of those done."""
    if id(module) in seen:
        return
    seen.add(id(module))
    kind = type(module).__name__
    if family_of(module) or kind in SEQUENTIAL_CLASSES:
        yield _candidate(name, [module])
        return
    prefix = f"{name}." if name else ""
    if kind in PAIRED_CLASSES:
        for names in PAIRS:
            modules = [getattr(module, child, None) for child in names]
            if all(modules):
                seen.update(map(id, modules))
                yield _candidate(prefix + names[0], modules, Pair(module, names))
    if isinstance(module, COMPUTING):
        yield Candidate(name, [module], reason="outside any MBConv")
    for child_name, child in module.named_children():
        yield from _candidates(prefix + child_name, child, seen)


def _candidate(name, modules, pair=None):
    try:
        return Candidate(name, modules, examine(modules), pair=pair)
    except Unfit as reason:
        return Candidate(name, modules, reason=str(reason))
