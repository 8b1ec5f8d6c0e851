# SPDX-License-Identifier: MIT
"""PyTorch's own threads for a run: the OpenMP library that PyTorch computes with."""

import ctypes
import functools

import torch

from .. import _native
from ..threads import Threads
from .._native import threads_library


class Team:
    """As many of OpenMP's threads; what mbconv.Threads is for a pool."""

    def __init__(self, parallel, count):
        self.count = count
        self._team = _native.Team(ctypes.cast(parallel, ctypes.c_void_p), count)
        run = ctypes.cast(threads_library.mbconv_team_parallel_for, ctypes.c_void_p)
        self._struct = _native.Threads(parallel_for=run, context=ctypes.addressof(self._team), count=count)
        self.address = ctypes.addressof(self._struct)


@functools.lru_cache(maxsize=None)
def threads(count):
    """The threads that PyTorch's next operator runs on, too. A pool beside OpenMP's would share the cores with threads
    that wait awake for a while after their work; it is used where PyTorch was built without OpenMP."""
    if count == 1:
        return None
    parallel = _openmp_parallel()
    return Team(parallel, count) if parallel else Threads(count)


@functools.lru_cache(maxsize=None)
def _openmp_parallel():
    """GOMP_parallel of the OpenMP library that PyTorch depends on. Its name and place differ between builds: the
    dynamic linker looks it up among the dependencies."""
    if "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return None
    try:
        return ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None
