#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The models that litert.py saved under another version of LiteRT, in which this is started: other.py LIBRARY FOLDER

f32 within 1e-5 of the largest output; int8 equal bytes by the reference kernels, which are the same in all versions. By default
the delegate of Python's package takes int8 only where the bytes of the host's default are known: in ai-edge-litert, which has
XNNPACK's, and not in tflite-runtime 2.14, where it must leave int8 alone and say so. There it is also tried that nothing has
changed: XNNPACK's bytes are still others than that host's."""

import pathlib
import sys

import mbconv.litert

import hosting

KNOWN = "ai_edge" in hosting.litert.__name__


def ways(library, quantized):
    """(name, resolver, what makes the delegate, whether it must take the model, None: whether bytes are equal is not asked)"""

    def loaded(**options):
        return lambda: hosting.litert.load_delegate(library, {"verbose": 1, **options})

    yield "default", hosting.DEFAULT, lambda: mbconv.litert.delegate(verbose=True), KNOWN or not quantized, True
    if quantized:
        yield "reference", hosting.REFERENCE, loaded(kernels="reference"), True, True
        yield "xnnpack", hosting.DEFAULT, loaded(kernels="xnnpack"), True, KNOWN


def tried(model, quantized, resolver, make, taken, equal):
    """(whether all is as it must be, what was found)"""
    alone = hosting.interpreter(model, resolver=resolver)
    ours, numbers, text = hosting.observed(model, make, resolver)
    inputs = hosting.images(alone)
    worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
    good = (worst <= (0 if quantized else 1e-5)) == equal
    good = good and (numbers[0] >= numbers[1] - 1 if taken else numbers[0] == 0)
    good = good and ("int8 stay with the host" in text) != taken
    return good, f"{numbers[0]} of {numbers[1]} operators, difference {worst:.2g}" + ("" if good else "\n" + text)


def main():
    library, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cases = findings = 0
    for path in sorted(folder.glob("*.tflite")):
        quantized = "int8" in path.name
        for name, resolver, make, taken, equal in ways(library, quantized):
            good, found = tried(path.read_bytes(), quantized, resolver, make, taken, equal)
            cases, findings = cases + 1, findings + (not good)
            print(f"{'ok' if good else 'FINDING'}: {hosting.litert.__name__}, {path.stem}, {name}: {found}", flush=True)
    print(f"check: {cases} cases, {findings} findings")
    sys.exit(findings > 0 or cases == 0)


if __name__ == "__main__":
    main()
