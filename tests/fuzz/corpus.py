#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The committed corpora of the fuzzers: tests/fuzz/corpus/NAME.txt, an input per line, in hex.

    corpus.py expand NAME DIR     writes each line's input as a file of DIR, as libFuzzer wants it
    corpus.py keep NAME DIR       the reverse: DIR's inputs become the file

Which inputs to keep, ./run fuzz --minimise finds out: those that libFuzzer needs to cover what all known ones cover.
"""

import hashlib
import pathlib
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def expand(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for line in (CORPUS / f"{name}.txt").read_text().splitlines():
        data = bytes.fromhex(line)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def keep(name, folder):
    inputs = sorted((file.read_bytes() for file in folder.iterdir()), key=lambda data: (len(data), data))
    (CORPUS / f"{name}.txt").write_text("".join(f"{data.hex()}\n" for data in inputs))


def main():
    command, name, folder = sys.argv[1:]
    {"expand": expand, "keep": keep}[command](name, pathlib.Path(folder))


if __name__ == "__main__":
    main()
