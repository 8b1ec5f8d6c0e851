# SPDX-License-Identifier: MIT
"""What a shared library is for, needs and shows: ELF (Linux), Mach-O (macOS) and PE (Windows), read by hand, so that
any machine can read all three and no tool's output has to be understood."""
import dataclasses
import re
import struct
import subprocess


@dataclasses.dataclass
class Library:
    machine: str  # as uname has it
    libraries: list  # that it is linked with
    imports: set  # functions that it takes from them
    exports: set
    versions: list = dataclasses.field(default_factory=list)  # ELF: of the symbols, such as GLIBC_2.17
    least_system: tuple = ()  # macOS
    commands: list = dataclasses.field(default_factory=list)  # macOS: the load commands' numbers


# ---- Linux ---------------------------------------------------------------------------------------------------------

ELF_MACHINES = {"Advanced Micro Devices X86-64": "x86_64", "AArch64": "aarch64"}


def elf(path):
    """By readelf, which reads the files of all machines."""

    def readelf(*options):
        command = ["readelf", "-W", *options, path]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, errors="replace").stdout

    machine = re.search(r"Machine: +(.*)", readelf("-h"))[1].strip()
    library = Library(ELF_MACHINES.get(machine, machine), [], set(), set())
    library.libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d"))
    library.versions = re.findall(r"Name: (GLIBC_\S+)", readelf("-V"))
    for line in readelf("--dyn-syms").splitlines():
        words = line.split()
        if len(words) >= 8 and words[0].rstrip(":").isdigit():
            (library.imports if words[6] == "UND" else library.exports).add(words[7].split("@")[0])
    return library


# ---- macOS ---------------------------------------------------------------------------------------------------------

MACH_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
SYMTAB, LOAD_DYLIB, CODE_SIGNATURE, BUILD_VERSION = 0x2, 0xC, 0x1D, 0x32
WEAK_DYLIB, REEXPORT_DYLIB = 0x80000018, 0x8000001F
STABS, TYPE, EXTERNAL, PRIVATE = 0xE0, 0x0E, 0x01, 0x10  # bits of a symbol's n_type
MACOS = 1
COMMANDS = {
    0x2: "SYMTAB", 0xB: "DYSYMTAB", 0xC: "LOAD_DYLIB", 0xD: "ID_DYLIB", 0xE: "LOAD_DYLINKER", 0x19: "SEGMENT_64",
    0x1B: "UUID", 0x1D: "CODE_SIGNATURE", 0x26: "FUNCTION_STARTS", 0x29: "DATA_IN_CODE", 0x2A: "SOURCE_VERSION",
    0x32: "BUILD_VERSION", 0x8000001C: "RPATH", 0x80000022: "DYLD_INFO_ONLY", 0x80000028: "MAIN",
    0x80000033: "DYLD_EXPORTS_TRIE", 0x80000034: "DYLD_CHAINED_FIXUPS",
}  # fmt: skip
LINKERS = "___dso_handle", "__mh_dylib_header"  # names that the linker makes, which nobody can link with


def mach(path):
    """The load commands and the symbol table, by <mach-o/loader.h> and <mach-o/nlist.h>."""
    data = path.read_bytes()
    magic, machine, _, kind, count = struct.unpack_from("<5I", data)
    if magic != 0xFEEDFACF or kind not in (2, 6, 8):  # MH_EXECUTE, MH_DYLIB, MH_BUNDLE
        raise ValueError(f"{path.name} is no 64-bit library or program for macOS")
    library = Library(MACH_MACHINES.get(machine, hex(machine)), [], set(), set())
    at = 32
    for _ in range(count):
        command, size = struct.unpack_from("<2I", data, at)
        library.commands.append(command)
        if command in (LOAD_DYLIB, WEAK_DYLIB, REEXPORT_DYLIB):
            [name] = struct.unpack_from("<I", data, at + 8)
            library.libraries.append(text_at(data, at + name))
        elif command == BUILD_VERSION:
            platform, least = struct.unpack_from("<2I", data, at + 8)
            if platform == MACOS:
                library.least_system = least >> 16, least >> 8 & 0xFF
        elif command == SYMTAB:
            symbols(library, data, *struct.unpack_from("<4I", data, at + 8))
        at += size
    return library


def symbols(library, data, table, count, texts, _):
    for i in range(count):
        name, kind, _, _, _ = struct.unpack_from("<IBBHQ", data, table + 16 * i)
        if kind & STABS or kind & PRIVATE or not kind & EXTERNAL:
            continue
        name = text_at(data, texts + name)
        if name in LINKERS:
            continue
        (library.exports if kind & TYPE else library.imports).add(name[1:] if name.startswith("_") else name)


def text_at(data, at):
    return data[at : data.index(b"\0", at)].decode()


# ---- Windows -------------------------------------------------------------------------------------------------------

PE_MACHINES = {0x8664: "x86_64", 0xAA64: "arm64"}


def pe(path):
    """The tables of imports and exports, by the PE format's description, for 64-bit files."""
    data = path.read_bytes()
    [head] = struct.unpack_from("<I", data, 0x3C)
    machine, sections = struct.unpack_from("<2H", data, head + 4)
    [optional] = struct.unpack_from("<H", data, head + 20)
    if data[head : head + 4] != b"PE\0\0" or struct.unpack_from("<H", data, head + 24) != (0x20B,):
        raise ValueError(f"{path.name} is no 64-bit library for Windows")

    def place(address):
        """Where in the file that lies which is loaded at this address."""
        for i in range(sections):
            size, start, _, offset = struct.unpack_from("<4I", data, head + 24 + optional + 40 * i + 8)
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"{path.name}: nothing lies at {address:#x}")

    def text(address):
        return text_at(data, place(address))

    library = Library(PE_MACHINES.get(machine, hex(machine)), [], set(), set())
    exported, _, imported, _ = struct.unpack_from("<4I", data, head + 24 + 112)
    if exported:
        [count] = struct.unpack_from("<I", data, place(exported) + 24)
        [names] = struct.unpack_from("<I", data, place(exported) + 32)
        library.exports = {text(*struct.unpack_from("<I", data, place(names) + 4 * i)) for i in range(count)}
    at = place(imported) if imported else None
    while at is not None:
        looked_up, _, _, name, addresses = struct.unpack_from("<5I", data, at)
        if not name:
            break
        library.libraries.append(text(name).lower())
        entry = place(looked_up or addresses)
        while (value := struct.unpack_from("<Q", data, entry)[0]):
            library.imports.add(f"#{value & 0xFFFF}" if value >> 63 else text((value & 0x7FFFFFFF) + 2))
            entry += 8
        at += 20
    return library
