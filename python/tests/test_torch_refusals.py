# SPDX-License-Identifier: MIT
"""What is refused: each a clear exception."""

import subprocess
import sys
import unittest

import torch

import mbconv.torch
from networks import random_block


class Refusals(unittest.TestCase):
    """Each a clear exception."""

    def test_accelerate(self):
        with self.assertRaisesRegex(RuntimeError, "the model is in training mode"):
            mbconv.torch.accelerate(random_block(16, 16).train())
        with self.assertRaisesRegex(TypeError, "model is a list, not a torch.nn.Module"):
            mbconv.torch.accelerate([])
        with self.assertRaisesRegex(TypeError, "model is an OrderedDict, not a torch.nn.Module"):
            mbconv.torch.accelerate(random_block(16, 16).state_dict())

    def test_graphs_that_are_fixed(self):
        """What torch.jit made is refused, but not what holds such a part; so is a graph that has no layers."""
        x = torch.randn(1, 16, 20, 20)
        traced = torch.jit.trace(random_block(16, 16), x)
        for function in mbconv.torch.accelerate, mbconv.torch.restore, mbconv.torch.report:
            with self.assertRaisesRegex(TypeError, "model is a ScriptModule, whose code is fixed: accelerate the module"):
                function(traced)
        model = torch.nn.Sequential(random_block(16, 16), traced)
        expected = model(x)
        report = mbconv.torch.report(mbconv.torch.accelerate(model))
        self.assertIn("mbconv: 1 module replaced, 0 kept", str(report))
        self.assertLess((model(x) - expected).abs().max(), 1e-4)
        graph = torch.fx.Graph()
        graph.output(graph.call_function(torch.relu, (graph.placeholder("x"),)))
        with self.assertRaisesRegex(RuntimeError, "a graph without layers, such as torch.export makes: accelerate it before"):
            mbconv.torch.accelerate(torch.fx.GraphModule(torch.nn.Module(), graph))

    def test_without_pytorch(self):
        program = "import sys; sys.modules['torch'] = None; import mbconv.torch"
        said = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=False).stderr
        self.assertIn("ModuleNotFoundError: mbconv.torch needs PyTorch: pip install torch", said)

    def test_operators_inputs(self):
        """What a trace or an exported graph may be given."""
        block, x = mbconv.torch.accelerate(random_block(16, 16)), torch.randn(2, 16, 20, 20)
        call = block._mbconv_replacement.call
        weights = [tensor.double() if isinstance(tensor, torch.Tensor) else tensor for tensor in call.parts.arguments()[1]]
        for error, message, given in (
            (TypeError, "float32, and its input is torch.float64", x.double()),
            (TypeError, "float32, and its input is torch.bfloat16", x.bfloat16()),
            (ValueError, "on meta, the weights are on cpu", x.to("meta")),
            (ValueError, r"shape \(2, 15, 20, 20\), not \(batch, 16, height, width\)", x[:, 1:]),
            (ValueError, r"shape \(16, 20, 20\)", x[0]),
            (ValueError, "the image is 0 x 20", x[:, :, :0]),
        ):  # fmt: skip
            for _ in range(2):  # also where something was prepared
                with self.assertRaisesRegex(error, message):
                    call.operator(given)
                call.operator(x)
        expand, _, *others = call.parts.arguments()
        with self.assertRaisesRegex(TypeError, "a weight is torch.float64, not float32"):
            torch.ops.mbconv.block(x, expand, weights, *others)


if __name__ == "__main__":
    unittest.main()
