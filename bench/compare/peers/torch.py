# SPDX-License-Identifier: MIT
"""PyTorch: the block frozen, or also optimised for inference, in both memory formats; the fastest counts."""

import copy
import ctypes
import time

import torch

from peers import Peer

VERSION = torch.__version__
torch.set_grad_enabled(False)
try:
    _openblas = ctypes.CDLL("libopenblas.so.0")
except OSError:
    _openblas = None  # another BLAS, slower


class Contender(Peer):
    def __init__(self, case, threads):
        _set_threads(threads)
        self._threads = threads
        layouts = "contiguous", "channels_last"
        ways = [_way(self._module(case), case.x, layout, optimise) for layout in layouts for optimise in (False, True)]
        self._run, self.description = min(ways, key=lambda way: _quick_time(way[0], threads))
        empty, x = torch.jit.freeze(torch.jit.script(torch.nn.ReLU().eval())), torch.zeros(1, 1, 1, 1)
        self.calls(self._run, lambda: empty(x))

    def output(self):
        y = self._run()
        return y.permute(0, 2, 3, 1).contiguous().numpy()

    def time(self, calls, clock):
        _set_threads(self._threads)
        return super().time(calls, clock)

    @staticmethod
    def _module(case):
        return _Block(case).eval()


class NetworkContender(Contender):
    """The network's own module; freezing folds its normalisations."""

    def output(self):
        return self._run().numpy()

    @staticmethod
    def _module(case):
        return torch.jit.trace(copy.deepcopy(case.module), torch.zeros(1, 3, case.height, case.width))


def _set_threads(threads):
    """Of OpenMP, which the contender of oneDNN sets too, and of OpenBLAS, which has its own."""
    torch.set_num_threads(threads)
    if _openblas:
        _openblas.openblas_set_num_threads(threads)


class _Block(torch.nn.Module):
    def __init__(self, case):
        super().__init__()
        if case.stages:
            self.head = torch.nn.Sequential(*[module for conv in case.stages for module in _conv(conv)])
            self.gate, self.project = torch.nn.Identity(), torch.nn.Identity()
            self.has_gate, self.residual = False, case.residual
            return
        expand = _conv(case.expand) if case.expand else []
        self.head = torch.nn.Sequential(*expand, *_conv(case.depthwise))
        self.gate = torch.nn.Identity()
        if case.gate:
            self.gate = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), *_conv(case.reduce), *_conv(case.gate))
        self.project = torch.nn.Sequential(*_conv(case.project))
        self.has_gate, self.residual = bool(case.gate), case.residual

    def forward(self, x):
        h = self.head(x)
        if self.has_gate:
            h = h * self.gate(h)
        y = self.project(h)
        if self.residual:
            y = y + x
        return y


_ACTIVATIONS = {"none": [], "relu": [torch.nn.ReLU], "relu6": [torch.nn.ReLU6], "silu": [torch.nn.SiLU], "sigmoid": [torch.nn.Sigmoid]}


def _conv(conv):
    """With its activation."""
    channels = conv.weight.shape[1] * conv.groups
    module = torch.nn.Conv2d(channels, conv.out, conv.kernel, conv.stride, conv.pad, groups=conv.groups)
    module.weight.copy_(torch.from_numpy(conv.weight))
    module.bias.copy_(torch.from_numpy(conv.bias))
    return [module] + [activation() for activation in _ACTIVATIONS[conv.activation]]


def _way(module, x, layout, optimise):
    x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    if layout == "channels_last":
        x, module = x.to(memory_format=torch.channels_last), module.to(memory_format=torch.channels_last)
    module = torch.jit.freeze(torch.jit.script(module))
    if optimise:
        module = torch.jit.optimize_for_inference(module)
    return lambda: module(x), layout + (", optimize_for_inference" if optimise else ", frozen")


def _quick_time(run, threads):
    clock = time.perf_counter if threads > 1 else time.thread_time
    for _ in range(3):  # the first calls compile
        run()
    fastest, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < 30e-3:
        start = clock()
        run()
        fastest = min(fastest, clock() - start)
    return fastest
