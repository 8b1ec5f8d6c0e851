# SPDX-License-Identifier: MIT
"""Derivatives: mbconv computes the forward pass, PyTorch all that is derived from it.

The backward pass computes the operator once more with PyTorch's own functions, from the input and the parameters that
the forward pass had, and derives that. Where PyTorch derives while it computes (dual numbers, torch.func), mbconv does
not compute at all.
"""

import torch
from torch.autograd import forward_ad

_functorch = getattr(torch._C, "_functorch", None)
is_transformed = getattr(_functorch, "peek_interpreter_stack", lambda: None)  # by torch.func


def has_dual_level():
    """Whether there may be tensors with tangents, for derivatives in forward mode."""
    return forward_ad._current_level >= 0


def run_derived(run, reference, x, arguments):
    """run(x), with the derivatives of reference(x, *arguments) by x and by the tensors in the lists of arguments."""
    if not torch.is_grad_enabled():
        return run(x)
    tensors, places = [x], []
    for place, argument in enumerate(arguments):
        if _has_tensors(argument):
            places.append((place, slice(len(tensors), len(tensors) + len(argument))))
            tensors += argument
    if not any([tensor.requires_grad for tensor in tensors]):
        return run(x)

    def computed(x, *tensors):
        given, tensors = list(arguments), [x, *tensors]
        for place, part in places:
            given[place] = tensors[part]
        return reference(x, *given)

    return _Derived.apply(run, computed, *tensors)


def _has_tensors(argument):
    return isinstance(argument, (list, tuple)) and bool(argument) and isinstance(argument[0], torch.Tensor)


class _Derived(torch.autograd.Function):
    @staticmethod
    def forward(context, run, computed, *tensors):
        context.computed = computed
        context.save_for_backward(*tensors)
        return run(tensors[0])

    @staticmethod
    def backward(context, gradient):
        with torch.enable_grad(), torch.autocast("cpu", enabled=False):  # whatever is on around the backward pass
            # Views, so that nothing is derived that comes before them; the engine does that.
            tensors = [tensor.view_as(tensor) for tensor in context.saved_tensors]
            y = context.computed(*tensors)
        needed = context.needs_input_grad[2:]
        wanted = [tensor for tensor, is_needed in zip(tensors, needed) if is_needed]
        create_graph = torch.is_grad_enabled()  # whether the gradient will be derived again
        found = iter(torch.autograd.grad(y, wanted, gradient, create_graph=create_graph, allow_unused=True))
        return None, None, *(next(found) if is_needed else None for is_needed in needed)
