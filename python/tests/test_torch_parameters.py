# SPDX-License-Identifier: MIT
"""Parameters that change after `accelerate`: each call computes with those that are there."""

import copy
import gc
import os
import threading
import unittest

import torch
from torch import nn

import mbconv.torch
from mbconv.torch import _cache, _versions
from networks import BLOCK_TOLERANCE, difference, random_block


def spread(tensor, dim):
    """The same values, in memory whose order is another and has gaps."""
    order = [dim, *(other for other in range(tensor.dim()) if other != dim)]
    memory = torch.zeros([tensor.shape[other] for other in order] + [2])[..., 1]
    view = memory.permute([order.index(other) for other in range(tensor.dim())])
    return view.copy_(tensor)


class Parameters(unittest.TestCase):
    def setUp(self):
        self.block, self.x = random_block(16, 16), torch.randn(2, 16, 20, 20)
        self.plain = copy.deepcopy(self.block)
        mbconv.torch.accelerate(self.block)

    def check(self, block=None, expected=None):
        with torch.no_grad():
            expected = self.plain(self.x) if expected is None else expected
            self.assertLess(difference((block or self.block)(self.x), expected), BLOCK_TOLERANCE)

    def change(self, function, by=1e-3):
        """Applied to the block and to its twin: the outputs change by so much, and are the same for both."""
        with torch.no_grad():
            before = self.plain(self.x)
            for block in (self.block, self.plain):
                torch.manual_seed(2)
                function(block)
            self.assertGreaterEqual(difference(self.plain(self.x), before), by)
        self.check()

    def test_new_parameters(self):
        """Loaded, written in place, exchanged: noticed at the next call."""
        other = random_block(16, 16, seed=2)
        self.block(self.x)
        self.block.load_state_dict(other.state_dict())
        self.check(self.block, other(self.x))
        with torch.no_grad():
            for block in (self.block, other):
                block.depthwise[1].running_mean.add_(1)
        self.check(self.block, other(self.x))
        for block in (self.block, other):
            block.project[0].weight = nn.Parameter(torch.ones_like(block.project[0].weight))
        self.check(self.block, other(self.x))
        for block in (self.block, other):
            block.to(torch.float64).to(torch.float32).to(memory_format=torch.channels_last)
        self.check(self.block, other(self.x))

    def test_ways_to_write(self):
        """All that PyTorch counts, or that moves the parameter."""
        self.check()
        self.change(lambda block: block.project[0].weight.mul_(-1))
        self.change(lambda block: block.project[0].weight[3, 5:9].fill_(2))
        self.change(lambda block: block.expand[1].running_mean.copy_(torch.randn(96)))
        self.change(lambda block: setattr(block.project[0].weight, "data", torch.randn(16, 96, 1, 1)))
        self.change(lambda block: nn.init.xavier_uniform_(block.depthwise[0].weight))
        self.change(lambda block: block.state_dict()["project.1.bias"].add_(3))
        self.change(lambda block: torch._foreach_mul_(list(block.parameters()), 0.9))
        self.change(lambda block: torch.nn.utils.vector_to_parameters(torch.randn(7000)[: sum(
            p.numel() for p in block.parameters())], block.parameters()))  # fmt: skip
        self.assertEqual(len(mbconv.torch.report(self.block).replaced), 1)

    def test_types_and_back(self):
        """Rounded to a smaller type, and as float32 again."""
        self.check()
        for dtype in (torch.float16, torch.bfloat16):
            self.change(lambda block, dtype=dtype: block.to(dtype).to(torch.float32), by=5 * BLOCK_TOLERANCE)

    def test_views(self):
        """A parameter exchanged for a view of other strides on the same memory, or its data."""
        weight = self.block.expand[0].weight
        views = {
            "weight": lambda block: block.expand[0].weight.detach().reshape(16, 96, 1, 1).transpose(0, 1),
            "vector": lambda block: torch.stack([block.expand[1].weight.detach()] * 2).flatten()[::2],
        }
        self.check()
        self.change(lambda b: setattr(b.expand[0], "weight", nn.Parameter(views["weight"](b))))
        self.assertFalse(self.block.expand[0].weight.is_contiguous())
        self.assertEqual(self.block.expand[0].weight.data_ptr(), weight.data_ptr())
        self.change(lambda b: setattr(b.expand[0].weight, "data", b.expand[0].weight.detach().contiguous()), by=0)
        self.change(lambda b: setattr(b.expand[0].weight, "data", views["weight"](b)))
        self.change(lambda b: setattr(b.expand[1], "weight", nn.Parameter(views["vector"](b))))
        wide = torch.rand(192)
        for step in (1, 2, 1):  # the same address and version, and another stride
            self.change(lambda b, step=step: setattr(b.expand[1].weight, "data", (wide + 0)[::step][:96]))
            self.change(lambda b, step=step: setattr(b.expand[1].bias, "data", wide[::step][:96]))

    def test_strides(self):
        """Parameters that are not contiguous, in each of their places."""
        for name, tensor in list(self.block.state_dict(keep_vars=True).items()):
            for dim in range(tensor.dim()):
                for block in (self.block, self.plain):
                    dict(block.state_dict(keep_vars=True))[name].data = spread(tensor.detach(), dim)
                with self.subTest(name, dim=dim):
                    self.check()
        self.check(mbconv.torch.accelerate(copy.deepcopy(self.plain)))  # not contiguous from the beginning

    def test_others_for_one_call(self):
        """functional_call, in turns with the block's own."""
        call = torch.func.functional_call if hasattr(torch, "func") else nn.utils.stateless.functional_call
        others = {name: tensor.detach() * 0.7 for name, tensor in self.plain.named_parameters()}
        with torch.no_grad():
            for _ in range(2):
                expected = call(self.plain, others, (self.x,))
                self.assertLess(difference(call(self.block, others, (self.x,)), expected), BLOCK_TOLERANCE)
                self.check()

    def test_absent_ones(self):
        """Where there was one, or where there was none."""
        self.change(lambda block: setattr(block.project[0], "bias", nn.Parameter(torch.randn(16))))
        self.change(lambda block: setattr(block.project[0], "bias", None))

        def without_affine(block):
            block.expand[1].weight = block.expand[1].bias = None

        self.change(without_affine)
        with self.assertWarnsRegex(UserWarning, "only one of weight and bias"):
            self.change(lambda block: setattr(block.depthwise[1], "bias", None))


class InferenceMode(unittest.TestCase):
    """Tensors made in inference mode have no versions."""

    @torch.inference_mode()
    def test_checkpoints(self):
        """A server that makes its model, loads one checkpoint after the other and answers."""
        x, plain = torch.randn(2, 16, 20, 20), random_block(16, 16)
        block = mbconv.torch.accelerate(random_block(16, 16))
        self.assertTrue(next(block.parameters()).is_inference())
        for seed in (2, 3, 2):
            state = random_block(16, 16, seed=seed).state_dict()
            for loaded in (block, plain):
                loaded.load_state_dict(state)
            for image in (x, x[:1]):
                self.assertLess(difference(block(image), plain(image)), BLOCK_TOLERANCE)

    @torch.inference_mode()
    def test_one_float(self):
        """Each tensor's first, last and middle float; through the module and through the operator."""
        x, plain, block = torch.randn(1, 8, 9, 9), random_block(8, 8), random_block(8, 8)
        mbconv.torch.accelerate(block)
        arguments = block._mbconv_replacement.call.parts.arguments()
        for (name, tensor), twin in zip(block.state_dict().items(), plain.state_dict().values()):
            for place in {0, tensor.numel() // 2, tensor.numel() - 1} if tensor.dim() else ():
                for one in (tensor, twin):
                    one.view(-1)[place] += 3
                with self.subTest(name, place=place):
                    expected = plain(x)
                    self.assertLess(difference(block(x), expected), BLOCK_TOLERANCE)
                    self.assertLess(difference(torch.ops.mbconv.block(x, *arguments), expected), BLOCK_TOLERANCE)

    def test_copies_are_freed(self):
        _versions.forget([])
        before = len(_versions._copies)
        with torch.inference_mode():
            block = mbconv.torch.accelerate(random_block(8, 8))
            block(torch.randn(1, 8, 9, 9))
            self.assertGreater(len(_versions._copies), before)
            mbconv.torch.restore(block)
        self.assertLessEqual(len(_versions._copies), before)

    def test_both_kinds(self):
        x = torch.randn(2, 16, 20, 20)
        made_outside, expected = random_block(16, 16), random_block(16, 16)(x)
        with torch.inference_mode():
            for block in (made_outside, random_block(16, 16)):
                self.assertLess(difference(mbconv.torch.accelerate(block)(x), expected), BLOCK_TOLERANCE)
        self.assertLess(difference(made_outside(x), expected), BLOCK_TOLERANCE)


class Memory(unittest.TestCase):
    def test_memory(self):
        """What was prepared goes with the parameters, and is the same for all sizes of images."""
        gc.collect()
        _cache.forget([])
        block, before = None, _cache.size()
        for size in range(8, 40):
            block = mbconv.torch.accelerate(random_block(8, 8, seed=size))
            for more in range(20):
                block(torch.randn(1, 8, size, 8 + more))
            self.assertEqual(len(block._mbconv_replacement.call._prepared.runs), 1)
            self.assertEqual(_cache.size(), before + 1)
            block = None

    @torch.no_grad()
    def test_options(self):
        """Of operators that differ in other things than the size of images there is a limit, for the same tensors."""
        block, x = mbconv.torch.accelerate(random_block(8, 8)), torch.randn(1, 8, 9, 9)
        arguments = block._mbconv_replacement.call.parts.arguments()
        *layers, (_, *epsilons) = arguments[:6]
        before = _cache.size()
        for i in range(20):
            torch.ops.mbconv.block(x, *layers, [0.01 * i, *epsilons], *arguments[6:])
            self.assertEqual(_cache.size(), before + min(i + 1, _cache.MOST_OPERATORS))

    @torch.no_grad()
    def test_writes(self):
        """What was prepared of an earlier version goes, and so does all when a block is restored."""
        gc.collect()
        block = mbconv.torch.accelerate(random_block(8, 8))
        _cache.forget([])
        before = _cache.size()
        for seed in range(5):
            block.load_state_dict(random_block(8, 8, seed=seed).state_dict())
            for image in (torch.randn(1, 8, 9, 9), torch.randn(1, 8, 9, 10)):
                block(image)
                torch.ops.mbconv.block(image, *block._mbconv_replacement.call.parts.arguments())
            self.assertEqual(_cache.size(), before + 1)
        block.to(torch.float64).to(torch.float32)
        block(image)
        mbconv.torch.restore(block)
        self.assertEqual(_cache.size(), before)

    def test_second_call(self):
        """Nothing is made anew for the same tensors, nor for another batch."""
        block, made = mbconv.torch.accelerate(random_block(8, 8)), []
        block(torch.randn(1, 8, 9, 9))
        operators = list(_cache._entries.values())[-1].operators
        made = list(operators.values())
        for batch in (1, 2, 1):
            block(torch.randn(batch, 8, 9, 9))
        self.assertEqual(list(operators.values()), made)

    def test_fork_while_locked(self):
        """A process that is forked while another thread makes an operator does not wait for that thread."""
        block, x = mbconv.torch.accelerate(random_block(8, 8)), torch.randn(1, 8, 9, 9)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # OpenMP's threads are not there in the child
        locked, done = threading.Event(), threading.Event()

        def hold():
            with _cache._lock:
                locked.set()
                done.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        locked.wait()
        child = os.fork()
        if not child:
            status = 1
            try:
                if _cache._lock.acquire(blocking=False):
                    _cache._lock.release()
                    status = 0 if block(x).isfinite().all() else 2
            finally:
                os._exit(status)
        done.set()
        holder.join()
        torch.set_num_threads(threads)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


if __name__ == "__main__":
    unittest.main()
