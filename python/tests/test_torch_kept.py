# SPDX-License-Identifier: MIT
"""Modules that stay as they are, and why."""

import unittest

import torch
from torch import nn

import mbconv.torch
from networks import NETWORK_TOLERANCE, MBConv, difference, random_block, random_images, random_network


class Kept(unittest.TestCase):
    """Modules that stay as they are, and why."""

    def check(self, block, reason, x=None):
        x = torch.randn(2, 16, 20, 20) if x is None else x
        with torch.no_grad():
            expected = block(x)
            report = mbconv.torch.report(mbconv.torch.accelerate(block))
            self.assertEqual(report.replaced, [])
            self.assertRegex(report.kept[0].text, reason)
            self.assertIn(reason.split("\\")[0], str(report))
            self.assertTrue(torch.equal(block(x), expected))

    def test_layers(self):
        self.check(random_block(16, 16, kernel_size=9), "a depthwise kernel 9x9: 3, 5 and 7 are supported")
        self.check(random_block(16, 16, stride=3), "stride 3: 1 and 2 are supported")
        self.check(random_block(16, 16, activation=nn.Mish), "outside any MBConv")
        grouped = random_block(16, 16)
        grouped.depthwise[0] = nn.Conv2d(96, 96, 3, padding=1, groups=48)
        self.check(grouped, "a convolution of 48 groups")
        wide = random_block(16, 16)
        wide.depthwise[0] = nn.Conv2d(96, 96, (3, 5), padding=(1, 2), groups=96)
        self.check(wide, "kernel \\(3, 5\\), stride \\(1, 1\\) and dilation \\(1, 1\\) differ between the directions")
        reflecting = random_block(16, 16)
        reflecting.depthwise[0] = nn.Conv2d(96, 96, 3, padding=1, groups=96, padding_mode="reflect")
        self.check(reflecting, "padding with reflect")
        batch = random_block(16, 16)
        batch.depthwise[1] = nn.BatchNorm2d(96, track_running_stats=False).eval()
        self.check(batch, "a BatchNorm2d \\(without running statistics\\) follows it")

    def test_state(self):
        doubles = torch.ones(1, 16, 9, 9, dtype=torch.float64)
        self.check(random_block(16, 16).double(), "is torch.float64: mbconv computes float32", doubles)
        training = random_block(16, 16)
        training.depthwise[1].train()
        report = mbconv.torch.report(mbconv.torch.accelerate(training))
        self.assertEqual(report.replaced, [])
        self.assertRegex(report.kept[0].text, "its BatchNorm2d is in training mode")
        hooked = random_block(16, 16)
        hooked.depthwise.register_forward_hook(lambda *_: None)
        self.check(hooked, "its Sequential has hooks")
        own = random_block(16, 16)
        own.depthwise.forward = lambda x: x
        self.check(own, "its Sequential has a forward of its own")
        parametrized = random_block(16, 16)
        nn.utils.parametrizations.orthogonal(parametrized.project[0])
        self.check(parametrized, "a ParametrizedConv2d follows it")

    def test_meta(self):
        report = mbconv.torch.report(mbconv.torch.accelerate(random_block(16, 16).to("meta")))
        self.assertEqual(report.replaced, [])
        self.assertRegex(report.kept[0].text, "is on meta: mbconv computes on the CPU")

    def test_refused_parameters(self):
        block = random_block(16, 16)
        with torch.no_grad():
            block.expand[1].running_var[3] = -1
        report = mbconv.torch.report(mbconv.torch.accelerate(block))
        self.assertRegex(report.kept[0].text, "mbconv refuses it: .*variance")

    def test_impostors(self):
        """Modules with the layers of an MBConv that compute something else: what they are is computed."""

        class Scaled(MBConv):
            def forward(self, x):
                return 1.01 * super().forward(x)

        class Pooled(MBConv):
            def forward(self, x):
                return nn.functional.avg_pool2d(super().forward(x), 2)

        class Sized(MBConv):
            def forward(self, x):
                return super().forward(x) if x.shape[2] < 20 else 2 * super().forward(x)

        x = torch.randn(2, 16, 20, 20)
        for kind in (Scaled, Pooled):
            block, plain = random_block(16, 16, kind=kind), random_block(16, 16, kind=kind)
            self.assertEqual(len(mbconv.torch.report(mbconv.torch.accelerate(block)).replaced), 1)
            with torch.no_grad():
                self.assertLess(difference(block(x), plain(x)), NETWORK_TOLERANCE)
        self.check(random_block(16, 16, kind=Sized), "cannot be traced: symbolically traced variables", x)

    @torch.no_grad()
    def test_parts_of_a_network(self):
        """One block that stays among others, and what lies outside blocks."""
        network, images = random_network("mobilenet_v3_small", 1), random_images(1, 3, 64, 64)
        network.features[4].block[1][0].padding_mode = "circular"
        network.features[4].block[1][0]._reversed_padding_repeated_twice = [2, 2, 2, 2]
        expected = network(images)
        report = mbconv.torch.report(mbconv.torch.accelerate(network))
        layers = {"features.4.block.1.0", "features.4.block.2.fc1", "features.4.block.2.fc2"}
        self.assertEqual({finding.name for finding in report.kept}, layers | {"classifier.0", "classifier.3"})
        self.assertLess(difference(network(images), expected), NETWORK_TOLERANCE)
        report = mbconv.torch.report(mbconv.torch.accelerate(network, convolutions=False))
        self.assertEqual(len(report.replaced), 10)
        self.assertIn("features.0.0", {finding.name for finding in report.kept})
        self.assertLess(difference(network(images), expected), NETWORK_TOLERANCE)

    def test_other_networks(self):
        import torchvision  # pylint: disable=import-outside-toplevel

        report = mbconv.torch.report(mbconv.torch.accelerate(torchvision.models.resnet18().eval()))
        self.assertEqual(report.replaced, [])
        report = mbconv.torch.report(mbconv.torch.accelerate(torchvision.models.resnet50().eval()))
        self.assertEqual(report.replaced, [])


if __name__ == "__main__":
    unittest.main()
