#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_binary.py [--shared LIBRARY] BUILD...: holds what was compiled against three promises.

Symbols    a library defines nothing outside its own name: all global symbols start with mbconv_
Registers  no code needs a CPU that its set does not ask for: zmm and mask registers only in *_avx512 objects,
           ymm and VEX instructions only there and in *_avx2 objects
Spills     the innermost loops that multiply and add (every pointwise, gemv and depthwise object must have some) keep
           their vectors in registers: no vector load or store on the stack, no vector store at all but in depthwise

BUILD is a build directory with libmbconv.a and the objects of mbconv_objects. Before all that, the checks are run on
code that breaks each promise on purpose. Needs binutils for the machine of the objects, and its C compiler ($CC).
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import namedtuple

X86_64, AARCH64 = 62, 183  # e_machine of ELF
CROSS = {X86_64: "x86_64-linux-gnu-", AARCH64: "aarch64-linux-gnu-"}  # prefixes of Debian's cross tools
NATIVE = {"x86_64": X86_64, "aarch64": AARCH64}.get(os.uname().machine)

Instruction = namedtuple("Instruction", "address mnemonic operands target")
Loop = namedtuple("Loop", "function header instructions")

LINE = re.compile(r"^ *([0-9a-f]+):\s+(?:(?:lock|rep[a-z]*|notrack|bnd|data16|cs|\{[a-z]+\}) )*(\S+)\s*(.*)$")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
TARGET = re.compile(r"\b([0-9a-f]+) <([^>+]+)(?:\+0x[0-9a-f]+)?>")
FMA = re.compile(r"^(vfn?m(add|sub)|fml[as]|fn?m(add|sub)$)")
JUMP = re.compile(r"^(j[a-z]+|b|b\.[a-z]+|cbn?z|tbn?z|br)$")
NEVER_FALLS_THROUGH = re.compile(r"^(jmpq?|b|br|ret[q]?|ud2|hlt|udf|brk)$")
VECTOR = re.compile(r"%[xyz]mm\d|\b[qvdsz]\d+\b")
MEMORY = re.compile(r"\(%|\[(x\d|sp)")
STACK = re.compile(r"\(%rsp|\[sp\b")
FRAME = re.compile(r"\(%rbp|\[x29\b")
FRAME_POINTER_SET = re.compile(r"^(%rsp,%rbp|x29, sp)$")
MEMORY_LAST = re.compile(r"\)(\{[^}]*\})*$")


# ---- Reading the code ------------------------------------------------------------------------------------------------


def machine_of(path):
    """What an object or a library is for."""
    data = path.read_bytes()
    start = data.find(b"\x7fELF")
    machine = int.from_bytes(data[start + 18 : start + 20], "little") if start >= 0 else None
    if machine not in CROSS:
        sys.exit(f"check_binary.py: {path} is for none of the machines checked")
    return machine


def tool(name, machine):
    return name if machine == NATIVE else CROSS[machine] + name


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def functions(path):
    """The functions of an object: name and instructions."""
    found = {}
    for line in output_of(tool("objdump", machine_of(path)), "-d", "--no-show-raw-insn", path).splitlines():
        if match := FUNCTION.match(line):
            name, current = match[1], found.setdefault(match[1], [])
        elif match := LINE.match(line):
            mnemonic, operands, target = match[2], match[3], TARGET.search(match[3])
            jumps = JUMP.match(mnemonic) and target and target[2] == name
            current.append(Instruction(int(match[1], 16), mnemonic, operands, int(target[1], 16) if jumps else None))
    return found


# ---- Loops -----------------------------------------------------------------------------------------------------------


def blocks_of(code):
    """Basic blocks: lists of instructions, and for each block the indices of its successors."""
    addresses = {instruction.address for instruction in code}
    starts = {code[0].address} | {i.target for i in code if i.target in addresses}
    starts |= {after.address for before, after in zip(code, code[1:]) if JUMP.match(before.mnemonic)}
    starts |= {after.address for before, after in zip(code, code[1:]) if NEVER_FALLS_THROUGH.match(before.mnemonic)}
    blocks = []
    for instruction in code:
        if instruction.address in starts:
            blocks.append([])
        blocks[-1].append(instruction)
    index = {block[0].address: i for i, block in enumerate(blocks)}
    successors = [set() for _ in blocks]
    for i, block in enumerate(blocks):
        if block[-1].target in index:
            successors[i].add(index[block[-1].target])
        if i + 1 < len(blocks) and not NEVER_FALLS_THROUGH.match(block[-1].mnemonic):
            successors[i].add(i + 1)
    # A jump through a table may lead to any block that nothing else leads to.
    reached = set().union({0}, *successors)
    for i, block in enumerate(blocks):
        if JUMP.match(block[-1].mnemonic) and re.search(r"\*|^x\d+$", block[-1].operands):
            successors[i] |= set(range(len(blocks))) - reached
    return blocks, successors


def loops_of(name, code):
    """Natural loops: for each header, the blocks from which a jump back to it is reached without passing it."""
    blocks, successors = blocks_of(code)
    predecessors = [[i for i, after in enumerate(successors) if j in after] for j in range(len(blocks))]
    everything = (1 << len(blocks)) - 1
    dominators = [1] + [everything] * (len(blocks) - 1)
    changed = True
    while changed:
        changed = False
        for i in range(1, len(blocks)):
            common = everything
            for before in predecessors[i]:
                common &= dominators[before]
            if common | 1 << i != dominators[i]:
                dominators[i], changed = common | 1 << i, True
    bodies = {}
    for i, after in enumerate(successors):
        for header in after:
            if dominators[i] >> header & 1:
                body, pending = bodies.setdefault(header, {header}), [i]
                while pending:
                    block = pending.pop()
                    if block not in body:
                        body.add(block)
                        pending += predecessors[block]
    return {
        header: (body, Loop(name, blocks[header][0].address, [i for block in sorted(body) for i in blocks[block]]))
        for header, body in bodies.items()
    }


def fused(loop):
    return sum(bool(FMA.match(i.mnemonic)) for i in loop.instructions)


def inner_loops(path):
    """The loops with fused multiply-adds that have no smaller such loop inside, with the function's code."""
    for name, code in functions(path).items():
        loops = {header: pair for header, pair in loops_of(name, code).items() if fused(pair[1])} if code else {}
        for header, (body, loop) in loops.items():
            if not any(other in body for other in loops if other != header):
                yield loop, code


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
            if path.match("*_avx512.c.o"):
                continue
            needs = None
            if re.search(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])", instruction.operands):
                needs = "AVX-512"
            elif path.match("*_avx2.c.o"):
                continue
            elif "%ymm" in instruction.operands or instruction.mnemonic[0] == "v" and "%xmm" in instruction.operands:
                needs = "AVX"
            if needs:
                yield f"{path}: {name} needs {needs}: {instruction.mnemonic} {instruction.operands}"
                break


def is_store(instruction):
    """Whether it writes memory: the last operand on x86 (as objdump prints it), every st* on ARM."""
    return bool(MEMORY_LAST.search(instruction.operands) or instruction.mnemonic.startswith("st"))


def check_spills(path):
    found, pointwise = False, path.name.startswith(("pointwise", "gemv"))
    for loop, code in inner_loops(path):
        found = True
        has_frame = any(i.mnemonic.startswith("mov") and FRAME_POINTER_SET.match(i.operands) for i in code)
        memory = [i for i in loop.instructions if VECTOR.search(i.operands) and MEMORY.search(i.operands)]
        print(
            f"  {loop.function}+{loop.header:#x}: {len(loop.instructions)} instructions, {fused(loop)} multiply-adds,"
            f" {len(memory)} vector operands in memory"
        )
        spills = [
            i
            for i in memory
            if STACK.search(i.operands) or has_frame and FRAME.search(i.operands) or pointwise and is_store(i)
        ]
        if spills:
            first = f"{spills[0].mnemonic} {spills[0].operands}"
            yield f"{path}: the loop at {loop.function}+{loop.header:#x} spills {len(spills)} times, first: {first}"
    if not found:
        yield f"{path}: no loop with fused multiply-adds"


def check_build(build):
    objects = sorted((build / "CMakeFiles/mbconv_objects.dir").rglob("*.o"))
    yield from check_symbols(build / "libmbconv.a")
    for path in objects:
        yield from check_registers(path)
    kernels = [path for path in objects if re.match(r"(pointwise(_narrow)?|gemv|depthwise)_(avx2|avx512|neon)\.", path.name)]
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

        def compiled(name, vectors):
            path = pathlib.Path(directory, name)
            options = ["-O3", "-ffp-contract=fast", f"-DBYTES={size}", f"-DN={vectors}", *flags]
            output_of(compiler, *options, "-c", "-o", path, source)
            return path

        good, spilling = compiled(f"pointwise_{isa}.c.o", 8), compiled(f"pointwise_spill_{isa}.c.o", 40)
        expected = [
            ("spill check, good code", check_spills(good), False),
            ("spill check, spilling code", check_spills(spilling), True),
            ("symbol check", check_symbols(good), True),
            ("register check, good code", check_registers(good), False),
        ]
        if machine == X86_64:
            scalar = compiled("tile_scalar.c.o", 8)
            expected.append(("register check, AVX in a scalar object", check_registers(scalar), True))
        for name, problems, bad in expected:
            if bool(list(problems)) != bad:
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
