#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`./run results [--name TEXT] [ARGUMENT...]`: measures this CPU, whatever it is, against the peers on each of its vector
sets, and writes bench/results/<cpu>.md. --name is the page's title, by default the CPU's own name; the other arguments
are those of `./run compare`. docs/figures.py makes the README's range over CPUs of the pages' summaries."""

import argparse
import csv
import datetime
import itertools
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from machine import cpu_name, say
from peers.native import Driver
from report import geomean

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {
    "relu6": "ReLU6", "silu": "SiLU", "silu-se": "SiLU with squeeze-excite", "fused": "Fused-MBConv",
    "uib": "MobileNetV4's blocks",
}  # fmt: skip


def cpu_numbers():
    """Family and model of an x86 CPU, whose name may be no more than `AMD EPYC`; elsewhere nothing."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = [re.search(rf"^{name}\s*: (\d+)$", text, re.MULTILINE) for name in ("cpu family", "model")]
    return [int(match[1]) for match in found if match]


def vector_sets(driver):
    """The sets that this CPU can run, but for the scalar one; the best first."""
    names = itertools.takewhile(lambda name: name != "unknown", map(driver.isa_name, itertools.count(2)))  # from the first
    return [name for name in names if driver.isa(name)][::-1]  # after auto and scalar


def compare(isa, folder, arguments):
    """What `./run compare` says and the rows of its CSV."""
    path = pathlib.Path(folder, f"{isa}.csv")
    command = [sys.executable, "-B", HERE / "compare.py", "--isa", isa, "--threads", "1", "--cache", "warm", "--csv", path]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
    if process.returncode:
        sys.exit(f"results: the comparison on {isa} failed; nothing is written")
    with open(path, encoding="utf-8", newline="") as file:
        return "".join(said), list(csv.DictReader(file))


def blocks_of(rows):
    """{(variant, block): {contender: row}}, as measured."""
    found = {}
    for row in rows:
        found.setdefault((row["variant"], row["block"]), {})[row["contender"]] = row
    return found


def microseconds(row):
    return float(row["us_min"])


def ratio(times):
    """The fastest peer's time by ours; None without a peer."""
    peers = [microseconds(row) for name, row in times.items() if name != "mbconv"]
    return min(peers) / microseconds(times["mbconv"]) if peers else None


def summary(isa, blocks):
    """A line for each kind of block."""
    for variant, kind in KINDS.items():
        found = [(ratio(times), name) for (which, name), times in blocks.items() if which == variant]
        found = [(value, name) for value, name in found if value is not None]
        if not found:
            continue
        least, where = min(found)
        percent = [float(times["mbconv"]["peak_percent"]) for (which, _), times in blocks.items() if which == variant]
        mean = geomean([value for value, _ in found])
        yield f"| {isa}, {kind} | {len(found)} | {mean:.3f} | {least:.3f} ({where}) | {geomean(percent):.1f} |"


def table(blocks):
    names = list(dict.fromkeys(name for times in blocks.values() for name in times))
    peers = [name for name in names if name != "mbconv"]
    yield "| block | mbconv | " + " | ".join([*peers, "% of peak", "best peer / mbconv"]) + " |"
    yield "|---|" + "---:|" * (len(peers) + 3)
    for (variant, block), times in blocks.items():
        cells = [f"**{microseconds(times['mbconv']):.0f}**"]
        cells += [f"{microseconds(times[name]):.0f}" if name in times else "-" for name in peers]
        value = ratio(times)
        cells += [f"{float(times['mbconv']['peak_percent']):.1f}", "-" if value is None else f"{value:.3f}"]
        yield f"| {block}{'+se' if variant == 'silu-se' else ''} | " + " | ".join(cells) + " |"


def page(title, arguments, measured):
    numbers = cpu_numbers()
    about = f"family {numbers[0]}, model {numbers[1]}" if len(numbers) == 2 else platform.machine()
    count = os.cpu_count()
    lines = [
        f"# {title}", "",
        f"{cpu_name()} ({about}), {count} core{'s' * (count != 1)}, {datetime.date.today()}. Written by",
        f"`{' '.join(['./run results', *arguments])}`:", "one thread, warm caches, f32, by turns in one process; µs.", "",
        "## Summary", "", "| set, blocks | number | best peer / mbconv, geometric mean | least | % of peak |",
        "|---|---:|---:|---|---:|",
    ]  # fmt: skip
    for isa, (_, rows) in measured.items():
        lines += summary(isa, blocks_of(rows))
    for isa, (said, rows) in measured.items():
        head = said.split("\n\n", 1)[0].splitlines()
        lines += ["", f"## {isa}", "", *(f"    {line}" for line in head), "", *table(blocks_of(rows))]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="./run results", description=__doc__, allow_abbrev=False)
    parser.add_argument("--name", help="of the CPU, such as `AMD Zen 4`")
    parser.add_argument("--output", type=pathlib.Path, default=HERE.parent / "results", help="a folder")
    parser.add_argument("--driver", default="libmbconv_compare.so", help=argparse.SUPPRESS)
    arguments, others = parser.parse_known_args()
    for name in "--isa", "--threads", "--cache", "--csv", "--type":
        if any(word.split("=")[0] == name for word in others):
            parser.error(f"{name} is what this command chooses itself")
    title = arguments.name or " ".join([cpu_name(), *map(str, cpu_numbers())])
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    sets = vector_sets(Driver(arguments.driver))
    if not slug or not sets:
        sys.exit("results: this CPU has no vector set" if slug else f"results: {title!r} gives no file name")
    with tempfile.TemporaryDirectory() as folder:
        driver = ["--driver", arguments.driver]
        measured = {isa: compare(isa, folder, [*driver, *others]) for isa in sets}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{slug}.md"
    shown = ["--name", f"'{arguments.name}'"] if arguments.name else []
    path.write_text(page(title, [*shown, *others], measured), encoding="utf-8")
    say(f"wrote {path}; now python3 docs/figures.py renews the README's figures")


if __name__ == "__main__":
    main()
