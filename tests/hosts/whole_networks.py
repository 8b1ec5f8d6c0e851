# SPDX-License-Identifier: MIT
"""Whole networks of int8: the command writes them with random weights, here they become .tflite models, and LiteRT's
logits are compared with the command's. The networks' tables stand here once more, from their papers."""

import json
import subprocess
from pathlib import Path

import numpy as np

import tflite
from quantized import Block, Excite, HardSigmoid, Layer, Quantization

TYPES = {"I8": np.int8, "I32": np.int32, "F32": np.float32}
# Expansion, kernel, stride, blocks
MOBILENET_V2 = ((1, 3, 1, 1), (6, 3, 2, 2), (6, 3, 2, 3), (6, 3, 2, 4), (6, 3, 1, 3), (6, 3, 2, 3), (6, 3, 1, 1))
EFFICIENTNET = ((1, 3, 1, 1), (6, 3, 2, 2), (6, 5, 2, 2), (6, 3, 2, 3), (6, 5, 1, 3), (6, 5, 2, 4), (6, 3, 1, 1))
# Kernel, expanded, out, squeeze-excite, activation, stride
MOBILENET_V3 = {
    "mobilenet_v3_large": (
        (3, 16, 16, 0, "relu", 1), (3, 64, 24, 0, "relu", 2), (3, 72, 24, 0, "relu", 1), (5, 72, 40, 1, "relu", 2), (5, 120, 40, 1, "relu", 1),
        (5, 120, 40, 1, "relu", 1), (3, 240, 80, 0, "hard_swish", 2), (3, 200, 80, 0, "hard_swish", 1), (3, 184, 80, 0, "hard_swish", 1),
        (3, 184, 80, 0, "hard_swish", 1), (3, 480, 112, 1, "hard_swish", 1), (3, 672, 112, 1, "hard_swish", 1),
        (5, 672, 160, 1, "hard_swish", 2), (5, 960, 160, 1, "hard_swish", 1), (5, 960, 160, 1, "hard_swish", 1),
    ),
    "mobilenet_v3_small": (
        (3, 16, 16, 1, "relu", 2), (3, 72, 24, 0, "relu", 2), (3, 88, 24, 0, "relu", 1), (5, 96, 40, 1, "hard_swish", 2),
        (5, 240, 40, 1, "hard_swish", 1), (5, 240, 40, 1, "hard_swish", 1), (5, 120, 48, 1, "hard_swish", 1), (5, 144, 48, 1, "hard_swish", 1),
        (5, 288, 96, 1, "hard_swish", 2), (5, 576, 96, 1, "hard_swish", 1), (5, 576, 96, 1, "hard_swish", 1),
    ),
}  # fmt: skip
ALL = "mobilenet_v2", "efficientnet_lite0", "efficientnet_b0", "mobilenet_v3_small", "mobilenet_v3_large"
NETWORKS = {
    "mobilenet_v2": (MOBILENET_V2, "relu6", ("{prefix}.conv.0.0", "{prefix}.conv.{last}.0", "{prefix}.conv.{end}")),
    "efficientnet_lite0": (EFFICIENTNET, "relu6", ("{prefix}.block.0.0", "{prefix}.block.{last}.0", "{prefix}.block.{end}.0")),
    "efficientnet_b0": (EFFICIENTNET, "silu", ("{prefix}.block.0.0", "{prefix}.block.{last}.0", "{prefix}.block.{end}.0")),
}


class File:
    """A safetensors file of a network of int8."""

    def __init__(self, path):
        """`path`: a file that the command wrote, with the padding SAME."""
        data = Path(path).read_bytes()
        length = int.from_bytes(data[:8], "little")
        self._header, self._data = json.loads(data[8 : 8 + length]), data[8 + length :]
        metadata = self._header.pop("__metadata__")
        self.name, self.dtype = metadata["mbconv.network"], metadata["mbconv.type"]
        assert metadata["mbconv.padding"] == "same"
        self.unread = set(self._header)

    def __getitem__(self, name):
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        self.unread.discard(name)
        return np.frombuffer(self._data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])

    def __contains__(self, name):
        return name in self._header

    def arrays(self):
        """All of it."""
        return {name: self[name] for name in self._header}

    def quantization(self, name):
        return Quantization(self[name + ".scale"][0], int(self[name + ".zero_point"][0]))

    # pylint: disable-next=too-many-arguments
    def layer(self, name, x, activation="none", depthwise=False, stride=1):
        weight = self[name + ".weight"]
        weight = weight.reshape(*weight.shape[:2], *(weight.shape[2:] or (1, 1)))
        if depthwise:
            weight = weight[:, 0].transpose(1, 2, 0)
        else:
            weight = weight[:, :, 0, 0] if weight.shape[2] == 1 else weight.transpose(0, 2, 3, 1)
        scales, y = self[name + ".weight_scale"], self.quantization(name + ".output")
        layer = Layer(depthwise, weight, scales, self[name + ".bias"], x, y, self.dtype, stride)
        if activation in ("relu", "relu6", "none"):
            layer.clamp = activation
        else:
            layer.function, layer.function_y = activation, self.quantization(name + ".activation")
        if activation == "hard_sigmoid":
            values = (self.quantization(f"{name}.{value}") for value in ("three", "shifted", "sixth"))
            layer.gate = HardSigmoid(*values, tuple(self[name + ".constants"]))
        return layer

    def excite(self, prefix, x, inner="silu", gate="logistic"):
        mean = self.quantization(prefix + ".fc1.mean")
        reduce = self.layer(prefix + ".fc1", mean, inner)
        expand = self.layer(prefix + ".fc2", reduce.out, gate)
        return Excite(mean, reduce, expand, x, self.quantization(prefix + ".fc2.product"))


def block(file, names, prefix, x, row):
    """One block; its input's size is not used."""
    expansion, kernel, stride, activation = row
    expand, depthwise, project = names
    layers = [file.layer(expand.format(prefix=prefix), x, activation)] if expansion > 1 else []
    last = len(layers)
    name = depthwise.format(prefix=prefix, last=last)
    layers.append(file.layer(name, layers[-1].out if layers else x, activation, True, stride))
    assert layers[-1].kernel == kernel
    if activation == "silu":
        layers.append(file.excite(f"{prefix}.block.{last + 1}", layers[-1].out))
    name = project.format(prefix=prefix, end=len(layers))
    layers.append(file.layer(name, layers[-1].out))
    adds = stride == 1 and layers[-1].channels == layers[0].weight.shape[-1]
    return Block(0, 0, layers, file.quantization(name + ".sum") if adds else None)


def parts_v3(file):
    """MobileNetV3's."""
    rows, x, channels = MOBILENET_V3[file.name], file.quantization("input"), 16
    yield file.layer("features.0.0", x, "hard_swish", stride=2)
    x = _out(file, "features.0.0")
    for number, (kernel, expanded, out, squeeze, activation, stride) in enumerate(rows, 1):
        prefix, layers = f"features.{number}.block", []
        if expanded != channels:
            layers.append(file.layer(f"{prefix}.0.0", x, activation))
        place = len(layers)
        layers.append(file.layer(f"{prefix}.{place}.0", layers[-1].out if layers else x, activation, True, stride))
        assert (layers[-1].kernel, layers[-1].channels) == (kernel, expanded)
        if squeeze:
            layers.append(file.excite(f"{prefix}.{place + 1}", layers[-1].out, "relu", "hard_sigmoid"))
        name = f"{prefix}.{len(layers)}.0"
        layers.append(file.layer(name, layers[-1].out))
        added = file.quantization(name + ".sum") if stride == 1 and channels == out else None
        yield Block(0, 0, layers, added)
        x, channels = added or layers[-1].out, out
    yield file.layer(f"features.{len(rows) + 1}.0", x, "hard_swish")
    yield file.quantization("pool.output")
    yield file.layer("classifier.0", file.quantization("pool.output"), "hard_swish")
    yield file.layer("classifier.3", file.quantization("classifier.0.activation"))
    assert not file.unread, file.unread


def parts(file):
    """The network's parts from first to last: layers, Blocks, and the quantization of the means."""
    if file.name in MOBILENET_V3:
        yield from parts_v3(file)
        return
    stages, activation, names = NETWORKS[file.name]
    yield file.layer("features.0.0", file.quantization("input"), activation, stride=2)
    x, number = _out(file, "features.0.0"), 1
    for stage, (expansion, kernel, stride, blocks) in enumerate(stages):
        for index in range(blocks):
            prefix = f"features.{stage + 1}.{index}" if file.name == "efficientnet_b0" else f"features.{number}"
            part = block(file, names, prefix, x, (expansion, kernel, stride if index == 0 else 1, activation))
            yield part
            x, number = part.residual or part.layers[-1].out, number + 1
    yield file.layer(f"features.{len(stages) + 1 if file.name == 'efficientnet_b0' else number}.0", x, activation)
    yield file.quantization("pool.output")
    yield file.layer("classifier.1", file.quantization("pool.output"))
    assert not file.unread, file.unread


def _out(file, name):
    return file.quantization(name + (".activation" if name + ".activation.scale" in file else ".output"))


def graph_of(file, height, width):
    """The network as a .tflite model."""
    graph = tflite.Graph()
    y = graph.input([1, height, width, 3], file.dtype, file.quantization("input"))
    for part in parts(file):
        if isinstance(part, Block):
            y = tflite.add_block(graph, y, part)
        elif isinstance(part, Quantization):
            y = graph.mean(y, part)
            y = graph.reshape(y, [1, graph.shape(y)[3]])
        elif len(graph.shape(y)) == 2:
            y = graph.fully_connected(y, part)
            y = graph.unary(part.function.upper(), y, part.function_y) if part.function else y
        else:
            y = tflite.add_layer(graph, y, part, file.dtype)
    graph.outputs.append(y)
    return graph


def classifier(file):
    """What its logits stand for."""
    return file.quantization(next(name for name in ("classifier.3", "classifier.1", "classifier") if name + ".weight" in file) + ".output")


def real(values, q):
    return (values.astype(np.int32) - q.zero).astype(np.float32) * q.scale


def logits(command, path, x, q, isa):
    """The command's, of one image of bytes."""
    return raw_logits(command, path, real(x, q), isa)


def raw_logits(command, path, x, isa):
    """Of floats."""
    _, height, width, _ = x.shape
    words = [command, "run", path, "--raw-input", "-", "--raw-output", "-", "--layout", "nhwc", "--size", f"{height}x{width}"]
    done = subprocess.run([*words, "--isa", isa], input=x.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32)
