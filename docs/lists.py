#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what pages and scripts list with what there is: the tests' suites, the headers, the instruction sets, the
options of CMake, the commands and checks of `./run`.

    python3 docs/lists.py [FOLDER]      the project's folder, by default the current one
"""
import pathlib
import re
import sys

# Files that must name every vector set, because they cannot ask the library for the names.
NAMING_SETS = """
    cmake/kernels.cmake dispatch/README.md dispatch/select.c tests/check_binary.py tests/check_pipelines.py
    tests/checks/faults.sh tests/checks/pipelines.sh tests/parts.sh
""".split()


def differences(what, listed, there):
    """Lines for what is listed and not there, and for what is there and not listed."""
    yield from (f"{what}: {name} is listed, but not there" for name in sorted(listed - there))
    yield from (f"{what}: {name} is not listed" for name in sorted(there - listed))
    if not there:
        yield f"{what}: nothing was found"


def suites(root):
    """The tables of tests/README.md, against the programs' lists of suites."""
    page = (root / "tests/README.md").read_text(encoding="utf-8")
    section = page.split("\n## Suites\n", 1)[1].split("\n## ", 1)[0]
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))
    there = set()
    for path in "tests/suites.c", "tests/networks/suites.c", "tests/twins/suites.c":
        there |= set(re.findall(r'\{"([a-z-]+)", test_', (root / path).read_text(encoding="utf-8")))
    yield from differences("tests/README.md, suites", listed, there)


def headers(root):
    """The headers that README.md links to, against the folder."""
    page = (root / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\(include/([a-z0-9_]+\.hp{0,2})\)", page))
    yield from differences("README.md, headers", listed, {path.name for path in (root / "include").iterdir()})


def sets(root):
    """The vector sets of mbconv_isa, against the files that name them."""
    header = (root / "include/mbconv.h").read_text(encoding="utf-8")
    values = header.split("typedef enum mbconv_isa {", 1)[1].split("}", 1)[0]
    names = [name.lower() for name in re.findall(r"^ +MBCONV_ISA_(\w+)", values, re.MULTILINE)]
    if names[:2] != ["auto", "scalar"] or len(names) < 3:
        yield f"include/mbconv.h, mbconv_isa: {names} does not begin with auto and scalar"
    for path in NAMING_SETS:
        text = (root / path).read_text(encoding="utf-8")
        words = set(re.findall(r"[a-z0-9]+", text)) | set(re.findall(r"[a-z0-9_]+", text))  # avx2, avx2_vnni
        yield from (f"{path}: the set {name} is not named" for name in names[2:] if name not in words)


def pages(root):
    folders = (path for path in root.iterdir() if path.is_dir() and path.name not in ("build", ".git"))
    found = [*root.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))]
    return {path.relative_to(root): path.read_text(encoding="utf-8") for path in sorted(found)}


def options(root):
    """The options that a user of CMake can set, each of which some page must name."""
    files = [root / "CMakeLists.txt", *sorted((root / "cmake").glob("*.cmake"))]
    script = "\n".join(path.read_text(encoding="utf-8") for path in files)
    names = re.findall(r"^ *option\((MBCONV_\w+)|^ *set\((MBCONV_\w+) .* CACHE (?:PATH|STRING) ", script, re.MULTILINE)
    there = {first or second for first, second in names}
    listed = {word for text in pages(root).values() for word in re.findall(r"MBCONV_\w+", text)} & there
    yield from differences("the pages, options of CMake", listed, there)


def commands(root):
    """`./run WORD` and `./run check WORD` of all pages, against the script and the folder of checks."""
    script = (root / "run").read_text(encoding="utf-8")
    there = set(re.findall(r"^  ([a-z0-9]+)\)", script, re.MULTILINE))
    checks = {path.stem for path in (root / "tests/checks").glob("*.sh")} | {"all"}
    usage = set(re.findall(r"^\./run ([a-z0-9]+)", script, re.MULTILINE))
    yield from differences("./run, its own list of commands", usage, there)
    for path, text in pages(root).items():
        for word in sorted(set(re.findall(r"\./run ([a-z0-9]+)", text)) - there):
            yield f"{path}: ./run has no command {word}"
        for words in re.findall(r"`\./run check((?: [a-z0-9]+)+)`", text):
            yield from (f"{path}: there is no check {word}" for word in words.split() if word not in checks)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    problems = [problem for check in (suites, headers, sets, options, commands) for problem in check(root)]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
