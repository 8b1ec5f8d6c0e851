#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""disk.py VMLINUX INITRD OUT MEGABYTES COMMAND_LINE: the disk that rom.S boots.

It plays the boot loader in advance: everything that the kernel expects in memory (boot_params, command line, page
tables, its own segments, the initial RAM disk) lies on the disk, listed in sector 0 with the addresses where it belongs.
"""
import struct
import sys

BOOT_PARAMS, COMMAND_LINE, PAGE_TABLES = 0x10000, 0x20000, 0x30000
SECTOR, CYLINDER = 512, 16 * 63 * 512


def elf_segments(elf):
    """The entry and the loadable segments as (physical address, bytes)."""
    entry, header = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    segments = []
    for i in range(count):
        kind, _, offset, _, address, length, _, _ = struct.unpack_from("<IIQQQQQQ", elf, header + i * size)
        if kind == 1 and length:
            segments.append((address, elf[offset : offset + length]))
    return entry, segments


def boot_params(memory, initrd_address, initrd_size, command_line_size):
    """Linux's zero page: the setup header and the memory map (Documentation/arch/x86/boot.rst in Linux's source)."""
    page = bytearray(4096)
    page[0x1FE:0x200] = b"\x55\xaa"
    page[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", page, 0x206, 0x20F)  # protocol version
    page[0x210] = 0xFF  # boot loader: unknown
    page[0x211] = 1  # the kernel is loaded high
    struct.pack_into("<II", page, 0x218, initrd_address, initrd_size)
    struct.pack_into("<III", page, 0x228, COMMAND_LINE, 0x7FFFFFFF, 0x1000000)  # highest initrd address, alignment
    page[0x234] = 1  # relocatable
    struct.pack_into("<I", page, 0x238, command_line_size)
    regions = [(0, 0x9FC00, 1), (0x9FC00, 0x60400, 2), (0x100000, memory - 0x100000, 1)]
    page[0x1E8] = len(regions)
    for i, region in enumerate(regions):
        struct.pack_into("<QQI", page, 0x2D0 + 20 * i, *region)
    return bytes(page)


def page_tables():
    """The first 4 GB mapped to themselves in pages of 2 MB."""
    tables = bytearray(4096 * 6)
    struct.pack_into("<Q", tables, 0, PAGE_TABLES + 4096 | 3)
    for i in range(4):
        struct.pack_into("<Q", tables, 4096 + 8 * i, PAGE_TABLES + 4096 * (2 + i) | 3)
        for j in range(512):
            struct.pack_into("<Q", tables, 4096 * (2 + i) + 8 * j, i << 30 | j << 21 | 0x83)
    return bytes(tables)


def disk(pieces, entry):
    first, body, sector = bytearray(SECTOR), bytearray(), 1
    for i, (address, data) in enumerate(pieces):
        count = -(-len(data) // SECTOR)
        struct.pack_into("<III", first, 12 * i, address, sector, count)
        body += data + bytes(count * SECTOR - len(data))
        sector += count
    assert 12 * (len(pieces) + 1) <= 0x1F0
    struct.pack_into("<III", first, 0x1F0, entry & 0xFFFFFFFF, PAGE_TABLES, BOOT_PARAMS)
    whole = bytes(first + body)
    return whole + bytes(-len(whole) % CYLINDER)


def main():
    kernel, initrd, out, megabytes, command_line = sys.argv[1:]
    entry, segments = elf_segments(open(kernel, "rb").read())
    initrd = open(initrd, "rb").read()
    memory = int(megabytes) << 20
    initrd_address = memory - len(initrd) - 0x10000 & ~0xFFF
    command_line = command_line.encode() + b"\0"
    pieces = [
        (BOOT_PARAMS, boot_params(memory, initrd_address, len(initrd), len(command_line))),
        (COMMAND_LINE, command_line),
        (PAGE_TABLES, page_tables()),
        *segments,
        (initrd_address, initrd),
    ]
    open(out, "wb").write(disk(pieces, entry))


main()
