# SPDX-License-Identifier: MIT
"""ncnn in f32, in its packed layout: the input is packed beforehand, the output left as it is."""

import os
import tempfile

import ncnn
import numpy as np

from blocks import Conv
from peers import Peer

VERSION = ncnn.__version__
# They must outlive every net and image.
_allocators = ncnn.UnlockedPoolAllocator(), ncnn.UnlockedPoolAllocator()


class Contender(Peer):
    def __init__(self, case, threads):
        block = case.block
        self._net, self._empty_net = _Net(_block_layers(case), threads), _Net(_empty_layers(), threads)
        self._array = np.ascontiguousarray(case.x[0].transpose(2, 0, 1))  # a Mat does not keep it alive
        x = ncnn.Mat(self._array)
        packing = self._net.extract(x, 1).elempack  # of this CPU, unless the channels are no multiple of it
        self._x = ncnn.Mat()
        packing = next(size for size in (packing, 8, 4, 1) if block.channels % size == 0)
        ncnn.convert_packing(x, self._x, packing, self._net.options)
        self.description = f"input packed by {packing}"
        self._empty_array = np.zeros((1, 1, 1), np.float32)
        empty_x = ncnn.Mat(self._empty_array)
        self.calls(lambda: self._net.extract(self._x, 1), lambda: self._empty_net.extract(empty_x, 1))

    def output(self):
        return np.array(self._net.extract(self._x, 0)).transpose(1, 2, 0)[np.newaxis]

    def close(self):
        super().close()
        self._net = self._empty_net = self._x = None
        for allocator in _allocators:
            allocator.clear()


class NetworkContender(Peer):
    def __init__(self, network, threads):
        self._net, self._empty_net = _Net(_network_layers(network), threads), _Net(_empty_layers(), threads)
        self._array = np.ascontiguousarray(network.x[0].transpose(2, 0, 1))
        self._empty_array = np.zeros((1, 1, 1), np.float32)
        x, empty_x = ncnn.Mat(self._array), ncnn.Mat(self._empty_array)
        self.description = "f32, packed layout"
        self.calls(lambda: self._net.extract(x, 0), lambda: self._empty_net.extract(empty_x, 0))

    def output(self):
        return np.array(self._run_block())[np.newaxis]

    def close(self):
        super().close()
        self._net = self._empty_net = None
        for allocator in _allocators:
            allocator.clear()


class _Net:
    def __init__(self, layers, threads):
        self._net = ncnn.Net()
        self.options = self._net.opt
        self.options.num_threads = threads
        self.options.use_packing_layout = True
        for use in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(self.options, "use_" + use, False)
        self.options.blob_allocator, self.options.workspace_allocator = _allocators
        with tempfile.TemporaryDirectory() as folder:
            parameters, weights = os.path.join(folder, "net.param"), os.path.join(folder, "net.bin")
            with open(parameters, "w", encoding="ascii") as file:
                file.write(layers.text())
            with open(weights, "wb") as file:
                file.write(layers.weights)
            if self._net.load_param(parameters) or self._net.load_model(weights):
                raise RuntimeError("ncnn does not load the model")

    def extract(self, x, keep_packed):
        extractor = self._net.create_extractor()
        extractor.input("x", x)
        return extractor.extract("y", keep_packed)[1]


class _Layers:
    """ncnn's own text format: a line per layer, with the names of its inputs and outputs, and numbered parameters."""

    _ACTIVATIONS = {"none": "", "relu": " 9=1", "relu6": " 9=3 -23310=2,0.0,6.0", "silu": "", "sigmoid": " 9=4"}

    def __init__(self):
        self._lines, self._blobs, self.weights = ["Input x 0 1 x"], 1, b""

    def add(self, kind, inputs, parameters="", output=None):
        return self._add(kind, inputs, [output or f"blob{self._blobs}"], parameters)[0]

    def split(self, x):
        return self._add("Split", [x], [f"blob{self._blobs}", f"blob{self._blobs + 1}"], "")

    def block(self, part, x, output=None):
        """`part`: a blocks.Case or a network.Block."""
        h, residual = self.split(x) if part.residual else (x, None)
        stages = getattr(part, "stages", ())
        if stages:
            for conv in stages[:-1]:
                h = self.conv(conv, h)
            h = self.conv(stages[-1], h, output=None if part.residual else output)
            return self.add("BinaryOp", [h, residual], "0=0", output) if part.residual else h
        h = self.conv(part.expand, h) if part.expand else h
        h = self.conv(part.depthwise, h)
        if part.gate:
            h, mean = self.split(h)
            gate = self.linear(part.gate, self.linear(part.reduce, self.mean(mean)))
            h = self.add("BinaryOp", [h, gate], "0=2")
        y = self.conv(part.project, h, output=None if part.residual else output)
        return self.add("BinaryOp", [y, residual], "0=0", output) if part.residual else y

    def conv(self, conv, x, output=None):
        """Dense, or depthwise where there is more than one group."""
        parameters = f"0={conv.out} 1={conv.kernel} 3={conv.stride} 4={conv.pad} 5=1 6={conv.weight.size}"
        parameters += self._ACTIVATIONS[conv.activation]
        if conv.groups > 1:
            parameters += f" 7={conv.groups}"
        return self._weighted("ConvolutionDepthWise" if conv.groups > 1 else "Convolution", conv, x, parameters, output)

    def linear(self, conv, x, output=None):
        parameters = f"0={conv.out} 1=1 2={conv.weight.size}{self._ACTIVATIONS[conv.activation]}"
        return self._weighted("InnerProduct", conv, x, parameters, output)

    def mean(self, x):
        return self.add("Pooling", [x], "0=1 4=1")

    def text(self):
        return "\n".join(["7767517", f"{len(self._lines)} {self._blobs}", *self._lines, ""])

    def _weighted(self, kind, conv, x, parameters, output):
        self.weights += b"\0\0\0\0" + conv.weight.tobytes() + conv.bias.tobytes()  # the zeros stand for f32
        y = self.add(kind, [x], parameters, output)
        return self.add("Swish", [y]) if conv.activation == "silu" else y

    def _add(self, kind, inputs, outputs, parameters):
        name = f"layer{len(self._lines)}"
        self._lines.append(
            f"{kind} {name} {len(inputs)} {len(outputs)} {' '.join(inputs)} {' '.join(outputs)} {parameters}"
        )
        self._blobs += len(outputs)
        return outputs


def _block_layers(case):
    layers = _Layers()
    layers.block(case, "x", "y")
    return layers


def _network_layers(network):
    layers = _Layers()
    h = layers.conv(network.stem, "x")
    for block in network.blocks:
        h = layers.block(block, h)
    h = layers.mean(layers.conv(network.head, h))
    h = layers.linear(network.features, h) if network.features else h
    layers.linear(network.classifier, h, "y")
    return layers


def _empty_layers():
    layers = _Layers()
    layers.conv(Conv(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)), "x", output="y")
    return layers
