# SPDX-License-Identifier: MIT
"""Operators made of tensors, found again by these tensors: PyTorch's operators are functions and keep nothing.

An entry holds for tensors at certain addresses in a certain version, which PyTorch raises whenever it writes to one
(but not through `.data`). It holds no tensor: when the memory of one is gone, so is the entry.
"""

import collections
import os
import threading

import torch
from torch.multiprocessing.reductions import StorageWeakRef

MOST_SHAPES = 8  # of images, per block; each has a packed copy of the weights

_entries = {}
_lock = threading.Lock()
_expired = torch.UntypedStorage._expired


class _Entry:
    def __init__(self, tensors):
        self._references = {reference.cdata: reference for reference in map(_reference, tensors)}
        self.operators = collections.OrderedDict()

    def is_alive(self):
        return not any(map(_expired, self._references))


def _renew_lock():
    global _lock  # pylint: disable=global-statement # another thread of the parent may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def operator(tensors, key, make):
    """make(), or what it returned for the same tensors and key before."""
    stamp = _stamp(tensors)
    entry = _entries.get(stamp)
    if entry is not None and entry.is_alive():
        found = entry.operators.get(key)
        if found is not None:
            return found
    with _lock:
        return _made(tensors, stamp, key, make)


def _made(tensors, stamp, key, make):
    for other in [other for other, entry in _entries.items() if not entry.is_alive()]:
        del _entries[other]
    entry = _entries.setdefault(stamp, _Entry(tensors))
    if key not in entry.operators:
        entry.operators[key] = make()
        if len(entry.operators) > MOST_SHAPES:
            entry.operators.popitem(last=False)
    return entry.operators[key]


def forget(tensors):
    """Frees what was made of these tensors."""
    with _lock:
        _entries.pop(_stamp(tensors), None)


def size():
    """How many operators there are."""
    return sum(len(entry.operators) for entry in list(_entries.values()))


def versions(tensors):
    try:
        return [tensor._version for tensor in tensors]
    except RuntimeError:  # those made in inference mode have none
        return [0 if tensor.is_inference() else tensor._version for tensor in tensors]


def _stamp(tensors):
    places = [(tensor.data_ptr(), tensor.shape, tensor.stride()) for tensor in tensors]
    return (*places, *versions(tensors))


def _reference(tensor):
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()._storage
    return StorageWeakRef(storage)
