# SPDX-License-Identifier: MIT
"""mbconv, oneDNN and XNNPACK, through the driver (../driver.h)."""

import ctypes

import numpy as np

from peers import Refused

_SIZES = "height width channels expanded out kernel stride silu residual se_width".split()
_CONVS = "expand depthwise project reduce gate".split()
_MOST_STAGES = 6
_KINDS = {"P": 1, "D": 2, "C": 3}  # mbconv_stage_kind
_ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 2, "silu": 3}  # mbconv_activation_kind


class _Stage(ctypes.Structure):
    """struct compare_stage, field by field."""

    _fields_ = [(name, ctypes.c_size_t) for name in "kind kernel stride out activation".split()] + [
        ("weight", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
    ]


class _Request(ctypes.Structure):
    """struct compare_request, field by field."""

    _fields_ = (
        [(name, ctypes.c_size_t) for name in _SIZES]
        + [("x", ctypes.c_void_p)]
        + [(name + suffix, ctypes.c_void_p) for name in _CONVS for suffix in ("", "_bias")]
        + [("stage_count", ctypes.c_size_t), ("stages", _Stage * _MOST_STAGES)]
        + [("threads", ctypes.c_size_t), ("copies", ctypes.c_size_t), ("isa", ctypes.c_int)]
    )


class _NetworkRequest(ctypes.Structure):
    """struct compare_network_request, field by field."""

    _fields_ = (
        [("path", ctypes.c_char_p), ("height", ctypes.c_size_t), ("width", ctypes.c_size_t), ("x", ctypes.c_void_p)]
        + [("threads", ctypes.c_size_t), ("isa", ctypes.c_int)]
    )  # fmt: skip


class Driver:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        for name, result, *arguments in (
            ("compare_create", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
            ("compare_create_network", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
            (
                "compare_create_i8", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t,
            ),  # fmt: skip
            ("compare_destroy", None, ctypes.c_void_p),
            ("compare_output", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
            ("compare_time", ctypes.c_double, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
            ("compare_scratch_bytes", ctypes.c_size_t, ctypes.c_void_p),
            ("compare_describe", None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
            ("compare_peak", ctypes.c_double, ctypes.c_int),
            ("compare_clock", ctypes.c_double),
            ("compare_compiler", ctypes.c_char_p),
            ("compare_version", None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
            ("compare_isa", ctypes.c_int, ctypes.c_char_p),
            ("compare_isa_i8", ctypes.c_int, ctypes.c_char_p),
            ("compare_isa_name", ctypes.c_char_p, ctypes.c_int),
        ):
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    def peak(self, isa):
        return self.library.compare_peak(isa)

    def compiler(self):
        return self.library.compare_compiler().decode()

    def version(self, name):
        text = ctypes.create_string_buffer(64)
        self.library.compare_version(name.encode(), text, len(text))
        return text.value.decode()

    def isa(self, name):
        return self.library.compare_isa(name.encode())

    def isa_name(self, isa):
        return self.library.compare_isa_name(isa).decode()


class Native:
    """One block on one of the driver's contenders; see peers.Peer for the interface."""

    has_overhead = False  # the loop of calls is in C++

    def __init__(self, driver, name, case, threads, copies, isa):
        request = _request(case, threads, copies, isa)
        self._create(driver, case, driver.library.compare_create, name.encode(), request)

    def _create(self, driver, case, create, *arguments):
        self._library, self._case = driver.library, case
        message = ctypes.create_string_buffer(256)
        self._handle = create(*arguments, message, len(message))
        if not self._handle:
            raise Refused(message.value.decode())

    def output(self):
        y = np.empty(self._case.y.shape, np.float32)
        if self._library.compare_output(self._handle, y.ctypes.data):
            raise Refused("its copies differ from each other")
        return y

    def time(self, calls, clock):
        return self._library.compare_time(self._handle, calls, clock)

    @property
    def scratch_bytes(self):
        return self._library.compare_scratch_bytes(self._handle)

    @property
    def description(self):
        text = ctypes.create_string_buffer(256)
        self._library.compare_describe(self._handle, text, len(text))
        return text.value.decode()

    def close(self):
        self._library.compare_destroy(self._handle)
        self._handle = None


class NativeNetwork(Native):
    """A network on mbconv. `path`: its weights, a safetensors file."""

    def __init__(self, driver, network, path, threads, isa):  # pylint: disable=super-init-not-called
        request = _NetworkRequest(path.encode(), network.height, network.width, network.x.ctypes.data, threads, isa)
        self._create(driver, network, driver.library.compare_create_network, ctypes.byref(request))


def _request(case, threads, copies, isa):
    request = _Request(threads=threads, copies=copies, isa=isa, x=case.x.ctypes.data)
    for name in _SIZES:
        setattr(request, name, int(getattr(case.block, name, 0)))
    request.stage_count = len(case.stages)
    for i, conv in enumerate(case.stages):
        stage = case.block.stages[i]
        sizes = _KINDS[stage.kind], stage.kernel, stage.stride, stage.out, _ACTIVATIONS[stage.activation]
        request.stages[i] = _Stage(*sizes, conv.weight.ctypes.data, conv.bias.ctypes.data)
    for name in _CONVS:
        conv = getattr(case, name)
        if conv:
            setattr(request, name, conv.weight.ctypes.data)
            setattr(request, name + "_bias", conv.bias.ctypes.data)
    return ctypes.byref(request)
