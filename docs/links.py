#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""links.py FILE...: the links of Markdown pages to files and headings that do not exist; and the files that pages and
comments of C name, as `tests/NAME.c` is one, and that do not exist. A name without a folder may be any file's."""
import os.path
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
ENDINGS = r"(?:awk|c|cc|cmake|csv|h|hpp|map|md|py|sh|svg|txt)"
SPAN = re.compile(rf"`([\w./-]*[a-z0-9_]\.{ENDINGS})`")  # NAME.c stands for many
FOLDERS = r"(?:base|bench|block|cli|cmake|dispatch|docs|examples|include|kernels|networks|operators|python|tests)"
COMMENT = re.compile(rf"(?<![\w/.])({FOLDERS}/[\w./-]*[a-z0-9_]\.{ENDINGS})\b")
CODE = re.compile(r"^```[\s\S]*?^```$|^    .*$", re.MULTILINE)


def anchors(page):
    """The anchors of the headings, as web sites show them."""
    titles = HEADING.findall(CODE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def tracked():
    listing = subprocess.run(["git", "ls-files"], capture_output=True, check=True, text=True).stdout
    return set(listing.splitlines())


def unknown(page, name, files):
    """Whether the name is no file's: beside the page, from the project's folder, or of any folder."""
    places = name, os.path.normpath(page.parent / name)
    return not any(place in files for place in places) and ("/" in name or not any(f.endswith("/" + name) for f in files))


def main():
    checked, findings, files = 0, [], tracked()
    for page in map(pathlib.Path, sys.argv[1:]):
        text = CODE.sub("", page.read_text()) if page.suffix == ".md" else page.read_text()
        for name in (SPAN if page.suffix == ".md" else COMMENT).findall(text):
            checked += 1
            if unknown(page, name, files):
                findings.append(f"{page}: {name}")
        if page.suffix != ".md":
            continue
        for link in LINK.findall(text):
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
