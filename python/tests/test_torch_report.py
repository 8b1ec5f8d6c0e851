# SPDX-License-Identifier: MIT
"""What a report says: of each convolution, and the share of the multiply-adds, against numbers counted by hand."""

import unittest
from unittest import mock

import torch
from torch import nn

import mbconv.torch
from networks import MBConv, random_block


class Network(nn.Module):
    """A block that mbconv computes, and one of each layer that PyTorch computes."""

    def __init__(self):
        super().__init__()
        self.block, self.grouped = random_block(16, 16), nn.Conv2d(16, 24, 3, 2, 1, groups=2)
        self.up, self.head = nn.ConvTranspose2d(24, 8, 4, 2, 1), nn.Linear(8, 5)
        self.eval()

    def forward(self, x, more=None):
        y = self.head(self.up(self.grouped(self.block(x))).mean((2, 3)))
        return y if more is None else y @ more


BLOCK = 2 * 12 * 14 * (16 * 96 + 96 * 9 + 96 * 16)
REST = 2 * (6 * 7 * 24 * 8 * 9 + 6 * 7 * 24 * 8 * 16 + 8 * 5)


class Share(unittest.TestCase):
    def setUp(self):
        self.model, self.x = mbconv.torch.accelerate(Network()), torch.randn(2, 16, 12, 14)

    def share(self, *inputs):
        return mbconv.torch.report(self.model, *inputs).share

    def test_share(self):
        self.assertIsNone(self.share())
        self.assertNotIn("multiply-adds", str(mbconv.torch.report(self.model)))
        self.assertAlmostEqual(self.share(self.x), BLOCK / (BLOCK + REST), places=12)
        self.assertAlmostEqual(self.share(self.x, torch.randn(5, 3)), BLOCK / (BLOCK + REST + 2 * 5 * 3), places=12)
        text = f", {BLOCK / (BLOCK + REST):.1%} of the multiply-adds replaced\n"
        self.assertIn(text, str(mbconv.torch.report(self.model, self.x)))

    def test_as_of_now(self):
        """What is left to PyTorch again counts as PyTorch's; a model is counted as often as one likes."""
        handle = self.model.block.depthwise.register_forward_hook(lambda *_: None)
        with self.assertWarnsRegex(UserWarning, "computed by PyTorch from now on"):
            self.assertEqual(self.share(self.x), 0)
        handle.remove()
        self.assertAlmostEqual(self.share(self.x), BLOCK / (BLOCK + REST), places=12)
        self.assertEqual(self.share(self.x), self.share(self.x))

    def test_nothing_to_count(self):
        self.model = mbconv.torch.accelerate(nn.ReLU().eval())
        self.assertEqual(self.share(self.x), 0)


class Sized(MBConv):
    """A forward that cannot be followed."""

    def forward(self, x):
        return super().forward(x) * (2 if x.shape[2] > 100 else 1)


def hooked(block):
    block.depthwise[0].register_forward_hook(lambda *_: None)


def training(block):
    block.expand[1].train()


def owning(block):
    block.project.forward = lambda x, layers=block.project: nn.Sequential.forward(layers, x)


def reflecting(block):
    block.depthwise[0].padding_mode, block.depthwise[0]._reversed_padding_repeated_twice = "reflect", [1, 1, 1, 1]


SAID = {
    "1.depthwise.0": "has hooks", "2.expand.0": "is in training mode", "3.project.0": "has a forward of its own",
    "4.depthwise.0": "padding with reflect", "5.depthwise.0": "9x9", "6.depthwise.0": "stride 3",
    "8.depthwise.0": "cannot be traced",
}  # fmt: skip


class EveryConvolution(unittest.TestCase):
    @torch.no_grad()
    def test_every_convolution(self):
        """What PyTorch computes is kept, with a reason, and nothing else is: in a model of blocks of all kinds."""
        changes = (None, hooked, training, owning, reflecting)
        blocks = [random_block(16, 16, seed=i) for i in range(len(changes))]
        for block, change in zip(blocks, changes):
            if change is not None:
                change(block)
        for options in {"kernel_size": 9}, {"stride": 3}, {"activation": nn.Mish}, {"kind": Sized}:
            blocks.append(random_block(16, 16, **options))
        model = nn.Sequential(*blocks, nn.Conv2d(16, 8, 3, groups=2, padding=1), nn.Conv2d(8, 8, (1, 3))).eval()
        training(model[2])
        for convolutions in True, False:
            report = mbconv.torch.report(mbconv.torch.accelerate(model, convolutions=convolutions))
            with mock.patch.object(nn.functional, "conv2d", wraps=nn.functional.conv2d) as called:
                model(torch.randn(2, 16, 33, 34))
            names = {id(one.weight): name for name, one in model.named_modules() if isinstance(one, nn.Conv2d)}
            computed = {names[id(call.args[1])] for call in called.call_args_list}
            kept = {finding.name: finding.text for finding in report.kept}
            self.assertEqual(set(kept) - computed, set())
            self.assertEqual(computed - set(kept), set())
            self.assertTrue(all(kept.values()))
            self.assertIn("0", [finding.name for finding in report.replaced])
            for name, text in SAID.items():
                self.assertIn(text, kept[name], name)


if __name__ == "__main__":
    unittest.main()
