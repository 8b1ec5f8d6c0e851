# SPDX-License-Identifier: MIT
"""Modules that compute with mbconv. A module stays the object that it is, with its parameters, its name and its hooks:
only its class changes, to one derived from its own, as torch.nn.utils.parametrize does it. Changing it back restores it.
"""

import functools

from ._operators import refuse_gradient

PARTS = "_mbconv_parts"


class _Derived:
    """What comes before the module's own class."""

    def __reduce__(self):
        return _unpickled, type(self).__bases__, self.__dict__


class Fused(_Derived):
    """Computes by what is in its attribute PARTS."""

    def forward(self, x):
        if self.training:
            raise RuntimeError(
                f"a {type(self).__bases__[1].__name__} accelerated by mbconv, which only evaluates, is in training mode: "
                "call model.eval(), or mbconv.torch.restore(model) to train it"
            )
        refuse_gradient(x)
        return self._mbconv_parts(x)


class Skipped(_Derived):
    """What a fused convolution, its neighbour, has already done."""

    def forward(self, x):
        return x


def fuse(module, parts):
    setattr(module, PARTS, parts)
    module.__class__ = _class(Fused, type(module))


def skip(module):
    module.__class__ = _class(Skipped, type(module))


def undo(module):
    """Makes a module what it was. Returns the parts of a fused one."""
    if isinstance(module, _Derived):
        module.__class__ = type(module).__bases__[1]
    return vars(module).pop(PARTS, None)


@functools.lru_cache(maxsize=None)
def _class(kind, own):
    return type(f"Fused{own.__name__}", (kind, own), {"__doc__": own.__doc__})


def _unpickled(kind, own):
    made = _class(kind, own)
    return made.__new__(made)
