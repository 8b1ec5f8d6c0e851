#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vmlinux.py VMLINUZ OUT: unpacks the kernel, an ELF file, from a bzImage: it would take long to unpack itself."""
import lzma
import struct
import subprocess
import sys
import zlib


def unpack(payload):
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(payload)
    if payload.startswith(b"\x02\x21\x4c\x18"):  # the last four bytes are the kernel's size, not LZ4's
        return subprocess.run(["lz4", "-dc"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    sys.exit("vmlinux.py: unknown compression, starts with " + payload[:6].hex())


def main():
    image = open(sys.argv[1], "rb").read()
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    kernel = unpack(image[start : start + length])
    if not kernel.startswith(b"\x7fELF"):
        sys.exit("vmlinux.py: what came out is not an ELF file")
    open(sys.argv[2], "wb").write(kernel)


main()
