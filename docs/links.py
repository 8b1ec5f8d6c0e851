#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""links.py PAGE...: the links of Markdown pages to files and headings that do not exist."""
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```[\s\S]*?^```$|^    .*$", re.MULTILINE)


def anchors(page):
    """Of the headings, as web sites show them."""
    titles = HEADING.findall(CODE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def main():
    checked, findings = 0, []
    for page in map(pathlib.Path, sys.argv[1:]):
        for link in LINK.findall(CODE.sub("", page.read_text())):
            if re.match(r"[a-z]+:", link):
                continue
            checked += 1
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists() or anchor and target.suffix == ".md" and anchor not in anchors(target):
                findings.append(f"{page}: {link}")
    for finding in findings:
        print(f"FAILED {finding} leads nowhere")
    print(f"{checked} links, {len(findings)} of them lead nowhere")
    sys.exit(bool(findings) or not checked)


main()
