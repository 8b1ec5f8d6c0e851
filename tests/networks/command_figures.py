#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The figures of `bench` agree with each other and with the network's; those of `run` that are no numbers are said.

    command_figures.py COMMAND
"""

import json
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np
from command_cases import MODEL, SIDE, SMALL, Command
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ("bench", *SMALL, "--seconds", 0.05)
LAYERS = 21  # of MobileNetV2: the stem, 17 blocks, the head, the pooling, the classifier


def rate(multiply_adds, us):
    """GFLOP/s: an FMA is two."""
    return 2 * multiply_adds / us * 1e-3


def near(value, wanted, digits):
    """`value` was printed with so many digits behind the point, and computed from others that were."""
    return abs(value - wanted) <= 0.51 * 10**-digits + 0.02 * abs(wanted)


def check_json(command):
    bench = command.json(*BENCH)
    layers = bench["layers"]
    command.judge("layers", len(layers) == LAYERS and layers[-1]["output"] == [1, 1, 1000], layers)
    for key in "parameters", "multiply_adds":
        command.judge(f"sum of {key}", sum(layer[key] for layer in layers) == bench[key] > 0, bench)
    # A convolution's and a classifier's, by hand: 32 becomes 8 channels at width 0.1.
    command.judge("the stem", (layers[0]["parameters"], layers[0]["multiply_adds"]) == (3 * 9 * 8 + 16, 16 * 16 * 3 * 9 * 8))
    command.judge("the classifier", (layers[-1]["parameters"], layers[-1]["multiply_adds"]) == (1281000, 1280000))
    command.judge("weights' bytes", 4 * 1281000 < bench["weight_bytes"] < 8 * bench["parameters"], bench)
    command.judge("the arena holds two layers", bench["arena_bytes"] >= 4 * 16 * 16 * (8 + 8), bench)
    times = [layer["us"] for layer in layers]
    command.judge("times", min(times) > 0 and 0.1 < bench["us"] / sum(times) < 10 and bench["repetitions"] >= 3, bench)
    command.judge("what it is", (bench["network"], bench["height"], bench["width"], bench["seconds"]) == (MODEL, SIDE, SIDE, 0.05))
    command.judge("three runs at least", command.json("bench", "mbconv", "--seconds", "1e-9")["repetitions"] == 3)
    return layers, bench["parameters"], bench["multiply_adds"]


def check_csv(command, layers, parameters, multiply_adds):
    head, *rows = [line.split(",") for line in command(*BENCH, "--csv").decode().splitlines()]
    command.judge("head", head == "layer height width channels parameters multiply_adds us gflops peak_percent".split())
    command.judge("rows", [row[:6] for row in rows[:-1]]
                  == [[str(word) for word in (layer["name"], *layer["output"], layer["parameters"], layer["multiply_adds"])]
                      for layer in layers], rows)  # fmt: skip
    command.judge("the last row", rows[-1][:6] == [MODEL, "32", "32", "3", str(parameters), str(multiply_adds)], rows[-1])
    peaks = []
    for row in rows:
        count, us, gflops, percent = map(float, row[5:])
        command.judge(f"rate of {row[0]}", near(gflops, rate(count, us), 3), row)
        if gflops > 10 and percent > 0:
            peaks.append(100 * gflops / percent)
    command.judge("one peak for all", not peaks or max(peaks) < 1.02 * min(peaks), peaks)


def check_table(command, parameters, multiply_adds):
    lines = command(*BENCH).decode().splitlines()
    rows = [(line[:30].strip(), *map(float, line[45:].split())) for line in lines[2:-1]]
    layers, total, whole = rows[:-2], rows[-2], rows[-1]
    command.judge("titles", (len(layers), total[0], whole[0]) == (LAYERS, "sum of the layers", "whole network"), lines)
    command.judge("the sum of times", abs(total[2] - sum(row[2] for row in layers)) < 0.06 * (LAYERS + 1), rows)
    peak = float(re.search(r"FMA peak ([0-9.]+) GFLOP/s", lines[0])[1])
    for row in total, whole:
        command.judge(f"multiply-adds of {row[0]}", near(row[1], multiply_adds * 1e-6, 2), row)
        command.judge(f"rate of {row[0]}", near(row[3], rate(multiply_adds, row[2]), 1), row)
        command.judge(f"per cent of {row[0]}", peak == 0 or near(row[4], 100 * row[3] / peak, 1), (row, peak))
    command.judge("the last line", lines[-1].startswith(f"{parameters} parameters; weights "), lines[-1])


def check_chart(command, layers):
    path = command.folder / "chart.svg"
    text = command(*BENCH, "--svg", path).decode()
    chart = path.read_text(encoding="utf-8")
    light = [float(width) for width in re.findall(r'width="([0-9.]+)" height="13" fill="#9ec5e8"', chart)]
    dark = [float(width) for width in re.findall(r'width="([0-9.]+)" height="13" fill="#2b6cb0"', chart)]
    labels = re.findall(r">([0-9]+) µs(?:, ([0-9]+)%)?</text>", chart)
    us = [float(line[45:].split()[1]) for line in text.splitlines()[2:2 + LAYERS]]  # fmt: skip
    command.judge("a bar for each layer", len(light) == len(dark) == len(labels) == LAYERS, chart)
    command.judge("the longest bar", max(light) == 420, light)
    command.judge("bars as long as times", all(abs(bar - 420 * time / max(us)) < 420 * 0.06 / max(us) + 0.1
                                               for bar, time in zip(light, us)), (light, us))  # fmt: skip
    command.judge("figures beside them", all(abs(int(said) - time) <= 0.56 for (said, _), time in zip(labels, us)), labels)
    command.judge("the dark part", all(percent == "" or abs(float(percent) - 100 * short / long) < 0.52 + 15 / long
                                       for (_, percent), short, long in zip(labels, dark, light)), (labels, dark, light))  # fmt: skip
    peaks = [float(line[45:].split()[3]) if "% peak" in text else None for line in text.splitlines()[2:2 + LAYERS]]  # fmt: skip
    command.judge("per cent of the peak", all((percent == "") == (peak is None) and abs(float(percent or 0) - (peak or 0)) < 0.56
                                              for (_, percent), peak in zip(labels, peaks)), (labels, peaks))  # fmt: skip
    command.judge("names", all(f">{layer['name']}</text>" in chart for layer in layers), chart)


def with_bias(model, values, path):
    """The model with other biases for its first classes."""
    data = bytearray(model)
    length = struct.unpack("<Q", data[:8])[0]
    start = 8 + length + json.loads(data[8:8 + length])["classifier.1.bias"]["data_offsets"][0]  # fmt: skip
    data[start:start + 4 * len(values)] = struct.pack(f"<{len(values)}f", *values)  # fmt: skip
    path.write_bytes(data)
    return path


def check_not_finite(command):
    """NaN and the infinities: all classes, in order, as null, and a warning."""
    path = command.folder / "model.safetensors"
    export = [sys.executable, "-B", ROOT / "networks" / "export.py", "--random", MODEL, path]
    subprocess.run(export, check=True, stdin=subprocess.DEVNULL)
    model, image = path.read_bytes(), command.folder / "image.png"
    Image.fromarray(np.full((SIDE, SIDE, 3), 99, np.uint8)).save(image)
    nan, inf = float("nan"), float("inf")
    for values, nans, infinities, first, last in (
        ([nan], 1, 0, None, [0]),
        ([inf], 0, 1, 0, []),
        ([-inf], 0, 1, None, [0]),
        ([nan, inf, -inf, nan], 2, 2, 1, [2, 0, 3]),
    ):
        words = ("run", with_bias(model, values, path), "--size", SIDE, image)
        said = f"mbconv: warning: of 1000 logits {nans} are NaN and {infinities} infinite\n"
        case = f"biases {values}"
        top = command.json(*words, "--top", 1000, said=said)["top"]
        classes = [entry["class"] for entry in top]
        command.judge(case, sorted(classes) == list(range(1000)), classes)
        command.judge(case, first is None or classes[0] == first, classes[:4])
        command.judge(case, classes[len(classes) - len(last):] == last, classes[-4:])  # fmt: skip
        for entry in top:
            finite = entry["class"] >= len(values)
            command.judge(case, (entry["logit"] is not None) == finite, entry)
            # A class that is impossible leaves the others as they are; of the rest of these nothing is known.
            command.judge(case, (entry["probability"] is not None) == (nans == 0 and inf not in values), entry)
        lines = command(*words, said=said).decode().splitlines()
        command.judge(f"{case}, as text", len(lines) == 5 and (nans == 0 or "nan%" in lines[0]), lines)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    command = Command(sys.argv[1])
    layers, *counts = check_json(command)
    check_csv(command, layers, *counts)
    check_table(command, *counts)
    check_chart(command, layers)
    check_not_finite(command)
    command.finish()


if __name__ == "__main__":
    main()
