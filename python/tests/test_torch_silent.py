# SPDX-License-Identifier: MIT
"""Nothing silent: what a user may do with a model before and after it is accelerated, and what eager PyTorch would do
then. The types of inputs are in test_torch_left, strides in test_torch_strides, gradients in test_torch_derivatives."""

import concurrent.futures
import copy
import multiprocessing
import random
import unittest
import warnings

import numpy as np
import torch
from torch import nn

import mbconv.torch
from changes import larger
from networks import BLOCK_TOLERANCE, MBConv, difference, random_block
from test_torch_found import SwishFunction

HOOKS = {
    "forward": lambda m: m.register_forward_hook(larger),
    "forward_pre": lambda m: m.register_forward_pre_hook(lambda m, inputs: (larger(m, inputs),)),
}


def network():
    torch.manual_seed(6)
    return nn.Sequential(random_block(16, 16), random_block(16, 24, stride=2, seed=2), nn.Dropout(0.5)).eval()


def train(norms=False):
    """What fine-tuning does: all in training mode, but for what is frozen."""

    def change(model):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(norms)

    return change


def seeds(number):
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number)


def spawned(model, x):
    torch.set_num_threads(1)
    with torch.no_grad():
        return model(x).numpy()


class Silent(unittest.TestCase):
    def setUp(self):
        self.x = torch.randn(2, 16, 13, 14)
        warnings.simplefilter("ignore", UserWarning)
        self.addCleanup(warnings.resetwarnings)

    @torch.no_grad()
    def check(self, model, plain, x=None, tolerance=BLOCK_TOLERANCE):
        for _ in range(2):
            found, expected = [], []
            for one, outputs in ((model, found), (plain, expected)):
                torch.manual_seed(3)
                outputs.append(one(self.x if x is None else x))
            self.assertLess(difference(found[0], expected[0]), tolerance)

    # Copies.

    @torch.no_grad()
    def test_copies_of_copies(self):
        """Whichever is written to, the others stay as they are, called or not before they are copied."""
        for called in (True, False):
            plain = network()
            models = [mbconv.torch.accelerate(copy.deepcopy(plain))]
            for _ in range(2):
                if called:
                    models[-1](self.x)
                models.append(copy.deepcopy(models[-1]))
            for changed, model in enumerate(models):
                model[0].project[0].weight.mul_(0.5)
                model[1].expand[1].eps = 0.5
                twin = copy.deepcopy(plain)
                twin[0].project[0].weight.mul_(0.5)
                twin[1].expand[1].eps = 0.5
                for i, one in enumerate(models):
                    self.check(one, twin if i <= changed else plain)

    @torch.no_grad()
    def test_shallow_copy(self):
        """It has the original's parameters, and a layer of its own."""
        plain = random_block(16, 16)
        block = mbconv.torch.accelerate(copy.deepcopy(plain))
        twin = copy.copy(block)
        twin._modules = dict(twin._modules, project=copy.deepcopy(block.project))
        twin.project[0].weight.mul_(2)
        self.check(block, plain)
        plain.project[0].weight.mul_(2)
        self.check(twin, plain)

    @torch.no_grad()
    def test_replicas(self):
        """As DataParallel makes them: copies whose parameters are put in one by one."""
        plain = network()
        model = mbconv.torch.accelerate(copy.deepcopy(plain))
        model(self.x)
        for one in model.modules():
            one.__dict__.setdefault("_former_parameters", {})
        replica = model._replicate_for_data_parallel()
        replica[0].project[0].weight  # pylint: disable=pointless-statement # there still
        replica[0] = replica[0]._replicate_for_data_parallel()
        self.check(model, plain)
        self.check(replica, plain)

    # Hooks.

    def test_hooks_inside(self):
        """Before accelerate or after it, on each layer inside."""
        for inside in ("expand.0", "expand", "depthwise.1", "project.0"):
            for name, register in HOOKS.items():
                for before in (True, False):
                    with self.subTest(inside, hook=name, before=before):
                        plain = random_block(16, 16)
                        block = copy.deepcopy(plain)
                        handles = [register(plain.get_submodule(inside))]
                        if before:
                            handles.append(register(block.get_submodule(inside)))
                        mbconv.torch.accelerate(block)
                        if not before:
                            self.check(block, random_block(16, 16))
                            handles.append(register(block.get_submodule(inside)))
                        self.check(block, plain)
                        for handle in handles:
                            handle.remove()
                        self.check(block, random_block(16, 16))

    def test_backward_hooks_inside(self):
        """They are called as often as eager calls them."""
        for before in (True, False):
            calls = []
            for accelerated in (False, True):
                block, seen = random_block(16, 16), []
                if accelerated and not before:
                    mbconv.torch.accelerate(block)
                block.depthwise[0].register_full_backward_hook(lambda *_, seen=seen: seen.append(1))
                if accelerated and before:
                    mbconv.torch.accelerate(block)
                block(self.x.clone().requires_grad_()).sum().backward()
                calls.append(len(seen))
            self.assertEqual(calls, [1, 1])

    # Training mode.

    def test_frozen_parts(self):
        """The normalisations evaluate, the model trains: accelerated before or after that."""
        for norms in (False, True):
            for before in (True, False):
                with self.subTest(norms=norms, before=before):
                    model, plain = network(), network()
                    train(norms)(plain)
                    if not before:
                        mbconv.torch.accelerate(model)
                    train(norms)(model)
                    if before and not norms:
                        self.assertEqual(len(mbconv.torch.report(mbconv.torch.accelerate(model)).replaced), 2)
                    elif before:  # nothing evaluates
                        with self.assertRaisesRegex(RuntimeError, "the model is in training mode"):
                            mbconv.torch.accelerate(model)
                    self.check_training(model, plain)

    def check_training(self, model, plain):
        self.check(model, plain)
        for (key, found), expected in zip(model.state_dict().items(), plain.state_dict().values()):
            self.assertTrue(torch.allclose(found, expected, rtol=1e-4, atol=1e-5), key)

    def test_parts_that_evaluate(self):
        """In a model that trains: a frozen block, whose neighbour trains; and one in a module of its own that trains,
        whose forward asks that."""

        class Asking(nn.Module):
            def __init__(self):
                super().__init__()
                self.block = random_block(16, 16)

            def forward(self, x):
                return self.block(x) * (2 if self.training else 1)

        model = nn.Sequential(Asking(), random_block(16, 16, seed=2), nn.Identity(), random_block(16, 24, seed=3))
        model.train()
        for frozen in (model[0].block, model[1]):
            frozen.eval()
        plain = copy.deepcopy(model)
        report = mbconv.torch.report(mbconv.torch.accelerate(model))
        self.assertEqual([finding.name for finding in report.replaced], ["0.block", "1"])
        self.assertEqual({finding.name for finding in report.kept}, {"3.expand.0", "3.depthwise.0", "3.project.0"})
        for finding in report.kept:
            self.assertIn("its BatchNorm2d is in training mode", finding.text)
        self.check_training(model, plain)
        for change in (nn.Module.eval, nn.Module.train, lambda m: m[0].eval()):
            for one in (model, plain):
                change(one)
            self.check_training(model, plain)

    def test_branch_of_training(self):
        """A forward that trains otherwise than it evaluates, without a layer that does."""

        class Branched(MBConv):
            def forward(self, x):
                return super().forward(x) + (x if self.training else 0)

        for training in (True, False):
            block, plain = (random_block(16, 16, kind=Branched) for _ in range(2))
            for one in (block, plain):
                one.training = training
            self.assertEqual(len(mbconv.torch.report(mbconv.torch.accelerate(block)).replaced), 1)
            for now in (training, not training, training):
                for one in (block, plain):
                    one.training = now
                self.check(block, plain)

    def test_random_branch(self):
        """A forward that leaves its block out now and then, by whichever numbers: it is PyTorch's, the next is not."""

        class Skipping(MBConv):
            def forward(self, x):
                return x if self.training and self.draw() else super().forward(x)

        for draw in (lambda: torch.rand(()) < 0.5, lambda: random.random() < 0.5, lambda: np.random.rand() < 0.5):
            Skipping.draw = staticmethod(draw)
            model, plain = (nn.Sequential(random_block(16, 16, kind=Skipping), random_block(16, 16)) for _ in range(2))
            for one in (model, plain):
                one[0].training = True
            seeds(0)
            expected = draw()
            seeds(0)
            report = mbconv.torch.report(mbconv.torch.accelerate(model, convolutions=False))
            self.assertEqual(draw(), expected)  # nothing was drawn
            self.assertEqual([finding.name for finding in report.replaced], ["1"])
            for seed in range(6):
                for one in (model, plain):
                    seeds(seed)
                    one.output = one(self.x)
                self.assertLess(difference(model.output, plain.output), BLOCK_TOLERANCE)

    def test_random_activation(self):
        """An activation that is another one now and then."""

        class Leaking(nn.Module):
            def forward(self, x):
                if self.training and x.shape and random.random() < 0.1:
                    return x
                return SwishFunction.apply(x)

        model, plain = (random_block(16, 16, activation=Leaking) for _ in range(2))
        for one in (model, plain):
            one.depthwise[2].training = True
        self.assertEqual(mbconv.torch.report(mbconv.torch.accelerate(model)).replaced, [])
        for seed in range(20):
            for one in (model, plain):
                seeds(seed)
                one.output = one(self.x)
            self.assertLess(difference(model.output, plain.output), BLOCK_TOLERANCE)

    def test_around_a_model(self):
        """A Sequential is made in training mode, and so is an Identity in place of a classifier."""
        model, plain = nn.Sequential(network(), nn.Identity()), nn.Sequential(network(), nn.Identity())
        self.assertTrue(model.training)
        self.assertEqual(len(mbconv.torch.report(mbconv.torch.accelerate(model)).replaced), 2)
        self.check(model, plain)

    def test_dropout_inside(self):
        """Of a module that trains: a function, and a layer."""

        class Dropping(MBConv):
            def forward(self, x):
                y = nn.functional.dropout(self.depthwise(self.expand(x)), 0.5, self.training)
                return self.project(y)

        for kind, layer in ((Dropping, None), (MBConv, nn.Dropout(0.5))):
            block, plain = random_block(16, 16, kind=kind), random_block(16, 16, kind=kind)
            for one in (block, plain):
                one.training = True
                if layer is not None:
                    one.depthwise.append(layer)
            with self.assertRaisesRegex(RuntimeError, "the model is in training mode"):
                mbconv.torch.accelerate(block)
            self.check(block, plain)
            self.assertGreater(difference(block(self.x), block(self.x)), 0.1)

    def test_one_frozen_block(self):
        """A frozen block in a model that trains gives its gradients on."""
        gradients = []
        for accelerated in (True, False):
            model = network()
            if accelerated:
                mbconv.torch.accelerate(model)
            model.train()
            model[0].eval()
            model[2].eval()
            for parameter in model[0].parameters():
                parameter.requires_grad_(False)
            x = self.x.clone().requires_grad_()
            model(x).square().sum().backward()
            gradients.append([x.grad, *(p.grad for p in model[1].parameters())])
            self.assertTrue(all(p.grad is None for p in model[0].parameters()))
        for found, expected in zip(*gradients):
            self.assertLess(float((found - expected).abs().max()), 1e-3 * float(expected.abs().max()) + 1e-3)

    # Forwards that a trial on one small image would not tell apart.

    def test_extra_parameter(self):
        class Scaled(MBConv):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                self.factor = nn.Parameter(torch.ones(16, 1, 1))

            def forward(self, x):
                return super().forward(x) * self.factor

        self.check_later(Scaled, lambda block: block.factor.copy_(torch.linspace(1, 2, 16)[:, None, None]))

    def test_branch_of_zeros(self):
        class Branched(MBConv):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                self.branch = nn.Conv2d(16, 16, 1)
                nn.init.zeros_(self.branch.weight)
                nn.init.zeros_(self.branch.bias)

            def forward(self, x):
                return super().forward(x) + self.branch(x)

        self.check_later(Branched, lambda block: block.branch.weight.normal_())

    def check_later(self, kind, change):
        plain = random_block(16, 16, kind=kind)
        block = copy.deepcopy(plain)
        with torch.no_grad():
            for one in (plain, block):
                for name, parameter in one.named_parameters():
                    if name == "factor":
                        parameter.fill_(1)
                    elif name.startswith("branch"):
                        parameter.zero_()
        mbconv.torch.accelerate(block)
        self.check(block, plain)
        with torch.no_grad():
            for one in (plain, block):
                torch.manual_seed(8)
                change(one)
        self.check(block, plain)
        self.assertGreater(difference(plain(self.x), random_block(16, 16, kind=kind)(self.x)), 1e-3)

    def test_size(self):
        """Forwards that do something else with larger, flatter or odd images."""
        for is_other in (lambda x: x.shape[2] > 24, lambda x: x.shape[2] > x.shape[3], lambda x: x.shape[3] % 2 == 1,
                         lambda x: x.shape[0] > 2, lambda x: x.numel() > 9000):  # fmt: skip

            class Sized(MBConv):
                differs = staticmethod(is_other)

                def forward(self, x):
                    return super().forward(x) * (3 if self.differs(x) else 1)

            plain = random_block(16, 16, kind=Sized)
            block = mbconv.torch.accelerate(copy.deepcopy(plain))
            for shape in ((1, 8, 8), (2, 32, 32), (1, 20, 9), (2, 9, 20), (3, 8, 8), (1, 7, 7)):
                self.check(block, plain, torch.randn(shape[0], 16, *shape[1:]))

    # Other processes, and other forms.

    def test_other_processes(self):
        plain = random_block(16, 16)
        block = mbconv.torch.accelerate(copy.deepcopy(plain))
        with torch.no_grad():
            expected = plain(self.x)
            block(self.x)
        for way in ("spawn", "fork"):
            with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context(way)) as pool:
                found = pool.submit(spawned, block, self.x).result()  # an error if the process dies
            self.assertLess(difference(torch.from_numpy(found), expected), BLOCK_TOLERANCE, way)

    def test_script(self):
        """torch.jit.script compiles no replaced module and says so; restored, it does."""
        model, plain = network(), network()
        mbconv.torch.accelerate(model)
        with self.assertRaisesRegex(RuntimeError, r"mbconv.torch.restore\(model\) first"):
            torch.jit.script(model)
        self.check(model, plain)  # none of its modules was exchanged
        self.assertEqual(mbconv.torch.report(model).kept, [])
        self.check(torch.jit.script(mbconv.torch.restore(model)), plain)


if __name__ == "__main__":
    unittest.main()
