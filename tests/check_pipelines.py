#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_pipelines.py OBJECT...: how near the 1x1's inner loops come to the bound of the FMA units, by llvm-mca's models.

Of each object it takes the innermost loop with the most multiply-adds, the full tile; if there are several, the fastest,
for one of them also prefetches the next panel. Prints cycles for each run through it; fails below LEAST of the bound on a
CPU of the object's set. The models know ports, latencies and decoders, but neither caches nor memory.
"""
import argparse
import pathlib
import re
import sys

from disassembly import JUMP, X86_64, fused, inner_loops, machine_of, output_of

LEAST = 0.95
SHORT, LONG = 200, 1200  # runs through the loop: the difference leaves out how it begins

# Sets of f32: int8's (avx2_vnni, avx512_vnni, neon_dotprod, neon_i8mm) have no fused multiply-adds.
# By the end of the object's name: CPUs, and how many multiply-adds of the set's vectors their FMA units begin in a cycle.
MODELS = {
    "_avx2.c.o": {"skylake": 2, "znver3": 2, "znver4": 2},
    "_avx512.c.o": {"skylake-avx512": 2, "znver4": 1},
    "_neon.c.o": {"neoverse-n1": 2, "apple-m1": 3},
}


def assembly(loop):
    """The loop as a block that is run again and again: jumps lead to its own beginning."""
    lines = ["again:"]
    for mnemonic, operands in ((i.mnemonic, i.operands) for i in loop.instructions):
        operands = re.sub(r"\s*(# |//).*| <[^>]*>", "", operands)
        if JUMP.match(mnemonic):
            operands = re.sub(r"(0x)?[0-9a-f]+$", "again", operands)
        lines.append(f"  {mnemonic} {operands}")
    return "\n".join(lines) + "\n"


def cycles(program, machine, cpu, source):
    def total(iterations):
        triple = "x86_64" if machine == X86_64 else "aarch64"
        text = output_of(program, f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={iterations}", source)
        return int(re.search(r"^Total Cycles:\s+(\d+)", text, re.MULTILINE)[1])

    return (total(LONG) - total(SHORT)) / (LONG - SHORT)


def check(program, path, directory):
    """Yields what falls short."""
    models = next((cpus for end, cpus in MODELS.items() if path.name.endswith(end)), None)
    if models is None:
        sys.exit(f"{path}: of no set whose CPUs are known")
    loops = [loop for loop, _ in inner_loops(path)]
    most = max(map(fused, loops))
    sources = []
    for loop in loops:
        if fused(loop) == most:
            sources.append(directory / f"{path.name}.{len(sources)}.s")
            sources[-1].write_text(assembly(loop))
    for cpu, per_cycle in models.items():
        least = min(cycles(program, machine_of(path), cpu, source) for source in sources)
        bound = most / per_cycle
        print(f"{path.name:26} {cpu:15} {most} multiply-adds in {least:.2f} cycles, at best {bound:.2f}: {bound / least:.1%}")
        if bound / least < LEAST:
            yield f"{path.name}: {cpu}: {bound / least:.1%} of the bound"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mca", default="llvm-mca", metavar="PROGRAM")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="for the loops")
    parser.add_argument("objects", type=pathlib.Path, nargs="+", metavar="OBJECT")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    problems = [problem for path in arguments.objects for problem in check(arguments.mca, path, arguments.directory)]
    for problem in problems:
        print("FAILED " + problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
