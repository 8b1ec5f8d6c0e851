#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The models that litert.py saved under another version of LiteRT, in which this is started: other.py LIBRARY FOLDER

f32 within 1e-5 of the largest output; int8 equal bytes by the reference kernels, which are the same in all versions, and by
default under ai-edge-litert, whose default is XNNPACK. That of tflite-runtime 2.14 is not: nothing is promised of it."""

import pathlib
import sys

import hosting


def main():
    library, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cases = findings = 0
    for path in sorted(folder.glob("*.tflite")):
        model, quantized = path.read_bytes(), "int8" in path.name
        kinds = [("reference", hosting.REFERENCE, {"kernels": "reference"})] if quantized else []
        if not quantized or "ai_edge" in hosting.litert.__name__:
            kinds.append(("default", hosting.DEFAULT, {}))
        for kind, resolver, options in kinds:
            alone = hosting.interpreter(model, resolver=resolver)
            ours, numbers, text = hosting.under(library, model, resolver, **options)
            inputs = hosting.images(alone)
            worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
            good = worst <= (0 if quantized else 1e-5) and numbers[0] >= numbers[1] - 1
            cases, findings = cases + 1, findings + (not good)
            said = f"{numbers[0]} of {numbers[1]} operators, difference {worst:.2g}"
            print(f"{'ok' if good else 'FINDING'}: {hosting.litert.__name__}, {path.stem}, {kind}: {said}", flush=True)
            if not good:
                print(text)
    print(f"check: {cases} cases, {findings} findings")
    sys.exit(findings > 0 or cases == 0)


if __name__ == "__main__":
    main()
