# SPDX-License-Identifier: MIT
"""Every argument of everything public: what of a wrong type or value is refused, by a message that names the argument,
and what else than the usual type is accepted and means the same."""

import enum
import fractions
import inspect
import types
import unittest
import warnings

import numpy as np

import mbconv
from reference import Random

SIDE, INPUTS, EXPANDED, WIDTH = 8, 6, 12, 3  # of a block's image and layers

random = Random()
X = random.floats(2, SIDE, SIDE, INPUTS)


class Index:
    """An integer as Python knows one."""

    def __init__(self, value):
        self._value = value

    def __index__(self):
        return self._value


class Word(str, enum.Enum):
    SILU = "silu"
    NHWC = "nhwc"
    AUTO = "auto"
    DEPTHWISE = "depthwise"


class NoArray:
    def __array__(self, *_, **__):
        raise RuntimeError("no array")


# ---- Kinds of arguments --------------------------------------------------------------------------------------------
# Each: what is refused, as (exception, value), and what means the same as the argument's value in the table.


class Kind:
    def __init__(self, refused, same=lambda value: ()):
        self.refused, self.same = refused, same

    def but(self, *accepted):
        """Without these values among what is refused, for an argument that takes them, too."""
        left = [(error, value) for error, value in self.refused if not any(value is one for one in accepted)]
        return Kind(left, lambda value: (*self.same(value),))

    def and_refuses(self, *refused):
        return Kind([*self.refused, *refused], self.same)


def wrong(*values):
    """Values of a wrong type."""
    return [(TypeError, value) for value in values]


def senseless(*values):
    """Values of the right type that make no sense."""
    return [(ValueError, value) for value in values]


def too_large(*values):
    return [(OverflowError, value) for value in values]


ONE_IN_SOMETHING = [2], np.array([2])
INTEGER = Kind(
    wrong("2", b"2", 2.0, np.float32(2), 2j, None, {2}, *ONE_IN_SOMETHING, True, np.True_, object(), Index)
    + senseless(-1, np.int8(-1)) + too_large(2**64, 2**64 + SIDE),
    lambda value: (np.int64(value), np.uint8(value), np.array(value), Index(value)),
)  # fmt: skip
COUNT = INTEGER.and_refuses(*senseless(0, 1025))
THREADS = Kind(COUNT.but(None).refused, lambda value: (*COUNT.same(value), mbconv.Threads(value), None))
EXTENT = INTEGER.and_refuses(*senseless(0), *too_large(2**63))
PAD = Kind(
    INTEGER.but(None, "2", *ONE_IN_SOMETHING).refused
    + wrong((1.0,) * 4, (1, 1, 1, "1"), (True,) * 4, {0: 1})
    + senseless("2", "1111", "SAME", "", 3, (), *ONE_IN_SOMETHING, (1, 1, 1), [1] * 5, (1, 1, -1, 1)) + too_large((1, 1, 1, 2**64 + 1)),
    lambda value: (*INTEGER.same(value), None, "same", (value,) * 4, [np.int32(value)] * 4,
                   np.array([value] * 4)),
)  # fmt: skip
CHOICE = Kind(
    wrong(0, 3.0, None, b"silu", ["silu"], ("silu",), {"silu"}, np.array(["silu"]), True, object())
    + senseless("", "SILU ", "other"),
    lambda value: (np.str_(value), Word(value)),
)  # fmt: skip
RESIDUAL = Kind(wrong(0, 1, 1.0, "yes", "", b"", [], [True], np.int64(1), np.array([True]), object()),
                lambda value: (np.bool_(value), None))  # fmt: skip
RESIDUAL_OR_GIVEN = Kind(RESIDUAL.but("yes", "").refused + senseless("yes", "", "GIVEN"), RESIDUAL.same)
FLAG = Kind(RESIDUAL.refused + wrong(None), lambda value: (np.bool_(value),))
APART = INTEGER.and_refuses(*senseless(0), *too_large(2**64 - 1))
NUMBER = Kind(
    wrong("1e-5", b"1", None, [1e-5], (1e-5,), 1j, True, np.array([1e-5]), object())
    + senseless(float("nan"), float("inf"), -1.0, 1e300) + too_large(10**400),
    lambda value: (np.float64(value), np.longdouble(value), fractions.Fraction(value)),
)  # fmt: skip


def unaligned(array):
    """Its equal, contiguous and at an odd address."""
    memory = np.empty(array.nbytes + 1, np.uint8)
    made = np.frombuffer(memory.data, np.float32, array.size, offset=1).reshape(array.shape)
    made[...] = array
    assert made.flags.c_contiguous and not made.flags.aligned
    return made


def strided(array):
    """Its equal, with gaps."""
    made = np.empty((*array.shape[:-1], array.shape[-1] * 2), np.float32)[..., ::2]
    made[...] = array
    return made


def of_other_types(array):
    others = (np.zeros(array.shape, dtype) for dtype in ("f2", "f8", "i4", "c8", "O", ">f4", "U8", "?"))
    return wrong(*others, np.ma.MaskedArray(array))


NO_ARRAYS = wrong("abc", b"abc", 3, 1.0, None, [1.0], [[1.0], [1.0, 2.0]], {"weight": 1}, {1.0}, object(), Index(1))


def parameters(*shape):
    array = random.floats(*shape)
    return Kind(
        NO_ARRAYS + wrong(NoArray()) + of_other_types(array)
        + senseless(array[..., :0], array[1:], array[None, None, None], np.float32(1)),
        lambda value: (strided(value), unaligned(value), np.asfortranarray(value), memoryview(value)),
    )  # fmt: skip


def record(kind):
    return Kind(wrong(0, False, "", "a", [], {}, (), X, None, object(), kind))


LISTED = Kind(wrong(None, "PDP", 3, {}, np.zeros(3), iter(()), [1, 2], [None], object()) + senseless([], ()),
              lambda value: (tuple(value),))  # fmt: skip


def pixels(of):
    return Kind(
        NO_ARRAYS + of_other_types(of)
        + senseless(of[..., :-1].copy(), strided(of), unaligned(of), np.float32(1)[...]),
        lambda value: (value.view(type("Own", (np.ndarray,), {})),),
    )  # fmt: skip


def image(of):
    return pixels(of).and_refuses(*senseless(of[0], of[None]))


def output(shape):
    read_only = np.empty(shape, np.float32)
    read_only.flags.writeable = False
    refused = image(np.empty(shape, np.float32)).but(None).refused
    return Kind([*refused, *senseless(read_only)], lambda value: (value, None))


OUTPUT = object()  # where to write to
ADDRESS = Kind(wrong("x", 1.5, b"x", None, [1], X, True, object()) + senseless(0, -1) + too_large(2**64),
               lambda value: (np.uint64(value), Index(value)))  # fmt: skip

# ---- What is public ------------------------------------------------------------------------------------------------

conv = random.conv
LAYERS = {"expand": conv(EXPANDED, INPUTS), "depthwise": conv(EXPANDED, 1, 3, 3), "project": conv(INPUTS, EXPANDED)}
SQUEEZE = {"reduce": conv(WIDTH, EXPANDED), "expand": conv(EXPANDED, WIDTH), "inner": "silu", "gate": "silu"}
NORM = {name: np.abs(random.floats(INPUTS)) for name in ("mean", "variance", "gamma", "beta")}
BLOCK = mbconv.Block(**LAYERS, activation="silu")
STAGE = {"kind": "depthwise", "parameters": LAYERS["depthwise"], "activation": "silu", "stride": 1, "pad": 1,
         "dilation": 1}  # fmt: skip
LIST = [mbconv.Stage("pointwise", LAYERS["expand"], "gelu"), mbconv.Stage(**STAGE),
        mbconv.Stage("pointwise", LAYERS["project"])]  # fmt: skip
STAGES = mbconv.Stages(LIST, residual="given", residual_channels=4)
RESIDUAL_IMAGE = random.floats(2, SIDE, SIDE, 4)
CONVOLUTION = mbconv.Convolution(conv=conv(5, INPUTS, 3, 3))
POINTWISE = mbconv.Pointwise(conv=conv(5, INPUTS))


def made_block(**arguments):
    return mbconv.Block(**{**LAYERS, "activation": "silu", **arguments})(X)


def made_stages(**arguments):
    return mbconv.Stages(**{"stages": LIST, "residual": True, **arguments})(X)


def with_stage(**arguments):
    return made_stages(stages=[LIST[0], mbconv.Stage(**arguments), LIST[2]])


def called_stages(x, out, threads, residual):
    return STAGES(x, out, threads, residual)


def made_convolution(**arguments):
    return mbconv.Convolution(**arguments)(X)


def made_pointwise(**arguments):
    return mbconv.Pointwise(**arguments)(X)


def with_norm(**arguments):
    return made_pointwise(conv=mbconv.Conv(LAYERS["project"].weight.T[:INPUTS, :INPUTS], None,
                                           mbconv.BatchNorm(**arguments)))  # fmt: skip


def with_conv(**arguments):
    return made_pointwise(conv=mbconv.Conv(**arguments), activation="prelu")


def with_squeeze(**arguments):
    return made_block(squeeze_excite=mbconv.SqueezeExcite(**arguments))


def ran_at(operator, outputs):
    """What run_at writes: to where `y` says, or to an array if it is OUTPUT."""

    def run(*, y, **arguments):
        made = np.zeros((2, SIDE, SIDE, outputs), np.float32)
        operator.run_at(y=made.ctypes.data if y is OUTPUT else y, **arguments)
        return made

    return run


def of_call(operator, outputs, x):
    shape = (2, SIDE, SIDE, outputs)
    return operator, {
        "x": (x(X), X), "out": (output(shape), np.empty(shape, np.float32)), "threads": (THREADS, 2),
    }  # fmt: skip


def of_run_at(operator, outputs, **counts):
    return ran_at(operator, outputs), {
        **counts, "x": (ADDRESS, X.ctypes.data), "y": (Kind(ADDRESS.refused), OUTPUT),
        "threads": (THREADS, 2),
    }  # fmt: skip


ISA = {"isa": (CHOICE, "auto"), "exp": (CHOICE, "auto")}
SIZE = {"height": (EXTENT, SIDE), "width": (EXTENT, SIDE)}
OF_SHAPES = {
    f"{name}.{method}": (getattr(operator, method), {**SIZE, **others})
    for name, operator in (("Block", BLOCK), ("Stages", STAGES), ("Convolution", CONVOLUTION))
    for method, others in (
        ("output_size", {}), ("output_shape", {"batch": (INTEGER, 2)}), ("scratch_size", {"threads": (INTEGER, 2)}),
    )
}  # fmt: skip

# By name: a function that calls it, and of each argument the kind and a value.
TABLE = {
    "BatchNorm": (with_norm, {
        **{name: (parameters(INPUTS), value) for name, value in NORM.items() if name in ("mean", "variance")},
        **{name: (parameters(INPUTS).but(None), value) for name, value in NORM.items() if name in ("gamma", "beta")},
        "epsilon": (NUMBER, 0.5)}),
    "Conv": (with_conv, {
        "weight": (parameters(5, INPUTS), random.floats(5, INPUTS)),
        "bias": (parameters(5).but(None), random.floats(5)),
        "scale": (parameters(5).but(None), random.floats(5)),
        "slope": (parameters(5).but(None).and_refuses(*senseless(None)), random.floats(5)),
        "batch_norm": (record(mbconv.BatchNorm).but(None), random.conv(5, INPUTS).batch_norm)}),
    "SqueezeExcite": (with_squeeze, {
        name: (CHOICE if name in ("inner", "gate") else record(mbconv.Conv), value)
        for name, value in SQUEEZE.items()}),
    "Block": (made_block, {
        "stride": (INTEGER, 1), "pad": (PAD, 1),
        "depthwise": (record(mbconv.Conv), LAYERS["depthwise"]), "project": (record(mbconv.Conv), LAYERS["project"]),
        "expand": (record(mbconv.Conv).but(None), LAYERS["expand"]),
        "squeeze_excite": (record(mbconv.SqueezeExcite).but(None), mbconv.SqueezeExcite(**SQUEEZE)),
        "activation": (CHOICE, "silu"), "residual": (RESIDUAL, True), "layout": (CHOICE, "nhwc"), **ISA,
        "strip_rows": (INTEGER, 2), "group_channels": (INTEGER, 0), "dilation": (APART, 1)}),
    "Stage": (with_stage, {
        "kind": (CHOICE, "depthwise"), "parameters": (record(mbconv.Conv), STAGE["parameters"]),
        "activation": (CHOICE, "silu"), "stride": (INTEGER, 1), "pad": (PAD, 1), "dilation": (APART, 1)}),
    "Stages": (made_stages, {
        "stages": (LISTED, LIST), "residual": (RESIDUAL_OR_GIVEN, True), "residual_after": (FLAG, False),
        "residual_channels": (INTEGER, 0), "layout": (CHOICE, "nhwc"), **ISA,
        "strip_rows": (INTEGER, 2), "group_channels": (INTEGER, 0)}),
    "Convolution": (made_convolution, {
        "stride": (INTEGER, 1), "pad": (PAD, 1),
        "conv": (record(mbconv.Conv), conv(5, INPUTS, 3, 3)), "activation": (CHOICE, "silu"),
        "layout": (CHOICE, "nhwc"), **ISA}),
    "Pointwise": (made_pointwise, {
        "conv": (record(mbconv.Conv), conv(5, INPUTS)), "activation": (CHOICE, "silu"), **ISA}),
    "Block.__call__": of_call(BLOCK, INPUTS, image),
    "Stages.__call__": (called_stages, {
        **of_call(STAGES, INPUTS, image)[1], "residual": (image(RESIDUAL_IMAGE), RESIDUAL_IMAGE)}),
    "Stages.run_at": (ran_at(STAGES, INPUTS), {
        **of_run_at(STAGES, INPUTS, batch=(INTEGER, 2), **SIZE)[1],
        "residual": (ADDRESS, RESIDUAL_IMAGE.ctypes.data)}),
    "Stages.describe": (STAGES.describe, {**SIZE, "threads": (INTEGER, 2)}),
    "Convolution.__call__": of_call(CONVOLUTION, 5, image),
    "Pointwise.__call__": of_call(POINTWISE, 5, pixels),
    "Block.run_at": of_run_at(BLOCK, INPUTS, batch=(INTEGER, 2), **SIZE),
    "Convolution.run_at": of_run_at(CONVOLUTION, 5, batch=(INTEGER, 2), **SIZE),
    "Pointwise.run_at": of_run_at(POINTWISE, 5, pixels=(INTEGER, 2 * SIDE * SIDE)),
    "Block.describe": (BLOCK.describe, {**SIZE, "threads": (INTEGER, 2)}),
    **OF_SHAPES,
    "Threads": (lambda count: mbconv.Threads(count).count, {"count": (COUNT, 2)}),
    "usable_isas": (mbconv.usable_isas, {}),
}  # fmt: skip


def public(module):
    """(name, function) of all that can be called, but for exceptions: they are for those who catch them."""
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, types.ModuleType) or not callable(value):
            continue
        if not inspect.isclass(value):
            yield name, value
        elif not issubclass(value, BaseException):
            yield name, value.__init__
            for method in dir(value):
                function = getattr(value, method)
                if inspect.isfunction(function) and (method == "__call__" or not method.startswith("_")):
                    yield f"{name}.{method}", function


def parameters_of(function):
    return [parameter for parameter in inspect.signature(function).parameters.values() if parameter.name != "self"]


class Arguments(unittest.TestCase):
    module, table = mbconv, TABLE

    def test_table_is_complete(self):
        there = {name: {parameter.name for parameter in parameters_of(function)} for name, function in public(self.module)}
        self.assertEqual({name: set(arguments) for name, (_, arguments) in self.table.items()}, there)

    def test_type_hints(self):
        """Each argument and result has one."""
        for name, function in public(self.module):
            for parameter in parameters_of(function):
                self.assertIsNot(parameter.annotation, parameter.empty, f"{name}: {parameter.name}")
            self.assertIsNot(inspect.signature(function).return_annotation, inspect.Signature.empty, name)

    def test_refused(self):
        for name, (call, arguments) in self.table.items():
            values = {argument: value for argument, (_, value) in arguments.items()}
            for argument, (kind, _) in arguments.items():
                for error, value in kind.refused:
                    with self.subTest(name, argument=argument, value=repr(value)[:60]):
                        with self.assertRaises((TypeError, ValueError, OverflowError)) as caught:
                            with warnings.catch_warnings():
                                warnings.simplefilter("error")
                                call(**{**values, argument: value})
                        self.assertIsInstance(caught.exception, error)
                        self.check_message(str(caught.exception), argument)

    def check_message(self, message, argument):
        """It names the argument, or what a user knows it by."""
        others = {"height": "image", "width": "image", "weight": "in_channels|conv.bias", "count": "threads",
                  "epsilon": "variance"}  # fmt: skip
        self.assertRegex(message, rf"\b({argument}|{others.get(argument, argument)})\b")

    def test_accepted(self):
        for name, (call, arguments) in self.table.items():
            values = {argument: value for argument, (_, value) in arguments.items()}
            expected = call(**values)
            for argument, (kind, value) in arguments.items():
                for same in kind.same(value):
                    with self.subTest(name, argument=argument, value=repr(same)[:60]):
                        np.testing.assert_array_equal(call(**{**values, argument: same}), expected)


if __name__ == "__main__":
    unittest.main()
