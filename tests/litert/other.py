#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The models that litert.py saved under another version of LiteRT, in which this is started: other.py LIBRARY FOLDER

f32 within 1e-5 of the largest output; int8 by the reference kernels, which have the same bytes in all versions, and equal
bytes by default, too, from ai-edge-litert 1.0 on."""

import pathlib
import sys

import hosting


def main():
    library, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cases = findings = 0
    for path in sorted(folder.glob("*.tflite")):
        model, quantized = path.read_bytes(), "int8" in path.name
        kinds = [("reference", hosting.REFERENCE, {"kernels": "reference"})] if quantized else []
        for kind, resolver, options in [("default", hosting.DEFAULT, {}), *kinds]:
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
