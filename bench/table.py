#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Markdown tables from several runs of mbconv_bench, the best of each benchmark.

    for i in 1 2 3; do ./run bench --benchmark_format=json > run$i.json; done
    python3 bench/table.py run*.json
"""
import json
import sys


def best_runs(paths):
    """name -> the run with the least CPU time per call; and the context of the first file."""
    best, context = {}, None
    for path in paths:
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        context = context or run["context"]
        for row in run["benchmarks"]:
            if row.get("error_occurred"):
                sys.exit(f"{path}: {row['name']}: {row['error_message']}")
            old = best.get(row["name"])
            if old is None or row["cpu_min_us"] < old["cpu_min_us"]:
                best[row["name"]] = row
    return best, context


def print_table(best, operation, sets, columns):
    """One row per layer, `columns` (title, counter, format) for each set."""
    layers = {}
    for name, row in best.items():
        head, isa = name.rsplit("/", 1)
        if head.split("/", 1)[0] == operation:
            layers.setdefault(head, {})[isa] = row
    if not layers:
        return
    titles = [f"{isa} {title}" for isa in sets for title, _, _ in columns]
    print(f"\n| {operation} | " + " | ".join(titles) + " |")
    print("|---|" + "---:|" * len(titles))
    for layer, rows in layers.items():
        cells = []
        for isa in sets:
            for _, counter, form in columns:
                cells.append(format(rows[isa][counter], form) if isa in rows else "")
        print(f"| {layer.split('/', 1)[1]} | " + " | ".join(cells) + " |")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    best, context = best_runs(sys.argv[1:])
    sets = list(dict.fromkeys(name.rsplit("/", 1)[-1] for name in best))  # best first, as the benchmark lists them
    known = {key: context[key] for key in ("cpu", "compiler", "mbconv", "date") if key in context}
    print(", ".join(f"{key}: {value}" for key, value in known.items()))
    timed = [("µs", "cpu_min_us", ".1f"), ("% of peak", "peak_percent", ".1f")]
    for operation in ("pointwise", "depthwise3x3", "depthwise5x5", "block", "block-se"):
        print_table(best, operation, sets, timed)
    print_table(best, "silu", sets, [("ns per 8", "ns_per_8", ".2f"), ("cycles per 8", "cycles_per_8", ".1f")])


if __name__ == "__main__":
    main()
