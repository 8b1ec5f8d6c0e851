# SPDX-License-Identifier: MIT
"""Runs .tflite models by LiteRT, with the delegate and without, and counts what it took."""

import contextlib
import os
import re
import tempfile

import numpy as np

try:
    from ai_edge_litert import interpreter as litert
except ImportError:  # its name until 2024
    from tflite_runtime import interpreter as litert

REFERENCE = litert.OpResolverType.BUILTIN_REF
DEFAULT = litert.OpResolverType.AUTO


@contextlib.contextmanager
def said():
    """What is written to stderr by C, too: a list, filled at the end."""
    lines, kept = [], os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


def interpreter(model, delegate=None, resolver=DEFAULT, threads=1):
    """One whose tensors are allocated."""
    delegates = [delegate] if delegate else None
    made = litert.Interpreter(
        model_content=model, num_threads=threads, experimental_delegates=delegates, experimental_op_resolver_type=resolver
    )
    made.allocate_tensors()
    return made


def observed(model, make, resolver=DEFAULT, threads=1):
    """An interpreter with the delegate that make() gives; (operators taken, all, blocks, millions of multiply-adds); what was
    said."""
    with said() as lines:
        made = interpreter(model, make(), resolver, threads)
    text = "\n".join(lines)
    taken = re.search(r"mbconv: took (\d+) of (\d+) operators in (\d+) blocks, ([\d.]+) million", text)
    numbers = (int(taken[1]), int(taken[2]), int(taken[3]), float(taken[4])) if taken else (0, 0, 0, 0.0)
    return made, numbers, text


def under(library, model, resolver=DEFAULT, **options):
    """observed() of a delegate with these options, which is told whose kernels the resolver means."""
    kernels = "reference" if resolver == REFERENCE else "xnnpack"
    options = {"verbose": 1, "kernels": kernels, **options}
    return observed(model, lambda: litert.load_delegate(library, options), resolver)


def images(made, seed=1):
    """Inputs at random."""
    random = np.random.default_rng(seed)
    return [
        random.standard_normal(detail["shape"]).astype(np.float32)
        if detail["dtype"] == np.float32
        else random.integers(-128, 128, detail["shape"]).astype(np.int8)
        for detail in made.get_input_details()
    ]


def run(made, inputs):
    for detail, values in zip(made.get_input_details(), inputs):
        made.set_tensor(detail["index"], values)
    made.invoke()
    return [made.get_tensor(detail["index"]) for detail in made.get_output_details()]


def difference(expected, found):
    """Of int8, how many bytes differ; of f32, the largest difference as a part of the largest output."""
    if any(e.shape != f.shape for e, f in zip(expected, found)):
        return np.inf
    if expected[0].dtype == np.int8:
        return int(sum((e != f).sum() for e, f in zip(expected, found)))
    worst = [np.abs(e.astype(np.float64) - f).max() / max(np.abs(e).max(), 1e-30) for e, f in zip(expected, found)]
    return float(max(worst)) if np.isfinite(worst).all() else np.inf
