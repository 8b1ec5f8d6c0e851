# SPDX-License-Identifier: MIT
"""The contenders. native.py has those in C++; every other one of PYTHON is a module here with a VERSION and a class
Contender(case, threads), a Peer."""

import time

import numpy as np

NATIVE = "onednn", "xnnpack"  # beside mbconv
PYTHON = "onnxruntime", "openvino", "litert", "ncnn", "torch"
REQUIRED = "onednn", "onnxruntime", "openvino", "litert"


class Refused(Exception):
    """The contender cannot compute this block."""


class Peer:
    """What the peers in Python share. A subclass calls `self.calls(run_block, run_empty)` when it is ready.

    run_block and run_empty take no arguments: one call of the block, and one of a model that does nothing, made and
    called in the same way. The time of the empty call is what Python and the peer's entry cost, and is taken off.
    """

    has_overhead = True
    scratch_bytes = None  # not known
    description = ""

    def calls(self, run_block, run_empty):
        self._run_block, self._run_empty = run_block, run_empty

    def output(self):
        """The result of one call, NHWC."""
        raise NotImplementedError

    def time(self, calls, clock):
        """Seconds that `calls` calls took by `clock`."""
        return _time(self._run_block, calls, clock)

    def time_empty(self, calls, clock):
        return _time(self._run_empty, calls, clock)

    def close(self):
        self._run_block = self._run_empty = None


def _time(run, calls, clock):
    start = time.clock_gettime_ns(clock)
    for _ in range(calls):
        run()
    return 1e-9 * (time.clock_gettime_ns(clock) - start)


def check(peer, expected, tolerance):
    """Refuses a peer whose result is further from the expected one than that part of its largest value."""
    y = peer.output()
    if y.shape != expected.shape:
        raise Refused(f"gives {y.shape} instead of {expected.shape}")
    difference = np.abs(y - expected).max() / np.abs(expected).max()
    if not difference <= tolerance:
        raise Refused(f"computes something else: differs by {difference:.1e} of the largest output")
