# SPDX-License-Identifier: MIT
"""What is refused: each a clear exception."""

import copy
import unittest

import torch
from torch import nn

import mbconv.torch
from networks import random_block


class Refusals(unittest.TestCase):
    """Each a clear exception."""

    def setUp(self):
        self.block, self.x = mbconv.torch.accelerate(random_block(16, 16)), torch.randn(2, 16, 20, 20)

    def refused(self, error, message, x, block=None):
        for _ in range(2):  # also where something was prepared
            with self.assertRaisesRegex(error, message):
                (block or self.block)(x)
            (self.block if block is None else random_block(16, 16))(self.x)

    def test_inputs(self):
        x = self.x
        self.refused(TypeError, "float32, and its input is torch.float64", x.double())
        self.refused(TypeError, "float32, and its input is torch.bfloat16", x.bfloat16())
        self.refused(ValueError, "on meta, the weights are on cpu", x.to("meta"))
        self.refused(ValueError, "neither of torch.contiguous_format nor of torch.channels_last", x[:, :, ::2])
        self.refused(ValueError, "neither", x.transpose(2, 3))
        self.refused(ValueError, "neither", x[:, :1].expand(2, 16, 20, 20))
        self.refused(ValueError, r"shape \(2, 15, 20, 20\), not \(batch, 16, height, width\)", x[:, 1:].contiguous())
        self.refused(ValueError, r"shape \(16, 20, 20\)", x[0])
        self.refused(RuntimeError, "no gradients.*torch.no_grad", x.clone().requires_grad_())
        self.refused(TypeError, "computes tensors, and its input is a ndarray", x.numpy())
        self.refused(TypeError, "computes tensors, and its input is a list", [x])
        with torch.no_grad():
            self.block(x.clone().requires_grad_())
        with self.assertRaises(Exception):
            self.block(x.to_sparse())

    def test_small_images(self):
        block = random_block(16, 24, kernel_size=7)
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                layer.padding = (0, 0)
        self.assertTrue(mbconv.torch.report(mbconv.torch.accelerate(block)).replaced)
        image = torch.randn(1, 16, 5, 5)
        self.refused(ValueError, "the padded image of 5 x 5 is smaller than the kernel of 7", image, block)

    def test_training(self):
        self.block.train()
        for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
            with mode(), self.assertRaisesRegex(RuntimeError, r"MBConv in training mode.*eval\(\), or mbconv"):
                self.block(self.x)
        self.block.eval()(self.x)
        with self.assertRaisesRegex(RuntimeError, "the model is in training mode"):
            mbconv.torch.accelerate(random_block(16, 16).train())
        with self.assertRaisesRegex(TypeError, "model is a list, not a torch.nn.Module"):
            mbconv.torch.accelerate([])

    def test_weights_of_another_type(self):
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            block = copy.deepcopy(self.block)
            block(self.x)
            self.refused(TypeError, f"a weight is {dtype}, not float32", self.x, block.to(dtype))


if __name__ == "__main__":
    unittest.main()
