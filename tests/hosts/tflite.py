# SPDX-License-Identifier: MIT
"""Writes .tflite models with int8 or uint8 tensors through the schema's classes, and runs them by LiteRT."""

import contextlib
import io
from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from integers import logistic_quantization
from quantized import Excite

TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
}
CLAMPS = {
    "none": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}
RESOLVERS = {
    "default": OpResolverType.AUTO,
    "reference": OpResolverType.BUILTIN_REF,
    "no delegate": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}


class Graph:
    """Tensors are numbers. Shapes are NHWC; all operators keep the image's type but quantize and dequantize."""

    def __init__(self):
        self._buffers, self._tensors, self._operators, self._codes = [schema.BufferT()], [], [], []
        self.inputs, self.outputs = [], []

    def input(self, shape, dtype, quantization=None):
        self.inputs.append(self._tensor(shape, dtype, quantization))
        return self.inputs[-1]

    def shape(self, tensor):
        return self._tensors[tensor].shape

    def convolution(self, x, layer):
        """`layer`: a quantized.Layer."""
        options = schema.DepthwiseConv2DOptionsT() if layer.depthwise else schema.Conv2DOptionsT()
        options.strideH = options.strideW = layer.stride
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        options.padding = schema.Padding.SAME
        options.fusedActivationFunction = CLAMPS[layer.clamp]
        unsigned = layer.dtype == "uint8"  # the legacy type: weights are unsigned, too, with the zero point 128
        weight = layer.weight.view(np.uint8) ^ 0x80 if unsigned else layer.weight
        shape = (1, *weight.shape) if layer.depthwise else (layer.channels, layer.kernel, layer.kernel, -1)
        weight = weight.reshape(shape)
        axis = 3 if layer.depthwise and len(layer.weight_scales) > 1 else 0
        inputs = [
            x,
            self._constant(weight, (layer.weight_scales, 128 if unsigned else 0), axis),
            self._constant(layer.bias, (layer.x.scale * layer.weight_scales, 0), 0),
        ]
        batch, height, width, _ = self.shape(x)
        shape = [batch, -(-height // layer.stride), -(-width // layer.stride), layer.channels]
        name = "DEPTHWISE_CONV_2D" if layer.depthwise else "CONV_2D"
        kind = "DepthwiseConv2DOptions" if layer.depthwise else "Conv2DOptions"
        return self._operator(name, 3, inputs, shape, layer.y, layer.dtype, (kind, options))

    def unary(self, name, x, quantization, **options):
        """LOGISTIC, TANH, GELU, HARD_SWISH, LEAKY_RELU, RELU, RELU6."""
        version = {"HARD_SWISH": 1}.get(name, 2)
        kinds = {"GELU": "GeluOptions", "LEAKY_RELU": "LeakyReluOptions", "HARD_SWISH": "HardSwishOptions"}
        return self._operator(name, version, [x], self.shape(x), quantization, self._dtype(x), self._options(kinds.get(name), options))

    def prelu(self, x, slopes, slopes_quantization, quantization):
        """A slope for each channel."""
        slopes = self._constant(slopes.reshape(1, 1, -1), slopes_quantization, 0)
        return self._operator("PRELU", 1, [x, slopes], self.shape(x), quantization, self._dtype(x), None)

    def binary(self, name, a, b, quantization, clamp="none"):
        """ADD, MUL; b may be one pixel."""
        kind = {"ADD": "AddOptions", "MUL": "MulOptions"}[name]
        options = self._options(kind, {"fusedActivationFunction": CLAMPS[clamp]})
        return self._operator(name, 2, [a, b], self.shape(a), quantization, self._dtype(a), options)

    def hard_sigmoid(self, x, gate, quantization):
        """`gate`: a quantized.HardSigmoid."""
        three, sixth = (
            self._constant(np.array(value, self._dtype(x)), q, 0) for value, q in zip(gate.constants, (gate.three, gate.sixth))
        )
        for name, other, q, clamp in ("ADD", three, gate.shifted, "relu6"), ("MUL", sixth, quantization, "none"):
            options = self._options(f"{name.capitalize()}Options", {"fusedActivationFunction": CLAMPS[clamp]})
            x = self._operator(name, 2, [x, other], self.shape(x), q, self._dtype(x), options)
        return x

    def fully_connected(self, x, layer):
        """Of one pixel; `layer`: a 1x1."""
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = CLAMPS[layer.clamp]
        unsigned = layer.dtype == "uint8"
        weight = layer.weight.view(np.uint8) ^ 0x80 if unsigned else layer.weight
        inputs = [
            x,
            self._constant(weight, (layer.weight_scales, 128 if unsigned else 0), 0),
            self._constant(layer.bias, (layer.x.scale * layer.weight_scales, 0), 0),
        ]
        shape = [self.shape(x)[0], layer.channels]
        return self._operator("FULLY_CONNECTED", 4, inputs, shape, layer.y, layer.dtype, ("FullyConnectedOptions", options))

    def mean(self, x, quantization):
        """MEAN over height and width."""
        axes, (batch, _, _, channels) = self._constant(np.array([1, 2], np.int32), None, 0), self.shape(x)
        options = self._options("ReducerOptions", {"keepDims": True})
        return self._operator("MEAN", 2, [x, axes], [batch, 1, 1, channels], quantization, self._dtype(x), options)

    def reshape(self, x, shape):
        options, tensor = self._options("ReshapeOptions", {"newShape": shape}), self._tensors[x]
        quantization = tensor.quantization.scale[0], tensor.quantization.zeroPoint[0]
        inputs = [x, self._constant(np.array(shape, np.int32), None, 0)]
        return self._operator("RESHAPE", 1, inputs, shape, quantization, self._dtype(x), options)

    def quantize(self, x, quantization, dtype):
        return self._operator("QUANTIZE", 1, [x], self.shape(x), quantization, dtype, self._options("QuantizeOptions", {}))

    def dequantize(self, x):
        return self._operator("DEQUANTIZE", 2, [x], self.shape(x), None, "float32", self._options("DequantizeOptions", {}))

    def model(self):
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = self.inputs, self.outputs
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self._codes, [graph], self._buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    @staticmethod
    def _options(kind, fields):
        if kind is None:
            return None
        options = getattr(schema, kind + "T")()
        for name, value in fields.items():
            setattr(options, name, value)
        return kind, options

    def _dtype(self, tensor):
        return next(name for name, number in TYPES.items() if number == self._tensors[tensor].type)

    def _tensor(self, shape, dtype, quantization=None, axis=0, buffer=0):
        tensor = schema.TensorT()
        tensor.shape, tensor.buffer, tensor.type = [int(size) for size in shape], buffer, TYPES[dtype]
        tensor.name = f"tensor_{len(self._tensors)}"
        if quantization is not None:
            scales, zero = quantization
            scales = np.atleast_1d(np.asarray(scales, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(scales.size, zero, np.int64)
            tensor.quantization.quantizedDimension = axis
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _constant(self, values, quantization, axis):
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._buffers.append(buffer)
        return self._tensor(values.shape, values.dtype.name, quantization, axis, len(self._buffers) - 1)

    def _operator(self, name, version, inputs, shape, quantization, dtype, options):
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, name), version)
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options[0])
            operator.builtinOptions = options[1]
        operator.inputs, operator.outputs = inputs, [self._tensor(shape, dtype, quantization)]
        self._operators.append(operator)
        return operator.outputs[0]

    def _code(self, builtin, version):
        for index, code in enumerate(self._codes):
            if code.builtinCode == builtin:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
        self._codes.append(code)
        return len(self._codes) - 1


def block(part):
    """A Block as a graph."""
    graph = Graph()
    x = graph.input([1, part.height, part.width, part.channels], part.dtype, part.layers[0].x)
    graph.outputs.append(add_block(graph, x, part))
    return graph


def add_block(graph, x, part):
    """Appends a Block, with SiLU as LOGISTIC and MUL."""
    y, dtype = x, part.dtype
    for layer in part.layers:
        if isinstance(layer, Excite):
            gate = add_layer(graph, add_layer(graph, graph.mean(y, layer.mean), layer.reduce, dtype), layer.expand, dtype)
            y = graph.binary("MUL", y, gate, layer.y, layer.clamp)
        else:
            y = add_layer(graph, y, layer, dtype)
    return graph.binary("ADD", y, x, part.residual) if part.residual else y


def add_layer(graph, x, layer, dtype):
    y = graph.convolution(x, layer)
    if layer.function == "prelu":
        return graph.prelu(y, layer.slopes, layer.slopes_q, layer.function_y)
    if layer.function == "hard_sigmoid":
        return graph.hard_sigmoid(y, layer.gate, layer.function_y)
    if layer.function == "silu":
        return graph.binary("MUL", y, graph.unary("LOGISTIC", y, logistic_quantization(dtype)), layer.function_y)
    return graph.unary(layer.function.upper(), y, layer.function_y) if layer.function else y


@dataclass
class Result:
    outputs: list
    operators: list  # (name of the operator, who runs it): "XNNPACK" or "builtin"


def run(graph, inputs, resolver="default", threads=1):
    """What LiteRT makes of the inputs, and who ran each operator."""
    with contextlib.redirect_stderr(io.StringIO()):
        interpreter = Interpreter(
            model_content=graph.model(), num_threads=threads, experimental_op_resolver_type=RESOLVERS[resolver]
        )
        interpreter.allocate_tensors()
    for detail, values in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return Result(outputs, who(interpreter))


def who(interpreter):
    """(name of the operator, who runs it) of each. LiteRT lists all operators of the model, and behind them the nodes by
    which its delegate has replaced some: those from which a delegate's outputs come."""
    details = interpreter._get_ops_details()  # pylint: disable=protected-access
    operators = [detail for detail in details if detail["op_name"] != "DELEGATE"]
    makers = {int(tensor): i for i, detail in enumerate(operators) for tensor in detail["outputs"]}
    taken = set()
    for detail in details:
        if detail["op_name"] != "DELEGATE":
            continue
        tensors, known = [int(t) for t in detail["outputs"]], {int(t) for t in detail["inputs"]}
        while tensors:
            tensor = tensors.pop()
            if tensor in known or tensor not in makers:
                continue
            known.add(tensor)
            taken.add(makers[tensor])
            tensors += [int(t) for t in operators[makers[tensor]]["inputs"]]
    return [(detail["op_name"], "XNNPACK" if i in taken else "builtin") for i, detail in enumerate(operators)]
