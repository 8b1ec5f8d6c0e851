# SPDX-License-Identifier: MIT
"""Parameters written through .data, .numpy() or DLPack, which PyTorch does not count: a sample of the floats tells."""

import copy
import unittest

import torch
from torch.utils import dlpack

import mbconv.torch
from mbconv.torch._versions import SAMPLED, Sample
from networks import BLOCK_TOLERANCE, difference, random_block

WAYS = {
    "data, times": lambda p: p.data.mul_(0.7),
    "data, a checkpoint": lambda p: p.data.copy_(p.detach().flip(0) + 0.01),
    "data, moving average": lambda p: p.data.lerp_(p.detach() * 0.5, 0.1),
    "data, clamped": lambda p: p.data.clamp_(0.05, 0.06),
    "data, in halves": lambda p: p.data.copy_(p.detach().half()),
    "data, most": lambda p: [p.data.view(-1)[first::step].add_(0.3) for first, step in ((0, 2), (1, 3))],
    "numpy": lambda p: p.detach().numpy().__imul__(0.7),
    "dlpack": lambda p: dlpack.from_dlpack(dlpack.to_dlpack(p.detach())).mul_(0.7),
}


class Written(unittest.TestCase):
    def setUp(self):
        self.plain, self.x = random_block(16, 16), torch.randn(2, 16, 20, 20)
        self.block = mbconv.torch.accelerate(copy.deepcopy(self.plain))

    @torch.no_grad()
    def test_each_parameter(self):
        """Each alone, through the module and a trace."""
        for name, write in WAYS.items():
            self.setUp()
            ways = [self.block, torch.jit.trace(self.block, (self.x,))]
            for key in dict(self.plain.named_parameters()):
                versions = []
                for one in (self.block, self.plain):
                    parameter = dict(one.named_parameters())[key]
                    versions.append(parameter._version)
                    write(parameter)
                    versions.append(parameter._version)
                with self.subTest(name, key=key):
                    self.assertEqual(versions[0], versions[1])  # PyTorch has counted nothing
                    expected = self.plain(self.x)
                    for way in ways:
                        self.assertLess(difference(way(self.x), expected), BLOCK_TOLERANCE)

    @torch.no_grad()
    def test_statistics(self):
        """What a normalisation that is called by itself writes in training mode."""
        y = torch.randn(2, 96, 20, 20)
        for one in (self.block, self.plain):
            one(self.x)
            before = one.depthwise[1].running_var.clone()
            one.depthwise[1].train()(y)
            one.depthwise[1].eval()
        self.assertGreater(difference(self.plain.depthwise[1].running_var, before), 1e-3)
        self.assertLess(difference(self.block(self.x), self.plain(self.x)), BLOCK_TOLERANCE)

    @torch.no_grad()
    def test_memory_that_goes(self):
        """Nothing is read where a parameter was: exchanged, in shared memory."""
        weight = self.block.project[0].weight
        for move in (
            lambda: setattr(weight, "data", weight.detach().clone()), lambda: weight.share_memory_(),
            lambda: self.block.share_memory(),
        ):  # fmt: skip
            self.block(self.x)
            move()
            self.assertLess(difference(self.block(self.x), self.plain(self.x)), BLOCK_TOLERANCE)

    def test_sample(self):
        """Floats of all parts of a tensor, in memory of any strides; all of a small one."""
        for tensor in (
            torch.arange(1, 1001.0), torch.arange(1, 1001.0).reshape(10, 5, 20).permute(2, 0, 1),
            torch.arange(1, 17.0), torch.arange(1, 6.0), torch.arange(1, 601.0)[::3], torch.tensor(1.0),
            torch.zeros(0),
        ):  # fmt: skip
            sample, seen = Sample([tensor]), []
            before = sample()
            self.assertEqual(sample(), before)
            order = tensor.reshape(-1)
            for i in range(tensor.numel()):
                index = _place(i, tensor.shape)
                tensor[index] += 0.5
                if sample() != before:
                    seen.append(i)
                tensor[index] -= 0.5
                self.assertEqual(sample(), before)
            self.assertEqual(len(seen), min(SAMPLED, tensor.numel()))
            parts = [i * len(seen) // max(len(order), 1) for i in seen]
            self.assertEqual(parts, list(range(len(seen))))


def _place(i, shape):
    index = []
    for size in reversed(shape):
        index.insert(0, i % size)
        i //= size
    return tuple(index)


if __name__ == "__main__":
    unittest.main()
