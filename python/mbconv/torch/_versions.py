# SPDX-License-Identifier: MIT
"""Whether a tensor was written to.

PyTorch counts what it writes to a tensor, but not what is written through `.data`, `.numpy()` or DLPack; nobody can see
that. It counts nothing at all for tensors that were made in inference mode. Of these we keep a copy, and compare all
its bytes with the tensor's at each call: that reads the weights twice, and nothing less would notice every change.
"""

import ctypes
import itertools

import torch
from torch.multiprocessing.reductions import StorageWeakRef

_expired = torch.UntypedStorage._expired


class Memory:
    """That of some tensors. It does not keep it."""

    def __init__(self, tensors):
        self._references = {reference.cdata: reference for reference in map(_reference, tensors)}

    def is_alive(self):
        return not any(map(_expired, self._references))


def _reference(tensor):
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()._storage
    return StorageWeakRef(storage)


def versions(tensors):
    """A list that differs from the one before if a tensor was written to since."""
    try:
        return [tensor._version for tensor in tensors]
    except RuntimeError:  # those made in inference mode have none
        return [_content(tensor) if tensor.is_inference() else tensor._version for tensor in tensors]


# ---- Tensors without versions --------------------------------------------------------------------------------------


class _Copy:
    def __init__(self, tensor, values):
        self.memory, self.values, self.number = Memory([tensor]), values.clone(), next(_numbers)


_copies = {}  # by address and form
_numbers = itertools.count(1)
_compare = ctypes.CDLL(None).memcmp
_compare.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t


def place(tensor):
    """Where its values are, and in which order."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _content(tensor):
    """A number that stands for the bytes that the tensor has now, at its place."""
    if tensor.device.type != "cpu" or tensor.layout != torch.strided:
        return 0  # nothing will be made of it
    values, key = tensor.detach().contiguous(), place(tensor)
    copy, size = _copies.get(key), values.numel() * values.element_size()
    if copy is None or _compare(values.data_ptr(), copy.values.data_ptr(), size):
        forget([])
        copy = _copies[key] = _Copy(tensor, values)
    return copy.number


def forget(tensors):
    """Frees the copies of these tensors, and of those that are gone."""
    gone = [key for key, copy in list(_copies.items()) if not copy.memory.is_alive()]
    for key in gone + [place(tensor) for tensor in tensors if tensor.is_inference()]:
        _copies.pop(key, None)
