# SPDX-License-Identifier: MIT
"""Models that torch.fx and what is built on it make of others, before they are accelerated and after: graphs, parts
that give features, normalisations that are in their convolutions."""

import copy
import operator
import pickle
import unittest
import warnings

import torch
from torch import fx, nn
from torch.fx.experimental import optimization
from torchvision.models.feature_extraction import create_feature_extractor

import mbconv.torch
from networks import NETWORK_TOLERANCE, difference, random_block, random_images, random_network

LAYERS = 13  # replaced of MobileNetV3 small: 11 blocks, stem and head


class Ending(nn.Module):
    """What says itself what of it is saved."""

    def __init__(self, block):
        super().__init__()
        self.block, self.lock = block, iter(())

    def __getstate__(self):
        return {**vars(self), "lock": None}

    def forward(self, x):
        return self.block(x) * 2


def network():
    """The graph of two blocks."""
    return fx.symbolic_trace(nn.Sequential(random_block(16, 16), random_block(16, 24, stride=2, seed=2))).eval()


def scaled(factor):
    """Functions of one name."""

    def scale(x):
        return x * factor

    return scale


def mbconv_nodes(graph):
    return sum("mbconv" in str(node.target) for node in graph.graph.nodes)


class Compared(unittest.TestCase):
    def check(self, model, plain, x, replaced=None):
        """The same numbers, and how many modules are replaced."""
        found, expected = model(x), plain(x)
        for one, other in zip(*map(tensors, (found, expected))):
            self.assertLess(difference(one, other), NETWORK_TOLERANCE)
        if replaced is not None:
            report = mbconv.torch.report(model)
            self.assertEqual(len(report.replaced), replaced, report)


def tensors(y):
    return [*y.values()] if isinstance(y, dict) else [y] if isinstance(y, torch.Tensor) else list(y)


class Graphs(Compared):
    """torch.fx.GraphModule: each has a class of its own, which is written anew when its graph changes."""

    def setUp(self):
        self.plain, self.x = network(), torch.randn(2, 16, 13, 14)
        self.model = mbconv.torch.accelerate(network())

    @torch.no_grad()
    def test_copies(self):
        """They are replaced, too, and share nothing; a shallow one has the original's parameters."""
        for called in (False, True):
            self.setUp()
            if called:
                self.model(self.x)
            ways = copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), copy.copy
            copies = [way(self.model) for way in ways]
            deep = copy.deepcopy(nn.Sequential(self.model))[0]
            for one in (*copies, deep, self.model):
                self.check(one, self.plain, self.x, 2)
                self.assertEqual(mbconv.torch.report(one, self.x).share, 1)
            self.model.get_submodule("0.project.0").weight.mul_(2)
            for one in (*copies[:2], deep):
                self.check(one, self.plain, self.x)
            self.plain.get_submodule("0.project.0").weight.mul_(2)
            for one in (copies[2], self.model):
                self.check(one, self.plain, self.x)
            self.assertTrue(torch.equal(mbconv.torch.restore(copies[2])(self.x), self.plain(self.x)))
            self.check(self.model, self.plain, self.x, 2)

    @torch.no_grad()
    def test_changed_graphs(self):
        """Compiled again as they are, with another operation behind a block or inside, with another graph."""

        def last(graph):
            output = next(node for node in graph.nodes if node.op == "output")
            with graph.inserting_before(output):
                output.args = (graph.call_function(scaled(2.0), (output.args[0],)),)

        def other(graph):  # whose code reads as before
            next(node for node in graph.nodes if "scale" in node.name).target = scaled(5.0)

        def inside(graph):
            node = next(node for node in graph.nodes if "depthwise" in str(node.target))
            with graph.inserting_after(node):
                new = graph.call_function(operator.mul, (node, 1.5))
            node.replace_all_uses_with(new, lambda user: user is not new)

        def argument(graph):
            with graph.inserting_before(next(node for node in graph.nodes if node.op != "placeholder")):
                graph.placeholder("more", default_value=None)

        changes = (lambda graph: None, last, other, inside, argument)
        for called in (False, True):
            for exchanged in (False, True):
                self.setUp()
                for change in changes:
                    if called:
                        self.check(self.model, self.plain, self.x)
                    for one in (self.model, self.plain):
                        graph = copy.deepcopy(one.graph) if exchanged else one.graph
                        change(graph)
                        if exchanged:
                            one.graph = graph
                        one.recompile()
                    self.check(self.model, self.plain, self.x)
                self.check(lambda x: self.model(x, more=None), self.plain, self.x)
                share = mbconv.torch.report(self.model, self.x).share
                self.assertTrue(0 < share < 1, share)
                self.assertTrue(torch.equal(mbconv.torch.restore(self.model)(self.x), self.plain(self.x)))

    def test_own_state(self):
        """A class that leaves something out of what is saved."""
        model = mbconv.torch.accelerate(Ending(random_block(16, 16)).eval())
        model.__class__ = mbconv.torch._modules._class(Ending)
        for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            self.assertIsNone(copied.lock)

    def test_traced_anew(self):
        """With gradients and without, of a module and of a graph; and what is traced is accelerated."""
        plain, x = random_network("mobilenet_v3_small", 1), random_images(2, 3, 65, 66)
        model = mbconv.torch.accelerate(copy.deepcopy(plain))
        for enabled in (True, False):
            with torch.set_grad_enabled(enabled):
                graph = fx.symbolic_trace(model)
                self.assertEqual(mbconv_nodes(graph), LAYERS)
                self.check(graph, plain, x)
                self.assertEqual(graph(x).requires_grad, enabled)
                self.check(mbconv.torch.accelerate(fx.symbolic_trace(plain)), plain, x, LAYERS)
                self.assertEqual(mbconv_nodes(fx.symbolic_trace(self.model)), 2)
                self.assertLess(difference(torch.jit.trace(self.model, (self.x,))(self.x), self.plain(self.x)), 1e-5)
        graph(x)
        found, expected = [], []
        for one, gradients in ((graph, found), (plain, expected)):
            one.zero_grad()
            one(x).square().sum().backward()
            gradients.extend(parameter.grad for _, parameter in sorted(one.named_parameters()))
        for one, other in zip(found, expected):
            self.assertLess(float((one - other).abs().max()), 1e-3 * float(other.abs().max()) + 1e-3)

    @torch.no_grad()
    def test_copies_that_are_traced(self):
        """What was not called since it was copied or changed is PyTorch's in a trace, and that is said."""
        said = "computed by PyTorch while it is traced or profiled.*call it once before"
        block, plain = mbconv.torch.accelerate(random_block(16, 16)), random_block(16, 16)
        for way in (fx.symbolic_trace, lambda model: torch.jit.trace(model, (self.x,))):
            for change in (lambda model: None, lambda model: setattr(model.expand[1], "eps", 0.1)):
                copied, twin = copy.deepcopy(block), copy.deepcopy(plain)
                change(twin)
                change(copied)
                with self.assertWarnsRegex(UserWarning, said):
                    self.check(way(copied), twin, self.x)
                copied(self.x)
                with warnings.catch_warnings():
                    warnings.filterwarnings("error", said)
                    self.check(way(copied), twin, self.x)


class Features(Compared):
    """torchvision's create_feature_extractor: graphs of the model in training mode and in evaluation."""

    INSIDE = {"features.4.block.1": "depthwise", "features.6.block.2": "gated", "features.12": "head"}
    BETWEEN = {"features.3.add": "third", "avgpool": "pooled"}

    def setUp(self):
        warnings.simplefilter("ignore", UserWarning)  # that both graphs differ
        self.addCleanup(warnings.resetwarnings)
        self.plain, self.x = random_network("mobilenet_v3_small", 1), random_images(2, 3, 65, 66)

    @torch.no_grad()
    def test_before(self):
        """Values inside blocks are given: of such a block mbconv computes parts, or nothing."""
        for nodes, replaced in (self.INSIDE, None), (self.BETWEEN, LAYERS):
            plain = create_feature_extractor(self.plain, nodes)
            model = mbconv.torch.accelerate(create_feature_extractor(self.plain, nodes).eval())
            self.assertEqual(list(model(self.x)), list(nodes.values()))
            self.check(model, plain, self.x, replaced)
            self.assertGreater(len(mbconv.torch.report(model).replaced), 8)
            self.to_and_fro(model, plain)

    @torch.no_grad()
    def test_after(self):
        plain = create_feature_extractor(self.plain, ["features.1", "features.3", "features.9", "features.12"])
        model = mbconv.torch.accelerate(copy.deepcopy(self.plain))
        replaced = create_feature_extractor(model, ["features.1", "features.3", "features.9", "features.12"])
        self.assertGreater(mbconv_nodes(replaced), 10)
        self.check(model, self.plain, self.x, LAYERS)
        self.to_and_fro(replaced, plain)

    def to_and_fro(self, model, plain):
        self.check(model, plain, self.x)
        for training in (True, False, True, False):
            for one in (model, plain):
                one.train(training)
                torch.manual_seed(1)
                one.y = one(self.x)
            for found, expected in zip(*map(tensors, (model.y, plain.y))):
                self.assertLess(difference(found, expected), 2e-3)  # of two images' statistics


class FusedNormalisations(Compared):
    """Convolutions that have taken their normalisation in, with an Identity in its place: it is in training mode, as
    every new module is."""

    def setUp(self):
        self.plain, self.x = random_network("mobilenet_v3_small", 1), random_images(2, 3, 65, 66)

    @staticmethod
    def fused(model):
        for module in list(model.modules()):
            names = list(module._modules)
            for name, following in zip(names, names[1:]):
                conv, norm = module._modules[name], module._modules[following]
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module._modules[name] = nn.utils.fuse_conv_bn_eval(conv, norm)
                    module._modules[following] = nn.Identity()
        return model

    @torch.no_grad()
    def test_by_hand(self):
        """Before, and after with and without a call."""
        model = self.fused(copy.deepcopy(self.plain))
        self.assertTrue(any(one.training for one in model.modules()))
        self.check(mbconv.torch.accelerate(model), self.plain, self.x, LAYERS)
        for called in (True, False):
            model = mbconv.torch.accelerate(copy.deepcopy(self.plain))
            if called:
                model(self.x)
            self.check(self.fused(model), self.plain, self.x, LAYERS)

    @torch.no_grad()
    def test_by_graphs(self):
        model = mbconv.torch.accelerate(optimization.fuse(copy.deepcopy(self.plain)))
        self.check(model, self.plain, self.x, LAYERS)
        model = mbconv.torch.accelerate(copy.deepcopy(self.plain))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a copy that was not called
            self.check(optimization.fuse(model), self.plain, self.x)
        self.check(model, self.plain, self.x, LAYERS)

    @torch.no_grad()
    def test_identities(self):
        """In place of a classifier, a normalisation, an activation and a dropout, in training mode."""
        model = mbconv.torch.accelerate(copy.deepcopy(self.plain))
        for one in (model, self.plain):
            one.features[4].block[1][2], one.features[5].block[0][1] = nn.Identity(), nn.Identity()
            one.features[6].block[2] = nn.Identity()  # instead of squeeze-excite
            one.classifier = nn.Identity()
        self.assertTrue(self.plain.features[6].block[2].training)
        self.check(model, self.plain, self.x, LAYERS)
        self.check(mbconv.torch.accelerate(copy.deepcopy(self.plain)), self.plain, self.x, LAYERS)


if __name__ == "__main__":
    unittest.main()
