# SPDX-License-Identifier: MIT
"""timm's networks, TensorFlow's paddings among them. Needs timm: `python -m unittest with_timm`."""

import copy
import pickle
import unittest

import timm
import torch

import mbconv.torch
from networks import FORMATS, difference, random_images, randomise

TOLERANCE = 1e-4
NETWORKS = {  # blocks, stem and head; of MixNet also layers alone
    "efficientnet_b0": 18, "tf_efficientnet_b0": 18, "efficientnet_lite0": 18, "mobilenetv2_100": 19,
    "mobilenetv2_050": 19, "mobilenetv3_small_100": 14, "mobilenetv3_large_100": 18, "tf_mobilenetv3_large_100": 18,
    "mnasnet_100": 19, "fbnetc_100": 23, "tf_efficientnetv2_b0": 23, "mixnet_s": 38, "resnet18": 0,
}  # fmt: skip


class Timm(unittest.TestCase):
    @torch.no_grad()
    def test_networks(self):
        for name, replaced in NETWORKS.items():
            torch.manual_seed(1)
            network = timm.create_model(name).eval()
            randomise(network, random_images(4, 3, 160, 160))
            images = random_images(2, 3, 131, 98)
            expected = network(images)
            mbconv.torch.accelerate(network)
            with self.subTest(name):
                self.assertEqual(len(mbconv.torch.report(network).replaced), replaced)
                for memory_format in FORMATS:
                    y = network(images.to(memory_format=memory_format))
                    self.assertLess(difference(y, expected), TOLERANCE)
                for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
                    self.assertTrue(torch.equal(copied(images), network(images)))
                self.assertTrue(torch.equal(mbconv.torch.restore(network)(images), expected))

    @torch.no_grad()
    def test_features(self):
        """features_only, by a forward of its own and by torch.fx (feature_cls), where batch norms are calls of a function."""
        images, graphs = random_images(2, 3, 65, 66), {"feature_cls": "fx"}
        for name, options in (
            ("mobilenetv3_small_100", {}), ("mobilenetv4_conv_small", {"out_indices": (1, 3)}),
            ("mobilenetv3_small_100", graphs), ("mobilenetv4_conv_small", graphs), ("tf_efficientnet_b0", graphs),
        ):  # fmt: skip
            torch.manual_seed(1)
            plain = timm.create_model(name, features_only=True, **options).eval()
            randomise(plain, random_images(4, 3, 96, 96))
            # A copy of torchvision's graphs is in training mode, whatever the original is in.
            model = mbconv.torch.accelerate(copy.deepcopy(plain).eval())
            with self.subTest(name, options=options):
                report = mbconv.torch.report(model, images)
                self.assertGreater(report.share, 0.95, report)
                found, expected = model(images), plain(images)
                self.assertEqual(len(found), len(expected))
                for one, other in zip(found, expected):
                    self.assertLess(difference(one, other), TOLERANCE)

    @torch.no_grad()
    def test_graphs_in_training_mode(self):
        """Their normalisations train: they are left to PyTorch, and it is said of each depthwise convolution why."""
        plain = timm.create_model("mobilenetv3_small_100", features_only=True, feature_cls="fx").eval()
        report = mbconv.torch.report(mbconv.torch.accelerate(copy.deepcopy(plain)))
        self.assertEqual(len(report.replaced), 0)
        texts = [finding.text for finding in report.kept if finding.name.endswith("conv_dw")]
        self.assertEqual(texts, ["no block: batch_norm (in training mode) follows it"] * 11)

    @torch.no_grad()
    def test_later_changes(self):
        """Of stems, heads and blocks, whose normalisations have their activation in them."""
        images = random_images(2, 3, 65, 66)
        for name in ("tf_efficientnet_b0", "mobilenetv3_small_100"):
            torch.manual_seed(1)
            plain = timm.create_model(name).eval()
            randomise(plain, random_images(4, 3, 96, 96))
            network = mbconv.torch.accelerate(copy.deepcopy(plain))
            for where, change in (
                ("stem", lambda n: setattr(n.bn1, "eps", 0.3)),
                ("stem", lambda n: setattr(n.bn1, "act", torch.nn.ReLU().eval())),
                ("stem", lambda n: n.bn1.train()),
                ("stem", lambda n: setattr(n, "bn1", copy.deepcopy(n.blocks[0][0].bn1).eval())),
                ("block", lambda n: setattr(n.blocks[1][0].bn2, "act", torch.nn.ReLU().eval())),
                ("block", lambda n: n.blocks[1][0].bn3.register_forward_hook(lambda m, i, o: o * 1.1)),
                ("block", lambda n: setattr(n.blocks[2][1], "has_skip", False)),
            ):
                for one in (network, plain):
                    change(one)
                with self.subTest(name, where=where):
                    self.assertLess(difference(network(images), plain(images)), TOLERANCE)


if __name__ == "__main__":
    unittest.main()
