# SPDX-License-Identifier: MIT
"""The block as a .tflite model, written through the flatbuffer schema's classes that LiteRT ships. NHWC."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def block_model(case):
    block = case.block
    graph = _Graph([1, block.height, block.width, block.channels])
    inside = None if block.silu else schema.ActivationFunctionType.RELU6
    h = graph.x
    if block.has_expand:
        h = graph.conv(case.expand, h, inside)
        h = graph.silu(h) if block.silu else h
    h = graph.depthwise(case.depthwise, h, block, inside)
    h = graph.silu(h) if block.silu else h
    if block.se_width:
        inner = graph.silu(graph.conv(case.reduce, graph.mean(h)))
        h = graph.multiply(h, graph.sigmoid(graph.conv(case.gate, inner)))
    y = graph.conv(case.project, h)
    return graph.model(graph.add(y, graph.x) if block.residual else y)


def empty_model():
    """Does next to nothing: to measure what a call costs."""
    graph = _Graph([1, 1, 1, 1])
    return graph.model(graph.sigmoid(graph.x))


class _Graph:
    def __init__(self, x_shape):
        self._buffers, self._tensors, self._operators, self._codes = [schema.BufferT()], [], [], []
        self.x = self._tensor(x_shape)

    def conv(self, conv, x, activation=None):
        out, height, width = len(conv.weight), *self._tensors[x].shape[1:3]
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = activation or 0
        weight = self._constant(conv.weight.transpose(0, 2, 3, 1))
        inputs = [x, weight, self._constant(conv.bias)]
        return self._operator("CONV_2D", "Conv2DOptions", options, inputs, [1, height, width, out])

    def depthwise(self, conv, x, block, activation):
        options = schema.DepthwiseConv2DOptionsT()
        options.strideH = options.strideW = block.stride
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        options.fusedActivationFunction = activation or 0
        options.padding = schema.Padding.SAME
        if block.stride == 2:  # SAME pads otherwise than kernel / 2: an operator of its own pads, as converters do
            options.padding = schema.Padding.VALID
            x = self._padded(x, block.pad)
        weight = self._constant(conv.weight.transpose(1, 2, 3, 0))
        inputs, shape = [x, weight, self._constant(conv.bias)], [1, block.out_height, block.out_width, block.expanded]
        return self._operator("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", options, inputs, shape)

    def _padded(self, x, pad):
        batch, height, width, channels = self._tensors[x].shape
        pads = self._constant([[0, 0], [pad, pad], [pad, pad], [0, 0]], np.int32)
        shape = [batch, height + 2 * pad, width + 2 * pad, channels]
        return self._operator("PAD", "PadOptions", schema.PadOptionsT(), [x, pads], shape)

    def sigmoid(self, x):
        return self._operator("LOGISTIC", None, None, [x], self._tensors[x].shape)

    def silu(self, x):
        return self.multiply(x, self.sigmoid(x))

    def multiply(self, a, b):
        return self._operator("MUL", "MulOptions", schema.MulOptionsT(), [a, b], self._tensors[a].shape)

    def add(self, a, b):
        return self._operator("ADD", "AddOptions", schema.AddOptionsT(), [a, b], self._tensors[a].shape)

    def mean(self, x):
        options = schema.ReducerOptionsT()
        options.keepDims = True
        axes = self._constant([1, 2], np.int32)
        return self._operator("MEAN", "ReducerOptions", options, [x, axes], [1, 1, 1, self._tensors[x].shape[3]])

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
