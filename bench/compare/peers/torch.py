# SPDX-License-Identifier: MIT
"""PyTorch: the block frozen, or also optimised for inference, in both memory formats; the fastest counts."""

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
        ways = [_way(case, layout, optimise) for layout in layouts for optimise in (False, True)]
        self._run, self.description = min(ways, key=lambda way: _quick_time(way[0], threads))
        empty, x = torch.jit.freeze(torch.jit.script(torch.nn.ReLU().eval())), torch.zeros(1, 1, 1, 1)
        self.calls(self._run, lambda: empty(x))

    def output(self):
        y = self._run()
        return y.permute(0, 2, 3, 1).contiguous().numpy()

    def time(self, calls, clock):
        _set_threads(self._threads)
        return super().time(calls, clock)


def _set_threads(threads):
    """Of OpenMP, which the contender of oneDNN sets too, and of OpenBLAS, which has its own."""
    torch.set_num_threads(threads)
    if _openblas:
        _openblas.openblas_set_num_threads(threads)


class _Block(torch.nn.Module):
    def __init__(self, case):
        super().__init__()
        block = case.block
        activation = torch.nn.SiLU if block.silu else torch.nn.ReLU6
        expand = [_conv(case.expand), activation()] if block.has_expand else []
        self.head = torch.nn.Sequential(*expand, _conv(case.depthwise, block), activation())
        self.gate = torch.nn.Identity()
        if block.se_width:
            mean = torch.nn.AdaptiveAvgPool2d(1)
            layers = mean, _conv(case.reduce), torch.nn.SiLU(), _conv(case.gate), torch.nn.Sigmoid()
            self.gate = torch.nn.Sequential(*layers)
        self.project = _conv(case.project)
        self.has_gate, self.residual = bool(block.se_width), block.residual

    def forward(self, x):
        h = self.head(x)
        if self.has_gate:
            h = h * self.gate(h)
        y = self.project(h)
        if self.residual:
            y = y + x
        return y


def _conv(conv, block=None):
    """With `block`: its depthwise."""
    out, channels, kernel = conv.weight.shape[:3]
    more = {"stride": block.stride, "padding": block.pad, "groups": out} if block else {}
    module = torch.nn.Conv2d(out if block else channels, out, kernel, **more)
    module.weight.copy_(torch.from_numpy(conv.weight))
    module.bias.copy_(torch.from_numpy(conv.bias))
    return module


def _way(case, layout, optimise):
    x, module = torch.from_numpy(case.x).permute(0, 3, 1, 2).contiguous(), _Block(case).eval()
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
