# SPDX-License-Identifier: MIT
"""A block or a network as a .tflite model, written through the flatbuffer schema's classes that LiteRT ships. NHWC."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FUSED = {"relu": schema.ActivationFunctionType.RELU, "relu6": schema.ActivationFunctionType.RELU6}


def block_model(case):
    block = case.block
    graph = _Graph([1, block.height, block.width, block.channels])
    return graph.model(graph.block(case, graph.x))


def network_model(network):
    graph = _Graph([1, network.height, network.width, 3])
    h = graph.conv(network.stem, graph.x)
    for block in network.blocks:
        h = graph.block(block, h)
    h = graph.mean(graph.conv(network.head, h), keep=False)
    h = graph.linear(network.features, h) if network.features else h
    return graph.model(graph.linear(network.classifier, h))


def empty_model():
    """Does next to nothing: to measure what a call costs."""
    graph = _Graph([1, 1, 1, 1])
    return graph.model(graph.sigmoid(graph.x))


class _Graph:
    def __init__(self, x_shape):
        self._buffers, self._tensors, self._operators, self._codes = [schema.BufferT()], [], [], []
        self.x = self._tensor(x_shape)

    def block(self, part, x):
        """`part`: a blocks.Case or a network.Block."""
        stages = getattr(part, "stages", ())
        if stages:
            return self.stages(part, stages, x)
        h = self.conv(part.expand, x) if part.expand else x
        h = self.conv(part.depthwise, h)
        if part.gate:
            h = self.multiply(h, self.conv(part.gate, self.conv(part.reduce, self.mean(h))))
        y = self.conv(part.project, h)
        return self.add(y, x) if part.residual else y

    def stages(self, part, stages, x):
        y = x
        for conv in stages:
            y = self.conv(conv, y)
        return self.add(y, x) if part.residual else y

    def conv(self, conv, x):
        """Dense, or depthwise where there is more than one group."""
        name, kind, axes = ("Conv2D", "CONV_2D", (0, 2, 3, 1))
        if conv.groups > 1:
            name, kind, axes = ("DepthwiseConv2D", "DEPTHWISE_CONV_2D", (1, 2, 3, 0))
        options = getattr(schema, name + "OptionsT")()
        options.strideH = options.strideW = conv.stride
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        options.fusedActivationFunction = FUSED.get(conv.activation, schema.ActivationFunctionType.NONE)
        height, width = ((size + 2 * conv.pad - conv.kernel) // conv.stride + 1 for size in self._tensors[x].shape[1:3])
        options.padding = schema.Padding.SAME if conv.pad else schema.Padding.VALID
        if conv.stride == 2:  # SAME pads otherwise than kernel / 2: an operator of its own pads, as converters do
            options.padding = schema.Padding.VALID
            x = self._padded(x, conv.pad)
        inputs = [x, self._constant(conv.weight.transpose(axes)), self._constant(conv.bias)]
        y = self._operator(kind, name + "Options", options, inputs, [1, height, width, conv.out])
        if conv.activation == "sigmoid":
            return self.sigmoid(y)
        return self.multiply(y, self.sigmoid(y)) if conv.activation == "silu" else y

    def linear(self, conv, x):
        inputs = [x, self._constant(conv.weight.reshape(conv.out, -1)), self._constant(conv.bias)]
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = FUSED.get(conv.activation, schema.ActivationFunctionType.NONE)
        return self._operator("FULLY_CONNECTED", "FullyConnectedOptions", options, inputs, [1, conv.out])

    def _padded(self, x, pad):
        batch, height, width, channels = self._tensors[x].shape
        pads = self._constant([[0, 0], [pad, pad], [pad, pad], [0, 0]], np.int32)
        shape = [batch, height + 2 * pad, width + 2 * pad, channels]
        return self._operator("PAD", "PadOptions", schema.PadOptionsT(), [x, pads], shape)

    def sigmoid(self, x):
        return self._operator("LOGISTIC", None, None, [x], self._tensors[x].shape)

    def multiply(self, a, b):
        return self._operator("MUL", "MulOptions", schema.MulOptionsT(), [a, b], self._tensors[a].shape)

    def add(self, a, b):
        return self._operator("ADD", "AddOptions", schema.AddOptionsT(), [a, b], self._tensors[a].shape)

    def mean(self, x, keep=True):
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        axes, channels = self._constant([1, 2], np.int32), self._tensors[x].shape[3]
        shape = [1, 1, 1, channels] if keep else [1, channels]
        return self._operator("MEAN", "ReducerOptions", options, [x, axes], shape)

    def model(self, y):
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self._tensors, self._operators, [self.x], [y]
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self._codes, [graph], self._buffers
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, shape, buffer=0, tensor_type=schema.TensorType.FLOAT32):
        tensor = schema.TensorT()
        tensor.shape, tensor.buffer, tensor.type = list(shape), buffer, tensor_type
        tensor.name = f"tensor_{len(self._tensors)}"
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _constant(self, values, dtype=np.float32):
        values = np.ascontiguousarray(values, dtype)
        buffer = schema.BufferT()
        buffer.data = values.reshape(-1).view(np.uint8)
        self._buffers.append(buffer)
        tensor_type = schema.TensorType.FLOAT32 if dtype == np.float32 else schema.TensorType.INT32
        return self._tensor(values.shape, len(self._buffers) - 1, tensor_type)

    def _operator(self, name, options_name, options, inputs, shape):
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, name))
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_name)
            operator.builtinOptions = options
        operator.inputs, operator.outputs = inputs, [self._tensor(shape)]
        self._operators.append(operator)
        return operator.outputs[0]

    def _code(self, builtin):
        for index, code in enumerate(self._codes):
            if code.builtinCode == builtin:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        self._codes.append(code)
        return len(self._codes) - 1
