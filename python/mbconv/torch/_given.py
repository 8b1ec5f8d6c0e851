# SPDX-License-Identifier: MIT
"""Arguments of a forward that have a default. A forward is traced for each choice of them anew."""

import inspect

from torch.fx.proxy import Proxy

from ._recognise import own_class


def named_arguments(parameters):
    """Those of a forward that have a name."""
    return [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def given_to(module, arguments, named):
    """(name, kind, value) of the arguments of a module's forward that have a default and are another value, if all of
    those are plain values; or else None. A forward is traced for each such choice anew."""
    parameters = list(inspect.signature(own_class(module).forward).parameters.values())[1:]
    names = [one.name for one in named_arguments(parameters)]
    found = {**dict(zip(names, arguments)), **named}
    optional = {one.name: one.default for one in named_arguments(parameters)[1:] if one.default is not one.empty}
    if len(arguments) > len(names) or not found.keys() <= {*names}:
        return None
    if not all(isinstance(value, Proxy) for name, value in found.items() if name not in optional):
        return None
    return given_of((name, found[name], usual) for name, usual in optional.items() if name in found)


def given_of(arguments):
    """Likewise, from (name, value, default)."""
    found = tuple([(name, type(value), value) for name, value, usual in arguments if value is not usual])
    return found if all([kind_of in PLAIN_VALUES for _, kind_of, _ in found]) else None


def named_values(given):
    return {name: value for name, _, value in given}


PLAIN_VALUES = type(None), bool, int, float, str
