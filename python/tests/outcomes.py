# SPDX-License-Identifier: MIT
"""What a call comes to: an output of some kind, or an error."""

import torch


def outcome(function, *arguments):
    """The output, or the error's type and the first line of its text."""
    try:
        return function(*arguments)
    except Exception as error:  # pylint: disable=broad-except # whichever it is
        return type(error), str(error).split("\n", maxsplit=1)[0]


def is_same(one, other):
    """Whether the same floats, type, device, layout and memory format came out, or the same error."""
    if not isinstance(other, torch.Tensor):
        return one == other
    if kind(one) != kind(other):
        return False
    if other.device.type == "meta" or other.layout == torch.sparse_coo:
        return True
    if other.is_mkldnn:
        one, other = one.to_dense(), other.to_dense()
    return bool(torch.equal(one.detach(), other.detach()))


def kind(y):
    if not isinstance(y, torch.Tensor):
        return y
    strides = y.stride() if y.layout == torch.strided else None
    return type(y), y.dtype, y.shape, y.device, y.layout, strides, y.requires_grad, getattr(y, "names", None)
