# SPDX-License-Identifier: MIT
"""mbconv under LiteRT (TensorFlow Lite), by one line:

    interpreter = Interpreter("model.tflite", experimental_delegates=[mbconv.litert.delegate()])

What it takes of a model, and whose bytes int8 has: litert/README.md in mbconv's sources.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
from typing import Any

from . import _native

__all__ = ["delegate"]

# Where the function load_delegate is. One that is imported already comes first.
_HOSTS = "ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.experimental"

# The versions of ai-edge-litert of which it is known that int8 by default has XNNPACK's bytes: from the oldest to the newest
# that was tried.
_OLDEST, _NEWEST = (1, 0), (2, 3)


def _host() -> tuple[str, Any]:
    """The module and its function load_delegate."""
    for name in sorted(_HOSTS, key=lambda name: name not in sys.modules):
        try:
            return name, importlib.import_module(name).load_delegate
        except ImportError:
            continue
    raise ImportError("mbconv.litert needs LiteRT: pip install ai-edge-litert")


def _version(name: str) -> tuple[int, ...]:
    """Of an installed package: its first two numbers, or none."""
    try:
        return tuple(int(number) for number in importlib.metadata.version(name).split(".")[:2])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ()


def _kernels(host: str) -> str:
    """Whose bytes the host's default has in int8, where it was tried: litert/README.md has the table."""
    known = host == "ai_edge_litert.interpreter" and platform.machine() in ("x86_64", "AMD64")
    return "xnnpack" if known and _OLDEST <= _version("ai-edge-litert") <= _NEWEST else "unknown"


def delegate(
    *,
    isa: str = "auto",
    threads: int | None = None,
    host_threads: int | None = None,
    kernels: str | None = None,
    least: int | None = None,
    verbose: bool = False,
) -> Any:
    """A delegate for `experimental_delegates` of LiteRT's Interpreter, or of several.

    isa       the instruction set, as in mbconv.Block
    threads   of a run, 1 to 256; None for the interpreter's num_threads. Each interpreter has its own
    host_threads   of LiteRT's kernels, for what is not taken; None for the interpreter's num_threads, or 1 where more
              of them would only take CPUs from the delegate's
    kernels   whose bytes int8 has: "xnnpack", LiteRT's without experimental_op_resolver_type, or "reference", those of
              OpResolverType.BUILTIN_REF, or "unknown": then int8 stays with LiteRT. None for "xnnpack" in the versions of
              ai-edge-litert of which that is known, else "unknown"
    least     multiply-adds that a chain of operators needs to be taken; None for the delegate's choice
    verbose   say on stderr what is taken

    Raises ValueError for what it does not know, and for a set that the CPU lacks.
    """
    if sys.platform == "win32":
        raise ImportError("mbconv.litert: the wheel for Windows has no delegate")
    host, load_delegate = _host()
    chosen = _kernels(host) if kernels is None else kernels
    options = {"isa": isa, "threads": str(threads or 0), "kernels": chosen, "verbose": str(int(verbose))}
    if host_threads is not None:
        options["host_threads"] = str(host_threads)
    if least is not None:
        options["least"] = str(least)
    return load_delegate(str(_native.path("libmbconv_litert")), options)
