# SPDX-License-Identifier: MIT
"""Chains: the stages of a graph that one operator computes.

Letters: P pointwise, D depthwise, C dense, E squeeze-excite. A chain between a value and the addition of that value is
a block, whatever its letters are, if the library knows such lists. Elsewhere a row of stages is cut from left to right
into blocks that a network has; the last layer of one, which has no activation, ends it:

    D P D P    with no activation after the first: ExtraDW of MobileNetV4
    D P P      likewise, or with the last one linear: ConvNeXt-like
    D [E] P    MobileNetV1, LCNet, and an MBConv without expand
    P D [E] P  MBConv
    P P        with more channels between: a feed-forward network
    C [E] P    likewise: Fused-MBConv
    C P        with few channels before: MobileNetV4's first blocks
    C, P       alone: stems, and layers with a normalisation or an activation; C also of few channels, and not more
               behind it: EfficientNetV2's first stage
"""

from ._flow import Flow, Stages, activation_after, shortcuts
from ._nodes import is_in_place
from ._recognise import ConvolutionParts, SqueezeExcite, parts_of

MOST_STAGES, MOST_STEM_CHANNELS, MOST_NARROW_CHANNELS = 6, 4, 48


class Chain:
    """Stages that become one operator, their nodes and the values between which they are."""

    def __init__(self, found, shortcut=None, place=""):
        self.found, self.residual = found, place
        self.source, self.nodes = found[0].source, [node for one in found for node in one.nodes]
        if shortcut is not None:
            self.nodes += shortcut.nodes
        self.output = self.nodes[-1]
        channels = shortcut.channels if shortcut is not None else 0
        self.parts = parts_of([one.stage for one in found], place, channels)

    @property
    def is_lone(self):
        return isinstance(self.parts, ConvolutionParts)

    def names(self):
        return [layer.name for one in self.found for layer in one.convolutions()]


class Chains:
    """Those of a graph. `reasons`: of the convolutions in none, by name."""

    def __init__(self, graph):
        self.flow = Flow(graph)
        self._stages = Stages(self.flow)
        self._taken, self.chains, self.reasons = set(), [], {}
        for node in graph.nodes.nodes:
            if not self.flow.is_nothing(node):
                self._with_shortcut(node)
        for run in self._stages.runs():
            for part in self._untaken(run):
                self._cut(part)
        self.chains.sort(key=lambda chain: graph.position(chain.output))
        self._explain()

    # Blocks with a shortcut.

    def _with_shortcut(self, node):
        for shortcut in shortcuts(self.flow, node):
            found = self._between(shortcut)
            if found is None:
                continue
            last = found[-1]
            place, nodes = ("after" if last.activation != "none" else "before"), list(shortcut.nodes)
            problem = _problem_of(found, shortcut)
            if problem or self._writes_elsewhere(found, nodes):
                self._blame(found, problem or "its input is written to")
                continue
            if place == "before" and not shortcut.channels:
                shortcut.nodes = nodes + self._activated(last, nodes[-1])
            self._take(Chain(found, shortcut, place))
            return

    def _between(self, shortcut):
        """The stages between what is added and what it is added to, or None."""
        by_output = {stage.output: stage for stage in self._stages.layers}
        by_output.update({stage.output: stage for stage in self._stages.before})
        last = by_output.get(shortcut.value)
        cuts = [node for node in self.flow.uses(shortcut.value) if node not in shortcut.nodes]
        if last is None or cuts:
            return None
        found = [last]
        while found[0].source is not shortcut.added:
            before = self._stages.before.get(found[0])
            if before is None:
                return None
            found.insert(0, before)
        return None if any(stage in self._taken for stage in found) else found

    def _activated(self, last, node):
        """The nodes of an activation after the addition, which becomes the last layer's."""
        after = activation_after(self.flow, node)
        if after is None or after[0].slope is not None or after[0].negative_slope is not None:
            return []
        last.stage.activation = after[0].name
        return after[1]

    # Rows.

    def _untaken(self, run):
        part = []
        for stage in run:
            if stage in self._taken or stage.problem:
                if part:
                    yield part
                part = []
            else:
                part.append(stage)
        if part:
            yield part

    def _cut(self, row):
        while row:
            length = _first_block(row)
            found = row[:length]
            if length and not _problem_of(found) and not self._writes_elsewhere(found, []):
                self._take(Chain(found))
            row = row[max(length, 1) :]

    def _take(self, chain):
        self._taken.update(chain.found)
        self.chains.append(chain)

    def _writes_elsewhere(self, found, others):
        """Whether something writes to the input: the chain itself, or another node before the chain ends."""
        graph, source = self.flow.graph, found[0].source
        end = max(graph.position(node) for node in [found[-1].output, *others])
        for node in _viewing(self.flow, source):
            if is_in_place(graph, node) and node.args and graph.position(node) <= end:
                if self.flow.source(node.args[0]) in {source, *_views(self.flow, source)}:
                    return True
        return False

    # Reasons.

    def _blame(self, found, reason):
        for stage in found:
            for layer in stage.convolutions():
                self.reasons.setdefault(layer.name, reason)

    def _explain(self):
        """Also of convolutions alone, which are not always computed."""
        blocks = [chain for chain in self.chains if not chain.is_lone]
        taken = {name for chain in blocks for name in chain.names()}
        self.reasons = {name: reason for name, reason in self.reasons.items() if name not in taken}
        of_blocks = {stage for chain in blocks for stage in chain.found}
        for run in self._stages.runs():
            left = [stage for stage in run if stage not in of_blocks]
            depthwise = any(stage.letter == "D" for stage in left)
            for stage in left:
                self._blame([stage], stage.problem or self._why(run, stage, depthwise))

    def _why(self, run, stage, depthwise):
        """Why a stage is in no chain."""
        near = run[max(run.index(stage) - 2, 0) : run.index(stage) + 3]
        problems = [f"beside {one.stage}: {one.problem}" for one in near if one.problem]
        if problems:
            return problems[0]
        reason, is_opaque = self._stages.why_it_ends(run[-1])
        return f"no block: {reason}" if depthwise or is_opaque else OUTSIDE


OUTSIDE = "outside any MBConv"


def _views(flow, value):
    """Values on the same memory, as far as that is seen."""
    names = "getitem", "view", "reshape", "flatten", "chunk", "split", "transpose", "permute", "squeeze", "unsqueeze"
    found, todo = set(), [value]
    while todo:
        for node in flow.uses(todo.pop()):
            name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
            if name in names and node not in found:
                found.add(node)
                todo.append(node)
    return found


def _viewing(flow, value):
    """The nodes that use a value or a view of it."""
    return [node for one in (value, *_views(flow, value)) for node in flow.uses(one)]


# ---- Rules ---------------------------------------------------------------------------------------------------------


def _problem_of(found, shortcut=None):
    """Why the library does not know such a list, "" if it does."""
    letters = "".join(stage.letter for stage in found)
    for stage in found:
        if stage.problem:
            return stage.problem
    if len(found) > MOST_STAGES:
        return f"{len(found)} stages, more than {MOST_STAGES}"
    if "C" in letters[1:] or "E" in letters[:-2] or letters.endswith("E") or letters.startswith("E"):
        names = ", ".join(str(stage.stage) for stage in found)
        return f"not expand, depthwise, squeeze-excite and project, but {names}"
    if "E" in letters and letters[-1] != "P":
        return "a squeeze-excite that no 1x1 convolution follows"
    if shortcut is None:
        return ""
    layers = [stage.stage for stage in found if not isinstance(stage.stage, SqueezeExcite)]
    if letters[-1] == "D":
        return "a shortcut around a depthwise convolution"
    if not all(layer.keeps_size() for layer in layers):
        return "a shortcut around layers that change the image's size"
    if shortcut.channels not in (0, layers[0].inputs) or (
        not shortcut.channels and layers[0].inputs != layers[-1].outputs
    ):
        return f"a shortcut of {layers[0].inputs} channels to {layers[-1].outputs}"
    if len(found) == 1 and letters in ("D", "P"):
        return "a shortcut around a single layer"
    if letters == "C" and layers[0].inputs <= MOST_STEM_CHANNELS:
        return "a shortcut around a single layer"
    if letters[0] == "C" and len(found) > 1 and not _is_inverted(found):
        return "a bottleneck whose middle is narrow"
    return ""


def _is_inverted(found):
    """Whether there are more channels in the middle than outside."""
    first, last = found[0].stage, found[-1].stage
    return first.outputs > first.inputs and first.outputs > last.outputs


def _first_block(row):
    """How many stages at the start of a row are a block, 0 if none."""
    letters = "".join(stage.letter for stage in row[:5])
    is_linear = [stage.activation == "none" for stage in row[:5]]
    first = row[0].stage
    if letters.startswith("DPDP") and is_linear[0] and not is_linear[1]:
        return 4
    if letters.startswith("DPP") and not is_linear[1] and is_linear[2] and _is_inverted(row[1:3]):
        return 3
    for block in ("PDEP", "DEP", "PDP", "DP"):
        if letters.startswith(block):
            return len(block)
    if letters.startswith("CEP"):
        return 3
    if letters.startswith("CP") and not is_linear[0] and first.inputs <= MOST_NARROW_CHANNELS:
        return 2
    for block in ("CP", "PP"):
        if letters.startswith(block) and not is_linear[0] and is_linear[1] and _is_inverted(row[:2]):
            return 2
    if letters[0] not in "CP" or not first.is_plain or not (first.has_norm or first.activation != "none"):
        return 0
    is_narrow = first.outputs <= first.inputs <= MOST_NARROW_CHANNELS and not is_linear[0]
    return int(letters[0] == "P" or first.inputs <= MOST_STEM_CHANNELS or is_narrow)
