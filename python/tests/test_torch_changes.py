# SPDX-License-Identifier: MIT
"""Modules that change after `accelerate`: what the model itself would compute now."""

import copy
import pickle
import unittest
import warnings

import torch
from torch import nn
from torch.nn.utils import prune

import mbconv.torch
from changes import Compared, activations, attribute, conv, evaluating, exchange, larger, train
from networks import Conv2dSame, difference, random_block, random_network

# What mbconv computes, too, once it has looked again.
STILL = {
    "epsilon of expand": attribute("eps", 0.3, lambda b: b.expand[1]),
    "epsilon of depthwise": attribute("eps", 0.3, lambda b: b.depthwise[1]),
    "epsilon of project": attribute("eps", 0.3, lambda b: b.project[1]),
    "residual": attribute("use_residual", False),
    "activations": activations(nn.ReLU6),
    "no activations": activations(nn.Identity),
    "convolution": exchange(lambda b: b.project, "0", conv(96, 16, 1)),
    "larger kernel": exchange(lambda b: b.depthwise, "0", conv(96, 96, 5, padding=2, groups=96)),
    "normalisation": lambda b: b.expand.__setitem__(1, evaluating(lambda: nn.BatchNorm2d(96, eps=0.2))),
    "no normalisation": exchange(lambda b: b.expand, "1", nn.Identity),
    "whole layer": lambda b: setattr(b, "project", nn.Sequential(conv(96, 16, 1)(), nn.BatchNorm2d(16)).eval()),
    "attribute of no meaning": attribute("note", "the first"),
    "padding as a list": attribute("padding", [1, 1], lambda b: b.depthwise[0]),
    "padding the same in words": attribute("padding", "same", lambda b: b.depthwise[0]),
    "convolution in training": train("project.0"),
    "activation in training": train("expand.2"),
    "containers in training": lambda b: [setattr(one, "training", True) for one in (b.expand, b.depthwise)],
    "another convolution's class": lambda b: setattr(b.depthwise[0], "__class__", Conv2dSame),
    "one activation": exchange(lambda b: b.expand, "2", nn.ReLU),
    "another activation": activations(nn.GELU),
    "longer": lambda b: b.project.append(evaluating(nn.ReLU)),
    "dilation": lambda b: vars(b.depthwise[0]).update(dilation=(2, 2), padding=(2, 2)),
    "quantization stub": lambda b: b.expand.insert(0, evaluating(torch.quantization.QuantStub)),
    "strides": attribute("stride", 1, lambda b: b.project[0]),
}
# What is no single block any more: of what remains mbconv computes a part.
PARTLY = {
    "another order": lambda b: b.depthwise._modules.update({"0": b.depthwise._modules.pop("0")}),
    "pruned vector": lambda b: prune.l1_unstructured(b.expand[1], "bias", 0.5),
    "class": lambda b: setattr(b.expand[2], "__class__", nn.Tanh),
}
# What only PyTorch computes.
NOT_ANY_MORE = {
    "normalisation in training": (train("depthwise.1"), "its BatchNorm2d is in training mode"),
    "padding of other values": (attribute("padding_mode", "circular", lambda b: b.depthwise[0]), "circular|reflect"),
    "hook": (lambda b: b.depthwise[0].register_forward_hook(larger), "its Conv2d has hooks"),
    "hook before": (lambda b: b.project.register_forward_pre_hook(lambda m, i: (larger(m, i),)), "Sequential has"),
    "forward of its own": (lambda b: setattr(b.depthwise, "forward", lambda x: x), "has a forward of its own"),
    "pruning": (lambda b: prune.l1_unstructured(b.project[0], "weight", 0.5), "its Conv2d has hooks"),
    "weight norm": (lambda b: nn.utils.weight_norm(b.project[0]), "its Conv2d has hooks"),
    "spectral norm": (lambda b: nn.utils.spectral_norm(b.project[0]).eval(), "its Conv2d has hooks"),
    "parametrization": (lambda b: nn.utils.parametrizations.spectral_norm(b.project[0]).eval(), "a ParametrizedConv2d"),
}  # fmt: skip
WITHOUT_EFFECT = {
    "another convolution's class", "attribute of no meaning", "activation in training",
    "containers in training", "convolution in training", "padding as a list",
    "padding the same in words", "quantization stub", "strides", "weight norm",
}  # fmt: skip


class Changes(Compared):
    def test_recognised_anew(self):
        for name, change in STILL.items():
            with self.subTest(name):
                block, plain = self.changed(change)
                self.check(block, plain)
                self.assertEqual(len(mbconv.torch.report(block).replaced), 1, mbconv.torch.report(block))

    def test_left_to_pytorch(self):
        for name, (change, reason) in NOT_ANY_MORE.items():
            for called_before in (True, False):
                with self.subTest(name):
                    block, plain = self.changed(change, called_before)
                    self.check(block, plain)
                    report = mbconv.torch.report(block)
                    self.assertEqual(report.replaced, [])
                    self.assertRegex(report.kept[0].text, "since changed: .*" + reason)
                    self.assertIs(type(mbconv.torch.restore(block)), type(plain))
                    self.check(block, plain)
                    self.assertEqual(mbconv.torch.report(mbconv.torch.accelerate(block)).replaced, [])

    def test_partly(self):
        for name, change in PARTLY.items():
            for called_before in (True, False):
                with self.subTest(name):
                    block, plain = self.changed(change, called_before)
                    self.check(block, plain)
                    self.assertEqual(len(block._mbconv_replacement.call.calls), 1)
                    self.check(mbconv.torch.restore(block), plain)

    def test_changes_matter(self):
        """Else the tests above would prove nothing."""
        _, plain = self.blocks()
        changes = {**STILL, **PARTLY, **{name: change for name, (change, _) in NOT_ANY_MORE.items()}}
        matter = set()
        for name, change in changes.items():
            _, twin = self.changed(change)
            with torch.no_grad():
                if difference(twin(self.x), plain(self.x)) > 1e-3:
                    matter.add(name)
        self.assertEqual(set(changes) - matter, WITHOUT_EFFECT)

    def test_warning(self):
        block, _ = self.changed(train("depthwise.1"))
        with self.assertWarnsRegex(
            UserWarning, "a MBConv .* by PyTorch from now on: its BatchNorm2d is in training mode"
        ):
            block(self.x)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            block(self.x)  # said once

    def test_to_and_fro(self):
        block, plain = self.blocks()
        hook = None
        for _ in range(2):
            for one in (block, plain):
                one.depthwise.train()
            self.check(block, plain)
            self.assertEqual(mbconv.torch.report(block).replaced, [])
            for one in (block, plain):
                one.depthwise.eval()
            self.check(block, plain)
            self.assertEqual(len(mbconv.torch.report(block).replaced), 1)
            hook = block.expand[1].register_forward_hook(larger)
            self.assertGreater(difference(block(self.x), plain(self.x)), 1e-3)
            hook.remove()
            self.check(block, plain)

    def test_statistics(self):
        """What a normalisation in training mode has written counts from then on, for images of any size."""
        block, plain = self.blocks()
        x = torch.randn(3, 16, 9, 22)
        self.check(block, plain)
        before = plain.depthwise[1].running_var.clone()
        for one in (block, plain):
            one.depthwise[1].train()
        self.check(block, plain)
        for one in (block, plain):
            one.depthwise[1].eval()
        self.assertGreater(difference(plain.depthwise[1].running_var, before), 1e-2)
        self.check(block, plain)
        self.check(block, plain, x)
        self.assertEqual(len(mbconv.torch.report(block).replaced), 1)

    def test_test_time_adaptation(self):
        """Normalisations by the statistics of the images, with gradients, as the model itself."""
        block, plain = self.blocks()
        for one in (block, plain):
            for module in one.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.train()
            one(self.x).pow(2).sum().backward()
        for given, expected in zip(block.parameters(), plain.parameters()):
            self.assertTrue(torch.allclose(given.grad, expected.grad, rtol=1e-4, atol=1e-4))

    def test_copies(self):
        """Of a changed block, and changed afterwards."""
        for change in (
            STILL["epsilon of expand"], NOT_ANY_MORE["hook"][0], NOT_ANY_MORE["normalisation in training"][0],
            NOT_ANY_MORE["pruning"][0], STILL["attribute of no meaning"],
        ):  # fmt: skip
            for duplicate in (copy.deepcopy, copy.copy, lambda block: pickle.loads(pickle.dumps(block))):
                block, plain = self.changed(change)
                copied = duplicate(block)
                self.check(copied, plain)
                self.check(block, plain)
                block, plain = self.blocks()
                copied, twin = duplicate(block), copy.deepcopy(plain)
                for one in (copied, twin):
                    change(one)
                self.check(copied, twin)
                if duplicate is not copy.copy:  # whose modules are the block's own
                    self.check(block, plain)

    def test_global_hooks(self):
        """Those of all modules see the modules in a block, too."""
        block, plain = self.blocks()
        register = nn.modules.module.register_module_forward_hook
        handle = register(lambda module, _, output: output * 1.1 if isinstance(module, nn.BatchNorm2d) else None)
        try:
            self.check(block, plain)
        finally:
            handle.remove()
        self.check(block, plain)

    def test_tracing(self):
        """A changed block is traced as what it is now."""
        for change in (STILL["epsilon of expand"], PARTLY["class"]):
            block, plain = self.changed(change)
            with torch.no_grad():
                self.check(torch.jit.trace(block, (self.x,)), plain)
                self.check(torch.fx.symbolic_trace(copy.deepcopy(block)), plain)

    def test_squeeze_excite(self):
        """torchvision's block: each of its parts."""
        network = random_network("efficientnet_b0", 1)
        x = torch.randn(2, 16, 14, 15)
        for change in (
            lambda b: setattr(b.block[2], "activation", evaluating(nn.ReLU)),
            lambda b: setattr(b.block[2], "scale_activation", evaluating(nn.Hardsigmoid)),
            lambda b: setattr(b.block[2], "fc1", evaluating(lambda: nn.Conv2d(96, 4, 1))),
            lambda b: setattr(b.block[2].fc2, "bias", None),
            lambda b: setattr(b.block[2], "avgpool", evaluating(lambda: nn.AdaptiveMaxPool2d(1))),
            lambda b: b.block[2].fc1.register_forward_hook(larger),
            lambda b: setattr(b.block[1][0], "stride", (1, 1)),
            lambda b: b.block[1][1].train(),
            lambda b: b.__setattr__("block", b.block[:2] + b.block[3:]),
        ):
            plain = copy.deepcopy(network.features[2][0])
            block = mbconv.torch.accelerate(copy.deepcopy(plain))
            self.check(block, plain, x)
            for one in (block, plain):
                change(one)
            self.check(block, plain, x)
        block, plain = (copy.deepcopy(network.features[2][1]) for _ in range(2))
        mbconv.torch.accelerate(block)
        x = torch.randn(2, 24, 14, 15)
        for change in (
            attribute("use_res_connect", False), attribute("use_res_connect", True),
            lambda b: b.stochastic_depth.train(), lambda b: setattr(b.stochastic_depth, "p", 0.9),
        ):  # fmt: skip
            for one in (block, plain):
                change(one)
            self.check(block, plain, x)


if __name__ == "__main__":
    unittest.main()
