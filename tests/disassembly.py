# SPDX-License-Identifier: MIT
"""Objects read back: their functions, and the innermost loops that multiply and add."""
import os
import re
import subprocess
import sys
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
DOT = re.compile(r"^(vpdpbusd|vpmaddwd|sdot|(us|s)mmla|smlal2?$)")  # what int8's kernels multiply and add by
JUMP = re.compile(r"^(j[a-z]+|b|b\.[a-z]+|cbn?z|tbn?z|br)$")
NEVER_FALLS_THROUGH = re.compile(r"^(jmpq?|b|br|ret[q]?|ud2|hlt|udf|brk)$")


# ---- Reading the code ------------------------------------------------------------------------------------------------


def machine_of(path):
    """What an object or a library is for."""
    data = path.read_bytes()
    start = data.find(b"\x7fELF")
    machine = int.from_bytes(data[start + 18 : start + 20], "little") if start >= 0 else None
    if machine not in CROSS:
        sys.exit(f"{path} is for none of the machines checked")
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


def fused(loop, multiply_add=FMA):
    return sum(bool(multiply_add.match(i.mnemonic)) for i in loop.instructions)


def inner_loops(path, multiply_add=FMA):
    """The loops with multiply-adds that have no smaller such loop inside, with the function's code."""
    for name, code in functions(path).items():
        loops = {header: pair for header, pair in loops_of(name, code).items() if fused(pair[1], multiply_add)} if code else {}
        for header, (body, loop) in loops.items():
            if not any(other in body for other in loops if other != header):
                yield loop, code
