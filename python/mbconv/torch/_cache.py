# SPDX-License-Identifier: MIT
"""Operators made of tensors, found again by these tensors: PyTorch's operators are functions and keep nothing.

An entry holds for tensors at certain addresses in a certain version, with a certain sample
(`_versions.py`). It holds no tensor: when the memory of one is gone, so is the entry. The sizes of images do not matter:
an operator serves them all.
"""

import os
import threading

from . import _versions
from ._versions import Memory, Sample, place, versions

# Operators that are kept of the same tensors. Each has a packed copy of the weights. They differ in options and memory
# format, so a module has one, or two if it sees both formats.
MOST_OPERATORS = 8

_entries = {}
_lock = threading.Lock()


class _Entry:
    def __init__(self, tensors, state):
        self.memory, self.state, self.operators = Memory(tensors), state, {}
        self._sample = Sample(tensors)
        self._sampled = self._sample()

    def is_in(self, state):
        """Whether nothing was written. The tensors are where they were, or the entry would not have been found."""
        return self.state == state and self.memory.is_alive() and self._sample() == self._sampled


def _renew_lock():
    global _lock  # pylint: disable=global-statement # another thread of the parent may have held it
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


def operator(tensors, key, make):
    """make(), or what it returned for the same tensors and key before."""
    places, state = _places(tensors), versions(tensors)
    entry = _entries.get(places)
    if entry is not None and entry.is_in(state):
        found = entry.operators.get(key)
        if found is not None:
            return found
    with _lock:
        return _made(tensors, places, state, key, make)


def _made(tensors, places, state, key, make):
    _drop_dead()
    entry = _entries.get(places)
    if entry is None or not entry.is_in(state):  # what was made of an earlier version is of no use any more
        entry = _entries[places] = _Entry(tensors, state)
    if key not in entry.operators:
        entry.operators[key] = make()
        if len(entry.operators) > MOST_OPERATORS:
            del entry.operators[next(iter(entry.operators))]  # the oldest
    return entry.operators[key]


def forget(tensors):
    """Frees what was made of these tensors, and of those that are gone."""
    with _lock:
        _drop_dead()
        _entries.pop(_places(tensors), None)
        _versions.forget(tensors)


def _drop_dead():
    for places in [places for places, entry in _entries.items() if not entry.memory.is_alive()]:
        del _entries[places]


def size():
    """How many operators there are."""
    return sum(len(entry.operators) for entry in list(_entries.values()))


def _places(tensors):
    return tuple(map(place, tensors))
