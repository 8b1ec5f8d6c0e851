# SPDX-License-Identifier: MIT
"""From a graph to stages: what flows where, and which nodes are a layer or a squeeze-excite together."""

import operator

import torch
from torch.fx import Node

from ._layers import (
    Activation, Pad, activation_at, conv_at, describe, is_identity, is_plus_three, is_sixth, linear_at,
)  # fmt: skip
from ._nodes import ADD, MUL, arguments_of, is_call, is_in_place
from ._norms import norm_at, scale_at
from ._recognise import SAME, Layer, SqueezeExcite
from ._squeeze import squeeze_after


class Flow:
    """Who uses what, without nodes that change nothing and without those that nobody uses."""

    def __init__(self, graph):
        self.graph = graph
        self._uses, self._source, self.ignored = {}, {}, self._of_no_use()
        for node in graph.nodes.nodes:
            if is_identity(graph, node) and node.args and isinstance(node.args[0], Node):
                self._source[node] = self.source(node.args[0])
        for node in graph.nodes.nodes:
            if node not in self._source and node not in self.ignored:
                for value in dict.fromkeys(map(self.source, node.all_input_nodes)):
                    self._uses.setdefault(value, []).append(node)

    def source(self, node):
        """Where a value comes from, through nodes that change nothing."""
        return self._source.get(node, node) if isinstance(node, Node) else node

    def is_nothing(self, node):
        return node in self._source or node in self.ignored

    def uses(self, value):
        return self._uses.get(value, [])

    def only_use(self, value):
        found = self.uses(value)
        return found[0] if len(found) == 1 else None

    def _of_no_use(self):
        """Assertions on shapes, and what nobody uses."""
        unused = set()
        for node in reversed(list(self.graph.nodes.nodes)):
            if node.op in ("placeholder", "output", "call_module") or is_in_place(self.graph, node):
                continue
            is_assertion = node.op == "call_function" and node.target is torch._assert
            if is_assertion or all(user in unused for user in node.users):
                unused.add(node)
        return unused

    def operands(self, node, functions, methods):
        """The two values that a node adds or multiplies, or None."""
        if is_call(node, functions, methods) and len(node.args) == 2 and not node.kwargs:
            found = [self.source(one) for one in node.args]
            return found if all(isinstance(one, Node) for one in found) else None
        return None


class Found:
    """A stage and the nodes that compute it. `problem`: why mbconv does not."""

    def __init__(self, stage, source, nodes, problem=""):
        self.stage, self.source, self.nodes, self.problem = stage, source, nodes, problem
        self.first = nodes[0]

    @property
    def output(self):
        return self.nodes[-1]

    @property
    def letter(self):
        return self.stage.letter

    @property
    def activation(self):
        return self.stage.activation

    def convolutions(self):
        stage = self.stage
        return [stage.reduce, stage.expand] if isinstance(stage, SqueezeExcite) else [stage]


# ---- Activations of several nodes ----------------------------------------------------------------------------------


def activation_after(flow, value):
    """The activation of a value that nobody else uses, and its nodes, or None."""
    only = flow.only_use(value)
    if only is not None:
        found = activation_at(flow.graph, only)
        return None if found is None else (found, [only])
    uses = flow.uses(value)
    if len(uses) != 2:
        return _hard_sigmoid_after(flow, value)
    for gate, product in (uses, uses[::-1]):
        nodes = _gated(flow, gate, product, value)
        if nodes is not None:
            return nodes
    return None


def _gated(flow, gate, product, value):
    """value * sigmoid(value), or the hard one."""
    found = activation_at(flow.graph, gate)
    names = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
    operands = flow.operands(product, MUL, ("mul",))
    if found is not None and found.name in names:
        if operands in ([value, gate], [gate, value]) and flow.only_use(gate) is product:
            return Activation(names[found.name]), [gate, product]
        return None
    if not is_plus_three(gate) or operands is None:
        return None
    six = flow.only_use(gate)
    clipped = activation_at(flow.graph, six) if six is not None else None
    if clipped is None or clipped.name != "relu6":
        return None
    last = flow.only_use(six)
    if last is product and operands in ([value, six], [six, value]):  # x * relu6(x + 3) / 6
        divided = flow.only_use(product)
        if divided is not None and is_sixth(divided, flow) is product:
            return Activation("hard_swish"), [gate, six, product, divided]
    elif last is not None and is_sixth(last, flow) is six and flow.only_use(last) is product:
        if operands in ([value, last], [last, value]):  # x * (relu6(x + 3) / 6)
            return Activation("hard_swish"), [gate, six, last, product]
    return None


def hard_sigmoid_of(flow, value):
    """relu6(value + 3) / 6 by three nodes."""
    plus = flow.only_use(value)
    if plus is None or not is_plus_three(plus):
        return None
    six = flow.only_use(plus)
    clipped = activation_at(flow.graph, six) if six is not None else None
    last = flow.only_use(six) if clipped is not None and clipped.name == "relu6" else None
    if last is not None and is_sixth(last, flow) is six:
        return Activation("hard_sigmoid"), [plus, six, last]
    return None


def _hard_sigmoid_after(flow, value):
    return None if len(flow.uses(value)) != 1 else hard_sigmoid_of(flow, value)


# ---- Layers --------------------------------------------------------------------------------------------------------


def layer_at(flow, node, linear=False):
    """The layer that begins with a node, or None."""
    graph = flow.graph
    conv = linear_at(graph, node) if linear else conv_at(graph, node)
    if conv is None:
        return None
    layer, source, nodes, problem = Layer(conv), flow.source(node.args[0]), [node], conv.problem
    problem = problem or _problem_of(layer)
    padding = Pad.at(graph, source) if flow.only_use(source) is node else None
    if padding is not None and not linear:
        if not _pads(layer, padding):
            problem = problem or "it is padded twice, by SAME and by another amount"
        nodes.insert(0, source)
        source = flow.source(source.args[0])
    value = node
    for follow in (_norm, _scale, _activation):
        found = follow(flow, layer, value)
        if found:
            nodes += found
            value = found[-1]
    return Found(layer, source, nodes, problem)


def _problem_of(layer):
    if layer.groups != 1 and not layer.is_depthwise:
        return f"a convolution of {layer.groups} groups"
    if layer.is_depthwise and layer.kernel not in (3, 5, 7):
        return f"a depthwise kernel {layer.kernel}x{layer.kernel}: 3, 5 and 7 are supported"
    if layer.kernel > 7:
        return f"a kernel {layer.kernel}x{layer.kernel}: up to 7x7 is supported"
    if layer.stride not in (1, 2):
        return f"stride {layer.stride}: 1 and 2 are supported"
    if layer.dilation != 1 and not layer.is_depthwise:
        return f"a dilated convolution, {layer.dilation}, that is not depthwise"
    return ""


def _pads(layer, padding):
    """Adds a padding to a layer's own. False: it cannot."""
    if padding.sides == SAME:
        if any(layer.pad) or padding.conv != (layer.kernel, layer.stride, layer.dilation):
            return False
        layer.pad = SAME if layer.kernel > 1 else [0] * 4
    else:
        layer.pad = [one + other for one, other in zip(layer.pad, padding.sides)]
    return True


def _norm(flow, layer, value):
    node = flow.only_use(value)
    norm = norm_at(flow.graph, node) if node is not None else None
    if norm is None:
        return []
    layer.normalise(norm)
    return [node]


def _scale(flow, layer, value):
    node = flow.only_use(value)
    place = scale_at(flow.graph, node, value, layer.outputs) if node is not None else None
    if place is None:
        return []
    layer.scale(place)
    return [node]


def _activation(flow, layer, value):
    found = activation_after(flow, value) or hard_sigmoid_of(flow, value)
    if found is None:
        return []
    activation, nodes = found
    if activation.slope is not None:
        slopes = activation.slope[0][activation.slope[1]]
        if slopes.numel() not in (1, layer.outputs):
            return []
        layer.slope(activation.slope)
    layer.activation, layer.negative_slope = activation.name, activation.negative_slope
    return nodes


def _excited(flow, value):
    """The squeeze-excite after a value and the activation after it, or None."""
    found = squeeze_after(flow, value, layer_at)
    if found is None:
        return None
    squeeze, nodes = found
    after = activation_after(flow, nodes[-1])
    if after is not None and after[0].slope is None and after[0].negative_slope is None:
        squeeze.activation = after[0].name
        nodes += after[1]
    return Found(squeeze, value, nodes)


# ---- Stages --------------------------------------------------------------------------------------------------------


class Stages:
    """All stages of a graph, and which follows which."""

    def __init__(self, flow):
        self.flow, self.following, self.before = flow, {}, {}
        found = [layer_at(flow, node) for node in flow.graph.nodes.nodes if not flow.is_nothing(node)]
        self.layers = [stage for stage in found if stage is not None]
        by_first = {stage.first: stage for stage in self.layers}
        squeezing = set()
        for stage in self.layers:
            squeeze = _excited(flow, stage.output)
            if squeeze is not None:
                squeezing.update(squeeze.nodes)
                self._link(stage, squeeze)
        self.layers = [stage for stage in self.layers if stage.first not in squeezing]
        for stage in self.layers:
            last = self.following.get(stage, stage)
            node = flow.only_use(last.output)
            if node in by_first and by_first[node].source is last.output and node not in squeezing:
                self._link(last, by_first[node])

    def _link(self, one, other):
        self.following[one], self.before[other] = other, one

    def runs(self):
        """The stages in their order, in rows as long as possible."""
        for stage in self.layers:
            if stage not in self.before:
                run = [stage]
                while run[-1] in self.following:
                    run.append(self.following[run[-1]])
                yield run

    def why_it_ends(self, stage):
        """What comes after a stage, if it is no other stage, and whether that is a module that is not looked into."""
        uses = self.flow.uses(self.following.get(stage, stage).output)
        if len(uses) != 1:
            return f"its output is used in {len(uses)} places", False
        is_opaque = uses[0].op == "call_module" and uses[0].target in self.flow.graph.opaque
        return f"{describe(self.flow.graph, uses[0])} follows it", is_opaque


# ---- Shortcuts -----------------------------------------------------------------------------------------------------


class Shortcut:
    """An addition of the input: its nodes, the value that is added to and the one that is added."""

    def __init__(self, value, added, nodes, channels=0):
        self.value, self.added, self.nodes, self.channels = value, added, nodes, channels


def shortcuts(flow, node):
    """What a node may be: an addition, with either side as the shortcut, or one to the first channels."""
    operands = flow.operands(node, ADD, ("add",))
    if operands is not None:
        return [Shortcut(value, added, [node]) for value, added in (operands, operands[::-1])]
    return _partial(flow, node)


def _partial(flow, node):
    """cat of the sum of the first channels and of the others, or the sum written to the first channels."""
    if is_call(node, (torch.cat,)):
        given = arguments_of(node, ("tensors", "dim"), {"dim": 0})
        if given["dim"] not in (1, -3) or len(given["tensors"]) != 2:
            return []
        added, rest = map(flow.source, given["tensors"])
        value, channels = _sliced(flow, rest, is_rest=True)
    elif getattr(node.target, "__name__", "") == "set_item":
        value, added, rest = flow.source(node.args[0]), flow.source(node.args[2]), None
        channels = _channels(node.args[1], is_rest=False)
    else:
        return []
    operands = flow.operands(added, ADD, ("add",)) if isinstance(added, Node) else None
    if value is None or channels is None or operands is None:
        return []
    for part, shortcut in (operands, operands[::-1]):
        if _sliced(flow, part, is_rest=False) == (value, channels):
            nodes = [part, added, node] if rest is None else [part, rest, added, node]
            return [Shortcut(value, shortcut, nodes, channels)]
    return []


def _sliced(flow, node, is_rest):
    """The value whose channels a node cuts, and where."""
    if isinstance(node, Node) and is_call(node, (operator.getitem,)):
        return flow.source(node.args[0]), _channels(node.args[1], is_rest)
    return None, None


def _channels(key, is_rest):
    """n of x[:, :n], or of x[:, n:], with nothing else cut."""
    keys = [one for one in key if one is not ...] if isinstance(key, tuple) else [key]
    if len(keys) < 2 or any(one != slice(None, None, None) for one in keys[:1] + keys[2:]):
        return None
    cut = keys[1]
    if not isinstance(cut, slice) or cut.step not in (None, 1):
        return None
    bound, other = (cut.start, cut.stop) if is_rest else (cut.stop, cut.start)
    return bound if isinstance(bound, int) and bound > 0 and other in (None, 0) else None


