#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""undocumented.py XML: which functions, structs, enums and types Doxygen has found no comment for. XML is its output.

Fields and enumerators may go without one: their names and the comment of the whole often say it.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

KINDS = ("function", "enum", "typedef", "define")
OBVIOUS = ("MBCONV_VERSION_",)  # prefixes


def has_text(element):
    return any("".join(element.find(part).itertext()).strip() for part in ("briefdescription", "detaileddescription"))


def things(folder):
    """Name and element of everything public that must have a comment."""
    for path in sorted(folder.glob("*.xml")):
        for compound in ElementTree.parse(path).getroot().iter("compounddef"):
            if compound.get("kind") in ("struct", "class", "file"):
                yield compound.findtext("compoundname"), compound
            for member in compound.iter("memberdef"):
                constructor = member.get("kind") == "function" and member.findtext("type") in (None, "")
                if member.get("kind") in KINDS and member.get("prot") == "public" and not constructor:
                    yield member.findtext("qualifiedname") or member.findtext("name"), member


def main():
    found = {name: element for name, element in things(pathlib.Path(sys.argv[1]))}
    missing = [name for name, element in found.items() if not has_text(element) and not name.startswith(OBVIOUS)]
    for name in missing:
        print(f"FAILED {name} has no comment")
    print(f"{len(found)} functions, structs, enums and types, {len(missing)} without a comment")
    sys.exit(bool(missing) or len(found) < 50)


main()
