# SPDX-License-Identifier: MIT
"""A .tflite model as plain Python: its operators and tensors, read by the schema's generated readers, of which LiteRT's
wheel (ai-edge-litert) brings a module, and the package tflite is nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

IDENTIFIER = b"TFL3"
OPTIONS = {
    "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions", "FULLY_CONNECTED": "FullyConnectedOptions",
    "ADD": "AddOptions", "MUL": "MulOptions", "AVERAGE_POOL_2D": "Pool2DOptions",
}  # fmt: skip
FUNCTIONS = ("FusedActivationFunction", "Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor",
             "DepthMultiplier", "FilterHeight", "FilterWidth", "WeightsFormat")  # fmt: skip
TYPES = {"FLOAT32": "<f4", "INT8": "i1", "UINT8": "u1", "INT32": "<i4", "INT64": "<i8"}


class Refused(ValueError):
    """The model is none that can be exported; the message says why."""


@dataclass
class Tensor:
    number: int
    name: str
    type: str  # as the schema calls it
    shape: tuple
    scales: np.ndarray
    zeros: np.ndarray
    axis: int  # of the scales
    data: np.ndarray | None  # of a constant


@dataclass
class Operator:
    number: int
    name: str  # as the schema calls it
    inputs: list  # of Tensors; None where one is left out
    outputs: list
    options: dict = field(default_factory=dict)  # by the names of FUNCTIONS

    def __str__(self):
        return f"operator {self.number}, {self.name}"


@dataclass
class Graph:
    tensors: list
    operators: list
    inputs: list
    outputs: list

    def readers(self, tensor):
        """The operators that read it."""
        return [op for op in self.operators if any(one is tensor for one in op.inputs)]


def read(path):
    """The Graph of a model. Refused for what is no such file, or has more than one graph."""
    with open(path, "rb") as file:
        content = file.read()
    if content[4:8] != IDENTIFIER:
        raise Refused(f"{path} is no .tflite model: its bytes 4 to 7 are not {IDENTIFIER.decode()}")
    schema = _schema()
    try:
        return _graph(schema, schema.Model.GetRootAs(content))
    except Refused:
        raise
    except Exception as error:  # pylint: disable=broad-except # the readers check nothing: offsets may lead anywhere
        raise Refused(f"{path} is a damaged .tflite model: {type(error).__name__}: {error}") from error


def _schema():
    try:
        from ai_edge_litert import schema_py_generated as schema  # pylint: disable=import-outside-toplevel
    except ImportError:
        try:
            import tflite as schema  # pylint: disable=import-outside-toplevel
        except ImportError:
            raise Refused("wants a reader of .tflite files: pip install tflite, or ai-edge-litert") from None
    return schema


def _names(kind):
    """The names of an enumeration by their numbers."""
    return {number: name for name, number in vars(kind).items() if isinstance(number, int)}


def _graph(schema, model):
    if model.SubgraphsLength() != 1:
        raise Refused(f"the model has {model.SubgraphsLength()} graphs, not one")
    graph, types = model.Subgraphs(0), _names(schema.TensorType)
    tensors = [_tensor(model, graph.Tensors(i), i, types) for i in range(graph.TensorsLength())]
    operators = [_operator(schema, model, graph.Operators(i), i, tensors) for i in range(graph.OperatorsLength())]
    makers = [tensor.number for op in operators for tensor in op.outputs]
    if len(set(makers)) != len(makers):
        raise Refused("a tensor is written by two operators")
    inputs = [_at(tensors, graph.Inputs(i)) for i in range(graph.InputsLength())]
    outputs = [_at(tensors, graph.Outputs(i)) for i in range(graph.OutputsLength())]
    return Graph(tensors, operators, inputs, outputs)


def _at(tensors, index):
    if not 0 <= index < len(tensors):
        raise Refused(f"there is no tensor {index}")
    return tensors[index]


def _tensor(model, tensor, number, types):
    name, kind = (tensor.Name() or b"").decode("utf-8", "replace"), types.get(tensor.Type(), str(tensor.Type()))
    shape = tuple(tensor.Shape(i) for i in range(tensor.ShapeLength()))
    if any(size < 0 for size in shape):
        raise Refused(f'tensor {number}, "{name}", has the shape {shape}')
    if tensor.Sparsity() is not None or tensor.IsVariable():
        raise Refused(f'tensor {number}, "{name}", is sparse or a variable')
    q = tensor.Quantization()
    scales = np.array(q.ScaleAsNumpy() if q and q.ScaleLength() else [], np.float32)
    zeros = np.array(q.ZeroPointAsNumpy() if q and q.ZeroPointLength() else [], np.int64)
    data = _data(model, tensor.Buffer(), kind, shape, f'tensor {number}, "{name}",')
    return Tensor(number, name, kind, shape, scales, zeros, q.QuantizedDimension() if q else 0, data)


def _data(model, index, kind, shape, what):
    if not 0 <= index < model.BuffersLength():
        raise Refused(f"{what} has a buffer that is not there")
    buffer = model.Buffers(index)
    if buffer.DataLength() == 0:
        return None
    if kind not in TYPES:
        raise Refused(f"{what} is a constant of {kind}")
    elements = int(np.prod(shape, dtype=object)) if shape else 1
    if elements * np.dtype(TYPES[kind]).itemsize != buffer.DataLength():
        raise Refused(f"{what} has {buffer.DataLength()} bytes for the shape {shape}")
    return np.frombuffer(buffer.DataAsNumpy().tobytes(), TYPES[kind]).reshape(shape)


def _operator(schema, model, op, number, tensors):
    code = model.OperatorCodes(op.OpcodeIndex()) if op.OpcodeIndex() < model.OperatorCodesLength() else None
    if code is None:
        raise Refused(f"operator {number} has a code that is not there")
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # as LiteRT reads the two
    name = _names(schema.BuiltinOperator).get(builtin, str(builtin))
    inputs = [None if op.Inputs(i) == -1 else _at(tensors, op.Inputs(i)) for i in range(op.InputsLength())]
    outputs = [_at(tensors, op.Outputs(i)) for i in range(op.OutputsLength())]
    made = Operator(number, name, inputs, outputs)
    kind = OPTIONS.get(name)
    if kind is None:
        return made
    table = op.BuiltinOptions()
    if table is None or op.BuiltinOptionsType() != getattr(schema.BuiltinOptions, kind):
        raise Refused(f"{made} has no options")
    options = getattr(schema, kind)()
    options.Init(table.Bytes, table.Pos)
    made.options = {name: getattr(options, name)() for name in FUNCTIONS if hasattr(options, name)}
    for key, names in ("FusedActivationFunction", schema.ActivationFunctionType), ("Padding", schema.Padding):
        if key in made.options:
            made.options[key] = _names(names).get(made.options[key], str(made.options[key]))
    return made
