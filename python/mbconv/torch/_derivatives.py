# SPDX-License-Identifier: MIT
"""mbconv computes no derivatives. Whoever asks for one gets an exception, not zeros.

A call is made even where PyTorch would record it for a derivative, as many forget torch.no_grad(). Its output then
requires a gradient, as the module's own would, and to compute that gradient raises.
"""

import torch
from torch.autograd import forward_ad

MESSAGE = (
    "mbconv computes no gradients, and {} requires one: call the model under torch.no_grad() or "
    "torch.inference_mode(), or mbconv.torch.restore(model) to derive it"
)
_functorch = getattr(torch._C, "_functorch", None)
is_transformed = getattr(_functorch, "peek_interpreter_stack", lambda: None)  # by torch.func


def has_dual_level():
    """Whether there may be tensors with tangents, for derivatives in forward mode."""
    return forward_ad._current_level >= 0


def run_underived(run, x, tensors):
    """run(x), whose derivatives by x and by these tensors raise."""
    if has_dual_level() and any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in (x, *tensors)):
        raise RuntimeError(MESSAGE.format("a tangent"))
    if not torch.is_grad_enabled():
        return run(x)
    if x.requires_grad and x.is_leaf or is_transformed() and _some_require(x, tensors):
        raise RuntimeError(MESSAGE.format("its input"))  # this call can be of no other use
    return _Underived.apply(run, x, *tensors) if _some_require(x, tensors) else run(x)


def _some_require(x, tensors):
    return x.requires_grad or any([tensor.requires_grad for tensor in tensors])


class _Underived(torch.autograd.Function):
    @staticmethod
    def forward(context, run, *tensors):
        context.shapes = [tensor.shape if tensor.requires_grad else None for tensor in tensors]
        return run(tensors[0])

    @staticmethod
    def backward(context, gradient):
        if not _is_recorded(gradient):
            raise RuntimeError(_BACKWARD)
        shapes = context.shapes
        return None, *[None if shape is None else torch.ops.mbconv.derivative(gradient, shape) for shape in shapes]


_BACKWARD = MESSAGE.format("what comes before or inside a replaced module")

# ---- torch.compile -------------------------------------------------------------------------------------------------
# It asks for derivatives before anybody needs them. What it records raises when it is run.


def _is_recorded(gradient):
    return type(gradient) is not torch.Tensor or getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)() > 0


def _raise(_gradient, _shape):
    raise RuntimeError(_BACKWARD)


def define_derivative(library):
    """torch.ops.mbconv.derivative."""
    library.define("derivative(Tensor gradient, SymInt[] shape) -> Tensor")
    library.impl("derivative", _raise, "CPU")
    library.impl("derivative", lambda gradient, shape: gradient.new_empty(shape), "Meta")
