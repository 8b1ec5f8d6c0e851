#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bytes of LiteRT and ONNX Runtime against the formulas of mbconv_i8.h, and their blocks against the library.

hosts.py [--seed N] [--outputs N] [--write FILE] [--command FILE]

--outputs  how many bytes of blocks are compared at least, over all hosts
--command  the program mbconv, whose networks of int8 are compared, too
--write    puts the table into FILE, between the lines that mark it

The last line: check: <n> cases, <n> findings. A finding is a byte that differs where the table promises none."""

import argparse
import importlib.metadata
import itertools
import pathlib
import platform
import subprocess
import sys
import tempfile

import numpy as np
from mbconv import int8

import integers
import whole_networks
import qlinear
import operators
import ours
import tflite
from quantized import RANGES, Maker
from operators import DEFAULT, HOSTS, ONNX, REFERENCE, Row

ARITHMETIC = {DEFAULT: ("fp32", "xnnpack"), REFERENCE: ("tflite_double", "tflite"), ONNX: ("fp32", "float")}
LITERT = "none", "relu", "relu6", "silu", "hard_swish", "prelu"
ACTIVATIONS = {DEFAULT: LITERT, REFERENCE: LITERT, ONNX: ("none", "silu")}
NAMES = {"silu": "SiLU", "hard_swish": "hard swish", "prelu": "PReLU", "relu": "ReLU", "relu6": "ReLU6", "none": "none"}
# Height, width, channels, expanded, out: of networks, and sizes that fit no vector
SHAPES = (
    (56, 56, 24, 144, 24), (28, 28, 40, 240, 40), (14, 14, 96, 576, 96), (61, 47, 16, 96, 16), (33, 70, 19, 61, 19),
    (112, 112, 8, 24, 8), (9, 9, 3, 130, 3), (112, 100, 16, 16, 16),
)  # fmt: skip
BEGIN, END = "<!-- hosts: begin -->", "<!-- hosts: end -->"


# ---- Blocks ----------------------------------------------------------------------------------------------------------


def blocks(seed, dtype, activation, host):
    """Every shape with and without expand, by 3x3, 5x5 and 7x7, stride 1 and 2, with and without residual; and the
    operators alone."""
    for index, (height, width, channels, expanded, out) in enumerate(SHAPES):
        for variant in range(6):
            number = seed * 1000 + index * 10 + variant
            # LiteRT knows uint8 per tensor alone
            per_channel = number % 3 > 0 and (dtype == "int8" or host == ONNX)
            maker = Maker(number, dtype, per_channel, lowest=-128 if number % 2 else -127)
            shape, kernel, stride = (height, width, channels), (3, 5, 7)[(variant + index) % 3], 1 + variant // 2 % 2
            if variant >= 4:
                depthwise = variant == 5
                stride = 1 + index % 2 if depthwise else 1
                block = maker.single(shape, channels if depthwise else out, depthwise, kernel, stride, activation)
            else:
                expand = (variant + index) % 4 != 1
                inner = expanded if expand else channels
                block = maker.block(shape, inner, out, kernel, stride, activation, stride == 1, expand)
            yield block, maker.image(block)


def excited(seed, dtype, activation, host):
    """Blocks with squeeze-excite, which ONNX Runtime's operators do not express: its QLinearMul adds the zero point before
    it rounds."""
    assert host != ONNX
    for index, (height, width, channels, expanded, out) in enumerate(SHAPES):
        for variant in range(4):
            number = seed * 1000 + 500 + index * 10 + variant
            maker = Maker(number, dtype, number % 3 > 0 and dtype == "int8", lowest=-128 if number % 2 else -127)
            kernel, stride = (3, 5, 7)[(variant + index) % 3], 1 + variant // 2 % 2
            expand, inner = (variant + index) % 4 != 1, ("relu", "silu", "relu6", "hard_swish")[number % 4]
            width_ = max(1, expanded // (4, 24)[number % 2])
            block = maker.block(
                (height, width, channels), expanded if expand else channels, out, kernel, stride, activation, stride == 1,
                expand, (width_, inner),
            )  # fmt: skip
            yield block, maker.image(block)


def fused(seed, dtype, activation, host):
    """Fused-MBConv, and dense convolutions alone: stems, of 3 channels."""
    for index, (height, width, channels, _, out) in enumerate(SHAPES):
        for variant in range(3):
            number = seed * 1000 + 700 + index * 10 + variant
            per_channel = number % 3 > 0 and (dtype == "int8" or host == ONNX)
            maker = Maker(number, dtype, per_channel, lowest=-128 if number % 2 else -127)
            kernel, stride = (3, 5, 7)[(variant + index) % 3], 1 + variant % 2
            stem = variant == 1
            block = maker.fused(
                (height, width, 3 if stem else min(channels, 24)), 4 * min(channels, 12), 0 if stem else min(out, 24), kernel,
                stride, activation, stride == 1 and variant == 2 and channels == out <= 24,
            )  # fmt: skip
            yield block, maker.image(block)


def host_output(block, x, host):
    """The host's bytes, and its kernels."""
    if host == ONNX:
        graph = qlinear.block(block)
        return qlinear.run(graph, [x], planes=True)[0], graph.kernels
    result = tflite.run(tflite.block(block), [x], operators.RESOLVERS[host])
    return result.outputs[0], result.operators


def block_rows(seed, outputs):
    """The library's bytes beside the hosts': rounds of all activations and types, until there are so many bytes. Each
    block runs on the next of the library's sets."""
    rows, compared, count, sets = {}, 0, 0, ["auto", *int8.usable_isas()]
    kinds = [(host, activation, "block") for host in HOSTS for activation in ACTIVATIONS[host]]
    kinds += [(host, activation, "Fused-MBConv") for host in HOSTS for activation in ACTIVATIONS[host]]
    kinds += [(host, activation, "squeeze-excite") for host in (DEFAULT, REFERENCE) for activation in LITERT]
    makers = {"block": blocks, "Fused-MBConv": fused, "squeeze-excite": excited}
    while compared < outputs:
        for (host, activation, kind), dtype in itertools.product(kinds, RANGES):
            rounding, add = ARITHMETIC[host]
            row = Row(f"{kind}, {NAMES[activation]}", host, f"{rounding.upper()}, {add.upper()}")
            row = rows.setdefault((kind, activation, host), row)
            for block, x in makers[kind](seed, dtype, activation, host):
                isa = sets[count % len(sets)]
                expected, kernels_ = host_output(block, x, host)
                before = row.differ
                row.add(expected, ours.run(block, x, rounding, add, {"silu": onnx_silu} if host == ONNX else None, isa))
                row.kernels.update(kernels_)
                if row.differ > before:
                    print(f"{host}: {row.operator}, {dtype}, by {isa}: {row.differ - before} of {x.size} bytes: {block}")
                compared, count = compared + expected.size, count + 1
        seed += 1
    return list(rows.values())


def onnx_silu(x, y, dtype):
    """The table that the host itself makes of its two operators: its QLinearSigmoid is a polynomial of its own."""
    graph = qlinear.Graph()
    name = qlinear.silu(graph, graph.input([256], dtype), x, y, dtype)
    graph.output(name, dtype)
    return qlinear.run(graph, [integers.bytes_of(dtype).astype(dtype)])[0].astype(np.int64)


# ---- Networks --------------------------------------------------------------------------------------------------------


def network_rows(command, isas, seed, images=2):
    """Each network at its own size and at one that no stride divides, on every set."""
    random = np.random.default_rng(seed)
    for name in whole_networks.ALL:
        row = Row(f"{name}, whole", DEFAULT, "FP32, XNNPACK")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "network.safetensors"
            subprocess.run([command, "write", name, path, "--padding", "same", "--seed", str(seed)], check=True)
            for height, width in ((224, 224), (97, 131)):
                file = whole_networks.File(path)
                q, graph = file.quantization("input"), whole_networks.graph_of(file, height, width)
                y_q = whole_networks.classifier(file)
                for _ in range(images):
                    x = random.integers(-128, 128, (1, height, width, 3)).astype(np.int8)
                    result = tflite.run(graph, [x])
                    row.kernels.update(result.operators)
                    for isa in isas:
                        row.add(whole_networks.real(result.outputs[0], y_q), whole_networks.logits(command, path, x, q, isa))
        yield row


# ---- Output ----------------------------------------------------------------------------------------------------------


def table(rows):
    """A line per operator, a column per host."""
    operators_, cells = list(dict.fromkeys(row.operator for row in rows)), {}
    for row in rows:
        cells[row.operator, row.host] = f"`{row.formula}` {row.differ:,} of {row.compared:,}"
    lines = ["| | " + " | ".join(HOSTS) + " |", "|---|" + "---|" * len(HOSTS)]
    lines += [f"| {name} | " + " | ".join(cells.get((name, host), "") for host in HOSTS) + " |" for name in operators_]
    return "\n".join(lines)


def kernels(rows):
    """Who runs what, by host."""
    lines = []
    for host in HOSTS:
        used = set().union(*(row.kernels for row in rows if row.host == host))
        if host == ONNX:
            lines.append(f"* {host} runs " + ", ".join(sorted(used)))
            continue
        by = {}
        for name, who in sorted(used):
            by.setdefault({"builtin": "its own kernels"}.get(who, who), []).append(name)
        lines.append(f"* {host}: " + "; ".join(f"by {who} {', '.join(names)}" for who, names in sorted(by.items(), reverse=True)))
    return "\n".join(lines)


def versions():
    packages = {"LiteRT": "ai-edge-litert", "ONNX Runtime": "onnxruntime"}
    said = ", ".join(f"{name} {importlib.metadata.version(package)}" for name, package in packages.items())
    return f"{said}, on {processor()}"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write(path, rows):
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{path} lacks the lines {BEGIN} and {END}")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    path.write_text(f"{before}\n{versions()}:\n\n{table(rows)}\n\n{kernels(rows)}\n\n{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outputs", type=int, default=10_000_000)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--command", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = list(operators.all_rows(arguments.seed)) + block_rows(arguments.seed, arguments.outputs)
    if arguments.command:
        rows += network_rows(arguments.command, int8.usable_isas(), arguments.seed)
    print(f"{versions()}; sets {', '.join(int8.usable_isas())}")
    for row in rows:
        promise = "" if row.exact else "  (not promised)"
        print(f"{row.operator:20} {row.host:20} {row.formula:24} {row.differ:6} of {row.compared:9}{promise}")
    print(kernels(rows))
    if arguments.write:
        write(arguments.write, rows)
    findings = sum(row.differ > 0 and row.exact for row in rows)
    print(f"check: {len(rows)} cases, {findings} findings")
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
