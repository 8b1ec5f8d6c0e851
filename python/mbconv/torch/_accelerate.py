# SPDX-License-Identifier: MIT
"""accelerate, restore and report."""

import dataclasses
from typing import Any, Iterable, List, Optional, TypeVar

import torch
from torch import nn

from .._arguments import described
from ._call import Call
from ._chains import OUTSIDE
from ._examine import Structure, examine
from ._layers import END
from ._modules import fuse, is_replaced, reason_of, undo
from ._products import share_replaced
from ._recognise import Unfit, kind

COMPUTING = nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear

REPORT = "_mbconv_report"  # the attribute of an accelerated model

Model = TypeVar("Model", bound=nn.Module)


def _check_model(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {described(model)}, not a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError("model is a ScriptModule, whose code is fixed: accelerate the module that it was made of")


# ---- Report --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of one module."""

    name: str  # in the model; "" for the model itself
    module: str  # its class
    replaced: bool
    text: str  # what it is computed as, or why it stays as it was
    owner: str = ""  # the module whose forward does so


class Report(List[Finding]):
    """The findings, in the model's order. `share`: of the model's multiply-adds, that which mbconv computes; None where
    `report` was given no input to count them with."""

    def __init__(self, findings: Iterable[Finding] = (), share: Optional[float] = None) -> None:
        super().__init__(findings)
        self.share = share

    @property
    def replaced(self) -> List[Finding]:
        """The modules that run here now."""
        return [finding for finding in self if finding.replaced]

    @property
    def kept(self) -> List[Finding]:
        """The modules that PyTorch still computes, each with the reason."""
        return [finding for finding in self if not finding.replaced]

    def __str__(self) -> str:
        share = "" if self.share is None else f", {self.share:.1%} of the multiply-adds replaced"
        modules = "module" if len(self.replaced) == 1 else "modules"
        lines = [f"mbconv: {len(self.replaced)} {modules} replaced, {len(self.kept)} kept{share}"]
        names = [finding.name or "(the model)" for finding in self]
        for name, finding in zip(names, self):
            sign = "+" if finding.replaced else "-"
            lines.append(f"  {sign} {name:{max(map(len, names))}}  {finding.module}: {finding.text}")
        return "\n".join(lines)


def report(model: nn.Module, *inputs: Any) -> Report:
    """What `accelerate` replaced in this model, and what it did not, and why.

    `inputs`: what to call the model with. It is then called three times, without gradients, to count its multiply-adds
    and those of them that PyTorch does: `share`. Attention in one operator and recurrent layers are not counted.

    A module that has been changed since, so that only PyTorch computes the same, is among those that were kept.
    """
    _check_model(model)
    if not hasattr(model, REPORT):
        raise ValueError("this model was not accelerated, or has been restored")
    modules = dict(model.named_modules())
    share = share_replaced(model, *inputs) if inputs else None
    return Report((_as_of_now(finding, modules.get(finding.owner)) for finding in getattr(model, REPORT)), share)


def _as_of_now(finding, module):
    if not finding.replaced:
        return finding
    reason = reason_of(module) if is_replaced(module) else "it has been exchanged"
    return dataclasses.replace(finding, replaced=False, text=f"since changed: {reason}") if reason else finding


# ---- Accelerate and restore ----------------------------------------------------------------------------------------


def accelerate(model: Model, convolutions: bool = True) -> Model:
    """Makes every MBConv block of `model` compute with mbconv, in place, and returns the model.

    Blocks are found in the graphs of the modules' forwards, whatever their classes and names are, and tried on small
    images: one that mbconv would compute otherwise stays as it is. `convolutions`: also stems and heads, whose outputs
    are channels_last. `print(report(model))` tells what became of each module.

    What was replaced computes with mbconv what is float32 on the CPU. All else is left to PyTorch at each call: other
    types and devices, autocast, training mode, hooks inside. Gradients are PyTorch's. Parameters stay where they are
    and may be written to; of what is written through `.data` or `.numpy()` a sample tells. A module that is changed
    afterwards is examined again at its next call, and computed by PyTorch if mbconv does not compute the same. A block
    is prepared at its first call, for images of any size.

    Of a model in training mode the parts that compute as in evaluation are replaced, such as frozen ones. If there are
    none, that is a RuntimeError, and nothing is replaced.
    """
    _check_model(model)
    if not isinstance(convolutions, bool):
        raise TypeError(f"convolutions is {described(convolutions)}, not a bool")
    restore(model)
    search, findings = Search(model), Report()
    setattr(model, REPORT, findings)  # before a snapshot counts the attributes
    found = _replaced(search, convolutions) if search.has_blocks else {}
    if model.training and not found:
        restore(model)
        if isinstance(model, torch.fx.GraphModule) and not search.reasons:
            raise RuntimeError("the model is a graph without layers, such as torch.export makes: accelerate it before")
        raise RuntimeError("the model is in training mode, and mbconv only evaluates: call model.eval() first")
    done = {name for _, names in found.values() for name in names}
    for name, module in model.named_modules():
        if name in found:
            findings.append(found[name][0])
        if isinstance(module, COMPUTING) and name not in done:
            reason = search.reasons.get(name, OUTSIDE)
            findings.append(Finding(name, kind(module), False, reason, name))
    return model


def restore(model: Model) -> Model:
    """Undoes `accelerate`, in place, and returns the model."""
    _check_model(model)
    for module in list(model.modules()):
        undo(module)
        vars(module).pop(REPORT, None)
    return model


# ---- What can be replaced ------------------------------------------------------------------------------------------


class Search:
    """Goes through a model from the outside in: the modules that compute chains, and why other convolutions do not."""

    def __init__(self, model):
        self.owners, self.reasons, self.has_blocks = {}, {}, False  # by name
        self._seen = set()  # in a graph
        for name, module in model.named_modules():
            self._look(name, module)

    def _look(self, name, module):
        if id(module) in self._seen or not _computes(module):
            return
        try:
            self._follow(name, module, Structure(module))
        except Unfit as reason:
            self._blame(name, module, str(reason))

    def _follow(self, name, module, structure):
        """Notes the chains of a graph. Modules that it looks into need no look of their own."""
        for chain in structure.chains:
            owner, _ = structure.owner(chain)
            self.owners.setdefault(_joined(name, owner.path), (owner.module, owner.given))
            self.has_blocks |= not chain.is_lone
        for path, reason in structure.reasons.items():
            known = self.reasons.setdefault(_joined(name, path), reason)
            # Where its module ends says less than why what is around could not be followed.
            if known != reason != OUTSIDE and (known == OUTSIDE or END not in reason):
                self.reasons[_joined(name, path)] = reason
        self._seen.update(id(one.module) for one in structure.graph.instances)
        for node in structure.graph.nodes.nodes:
            if node.op == "call_module" and node.target not in structure.graph.opaque:
                self._seen.add(id(structure.graph.module_of(node)))
        for path, reason in structure.graph.opaque.items():
            self._blame(_joined(name, path), dict(module.named_modules())[path], reason)

    def _blame(self, name, module, reason):
        for path, inner in module.named_modules():
            if isinstance(inner, COMPUTING) and not isinstance(inner, nn.Linear):
                self.reasons.setdefault(_joined(name, path), reason)


def _computes(module):
    if isinstance(module, torch.jit.ScriptModule):  # it has no forward to follow, and its layers are none of ours
        return False
    has_forward = type(module).forward is not nn.Module.forward
    return has_forward and any(isinstance(one, COMPUTING) for one in module.modules())


def _joined(*names):
    return ".".join(name for name in names if name)


def _replaced(search, convolutions):
    """Replaces what was found, the innermost first, and returns the findings by name."""
    findings = {}
    for name in sorted(search.owners, key=lambda name: -name.count(".") - bool(name)):
        module, given = search.owners[name]
        try:
            call, others, chains = examine(module, convolutions, given)
        except Unfit as reason:
            search.reasons.update(_blamed(name, module, search, str(reason)))
            continue
        others = [other for other in others if other is not module]
        for chain in chains:
            first = name if isinstance(call, Call) else _joined(name, chain.names()[0])
            done = [_joined(name, path) for path in chain.names()]
            findings[first] = Finding(first, kind(module), True, str(chain.parts), name), done
        fuse(module, call, others, convolutions, given)
    return findings


def _blamed(name, module, search, reason):
    names = [_joined(name, path) for path, inner in module.named_modules() if isinstance(inner, COMPUTING)]
    return {one: reason for one in names if search.reasons.get(one, OUTSIDE) == OUTSIDE}
