#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_binary.py [--shared LIBRARY] BUILD...: holds what was compiled against five promises.

Symbols    a library defines nothing outside its own name: all global symbols start with mbconv_
Registers  no code needs a CPU that its set does not ask for: zmm and mask registers only in *_avx512 objects,
           ymm and VEX instructions only there and in *_avx2 objects; int8's products that need VNNI only in
           those of avx2_vnni and avx512_vnni; on ARM64 SDOT and its like only in those of neon_dotprod and neon_i8mm,
           matrices of bytes only in the latter
Products   int8's kernels that need VNNI or VBMI have these instructions, in the encoding of their row, and no others for
           the same end: where the CPU has none, tests run the same source on others (twins/vnni.h)
Spills     the innermost loops that multiply and add (every pointwise, gemv, depthwise and more object must have some) keep
           their vectors in registers: no vector load or store on the stack, no vector store at all but in depthwise and more;
           MAY_SPILL has the exceptions
Prefetches the loops that fetch weights ahead do so, and no others: PREFETCHES

BUILD is a build directory with libmbconv.a and the objects of mbconv_objects. Before all that, the checks are run on
code that breaks each promise on purpose. Needs binutils for the machine of the objects, and its C compiler ($CC).
"""
import argparse
import os
import pathlib
import re
import sys
import tempfile

from collections import Counter

from disassembly import DOT, FMA, NATIVE, X86_64, functions, fused, inner_loops, loops_of, machine_of, output_of, tool

VECTOR = re.compile(r"%[xyz]mm\d|\b[qvdsz]\d+\b")
MEMORY = re.compile(r"\(%|\[(x\d|sp)")
STACK = re.compile(r"\(%rsp|\[sp\b")
FRAME = re.compile(r"\(%rbp|\[x29\b")
FRAME_POINTER_SET = re.compile(r"^(%rsp,%rbp|x29, sp)$")
PREFETCH = re.compile(r"^(prefetch|prfm)")
# Objects with loops that fetch weights ahead: into which cache, and for each such loop its multiply-adds per prefetch.
# The AVX2 tile fetches with 4 and 3 rows, with a residual and without, the AVX-512 tile with 28 and 21,
# those over panels abreast with all. Int8's tiles with VNNI fetch with 3, 7, 14 and 28 pixels.
PREFETCHES = {
    "strip.c.o": (re.compile("prefetcht1|pldl2keep"), [0]),
    "pointwise_avx2.c.o": (re.compile("prefetcht1"), [12, 12, 9, 9]),
    "pointwise_avx512.c.o": (re.compile("prefetcht0"), [28, 21]),
    "pointwise_abreast_avx512.c.o": (re.compile("prefetcht1"), [27, 24, 21, 18, 18, 16, 15, 14, 12, 10]),
    "i8/pointwise_avx512_vnni.c.o": (re.compile("prefetcht1"), [12, 28, 9, 21, 6, 14, 28, 3, 7, 14, 28]),
}
# Loops with vectors on the stack, mostly constants: by object, the compiler, functions, and how many operands at most.
CLANG, GCC = b"clang version", b"GCC: ("
MAY_SPILL = {
    "i8/depthwise_avx512_vnni.c.o": [
        (CLANG, re.compile("_(7x7s2|5x5s1_pair)$"), 13),
        (GCC, re.compile("_5x5s2$"), 1),  # the zero point
    ],
    "i8/depthwise_neon.c.o": [(GCC, re.compile("_5x5s1$"), 1)],  # half of a vector of weights, for a row's last outputs
}
MEMORY_LAST = re.compile(r"\)(\{[^}]*\})*$")


# ---- The checks: each yields what is wrong ---------------------------------------------------------------------------


def check_symbols(library, dynamic=False):
    names = output_of(tool("nm", machine_of(library)), "-D" if dynamic else "-g", "--defined-only", library).split("\n")
    symbols = [line.split()[-1] for line in names if re.match(r"^[0-9a-f]+ ", line)]
    if not symbols:
        yield f"{library}: defines nothing"
    for symbol in symbols:
        if not symbol.startswith("mbconv_"):
            yield f"{library}: defines {symbol}"


def check_registers(path):
    for name, code in functions(path).items():
        for instruction in code:
            needs = None
            if instruction.mnemonic.startswith("vpdp") and not path.match("*_vnni.c.o"):
                needs = "VNNI"
            elif re.match(r"us?mmla|smmla", instruction.mnemonic) and not path.match("*_i8mm.c.o"):
                needs = "I8MM"
            elif re.match(r"[us]dot", instruction.mnemonic) and not path.match("*_neon_*.c.o"):
                needs = "DOTPROD"
            elif path.match("*_avx512.c.o") or path.match("*_avx512_vnni.c.o"):
                continue
            elif re.search(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])", instruction.operands):
                needs = "AVX-512"
            elif path.match("*_avx2.c.o") or path.match("*_avx2_vnni.c.o"):
                continue
            elif "%ymm" in instruction.operands or instruction.mnemonic[0] == "v" and "%xmm" in instruction.operands:
                needs = "AVX"
            if needs:
                yield f"{path}: {name} needs {needs}: {instruction.mnemonic} {instruction.operands}"
                break


def check_products(path):
    if not path.match("*_vnni.c.o") or path.name.startswith(("set_", "door_")):  # these multiply no bytes
        return
    wanted = "vpermb" if path.name.startswith("table_") else "vpdpbusd"
    prefix = "{vex} " if "_avx2_" in path.name and wanted == "vpdpbusd" else ""
    code = output_of(tool("objdump", machine_of(path)), "-d", "--no-show-raw-insn", path)
    found = Counter(re.findall(r"\t((?:\{\w+\} )?(?:vpdp\w+|vpmadd\w+|vpermb|vperm[it]2b))\b", code))
    print(f"{path}: {dict(found)}")
    if set(found) != {prefix + wanted}:
        yield f"{path}: has {sorted(found)} instead of {prefix}{wanted} alone"


def is_store(instruction):
    """Whether it writes memory: the last operand on x86 (as objdump prints it), every st* on ARM."""
    return bool(MEMORY_LAST.search(instruction.operands) or instruction.mnemonic.startswith("st"))


def name_of(path):
    return f"i8/{path.name}" if path.parent.name == "i8" else path.name


def multiply_add_of(path):
    return DOT if path.parent.name == "i8" else FMA


def may_spill(path, loop):
    """How many operands of a loop may be on the stack."""
    data = path.read_bytes()
    rules = [rule for rule in MAY_SPILL.get(name_of(path), []) if rule[0] in data and rule[1].search(loop.function)]
    return max((most for _, _, most in rules), default=0)


def check_spills(path):
    found, pointwise = False, path.name.startswith(("pointwise", "gemv"))
    multiply_add = multiply_add_of(path)
    for loop, code in inner_loops(path, multiply_add):
        found = True
        has_frame = any(i.mnemonic.startswith("mov") and FRAME_POINTER_SET.match(i.operands) for i in code)
        memory = [i for i in loop.instructions if VECTOR.search(i.operands) and MEMORY.search(i.operands)]
        print(
            f"  {loop.function}+{loop.header:#x}: {len(loop.instructions)} instructions, "
            f"{fused(loop, multiply_add)} multiply-adds,"
            f" {len(memory)} vector operands in memory"
        )
        spills = [
            i
            for i in memory
            if STACK.search(i.operands) or has_frame and FRAME.search(i.operands) or pointwise and is_store(i)
        ]
        if len(spills) > may_spill(path, loop):
            first = f"{spills[0].mnemonic} {spills[0].operands}"
            yield f"{path}: the loop at {loop.function}+{loop.header:#x} spills {len(spills)} times, first: {first}"
    if not found:
        yield f"{path}: no loop with fused multiply-adds"


def prefetching_loops(path):
    """The loops with prefetches that have no smaller such loop inside: their prefetches and multiply-adds."""
    for name, code in functions(path).items():
        if not any(PREFETCH.match(i.mnemonic) for i in code):
            continue
        loops = {}
        for header, (body, loop) in loops_of(name, code).items():
            fetches = [i for i in loop.instructions if PREFETCH.match(i.mnemonic)]
            if fetches:
                loops[header] = (body, fetches, fused(loop, multiply_add_of(path)))
        for header, (body, fetches, multiply_adds) in loops.items():
            if not any(other in body for other in loops if other != header):
                yield fetches, multiply_adds


def check_prefetches(path):
    level, expected = PREFETCHES.get(name_of(path), (re.compile("$^"), []))
    found = []
    for fetches, multiply_adds in prefetching_loops(path):
        found.append(multiply_adds / len(fetches))
        for i in fetches:
            if not level.search(f"{i.mnemonic} {i.operands}"):
                yield f"{path}: {i.mnemonic} {i.operands} is not among the PREFETCHES that are promised"
    for multiply_adds in (Counter(expected) - Counter(found)).elements():
        yield f"{path}: a loop of {multiply_adds} multiply-adds per prefetch is missing, there are {sorted(found)}"


def check_build(build):
    objects = sorted((build / "CMakeFiles/mbconv_objects.dir").rglob("*.o"))
    yield from check_symbols(build / "libmbconv.a")
    for path in objects:
        yield from check_registers(path)
        yield from check_products(path)
        yield from check_prefetches(path)
    kernels = [path for path in objects if re.match(r"(pointwise(_narrow|_abreast)?|gemv|depthwise|more)_(avx2|avx512|neon)(_vnni|_dotprod|_i8mm)?\.", path.name)]
    for path in kernels:
        print(path)
        yield from check_spills(path)
    if not kernels:
        yield f"{build}: no vector kernels"


# ---- The checks checked ----------------------------------------------------------------------------------------------

TILE = """
typedef float vector __attribute__((vector_size(BYTES)));
void mbconv_tile(long k, const float *x, const vector *w, vector *y);
void mbconv_tile(long k, const float *x, const vector *w, vector *y) {
  vector sum[N];
  _Pragma("GCC unroll 64") for (int i = 0; i < N; i++) sum[i] = y[i];
  for (long j = 0; j < k; j++)
    _Pragma("GCC unroll 64") for (int i = 0; i < N; i++) sum[i] += x[j * N + i] * w[j];
  _Pragma("GCC unroll 64") for (int i = 0; i < N; i++) y[i] = sum[i];
}
void mbconv_fetch(const vector *w, long n);
void mbconv_fetch(const vector *w, long n) {
  for (long i = 0; i < n; i++) FETCH(w + 8 * i);
}
int other_name(void);
int other_name(void) { return 1; }
"""


def self_test(machine):
    """Each check must be silent on good code and speak up on bad code."""
    compiler = os.environ.get("CC", "cc") if machine == NATIVE else tool("gcc", machine)
    size, flags, isa = (32, ["-mavx2", "-mfma"], "avx2") if machine == X86_64 else (16, [], "neon")
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory, "tile.c")
        source.write_text(TILE)

        def compiled(name, vectors, fetch="__builtin_prefetch(p, 0, 2)"):
            path = pathlib.Path(directory, name)
            options = ["-O3", "-ffp-contract=fast", f"-DBYTES={size}", f"-DN={vectors}", f"-DFETCH(p)={fetch}", *flags]
            output_of(compiler, *options, "-c", "-o", path, source)
            return path

        good, spilling = compiled(f"pointwise_{isa}.c.o", 8), compiled(f"pointwise_spill_{isa}.c.o", 40)
        expected = [
            ("spill check, good code", [*check_spills(good)], False),
            ("spill check, spilling code", [*check_spills(spilling)], True),
            ("symbol check", [*check_symbols(good)], True),
            ("register check, good code", [*check_registers(good)], False),
            ("prefetch check, good code", [*check_prefetches(compiled("strip.c.o", 8))], False),
            ("prefetch check, no prefetch", [*check_prefetches(compiled("strip.c.o", 8, "(void)(p)"))], True),
            ("prefetch check, another cache", [*check_prefetches(compiled("strip.c.o", 8, "__builtin_prefetch(p)"))], True),
            ("prefetch check, unknown code", [*check_prefetches(good)], True),
        ]
        if machine == X86_64:
            scalar = compiled("tile_scalar.c.o", 8)
            expected.append(("register check, AVX in a scalar object", [*check_registers(scalar)], True))
            dots = compiled("pointwise_avx2_vnni.c.o", 8)
            expected.append(("product check, no VNNI", [*check_products(dots)], True))
        for name, problems, bad in expected:
            if bool(problems) != bad:
                sys.exit(f"check_binary.py: self-test failed: {name}")
    print("self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, action="append", default=[], metavar="LIBRARY")
    parser.add_argument("builds", type=pathlib.Path, nargs="+", metavar="BUILD")
    arguments = parser.parse_args()
    problems = []
    for library in arguments.shared:
        problems += check_symbols(library, dynamic=True)
    for build in arguments.builds:
        self_test(machine_of(build / "libmbconv.a"))
        problems += check_build(build)
    for problem in problems:
        print("FAILED " + problem)
    sys.exit(bool(problems))


main()
