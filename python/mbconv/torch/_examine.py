# SPDX-License-Identifier: MIT
"""What mbconv computes of a module's forward, in the state that it has now."""

from . import _trial
from ._call import Call
from ._chains import OUTSIDE, Chains
from ._given import named_values
from ._program import Program
from ._recognise import Unfit
from ._trace import trace


class Structure:
    """A module's graph, its chains, and of each the call whose forward it is in."""

    def __init__(self, module, is_leaf=lambda module: False, given=()):
        self.graph = trace(module, is_leaf, given=given)
        found = Chains(self.graph)
        self.flow, self.chains, self.reasons = found.flow, found.chains, found.reasons

    def owner(self, chain):
        """The outermost call that computes the chain and nothing else, or else the innermost that computes all of it,
        and whether it is the former."""
        instances = [self.graph.instance_of[node] for node in chain.nodes]
        common = next(one for one in instances[0].ancestors() if all(other.within(one) for other in instances))
        if not self._is_whole(common, chain):
            return common, False
        while common.parent is not None and self._is_whole(common.parent, chain):
            common = common.parent
        return common, True

    def _is_whole(self, instance, chain):
        source = self.flow.source
        if instance.extra or instance.output is None or source(instance.output) is not chain.output:
            return False
        if [source(node) for node in instance.inputs] != [chain.source]:
            return False
        nodes = set(chain.nodes)
        return all(
            node in nodes or node.op in ("placeholder", "get_attr", "output") or self.flow.is_nothing(node)
            for node in self.graph.nodes.nodes
            if self.graph.instance_of[node] is not None and self.graph.instance_of[node].within(instance)
        )


def examine(module, lone=True, given=()):
    """What computes this module's forward and the modules that it was made of: a Call, if all of it is one chain, or a
    Program; or Unfit with the reason. `lone`: also convolutions that are no block. `given`: of `given_to`."""
    structure = Structure(module, given=given)
    owned = _owned(structure, lone)
    if not owned:
        raise Unfit(_reason(structure))
    chain, is_whole = owned[0]
    if is_whole:
        _trial.check_state(chain)
        _trial.confirm(chain, _trial.whole_forward(module, named_values(given)))
        others = list(module.modules())
        return Call(chain.parts, _absent(others)), others, [chain]
    return _program(module, structure, [chain for chain, _ in owned], lone, given)


def _owned(structure, lone):
    """The chains that belong to this module itself, not to one in it."""
    found = []
    for chain in structure.chains:
        owner, is_whole = structure.owner(chain)
        if owner is structure.graph.root and (lone or not chain.is_lone):
            found.append((chain, is_whole))
    return found


def _reason(structure):
    convolutions = [reason for reason in structure.reasons.values() if reason != OUTSIDE]
    opaque = [reason for reason in structure.graph.opaque.values() if "replaced" not in reason]
    return next(iter([*opaque, *convolutions]), "it has no chain of convolutions that mbconv computes")


def _program(module, structure, chains, lone, given):
    """Of another graph, in which the modules without nodes of these chains are called."""
    inside = {
        id(one.module) for chain in chains for node in chain.nodes
        for one in structure.graph.instance_of[node].ancestors()
    }  # fmt: skip
    structure = Structure(module, is_leaf=lambda inner: id(inner) not in inside, given=given)
    graph, chains, reason = structure.graph, [], "it has no chain of convolutions that mbconv computes"
    for chain, _ in _owned(structure, lone):
        try:
            _trial.check_state(chain)
            _trial.confirm(chain, _trial.nodes_of(graph, chain, chain.source))
            chains.append(chain)
        except Unfit as error:
            reason = str(error)
    if not chains:
        raise Unfit(reason)
    called = {id(graph.module_of(node)): graph.module_of(node) for chain in chains for node in chain.nodes
              if node.op == "call_module"}  # fmt: skip
    inlined = {id(one.module): one.module for one in graph.instances}
    others = list({**inlined, **called}.values())
    calls = [Call(chain.parts, _absent(others)) for chain in chains[:1]] + [Call(chain.parts) for chain in chains[1:]]
    return Program(graph, structure.flow, chains, calls), others, chains


def _absent(modules):
    """Where there is no parameter and no buffer: a forward may do something else if there is one."""
    return [(tensors, name) for one in modules for tensors in (one._parameters, one._buffers)
            for name, tensor in tensors.items() if tensor is None]  # fmt: skip
