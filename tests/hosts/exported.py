#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Quantized .tflite models through networks/export_tflite.py: LiteRT's logits against those that the command mbconv computes
from the file; both readers of .tflite; and files that are damaged.

exported.py MBCONV

The last line: check: <n> cases, <n> findings."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from mbconv import int8

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "networks"), str(ROOT / "tests" / "litert")]
import export  # noqa: E402
import export_tflite  # noqa: E402
import models  # noqa: E402
import tflite  # noqa: E402
import whole_networks  # noqa: E402

SIZE, CLASSES, DAMAGES = 96, 37, 100
LAST = 40_000  # bytes of operators and tensors
PROGRAM = str(ROOT / "networks" / "export_tflite.py")
# What the program finds if the first of its readers is not installed
OTHER_READER = f"import runpy, sys; sys.modules['ai_edge_litert'] = None; sys.argv[0] = {PROGRAM!r}; runpy.run_path({PROGRAM!r}, run_name='__main__')"


class Check:
    def __init__(self):
        self.cases = self.findings = 0

    def case(self, name, good, said=""):
        self.cases, self.findings = self.cases + 1, self.findings + (not good)
        print(f"{'' if good else 'FAIL '}{name}: {said}")


def networks(command, folder):
    """(name, graph) with logits of int8: those that the command writes with random weights, and of random layers."""
    for name in whole_networks.ALL:
        subprocess.run([command, "write", name, folder / "written", "--padding", "same"], check=True)
        yield name, whole_networks.graph_of(whole_networks.File(folder / "written"), SIZE, SIZE)
    for seed in 1, 2:
        yield f"mobilenet_v3_small, other gates {seed}", whole_networks.graph_of(other_gates(command, folder, seed), SIZE, SIZE)
    graph = models.quantized_network(models.MOBILENET_V2, SIZE, seed=3, classes=CLASSES)
    yield "MobileNetV2, a classifier without biases", without_biases(graph)
    for seed in 1, 2:
        yield f"MobileNetV1, random layers {seed}", models.quantized_mobilenet_v1(SIZE, seed, CLASSES)
        yield f"MobileNetV2, random layers {seed}", models.quantized_network(models.MOBILENET_V2, SIZE, seed=seed, classes=CLASSES)
        yield f"EfficientNet-Lite0, random layers {seed}", models.quantized_network(models.EFFICIENTNET_B0, SIZE, seed=seed, classes=CLASSES)
        yield f"EfficientNet-B0, random layers {seed}", models.quantized_network(
            models.EFFICIENTNET_B0, SIZE, "silu", seed=seed, excite="bare", classes=CLASSES
        )


def other_gates(command, folder, seed):
    """A file whose hard sigmoids have constants and quantizations at random."""
    path, random = folder / "written", np.random.default_rng(seed)
    subprocess.run([command, "write", "mobilenet_v3_small", path, "--padding", "same", "--seed", str(seed)], check=True)
    file = whole_networks.File(path)
    arrays = file.arrays()
    for name in [name[: -len(".constants")] for name in arrays if name.endswith(".constants")]:
        bytes_ = random.integers(-128, 128, 6)
        for value, real, zero in zip(("three", "sixth", "shifted", "activation"), (3, 1 / 6, 6, 1), bytes_):
            zero = -128 if value in ("shifted", "activation") else zero // 4 - 90
            arrays[f"{name}.{value}.scale"] = np.array([real / 255 * random.uniform(1, 2)], np.float32)
            arrays[f"{name}.{value}.zero_point"] = np.array([zero], np.int32)
        arrays[name + ".constants"] = (bytes_[4:] // 4 + 90).astype(np.int32)
    export.write(path, arrays, {"mbconv.type": "int8", "mbconv.network": file.name, "mbconv.padding": "same"})
    return whole_networks.File(path)


def without_biases(graph):
    """Those of FULLY_CONNECTED: LiteRT takes no convolution of int8 without them."""
    for operator in graph._operators:  # pylint: disable=protected-access
        if isinstance(operator.builtinOptions, tflite.schema.FullyConnectedOptionsT):
            operator.inputs = operator.inputs[:2]
    return graph


def check_network(check, command, folder, name, graph):
    """Logits on every set, and the same file by the other reader."""
    model, out = folder / "model.tflite", folder / "out.safetensors"
    model.write_bytes(graph.model())
    left = export_tflite.export_tflite(model, out)
    other = folder / "other.safetensors"
    done = subprocess.run([sys.executable, "-B", "-c", OTHER_READER, model, other], capture_output=True, text=True, check=False)
    same = done.returncode == 0 and other.read_bytes() == out.read_bytes()
    check.case(f"{name}, by the package tflite", same and not left, done.stderr)
    x = np.random.default_rng(len(name)).integers(-128, 128, (1, SIZE, SIZE, 3)).astype(np.int8)
    result, differ = tflite.run(graph, [x]), {}
    file = whole_networks.File(out)
    q, y_q = file.quantization("input"), whole_networks.classifier(file)
    expected = whole_networks.real(result.outputs[0], y_q).ravel()
    for isa in int8.usable_isas():
        differ[isa] = int((whole_networks.logits(command, out, x, q, isa) != expected).sum())
    spread = len(np.unique(result.outputs[0]))
    said = f"{sum(differ.values())} of {len(differ) * expected.size} logits differ, {spread} values"
    check.case(name, not any(differ.values()) and spread > 10, said)


def check_doors(check, command, folder):
    """Floats outside: those that come out are those which the command gives for the same floats."""
    graph, model, out = models.quantized_network(models.MOBILENET_V2, SIZE, classes=CLASSES), folder / "doors", folder / "out"
    inside, operators = graph.inputs[0], graph._operators  # pylint: disable=protected-access
    graph.quantize(graph.input([1, SIZE, SIZE, 3], "float32"), None, "int8")
    graph.inputs = graph.inputs[1:]
    operators[-1].outputs = [inside]
    operators.insert(0, operators.pop())
    graph.outputs = [graph.dequantize(graph.outputs[0])]
    model.write_bytes(graph.model())
    left = [op.name for op in export_tflite.export_tflite(model, out)]
    x = np.random.default_rng(5).uniform(-2, 2, (1, SIZE, SIZE, 3)).astype(np.float32)
    expected = tflite.run(graph, [x]).outputs[0].ravel()
    made = whole_networks.raw_logits(command, out, x, "auto")
    differ = int((made != expected).sum())
    check.case("floats outside", left == ["QUANTIZE", "DEQUANTIZE"] and differ == 0, f"{differ} of {made.size} logits differ")


def check_damage(check, folder):
    """Bytes of a file are others, or its end is missing: it is refused by a ValueError, and nothing is written; or exported, if
    they are of weights. Most are of what the builder put last, operators and tensors."""
    good = models.quantized_network(models.MOBILENET_V2, SIZE, classes=2).model()
    random, refused = np.random.default_rng(1), 0
    model, out = folder / "damaged.tflite", folder / "damaged.safetensors"
    for number in range(DAMAGES):
        spoiled = bytearray(good)
        if number % 10 == 0:
            del spoiled[int(random.integers(len(good))) :]
        for _ in range(1 + number % 4):
            spoiled[-int(random.integers(1, min(LAST if number % 5 else len(good), len(spoiled))))] = int(random.integers(256))
        model.write_bytes(spoiled)
        out.unlink(missing_ok=True)
        try:
            export_tflite.export_tflite(model, out)
        except ValueError:
            refused += 1
            if out.exists():
                check.case(f"damage {number}", False, "refused, but written")
        except Exception as error:  # pylint: disable=broad-except # which a user would see as a traceback
            check.case(f"damage {number}", False, repr(error))
    check.case("damage", DAMAGES // 10 <= refused < DAMAGES, f"{refused} of {DAMAGES} refused")


def check_program(check, folder):
    """What the program says: one line, and nothing written."""
    (folder / "text").write_text("no model", encoding="utf-8")
    graph = models.network(models.MOBILENET_V2[:2], 32)
    (folder / "floats").write_bytes(graph.model())
    for name, word in (("text", "is no .tflite model"), ("floats", "operator 0, CONV_2D: it reads FLOAT32"), ("nothing", "No such file")):
        words = [sys.executable, "-B", PROGRAM, folder / name, folder / "refused"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        good = done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1 and not (folder / "refused").exists()
        check.case(f"{name} is refused", good, done.stderr.strip())


def main():
    command, check = pathlib.Path(sys.argv[1]).resolve(), Check()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for network, graph in networks(command, folder):
            check_network(check, command, folder, network, graph)
        check_doors(check, command, folder)
        check_damage(check, folder)
        check_program(check, folder)
    print(f"check: {check.cases} cases, {check.findings} findings")
    sys.exit(check.findings > 0)


if __name__ == "__main__":
    main()
