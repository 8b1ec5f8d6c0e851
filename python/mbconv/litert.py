# SPDX-License-Identifier: MIT
"""mbconv under LiteRT (TensorFlow Lite), by one line:

    interpreter = Interpreter("model.tflite", experimental_delegates=[mbconv.litert.delegate()])

What it takes of a model, and whose bytes int8 has: litert/README.md in mbconv's sources.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from . import _native

__all__ = ["delegate"]

# Where the function load_delegate is. One that is imported already comes first.
_HOSTS = "ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.experimental"


def _load_delegate() -> Any:
    for name in sorted(_HOSTS, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name).load_delegate
        except ImportError:
            continue
    raise ImportError("mbconv.litert needs LiteRT: pip install ai-edge-litert")


def delegate(
    *, isa: str = "auto", threads: int = 1, kernels: str = "default", least: int | None = None, verbose: bool = False
) -> Any:
    """A delegate for `experimental_delegates` of LiteRT's Interpreter, or of several.

    isa       the instruction set, as in mbconv.Block
    threads   1: more are not there yet
    kernels   whose bytes int8 has: "default", LiteRT's without experimental_op_resolver_type, or "reference", those of
              OpResolverType.BUILTIN_REF
    least     multiply-adds that a chain of operators needs to be taken; None for the delegate's choice
    verbose   say on stderr what is taken

    Raises ValueError for what it does not know, and for a set that the CPU lacks.
    """
    options = {"isa": isa, "threads": str(threads), "kernels": kernels, "verbose": str(int(verbose))}
    if least is not None:
        options["least"] = str(least)
    return _load_delegate()(str(_native.path("libmbconv_litert.so")), options)
