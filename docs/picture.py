#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws architecture.svg: the folders of the library and their arrows, and how a block runs in strips, groups and rings.

    python3 docs/picture.py [FOLDER]             draws; FOLDER is the project's, by default the current one
    python3 docs/picture.py --check [FOLDER]     whether the picture is what this draws, whether its folders exist, and
                                                 whether every #include between them goes down
"""
import html
import pathlib
import re
import sys

# From the top down: a folder may use those below it. The library is what stands below the dashed line.
FLOORS = [
    ("cli", "the command mbconv"),
    ("networks", "whole networks, from files"),
    ("operators", "what mbconv.h declares, and its checks"),
    ("block", "the engine: plan, strips, groups, rings"),
    ("dispatch", "from a CPU to a set of kernels"),
    ("kernels", "a file per operation and instruction set"),
    ("base", "errors, sizes, memory, threads"),
]
OPTIONAL = 2  # the first floors are libraries and programs of their own

WIDTH, HEIGHT = 960, 400
DARK, BLUE, ORANGE, PALE, GREY = "#222222", "#1f5fbf", "#e08a1e", "#eef3fb", "#999999"


def text(x, y, words, size=12, anchor="start", fill=DARK, weight="normal"):
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}"'
    return f'<text x="{x}" y="{y}" {style}>{html.escape(words)}</text>'


def box(x, y, width, height, fill="white", stroke=DARK):
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{stroke}"/>'


def arrow(x1, y1, x2, y2):
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{DARK}" stroke-width="1.5" marker-end="url(#head)"/>'


def folders():
    """The floors, one below the other."""
    left, width, height, step = 16, 320, 32, 46
    yield text(left, 24, "Folders: each uses those below it", 14, weight="bold")
    for index, (name, what) in enumerate(FLOORS):
        y = 40 + index * step + (12 if index >= OPTIONAL else 0)
        yield box(left, y, width, height, "white" if index < OPTIONAL else PALE)
        yield text(left + 10, y + 21, name + "/", 13, fill=BLUE, weight="bold")
        yield text(left + 98, y + 21, what, 11)
        if index + 1 < len(FLOORS):
            gap = step - height + (12 if index + 1 == OPTIONAL else 0)
            yield arrow(left + width / 2, y + height, left + width / 2, y + height + gap - 2)
    y = 40 + OPTIONAL * step - 1
    yield f'<line x1="{left}" y1="{y}" x2="{left + width}" y2="{y}" stroke="{GREY}" stroke-dasharray="4 3"/>'
    yield text(left + width, y + 11, "libmbconv", 11, "end", GREY)


def rows(x, y, width, count, height, lit, colour):
    """An image as `count` rows, of which `lit` are coloured."""
    for row in range(count):
        yield box(x, y + row * height, width, height, colour if row in lit else "white", GREY)


def columns(x, y, height, count, width, lit, colour):
    """Channels as `count` groups side by side, of which `lit` are coloured."""
    for group in range(count):
        yield box(x + group * width, y, width, height, colour if group in lit else "white", GREY)


def block():
    """A strip of MBConv, from x to y."""
    left, top = 372, 92
    yield text(left, 24, "A block without squeeze-excite: one strip, group by group", 14, weight="bold")
    yield text(left, 44, "The expanded image never exists in full: each group keeps only the rows that its depthwise reads.", 11)
    # x
    yield text(left, top - 12, "x", 13, weight="bold")
    yield from rows(left, top, 84, 12, 14, range(3, 8), "#f6d3a4")
    yield text(left, top + 186, "a strip's rows,", 11)
    yield text(left, top + 200, "and their neighbours", 11)
    yield arrow(left + 88, top + 77, left + 166, top + 77)
    yield text(left + 127, top + 68, "expand", 11, "middle", BLUE)
    yield text(left + 127, top + 93, "new rows only", 10, "middle", GREY)
    # the ring
    ring = left + 170
    yield text(ring, top - 12, "the ring of a group", 13, weight="bold")
    for row in range(5):
        yield box(ring, top + 37 + row * 18, 116, 18, "#f6d3a4", GREY)
        yield box(ring, top + 37 + row * 18, 10, 18, "white", GREY)
        yield box(ring + 106, top + 37 + row * 18, 10, 18, "white", GREY)
    yield f'<path d="M {ring + 122} {top + 122} C {ring + 146} {top + 100}, {ring + 146} {top + 60}, {ring + 122} {top + 44}" '
    yield f'fill="none" stroke="{ORANGE}" stroke-width="1.5" marker-end="url(#head)"/>'
    yield text(ring, top + 152, "padded rows of about 48 channels, in L1;", 11)
    yield text(ring, top + 166, "a new row takes the place of the oldest", 11)
    yield arrow(ring + 150, top + 77, ring + 226, top + 77)
    yield text(ring + 188, top + 68, "depthwise", 11, "middle", BLUE)
    # the depthwise output
    output = ring + 232
    yield text(output, top - 12, "depthwise output", 13, weight="bold")
    yield from columns(output, top + 50, 54, 4, 30, [0, 1], "#bcd3f2")
    yield text(output, top + 122, "of the strip, all channels, in L2", 11)
    yield arrow(output + 60, top + 130, output + 60, top + 206)
    yield text(output + 68, top + 172, "project,", 11, fill=BLUE)
    yield text(output + 68, top + 186, "all channels at once", 11, fill=BLUE)
    # y
    yield text(output + 96, top + 232, "y", 13, weight="bold")
    yield from rows(output, top + 212, 84, 5, 14, [1, 2, 3], "#bcd3f2")
    yield text(left, top + 238, "Threads share out strips, or groups where images are small.", 11)
    yield text(left, top + 254, "No chain of additions is ever cut, so that no plan changes a result.", 11)


def drawn():
    head = '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'{head}<path d="M0,0 L7,3 L0,6 z" fill="{DARK}"/></marker></defs>',
        *folders(),
        *block(),
    ]
    return "\n".join([*parts, "</svg>", ""])


def includes(root):
    """From where to where the folders of the picture include each other: (folder, folder, file)."""
    homes = {}  # by a header's name; of two with the same name, the library's path has the lower one alone
    names = [name for name, _ in FLOORS]
    files = [path for name in names for path in sorted((root / name).rglob("*.[ch]"))]
    for path in files:
        homes[path.name] = path.relative_to(root).parts[0]
    for path in files:
        here = path.relative_to(root).parts[0]
        for target in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE):
            beside = (path.parent / target).resolve()
            if beside.is_file():
                there = beside.relative_to(root.resolve()).parts[0]
            else:
                there = homes.get(pathlib.PurePath(target).name)  # None: a public header
            if there in names and there != here:
                yield here, there, path.relative_to(root)


def problems(root):
    picture = root / "docs/architecture.svg"
    if picture.read_text(encoding="utf-8") != drawn():
        yield "docs/architecture.svg is not what docs/picture.py draws"
    names = [name for name, _ in FLOORS]
    yield from (f"the picture's folder {name} is not there" for name in names if not (root / name).is_dir())
    found = 0
    for here, there, path in includes(root):
        found += 1
        if names.index(there) < names.index(here):
            yield f"{path} includes a header of {there}, which stands above {here}"
    if not found:
        yield "no #include was found"


def main():
    check = "--check" in sys.argv
    root = pathlib.Path(([word for word in sys.argv[1:] if word != "--check"] or ["."])[0])
    if not check:
        (root / "docs/architecture.svg").write_text(drawn(), encoding="utf-8")
        return 0
    found = list(problems(root))
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
