# SPDX-License-Identifier: MIT
"""Whether mbconv computes what a chain does. The structure has decided already; a trial confirms it, on images of odd
and even sides, once with the weights as they are and once with random ones: a layer that is zero today, as some are
initialised, may not be tomorrow."""

import copy

import torch

from . import _cache
from ._operators import OPERATORS
from ._recognise import Unfit, own_class

TOLERANCE = 1e-3  # of the largest output: rounding differs by far less than that, another computation by far more


def check_state(chain):
    """Whether mbconv can read the tensors."""
    for layer in chain.parts.convolutions():
        for place, name in layer.places:
            tensor = place[name]
            if tensor is None:
                continue
            where = f"{layer.name}.{name}".lstrip(".")
            if tensor.device.type != "cpu":
                raise Unfit(f"{where} is on {tensor.device}: mbconv computes on the CPU")
            if tensor.dtype != torch.float32:
                raise Unfit(f"{where} is {tensor.dtype}: mbconv computes float32")


@torch.no_grad()
def confirm(chain, run):
    """`run(x, substitutes)` is what PyTorch computes, with other tensors in place of some."""
    parts = chain.parts
    generator = torch.Generator().manual_seed(1)
    extent = 2 + sum((layer.kernel - 1) * layer.dilation for layer in parts.convolutions())
    originals = parts.tensors()
    for sides, random in (((extent + 3, extent + 4), False), ((extent + 6, extent + 5), True)):
        x = torch.randn((2, parts.inputs, *sides), generator=generator, dtype=torch.float32, device="cpu")
        found = _substitutes(parts, generator) if random else {}
        _cache.forget(originals)  # PyTorch does not count what a normalisation in training mode writes
        y = _ours(parts, x, found)
        _compare(y, _theirs(run, x, found))


def _ours(parts, x, substitutes):
    """What mbconv computes."""
    arguments = parts.arguments()
    given = [[_substitute(tensor, substitutes) for tensor in one] if isinstance(one, list) else one
             for one in arguments]  # fmt: skip
    used = [tensor for one in given if isinstance(one, list) for tensor in one if isinstance(tensor, torch.Tensor)]
    try:
        return OPERATORS[type(parts)](x.clone(), *given)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Unfit(f"mbconv refuses it: {error}") from error
    finally:
        _cache.forget(used)


def _substitute(tensor, substitutes):
    if not isinstance(tensor, torch.Tensor):
        return tensor
    found = substitutes.get(id(tensor))
    if found is not None:
        return found
    base = next((new for new in substitutes.values() if new.origin.data_ptr() == tensor.data_ptr()), None)
    return tensor if base is None else base.reshape(-1).expand(tensor.shape)  # a scale in another shape


def _theirs(run, x, substitutes):
    try:
        with torch.autocast("cpu", enabled=False):
            y = run(x.clone(), substitutes)
    except Exception as error:  # pylint: disable=broad-except # it may be anyone's module
        raise Unfit(f"it cannot be tried: {error}") from error
    if not isinstance(y, torch.Tensor):
        raise Unfit(f"it computes a {type(y).__name__}")
    return y


def _compare(y, expected):
    if y.shape != expected.shape:
        raise Unfit(f"it computes something else: an output of {tuple(expected.shape)} instead of {tuple(y.shape)}")
    scale = expected[expected.isfinite()].abs().max() if expected.isfinite().any() else 1.0
    if not torch.allclose(y, expected, rtol=0, atol=TOLERANCE * float(scale), equal_nan=True):
        raise Unfit("it computes something else than its layers say")


def _substitutes(parts, generator):
    """Random tensors in place of a chain's, by the ids of those."""
    found = {}
    for layer in parts.convolutions():
        for place, name in layer.places:
            tensor = place[name]
            if tensor is not None and id(tensor) not in found:
                new = _random(tensor, layer, name, generator)
                new.origin = tensor
                found[id(tensor)] = new
    return found


def _random(tensor, layer, name, generator):
    if tensor.dim() >= 2 and name == "weight":
        fan = layer.inputs // layer.groups * layer.kernel**2
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float32, device="cpu") * fan**-0.5
    values = torch.rand(tensor.shape, generator=generator, dtype=torch.float32, device="cpu")
    return values - 0.5 if name in ("bias", "running_mean") else values + 0.5


# ---- What PyTorch computes -----------------------------------------------------------------------------------------


def whole_forward(module, given):
    """A module's own forward, on a copy of it, with further arguments by name."""

    def run(x, substitutes):
        copied = copy.deepcopy(module)
        for one, other in zip(module.modules(), copied.modules()):
            for tensors, others in ((one._parameters, other._parameters), (one._buffers, other._buffers)):
                others.update({name: substitutes[id(tensor)] for name, tensor in tensors.items()
                               if id(tensor) in substitutes})  # fmt: skip
        return own_class(module).forward(copied, x, **given)

    return run


def nodes_of(graph, chain, source):
    """The nodes of a chain, one after the other."""

    def run(x, substitutes):
        values = {source: x}

        def value(node):
            if node not in values:
                values[node] = compute(node)
            return values[node]

        def compute(node):
            if node.op == "get_attr":
                place, name = graph.place(node)
                return substitutes.get(id(place[name]), place[name])
            given = torch.fx.node.map_arg((node.args, node.kwargs), value)
            if node.op == "call_module":
                module = _with(graph.module_of(node), substitutes)
                return own_class(module).forward(module, *given[0], **given[1])
            if node.op == "call_method":
                return getattr(given[0][0], node.target)(*given[0][1:], **given[1])
            if node.op != "call_function":
                raise Unfit("its input is not only what its first layer reads")
            return node.target(*given[0], **given[1])

        return value(chain.output)

    return run


def _with(module, substitutes):
    """A module with other tensors."""
    other = object.__new__(own_class(module))
    vars(other).update(vars(module))
    for name in ("_parameters", "_buffers"):
        tensors = getattr(module, name)
        vars(other)[name] = {key: substitutes.get(id(tensor), tensor) for key, tensor in tensors.items()}
    return other
