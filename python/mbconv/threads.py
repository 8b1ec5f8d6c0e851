# SPDX-License-Identifier: MIT
"""Threads for a run, and what each calling thread keeps for its runs."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import weakref
from typing import Any, Optional, SupportsIndex

import numpy as np

from . import _arguments, _native
from ._native import threads_library

MOST_THREADS = 1024
CACHE_LINE = 64


class Threads:
    """A pool of `count` threads, the one that calls among them. They sleep when there has been no work for 0.1 ms, and
    end with the object. A run that finds its pool taken, by a run of another thread, does without it."""

    count: int
    address: int  # of an mbconv_threads

    def __init__(self, count: SupportsIndex) -> None:
        self.count = _arguments.size(count, "count")
        if not 1 <= self.count <= MOST_THREADS:
            raise ValueError(f"{self.count} threads: 1 to {MOST_THREADS} are possible")
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        pool = threads_library.mbconv_pool_create(self.count)
        if not pool:
            raise MemoryError(f"{self.count} threads cannot be started")
        self._end = weakref.finalize(self, threads_library.mbconv_pool_destroy, pool)
        self._end.atexit = False  # another thread may still be running in it
        run = ctypes.cast(threads_library.mbconv_pool_parallel_for, ctypes.c_void_p)
        self._struct = _native.Threads(parallel_for=run, context=pool, count=self.count)
        self.address = ctypes.addressof(self._struct)

    def _start_in_child(self) -> None:
        """A forked process has none of its parent's other threads."""
        self._end.detach()
        self._start()

    def __reduce__(self) -> tuple[Any, ...]:
        return Threads, (self.count,)

    def __repr__(self) -> str:
        return f"Threads({self.count})"


_pools: weakref.WeakSet[Threads] = weakref.WeakSet()


def _start_pools_in_child() -> None:
    for pool in list(_pools):
        pool._start_in_child()  # pylint: disable=protected-access


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_pools_in_child)


def threads_of(threads: Any) -> tuple[int, Optional[int]]:
    """What a run's argument `threads` stands for: (how many, address of an mbconv_threads or None)."""
    if threads is None:
        return 1, None
    if not hasattr(threads, "address"):  # neither a pool nor a team of OpenMP's
        count = _arguments.size(threads, "threads", "an integer, an mbconv.Threads or None")
        if count == 1:
            return 1, None
        threads = _shared_pool(count)
    return threads.count, threads.address


@functools.lru_cache(maxsize=None)
def _shared_pool(count: int) -> Threads:
    return Threads(count)


class _Own(threading.local):
    """Of one calling thread: scratch, shared by all its runs and as large as the largest of them needs, and the place
    for an error's message."""

    def __init__(self) -> None:
        super().__init__()
        self.error = _native.Error()
        self.error_address = ctypes.addressof(self.error)
        self.size = self.address = 0
        self._memory: Any = None

    def scratch(self, size: int) -> int:
        if size > self.size:
            self._memory = None  # before the next is taken
            self._memory = np.empty(size + CACHE_LINE, np.uint8)
            self.size, self.address = size, -(-self._memory.ctypes.data // CACHE_LINE) * CACHE_LINE
        return self.address


own = _Own()
