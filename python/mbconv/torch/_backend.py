# SPDX-License-Identifier: MIT
"""torch.compile(model, backend="mbconv"): the chains of Dynamo's graph become mbconv's operators, and Inductor compiles
what is left, or PyTorch runs it as it is (options={"rest": "eager"}). Other options are Inductor's.

The parameters are inputs of that graph and of the operators, which prepare them at the first call and keep what they
prepared for as long as a parameter is the same tensor in the same version: that is what Inductor's freezing is for, but
one may still load or write other values, as without it. Inductor freezes the rest with options={"freezing": True}, and
then no parameter may change. Where derivatives are wanted, Inductor compiles everything: Dynamo compiles anew when that
changes, or an image's size or the mode of a module does.
"""

import torch
from torch import fx

from . import _trial
from ._chains import Chains
from ._operators import OPERATORS
from ._recognise import Unfit


def backend(module, inputs, options=None, mode=None):
    """What Dynamo calls with its graph, a torch.fx.GraphModule, and examples of its inputs."""
    options = dict(options or {})
    rest = options.pop("rest", "inductor")
    if rest not in ("inductor", "eager"):
        raise ValueError(f"the option rest is {rest!r}, neither 'inductor' nor 'eager'")
    if not (torch.is_grad_enabled() and any(_wants_derivative(one) for one in inputs)):
        rewrite(module, inputs)
    if rest == "eager":
        return module.forward
    from torch._inductor import compile_fx, list_mode_options  # pylint: disable=import-outside-toplevel # it is large

    return compile_fx.compile_fx(module, inputs, config_patches={**(list_mode_options(mode) if mode else {}), **options})


def _wants_derivative(value):
    return isinstance(value, torch.Tensor) and value.requires_grad


def rewrite(module, inputs):
    """Puts mbconv's operators in place of the chains of a torch.fx.GraphModule, and returns how many there are."""
    graph = _Graph(module, inputs)
    done, made, chains = 0, {}, Chains(graph).chains
    for chain in chains if any(not chain.is_lone for chain in chains) else ():
        try:
            _trial.check_state(chain)
            _trial.confirm(chain, _trial.nodes_of(graph, chain, chain.source))
        except Unfit:
            continue
        _replace(module.graph, graph, chain, made)
        done += 1
    module.graph.eliminate_dead_code()
    module.recompile()
    return done


def _replace(nodes, graph, chain, made):
    """An operator's node for a chain. Its parameters are nodes already."""
    parts, output = chain.parts, graph.origin[chain.output]
    with nodes.inserting_before(output):

        def node_of(argument):
            return [_tensor_node(nodes, graph, one) for one in argument] if _are_tensors(argument) else argument

        arguments = [node_of(argument) for argument in parts.arguments()]
        source = made.get(chain.source, graph.origin[chain.source])
        call = made[chain.output] = nodes.call_function(_operator(parts), (source, *arguments))
    output.replace_all_uses_with(call)
    if "example_value" in output.meta:
        call.meta["example_value"] = output.meta["example_value"]


def _operator(parts):
    return OPERATORS[type(parts)].default


def _are_tensors(argument):
    return isinstance(argument, list) and any(isinstance(one, torch.Tensor) for one in argument)


def _tensor_node(nodes, graph, tensor):
    """The node of a parameter, or of one in another shape."""
    found = graph.node_of(tensor)
    if found is not None:
        return found
    base, whole = graph.node_on_memory_of(tensor)
    flat = nodes.call_function(torch.reshape, (base, (-1,)))
    return flat if whole.numel() == tensor.numel() else nodes.call_method("expand", (flat, *tensor.shape))


class _Graph:
    """Dynamo's graph as `Chains` reads it: a copy, in which the parameters among the inputs are attributes."""

    opaque = {}

    def __init__(self, module, inputs):
        self.nodes, self.origin, self.tensors = fx.Graph(), {}, {}
        self._values, self._modules, copies = {}, dict(module.named_modules()), {}
        examples = iter(inputs)
        for node in module.graph.nodes:
            value = next(examples) if node.op == "placeholder" else None
            if node.op == "get_attr":
                value = _attribute(module, node.target)
            if _is_parameter(value) or (node.op == "get_attr" and isinstance(value, torch.Tensor)):
                copy = self.nodes.create_node("get_attr", node.name, name=node.name)
                self._values[node.name] = value
                self.tensors[node] = value
            else:
                copy = self.nodes.node_copy(node, copies.__getitem__)
            copies[node], self.origin[copy] = copy, node
        self._order = {node: i for i, node in enumerate(self.nodes.nodes)}

    def module_of(self, node):
        return self._modules[node.target]

    def position(self, node):
        return self._order[node]

    def place(self, node):
        return self._values, node.target

    def node_of(self, tensor):
        return next((node for node, value in self.tensors.items() if value is tensor), None)

    def node_on_memory_of(self, tensor):
        return next((node, value) for node, value in self.tensors.items() if value.data_ptr() == tensor.data_ptr())


def _is_parameter(value):
    """Of a module, which is the same at each call: Dynamo marks such inputs."""
    return isinstance(value, torch.nn.Parameter) or hasattr(value, "_dynamo_static_input_type")


def _attribute(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module
