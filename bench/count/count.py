#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count.py PROGRAM PLUGIN [OPTION...]: instructions that blocks execute on ARM64, beside XNNPACK's.

PROGRAM is mbconv_count_blocks for ARM64, PLUGIN is plugin.c compiled. Under qemu nothing can be timed, but counts are
exact. `uops` counts a load or store once per register that it moves; `per FMA` are uops by multiply-adds of 4 floats,
or by four of int8's. In int8 a look-up (TBL, TBX) in n registers is one uop there and in XNNPACK's counts, and n in the
columns that end in `tbl n`. XNNPACK's file has the first count alone. Its other one follows from how it looks up: 16 bytes
by four instructions of four registers each, all of the tensors that SiLU comes behind.
"""
import argparse
import csv
import math
import pathlib
import subprocess
import sys

BLOCKS = pathlib.Path(__file__).parent.parent / "blocks.csv"
BLOCKS_I8 = BLOCKS.with_name("blocks_i8_arm64.csv")
# In int8: XNNPACK's column for a CPU of qemu. Others are compared with what has SDOT.
PEERS_I8 = {"max": "i8mm", "cortex-a53": "neither", "cortex-a72": "neither"}
PEER_MORE_TABLES = 12 / 16  # XNNPACK's registers beyond the first of each look-up, per byte
CLASSES = ["fma", "vector", "vector_load", "vector_store", "integer", "load", "store", "branch"]


def peers(arguments):
    """block -> XNNPACK's uops, of blocks without squeeze-excite."""
    path, column = BLOCKS, "xnnpack_arm64_kuops"
    if arguments.type == "i8":
        path, column = BLOCKS_I8, PEERS_I8.get(arguments.cpu, "dotprod")
    with open(path, encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["block"]: 1000 * int(row[column]) for row in rows}


def looked_up():
    """block -> bytes that SiLU's table maps: of the expanded image and of the depthwise's output."""
    with open(BLOCKS, encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    sizes = {}
    for row in rows:
        height, width, expanded, stride = (int(row[key]) for key in ("height", "width", "expanded", "stride"))
        pixels = height * width if row["expand"] == "yes" else 0
        mapped = expanded * (pixels + -(-height // stride) * -(-width // stride))
        sizes[row["block"]] = mapped if row["activation"] == "silu" else 0
    return sizes


def run(arguments):
    """Yields for each block its name, variant, multiply-adds, counts by class, and uops by function."""
    plugin = f"{arguments.plugin},functions={'on' if arguments.functions else 'off'}"
    command = ["qemu-aarch64", "-cpu", arguments.cpu, "-plugin", plugin, arguments.program]
    command += ["i8"] * (arguments.type == "i8") + arguments.blocks
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    block, counts, functions = None, [], []
    for line in output.splitlines():
        kind, *words = line.split()
        if kind == "block":
            block, counts = words, []
        elif kind == "function":
            functions.append((int(words[1]), words[0]))
        elif kind == "count":  # at the first mark all before it, at the second the run between them
            counts.append(({key: int(value) for key, value in (word.split("=") for word in words)}, functions))
            functions = []
            if len(counts) == 2:
                yield block[0], block[1], int(block[2]), *counts[1]


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def of_both(uops, peer):
    """Cells of a block's uops, the peer's, and their quotient; `peer` is None where it was not counted."""
    return [f"{uops / 1e3:.0f}", *(("", "") if peer is None else (f"{peer / 1e3:.0f}", f"{uops / peer:.3f}"))]


def table(arguments):
    """Prints the table; returns the rows for --csv, and the ratios to XNNPACK by what was counted and variant."""
    xnnpack, rows, ratios = peers(arguments), [], {}
    mapped = looked_up() if arguments.type == "i8" else None
    titles = ["insns", "uops", "xnnpack", "ratio"] + ["uops tbl n", "xnnpack tbl n", "ratio tbl n"] * bool(mapped) + ["per FMA"]
    print("thousands".ljust(14) + "".join(title.rjust(max(len(title) + 1, 9)) for title in titles)
          + "  " + " ".join(name.rjust(max(len(name), 7)) for name in CLASSES))
    for block, variant, multiply_adds, counts, functions in run(arguments):
        uops, peer = counts["uops"], None if variant.endswith("-se") else xnnpack[block]
        counted = {"uops": (uops, peer)}
        if mapped:
            counted["uops, tbl n"] = (uops + counts["more_tables"], peer + PEER_MORE_TABLES * mapped[block])
        cells = [f"{counts['instructions'] / 1e3:.0f}"]
        for name, (own, other) in counted.items():
            cells += of_both(own, other)
            if other is not None:
                ratios.setdefault((variant, name), {})[block] = own / other
        cells.append(f"{uops / (multiply_adds / 4):.3f}")
        classes = " ".join(f"{counts[name] / 1e3:.0f}".rjust(max(len(name), 7)) for name in CLASSES)
        aligned = "".join(cell.rjust(max(len(title) + 1, 9)) for cell, title in zip(cells, titles))
        print(f"{block:4} {variant:9}{aligned}  {classes}")
        for function_uops, name in sorted(functions, reverse=True)[:8]:
            print(f"    {function_uops / 1e3:9.0f}  {name}")
        rows.append((block, variant, counts["instructions"], uops))
    return rows, ratios


def limit(text):
    variant, ratio = text.split("=")
    return variant, float(ratio)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("plugin")
    parser.add_argument("--type", choices=("f32", "i8"), default="f32", help="of images; i8 without squeeze-excite")
    parser.add_argument("--csv", metavar="FILE", help="write block,variant,instructions,uops")
    parser.add_argument("--blocks", type=lambda text: text.split(","), default=[], help="such as b7,e2; default: all")
    parser.add_argument("--cpu", default="neoverse-n1", help="qemu's; default: %(default)s")
    parser.add_argument("--functions", action="store_true", help="where the uops of each block go")
    parser.add_argument("--most", type=float, metavar="RATIO", help="fail if a block has more than RATIO * XNNPACK's")
    parser.add_argument("--geomean", type=limit, metavar="VARIANT=RATIO", action="append", default=[],
                        help="fail if the variant's blocks have more than RATIO * XNNPACK's in geomean")
    arguments = parser.parse_args()
    rows, ratios = table(arguments)
    judged = {variant: by_block for (variant, name), by_block in ratios.items() if name == "uops"}
    if missing := {variant for variant, _ in arguments.geomean} - set(judged):
        parser.error(f"no blocks of {', '.join(sorted(missing))} for --geomean")
    if arguments.csv:
        with open(arguments.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("block", "variant", "instructions", "uops"))
            writer.writerows(rows)
    for (variant, name), by_block in ratios.items():
        worst = max(by_block, key=by_block.get)
        print(f"{variant}: {name} by XNNPACK's: geomean {geomean(by_block.values()):.3f}, "
              f"most {by_block[worst]:.3f} ({worst})")
    most = arguments.most or math.inf
    return (any(ratio > most for by_block in judged.values() for ratio in by_block.values())
            or any(geomean(judged[variant].values()) > ratio for variant, ratio in arguments.geomean))


if __name__ == "__main__":
    sys.exit(main())
