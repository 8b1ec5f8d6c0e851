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
            parameters, weights = os.path.join(folder, "block.param"), os.path.join(folder, "block.bin")
            with open(parameters, "w", encoding="ascii") as file:
                file.write(layers.text())
            with open(weights, "wb") as file:
                file.write(layers.weights)
            if self._net.load_param(parameters) or self._net.load_model(weights):
                raise RuntimeError("ncnn does not load the block")

    def extract(self, x, keep_packed):
        extractor = self._net.create_extractor()
        extractor.input("x", x)
        return extractor.extract("y", keep_packed)[1]


class _Layers:
    """ncnn's own text format: a line per layer, with the names of its inputs and outputs, and numbered parameters."""

    NONE, RELU6, SIGMOID = "", " 9=3 -23310=2,0.0,6.0", " 9=4"

    def __init__(self):
        self._lines, self._blobs, self.weights = ["Input x 0 1 x"], 1, b""

    def add(self, kind, inputs, parameters="", output=None):
        return self._add(kind, inputs, [output or f"blob{self._blobs}"], parameters)[0]

    def split(self, x):
        return self._add("Split", [x], [f"blob{self._blobs}", f"blob{self._blobs + 1}"], "")

    def conv(self, conv, x, activation, block=None, output=None):
        """With `block`: its depthwise."""
        out, kernel = len(conv.weight), conv.weight.shape[2]
        stride, pad = (block.stride, block.pad) if block else (1, 0)
        parameters = f"0={out} 1={kernel} 3={stride} 4={pad} 5=1 6={conv.weight.size}{activation}"
        if block:
            parameters += f" 7={block.expanded}"
        self._add_weights(conv)
        return self.add("ConvolutionDepthWise" if block else "Convolution", [x], parameters, output)

    def linear(self, conv, x, activation):
        self._add_weights(conv)
        return self.add("InnerProduct", [x], f"0={len(conv.weight)} 1=1 2={conv.weight.size}{activation}")

    def text(self):
        return "\n".join(["7767517", f"{len(self._lines)} {self._blobs}", *self._lines, ""])

    def _add_weights(self, conv):
        self.weights += b"\0\0\0\0" + conv.weight.tobytes() + conv.bias.tobytes()  # the zeros stand for f32

    def _add(self, kind, inputs, outputs, parameters):
        name = f"layer{len(self._lines)}"
        self._lines.append(
            f"{kind} {name} {len(inputs)} {len(outputs)} {' '.join(inputs)} {' '.join(outputs)} {parameters}"
        )
        self._blobs += len(outputs)
        return outputs


def _block_layers(case):
    block, layers = case.block, _Layers()
    inside = layers.NONE if block.silu else layers.RELU6

    def silu(x):
        return layers.add("Swish", [x])

    h, residual = layers.split("x") if block.residual else ("x", None)
    if block.has_expand:
        h = layers.conv(case.expand, h, inside)
        h = silu(h) if block.silu else h
    h = layers.conv(case.depthwise, h, inside, block)
    h = silu(h) if block.silu else h
    if block.se_width:
        h, mean = layers.split(h)
        mean = layers.add("Pooling", [mean], "0=1 4=1")
        gate = layers.linear(case.gate, silu(layers.linear(case.reduce, mean, layers.NONE)), layers.SIGMOID)
        h = layers.add("BinaryOp", [h, gate], "0=2")
    y = layers.conv(case.project, h, layers.NONE, output=None if block.residual else "y")
    if block.residual:
        layers.add("BinaryOp", [y, residual], "0=0", "y")
    return layers


def _empty_layers():
    layers = _Layers()
    layers.conv(Conv(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)), "x", layers.NONE, output="y")
    return layers
