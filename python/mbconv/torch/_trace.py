# SPDX-License-Identifier: MIT
"""The graph of a module's forward, whatever classes it is made of.

`trace` runs the forward once on a symbol, torch.fx's Proxy, which notes the operations. Unlike torch.fx.symbolic_trace
it patches no class of PyTorch, so other threads may run models meanwhile: the forward runs on `_shadows.py`.

A symbol's size is unknown: a forward that decides by it cannot be traced, and a module with such a forward is *opaque*,
a call in the graph. Opaque, too, is what computes otherwise than its forward says (hooks), and a layer of PyTorch that
trains. There is one exception, `_sizes.py`.

Anyone else's module is looked into in training mode, too: its forward takes the branch that `training` says, which is
then part of the graph, and a snapshot tells if that changes. One that draws random numbers to decide by is opaque.
"""

import collections
import dataclasses
import inspect

import torch
from torch import fx, nn
from torch.fx.proxy import Proxy, TracerBase

from ._given import given_to, named_arguments, named_values
from ._random import Randomness
from ._recognise import Unfit, kind, own_class
from ._shadows import Shadows
from ._symbols import Input, Symbol


class Instance:
    """One call of a module."""

    def __init__(self, path, module, parent=None):
        self.path, self.module, self.parent = path, module, parent
        self.inputs, self.output = [], None
        self.given, self.extra = (), False  # of `_given.py`; whether it was given something else than those and tensors

    def within(self, other):
        """Whether it is this call, or one in it."""
        return self is other or (self.parent is not None and self.parent.within(other))

    def ancestors(self):
        found, instance = [], self
        while instance is not None:
            found.append(instance)
            instance = instance.parent
        return found


class Graph:
    """What was noted: the nodes of torch.fx, and for each the call that it belongs to."""

    def __init__(self, module, nodes, tracer):
        self.module, self.nodes, self.root = module, nodes, tracer.top
        self.instances, self.instance_of, self.opaque = tracer.instances, tracer.instance_of, tracer.opaque
        self._modules, self._order = dict(module.named_modules()), {node: i for i, node in enumerate(nodes.nodes)}

    def module_of(self, node):
        """The module that a call_module calls."""
        return self._modules[node.target]

    def position(self, node):
        return self._order[node]

    def place(self, node):
        """Where the tensor of a get_attr is: (dictionary, name)."""
        path, _, name = node.target.rpartition(".")
        module = self._modules[path]
        return (module._parameters if name in module._parameters else module._buffers), name


def trace(module, is_leaf=lambda module: False, sized=None, given=()):
    """The Graph of a module's forward. `is_leaf` tells which modules in it to call, not to look into. `sized`: the
    shape of its input (`_sizes.py`). `given`: of arguments that have a default (`given_to`)."""
    if _has_own_forward(module):
        raise Unfit(_OWN_FORWARD.format(kind(module)))
    tracer = _Tracer(module, is_leaf, sized, given)
    try:
        nodes = tracer.run()
        changed = tracer.shadows.changed()
        if changed is not None:
            raise Unfit(f"the forward of its {kind(changed)} changes its attributes")
        return Graph(module, nodes, tracer)
    except Unfit:
        raise
    except RecursionError as error:
        raise Unfit("its forward calls itself") from error
    except Exception as error:  # pylint: disable=broad-except # it may be anyone's module
        raise Unfit(f"its forward cannot be traced: {_short(error)}") from error
    finally:
        tracer.close()


def _short(error):
    return str(error).split("\n", maxsplit=1)[0][:120] or type(error).__name__


def opaque_reason(module):
    """Why one must not look into a module; "" where one may."""
    if _has_own_forward(module):
        return _OWN_FORWARD.format(kind(module))
    if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks \
            or getattr(module, "_backward_pre_hooks", None):
        return f"its {kind(module)} has hooks, which would not be called any more"
    if module.training and is_torch_layer(module) and not isinstance(module, HARMLESS_IN_TRAINING):
        return f"its {kind(module)} is in training mode"
    if isinstance(module, torch.jit.ScriptModule):
        return f"its {kind(module)} is a script"
    if hasattr(module, "_mbconv_replacement"):
        return f"its {kind(module)} was replaced"
    return ""


_OWN_FORWARD = "its {} has a forward of its own"


def _has_own_forward(module):
    """Whether somebody has put a function in the place of its class's."""
    return vars(module).get("forward") is not None


# They compute the same in training. What chains are not made of does not matter.
HARMLESS_IN_TRAINING = (
    nn.Identity, nn.Conv2d, nn.Linear, nn.ZeroPad2d, nn.Flatten, nn.AdaptiveAvgPool2d, nn.ReLU, nn.Hardtanh, nn.SiLU,
    nn.Sigmoid, nn.Hardsigmoid, nn.Hardswish, nn.GELU, nn.LeakyReLU, nn.PReLU,
)  # fmt: skip


def is_torch_layer(module):
    """Whether a module's forward is PyTorch's own, and computes something."""
    forward = getattr(own_class(module), "forward", None)
    origin = getattr(forward, "__module__", None) or ""  # None: of a class that a graph was made into
    return origin.startswith(("torch.nn.modules", "torch.ao.")) and not isinstance(
        module, (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    )


# ---- Tracing -------------------------------------------------------------------------------------------------------


class _Tracer(TracerBase):
    def __init__(self, module, is_leaf, sized, given):
        super().__init__()
        self.module, self._is_leaf, self._sized, self._given = module, is_leaf, sized, named_values(given)
        self.instances, self.instance_of, self.opaque = [], {}, {}
        self.graph, self.top, self._current = fx.Graph(), None, None
        self._symbols, self.shadows = {}, Shadows(self)
        self._tensors, self._shapes = _names_of_tensors(module)

    def run(self):
        shadow = self.shadows.of(self.module, "")
        parameters = list(inspect.signature(own_class(self.module).forward).parameters.values())[1:]
        if any(one.kind not in (one.POSITIONAL_OR_KEYWORD, one.VAR_KEYWORD) for one in parameters):
            raise Unfit("its forward takes any number of arguments")
        symbols = []  # what has a default has that: another is left to PyTorch
        for one in named_arguments(parameters):
            if not symbols or one.default is one.empty:
                node = self.create_proxy("placeholder", one.name, (), {}).node
                symbols.append(Input(node, self, None if symbols else self._sized))
        output = self.call(shadow, "", self.module, symbols, self._given, always=True)
        self.create_node("output", "output", (self.create_arg(output),), {})
        return self.graph

    def close(self):
        """Lets go of everything, or it would wait for Python's garbage collector."""
        self.shadows.close()
        vars(self).clear()

    def call(self, shadow, path, module, arguments, named, always=False):
        """A module is called."""
        reason = "" if always else opaque_reason(module)
        if not always and (reason or self._is_leaf(module) or is_torch_layer(module) or _is_frozen(module)):
            if reason or not is_torch_layer(module):
                self.opaque[path] = reason or "it is a leaf"
            return self._noted(path, arguments, named)
        instance = Instance(path, module, self._current)
        instance.inputs = [one.node for one in arguments if isinstance(one, Proxy)]
        given = given_to(module, arguments, named)
        instance.given = given or ()
        instance.extra = given is None or any(isinstance(one, Proxy) for one in named.values())
        self.instances.append(instance)
        if always:
            self.top = instance
        outer, self._current = self._current, instance
        last, random = next(iter(reversed(self.graph.nodes)), None), Randomness() if module.training else None
        try:
            result = own_class(module).forward(shadow, *arguments, **named)
            if random is not None and random.restored():
                raise Unfit("its forward draws random numbers")
            instance.output = result.node if isinstance(result, Proxy) else None
            return result
        except Exception as error:  # pylint: disable=broad-except # it may be anyone's module
            if random is not None:
                random.restored()
            if self._sized:
                raise
            self._forget_after(last, instance)
            self._current = outer
            return self._other(shadow, path, module, arguments, named, error, always)
        finally:
            self._current = outer

    def _other(self, shadow, path, module, arguments, named, error, always):
        """The output of a module whose forward cannot be followed."""
        from . import _sizes  # pylint: disable=import-outside-toplevel,cyclic-import # it traces

        if len(arguments) == 1 and not named and isinstance(arguments[0], Proxy):
            found = _sizes.padded_layer(module)
            if found is not None:
                return self.inline(found, path, module, arguments[0])
            name = _sizes.activation_of(module)
            if name is not None and not always:
                return self.create_proxy("call_function", _sizes.FUNCTIONS[name], (arguments[0],), {})
        if always:
            raise error
        training = "it is in training mode, and " if module.training else ""
        self.opaque[path] = f"{training}its forward cannot be traced: {_short(error)}"
        return self._noted(path, arguments, named)

    def inline(self, graph, path, module, x):
        """The nodes of another Graph, of a module in this one."""
        outer, self._current = self._current, Instance(path, module, self._current)
        self._current.inputs = [x.node]
        self.instances.append(self._current)
        self.top = self.top or self._current
        prefix, made = f"{path}." if path else "", {}
        for node in graph.nodes.nodes:
            if node.op == "placeholder":
                made[node] = x.node
            elif node.op == "output":
                self._current.output = made[node.args[0]]
            else:
                target = prefix + node.target if node.op in ("call_module", "get_attr") else node.target
                arguments, named = (fx.node.map_arg(given, made.__getitem__) for given in (node.args, node.kwargs))
                made[node] = self.create_node(node.op, target, arguments, named)
        result, self._current = self._current.output, outer
        return Symbol(result, self)

    def _forget_after(self, last, instance):
        for node in reversed(list(self.graph.nodes)):
            if node is last:
                break
            node.users.clear()
            self.instance_of.pop(node, None)
            self.graph.erase_node(node)
        kept = self.instances.index(instance)
        del self.instances[kept:]
        self._symbols = {name: symbol for name, symbol in self._symbols.items() if not symbol.node._erased}

    def _noted(self, path, arguments, named):
        return self.create_proxy("call_module", path, tuple(arguments), named)

    # What torch.fx calls.

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):  # pylint: disable=redefined-outer-name
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        self.instance_of[node] = self._current
        return node

    def proxy(self, node):
        return Symbol(node, self)

    def create_arg(self, a):
        if isinstance(a, torch.Tensor) and not isinstance(a, Proxy):
            name = self._tensors.get(id(a))
            if name is None:
                raise TypeError("a tensor that is no parameter and no buffer")
            return self.tensor(name).node
        if isinstance(a, nn.Module):
            raise TypeError(f"a {type(a).__name__} is an argument")
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {field.name: getattr(a, field.name) for field in dataclasses.fields(a)}
            return self.create_proxy("call_function", type(a), (), fields).node
        if type(a) is collections.OrderedDict:
            return self.create_proxy("call_function", type(a), ([*a.items()],), {}).node
        if isinstance(a, dict) and type(a) is not dict:  # torch.fx would make one of Python's of it
            raise TypeError(f"a {type(a).__name__} is an argument, or is given back")
        if isinstance(a, (torch.Size, range)):
            return tuple(self.create_arg(one) for one in a)
        return super().create_arg(a)

    def tensor(self, name):
        if name not in self._symbols:
            node = self.create_proxy("get_attr", name, (), {}).node
            self._symbols[name] = Symbol(node, self, self._shapes[name])
        return self._symbols[name]

    def symbol_of(self, value):
        """A symbol in place of a parameter or a buffer, anything else as it is."""
        name = self._tensors.get(id(value)) if isinstance(value, torch.Tensor) else None
        return value if name is None else self.tensor(name)


def _is_frozen(module):
    """torchvision's normalisation is spelled out there."""
    return kind(module) == "FrozenBatchNorm2d" and own_class(module).__module__.startswith("torchvision.")


def _names_of_tensors(module):
    names, shapes = {}, {}
    for path, inner in module.named_modules():
        prefix = f"{path}." if path else ""
        for tensors in (inner._buffers, inner._parameters):
            for name, tensor in tensors.items():
                if tensor is not None:
                    names[id(tensor)], shapes[prefix + name] = prefix + name, tuple(tensor.shape)
    return names, shapes
