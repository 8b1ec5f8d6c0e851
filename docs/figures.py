#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures that pages quote from bench/RESULTS.md and docs/numbers.md, and the version: each must be what its source says.

    python3 docs/figures.py [FOLDER]             writes them anew; FOLDER is the project's, by default the current one
    python3 docs/figures.py --check [FOLDER]     names those that have drifted
"""
import math
import pathlib
import re
import sys

# What pages say. {name} stands for a figure of figures(); a space for any white space and the start of a comment's line.
SENTENCES = {
    "README.md": [
        "run {relu6_range} times as fast as the fastest of seven other libraries with ReLU6, {silu_range} times with SiLU and "
        "{se_range} times with squeeze-excite too (geometric means, AVX2, one thread of a {cpus})",
        "the whole networks run {mobilenet_v2} and {efficientnet_b0} times as fast as the fastest of five",
        "in int8: {i8_relu6_f32} (ReLU6) and {i8_silu_f32} times (SiLU) as fast as f32 on a Zen 4 with AVX512-VNNI, and "
        "{i8_relu6_peer} and {i8_silu_peer} times as fast as the best peer there",
        "about level: {fused} and {uib} times (AVX-512, Zen 4)",
    ],
    "bench/RESULTS.md": [
        "| ReLU6, b0 to b16 | {relu6_3} |",
        "| SiLU, e0 to e15, s0 | {silu_3} |",
        "| SiLU with squeeze-excite | {se_3} |",
        "AVX-512 {fused_3} for Fused-MBConv and {uib_3} for MobileNetV4's",
    ],
    "docs/benchmarking.md": [
        "with AVX-512 {relu6_512} (ReLU6), {silu_512} (SiLU) and {se_512} (squeeze-excite)",
    ],
    "docs/numbers.md": ["MobileNetV2, logits | {logits_ours} | {logits_torch} |"],
    "include/mbconv.h": [
        "rms {error_96} of the outputs' size for 96 channels, {error_3840} for 3840",
        '#define MBCONV_VERSION_STRING "{version}"',
    ],
    "CHANGELOG.md": ["# Change log\n\n## {version} ("],
    "docs/linking.md": ["find_package(mbconv {minor} REQUIRED)", "`libmbconv.so.{minor}`"],
}
NUMBER = r"[0-9][0-9.e-]*[0-9]"
# The figures over all CPUs, of the pages that `./run results` writes; where there is none, those of bench/RESULTS.md.
CPU = "Zen 4"  # of bench/RESULTS.md
BLOCKS = {"relu6": 12, "silu": 13, "se": 12}  # of bench/blocks.csv, of each kind
SUMMARIES = {"relu6": "avx2, ReLU6", "silu": "avx2, SiLU", "se": "avx2, SiLU with squeeze-excite"}


def tables(text, heading):
    """The rows of the tables below a heading, as lists of cells without emphasis."""
    if f"\n## {heading}\n" not in text:
        raise ValueError(f"there is no heading {heading}")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratios(rows, column, name):
    """A column of the rows whose first cell is a name of that form."""
    found = [float(row[column]) for row in rows if re.fullmatch(name, row[0])]
    if not found:
        raise ValueError(f"no row is called {name}")
    return found


def figures(root):
    results = (root / "bench/RESULTS.md").read_text(encoding="utf-8")
    numbers = (root / "docs/numbers.md").read_text(encoding="utf-8")
    found = {}

    def put(name, value):
        found[name], found[name + "_3"] = f"{value:.2f}", f"{value:.3f}"

    for suffix, heading in ("", "Against the peers, AVX2"), ("_512", "Against the peers, AVX-512"):
        rows = tables(results, heading)
        column = rows[0].index("best measured / mbconv")
        for name, blocks in ("relu6", r"b\d+"), ("silu", r"[es]\d+"), ("se", r"e\d+\+se"):
            put(name + suffix, geomean(ratios(rows, column, blocks)))
    rows = tables(results, "Fused-MBConv and MobileNetV4's blocks")
    for name, blocks in ("fused", r"f\d+"), ("uib", r"u\d+"):
        put(name, geomean(ratios(rows, rows[0].index("ratio"), blocks)))
    rows = tables(results, "int8 against f32 and the peers' int8")
    for name, kind in ("i8_relu6", "ReLU6, geomean"), ("i8_silu", "SiLU, geomean"):
        for what, column in ("f32", "f32 / int8"), ("peer", "best of all / mbconv"):
            found[f"{name}_{what}"] = f"{ratios(rows, rows[0].index(column), kind)[0]:.1f}"
    for name, row in ("mobilenet_v2", "MobileNetV2, avx2"), ("efficientnet_b0", "EfficientNet-B0, avx2"):
        [cells] = [cells for cells in tables(results, "Whole networks") if cells[0] == row]
        put(name, min(float(cell.split()[0]) for cell in cells[4:]) / float(cells[2]))
    for name, row in ("error_96", "1×1 convolution, 96 channels in, 64 out"), ("error_3840", "3840 in"):
        found[name] = re.search(rf"^\| {re.escape(row)} \| ({NUMBER}) \|", numbers, re.MULTILINE)[1]
    [(found["logits_ours"], found["logits_torch"])] = re.findall(rf"MobileNetV2, logits \| ({NUMBER}) \| ({NUMBER}) ", numbers)
    [found["version"]] = re.findall(
        rf"^project\(mbconv VERSION ({NUMBER}) ", (root / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    found["minor"] = found["version"].rsplit(".", 1)[0]
    ranges(root, found)
    return found


def ranges(root, found):
    """Puts what holds for all CPUs: `1.05`, or `1.03 to 1.05`; and their names."""
    pages = sorted((root / "bench/results").glob("*.md"))
    texts = [page.read_text(encoding="utf-8") for page in pages]
    summaries = [{row[0]: row for row in tables(text, "Summary")} for text in texts]
    titles = [text.split("\n", 1)[0].removeprefix("# ") for text in texts]
    measured = [(title, rows) for title, rows in zip(titles, summaries) if all(name in rows for name in SUMMARIES.values())]
    found["cpus"] = " and a ".join(title for title, _ in measured) or CPU
    for figure, name in SUMMARIES.items():
        for title, rows in measured:
            if int(rows[name][1]) != BLOCKS[figure]:
                sys.exit(f"bench/results: the page {title} has {rows[name][1]} of {BLOCKS[figure]} blocks: {name}")
        values = [f"{float(rows[name][2]):.2f}" for _, rows in measured] or [found[figure]]
        found[figure + "_range"] = min(values) if len(set(values)) == 1 else f"{min(values)} to {max(values)}"


def pattern(sentence):
    """As a regular expression, in which each figure is a group of its name."""
    words = re.escape(sentence).replace(r"\{cpus\}", "(?P<cpus>[^()]+)")
    words = re.sub(r"\\\{(\w+_range)\\\}", rf"(?P<\1>{NUMBER}(?:\\s+to\\s+{NUMBER})?)", words)
    words = re.sub(r"\\\{(\w+)\\\}", rf"(?P<\1>{NUMBER})", words)
    return re.sub(r"(\\[ \n])+", r"(?:\\s|\\n \\* )+", words)


def renewed(text, sentence, found):
    """The text with this sentence's figures as they should be, and what they were; None if it is not there once."""
    matches = list(re.finditer(pattern(sentence), text))
    if len(matches) != 1:
        return None, []
    drifted = []
    for name, said in sorted(matches[0].groupdict().items(), key=lambda item: -matches[0].start(item[0])):
        close = name.endswith("_3") and abs(float(said) - float(found[name])) < 0.002  # it comes from more digits
        if " ".join(said.split()) != found[name] and not close:
            start, end = matches[0].span(name)
            text = text[:start] + found[name] + text[end:]
            drifted.append(f"says {said}, its source {found[name]} ({name})")
    return text, drifted


def main():
    check = "--check" in sys.argv
    root = pathlib.Path(([word for word in sys.argv[1:] if word != "--check"] or ["."])[0])
    found = figures(root)
    problems = []
    for page, sentences in SENTENCES.items():
        text = (root / page).read_text(encoding="utf-8")
        for sentence in sentences:
            new, drifted = renewed(text, sentence, found)
            if new is None:
                problems.append(f'{page} does not say, once: "{sentence}"')
            else:
                text = new
            problems += [f"{page} {what}" for what in drifted if check]
        if not check:
            (root / page).write_text(text, encoding="utf-8")
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
