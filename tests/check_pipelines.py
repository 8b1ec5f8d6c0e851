#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_pipelines.py OBJECT...: how near the 1x1's inner loops come to the bound of the FMA units, by llvm-mca's models.

Of each object it takes the innermost loop with the most multiply-adds, the full tile; if there are several, the fastest,
for one of them also prefetches the next panel. Prints cycles for each run through it; fails below LEAST of the bound on a
CPU of the object's set. The models know ports, latencies and decoders, but neither caches nor memory.

Int8's loops (objects in a folder i8) have no bound that is as simple: their sums and loads compete with the products for
ports. They fail if they get slower than they were (I8_MODELS).
"""
import argparse
import pathlib
import re
import sys

from disassembly import DOT, FMA, JUMP, X86_64, fused, inner_loops, machine_of, output_of

LEAST = 0.95
SHORT, LONG = 200, 1200  # runs through the loop: the difference leaves out how it begins

# F32, by the end of the object's name: CPUs, and how many multiply-adds of the set's vectors their FMA units begin in a cycle.
MODELS = {
    "_avx2.c.o": {"skylake": 2, "znver3": 2, "znver4": 2},
    "_avx512.c.o": {"skylake-avx512": 2, "znver4": 1},
    "_neon.c.o": {"neoverse-n1": 2, "apple-m1": 3},
}
# Int8's rows, avx2, avx2_vnni and avx512_vnni, neon (SMLAL), neon_dotprod (SDOT) and neon_i8mm (SMMLA, on CPUs that have
# it), by the end of the object's name: products of bytes that an instruction adds, and how many products a cycle are the
# least on CPUs. None: the figure is printed, but says little, see bench/RESULTS.md. `./run arm64 --count --type i8` counts
# whole blocks.
I8_MODELS = {
    "_avx2.c.o": (16, {"skylake-avx512": 22, "icelake-server": 22, "znver3": 20, "znver4": 20}),
    "_avx2_vnni.c.o": (32, {"alderlake": 48, "sapphirerapids": 48}),
    "_avx512_vnni.c.o": (64, {"cascadelake": 110, "icelake-server": 110, "znver4": None}),
    "_neon.c.o": (8, {"neoverse-n1": 7.6, "apple-m1": 15, "cortex-a55": 5.6}),
    "_neon_dotprod.c.o": (16, {"neoverse-n1": 30, "apple-m1": 45, "cortex-a55": 10}),
    "_neon_i8mm.c.o": (32, {"neoverse-n2": 54, "neoverse-v1": 108, "apple-m2": 81, "cortex-a510": 21}),
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


def full_tiles(path, multiply_add, directory):
    """How many multiply-adds the largest loops of an object have, and files with these loops."""
    loops = [loop for loop, _ in inner_loops(path, multiply_add)]
    most = max(fused(loop, multiply_add) for loop in loops)
    sources = []
    for loop in loops:
        if fused(loop, multiply_add) == most:
            sources.append(directory / f"{path.parent.name}-{path.name}.{len(sources)}.s")
            sources[-1].write_text(assembly(loop))
    return most, sources


def models_of(path, models):
    found = next((cpus for end, cpus in models.items() if path.name.endswith(end)), None)
    if found is None:
        sys.exit(f"{path}: of no set whose CPUs are known")
    return found


def check(program, path, directory):
    """Yields what falls short."""
    models = models_of(path, MODELS)
    most, sources = full_tiles(path, FMA, directory)
    for cpu, per_cycle in models.items():
        least = min(cycles(program, machine_of(path), cpu, source) for source in sources)
        bound = most / per_cycle
        print(f"{path.name:26} {cpu:15} {most} multiply-adds in {least:.2f} cycles, at best {bound:.2f}: {bound / least:.1%}")
        if bound / least < LEAST:
            yield f"{path.name}: {cpu}: {bound / least:.1%} of the bound"


def check_i8(program, path, directory):
    """Yields what got slower."""
    products, models = models_of(path, I8_MODELS)
    most, sources = full_tiles(path, DOT, directory)
    for cpu, least in models.items():
        fastest = min(cycles(program, machine_of(path), cpu, source) for source in sources)
        rate = most * products / fastest
        print(f"i8/{path.name:26} {cpu:15} {most * products} products of bytes in {fastest:.2f} cycles: {rate:.1f} a cycle")
        if least and rate < least:
            yield f"i8/{path.name}: {cpu}: {rate:.1f} products a cycle, less than {least}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mca", default="llvm-mca", metavar="PROGRAM")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="for the loops")
    parser.add_argument("objects", type=pathlib.Path, nargs="+", metavar="OBJECT")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    problems = []
    for path in arguments.objects:
        judge = check_i8 if path.parent.name == "i8" else check
        problems += judge(arguments.mca, path, arguments.directory)
    for problem in problems:
        print("FAILED " + problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
