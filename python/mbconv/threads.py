# SPDX-License-Identifier: MIT
"""Threads for a run, and what each calling thread keeps for its runs."""

import ctypes
import functools
import os
import threading
import weakref

import numpy as np

from . import _native
from ._native import threads_library

MOST_THREADS = 1024
CACHE_LINE = 64


class Threads:
    """A pool of `count` threads, the one that calls among them. They sleep when there has been no work for 0.1 ms, and
    end with the object. A run that finds its pool taken, by a run of another thread, does without it."""

    def __init__(self, count):
        if not 1 <= count <= MOST_THREADS:
            raise ValueError(f"{count} threads: 1 to {MOST_THREADS} are possible")
        self.count = count
        self._start()
        _pools.add(self)

    def _start(self):
        pool = threads_library.mbconv_pool_create(self.count)
        if not pool:
            raise MemoryError(f"{self.count} threads cannot be started")
        self._end = weakref.finalize(self, threads_library.mbconv_pool_destroy, pool)
        self._end.atexit = False  # another thread may still be running in it
        run = ctypes.cast(threads_library.mbconv_pool_parallel_for, ctypes.c_void_p)
        self._struct = _native.Threads(run, pool, self.count)
        self.address = ctypes.addressof(self._struct)  # of an mbconv_threads

    def _start_in_child(self):
        """A forked process has none of its parent's other threads."""
        self._end.detach()
        self._start()

    def __reduce__(self):
        return Threads, (self.count,)

    def __repr__(self):
        return f"Threads({self.count})"


_pools = weakref.WeakSet()


def _start_pools_in_child():
    for pool in list(_pools):
        pool._start_in_child()  # pylint: disable=protected-access


os.register_at_fork(after_in_child=_start_pools_in_child)


def threads_of(threads):
    """What a run's argument `threads` stands for: (how many, address of an mbconv_threads or None)."""
    if threads is None:
        return 1, None
    if isinstance(threads, int):
        if threads == 1:
            return 1, None
        threads = _shared_pool(threads)
    return threads.count, threads.address


@functools.lru_cache(maxsize=None)
def _shared_pool(count):
    return Threads(count)


class _Own(threading.local):
    """Of one calling thread: scratch, shared by all its runs and as large as the largest of them needs, and the place
    for an error's message."""

    def __init__(self):
        super().__init__()
        self.error = _native.Error()
        self.error_address = ctypes.addressof(self.error)
        self.size = self.address = 0
        self._memory = None

    def scratch(self, size):
        if size > self.size:
            self._memory = None  # before the next is taken
            self._memory = np.empty(size + CACHE_LINE, np.uint8)
            self.size, self.address = size, -(-self._memory.ctypes.data // CACHE_LINE) * CACHE_LINE
        return self.address


own = _Own()
