# SPDX-License-Identifier: MIT
"""A forward in which chains are computed by mbconv: the module's own, noted as a graph, with calls in place of the
chains. Modules outside the chains are called as before."""

from torch import fx


def run_chain(program, index, x):
    """One of the program's calls: a node of its graph."""
    return program.calls[index].always(x)


class Program:
    """Of a module that it does not hold: that is given at each call."""

    def __init__(self, graph, flow, chains, calls):
        self.calls, self.parts = calls, [call.parts for call in calls]
        nodes = graph.nodes
        first = next(iter(nodes.nodes))
        with nodes.inserting_before(first):
            program = nodes.placeholder("mbconv_program")
        obsolete = {node for chain in chains for node in chain.nodes}
        obsolete |= {node for node in nodes.nodes if flow.is_nothing(node)}
        made = {}
        for i, chain in enumerate(chains):
            source = made.get(chain.source, chain.source)  # what the chain before it gives
            with nodes.inserting_after(chain.output):
                call = made[chain.output] = nodes.call_function(run_chain, (program, i, source))
            chain.output.replace_all_uses_with(call)
        for node in reversed(list(nodes.nodes)):
            if not node.users and (node in obsolete or node.op == "get_attr"):
                nodes.erase_node(node)
        self._forward = _compiled(nodes)

    def __call__(self, module, arguments):
        return self._forward(module, self, *arguments)

    def has_its_tensors(self):
        return all(call.has_its_tensors() for call in self.calls)

    def forget(self):
        for call in self.calls:
            call.forget()

    def __str__(self):
        return "; ".join(map(str, self.parts))


def _compiled(nodes: fx.Graph):
    code = nodes.python_code("self")
    found = dict(code.globals)
    exec(code.src, found)  # pylint: disable=exec-used # what torch.fx writes is meant for that
    return found["forward"]
