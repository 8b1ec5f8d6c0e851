#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""undocumented.py XML [PACKAGE]: which functions, structs, enums and types Doxygen has found no comment for. XML is its
output. And which public names of the Python package PACKAGE, a folder, have no docstring.

Fields and enumerators may go without one: their names and the comment of the whole often say it.
"""
import ast
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


def definitions(path):
    """The functions and classes of a file."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}


def exported(package):
    """What __all__ of the package and of those in it names: (file, name, its definition, or None for a constant)."""
    for path in sorted(package.rglob("__init__.py")):
        known, names = definitions(path), []
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                source = definitions(path.parent / f"{node.module}.py")
                known |= {alias.name: source[alias.name] for alias in node.names if alias.name in source}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
        yield from ((path, name, known.get(name)) for name in names)


def without_docstring(package):
    """Public names of Python that have none, and how many names there are. Nothing is imported. A method may have that of
    another class's method of its name: it overrides it."""
    things = list(exported(package))
    classes = [node for path in package.rglob("*.py") for node in definitions(path).values() if isinstance(node, ast.ClassDef)]
    methods = [method for node in classes for method in node.body if isinstance(method, ast.FunctionDef)]
    said = {method.name for method in methods if ast.get_docstring(method)}
    missing = [f"{path}: {name}" for path, name, node in things if node and not ast.get_docstring(node)]
    for path, name, node in things:
        members = node.body if isinstance(node, ast.ClassDef) else []
        public = {member.name for member in members if isinstance(member, ast.FunctionDef) and member.name[0] != "_"}
        missing += [f"{path}: {name}.{method}" for method in sorted(public - said)]
    return missing, len(things)


def main():
    found = {name: element for name, element in things(pathlib.Path(sys.argv[1]))}
    missing = [name for name, element in found.items() if not has_text(element) and not name.startswith(OBVIOUS)]
    for name in missing:
        print(f"FAILED {name} has no comment")
    print(f"{len(found)} functions, structs, enums and types, {len(missing)} without a comment")
    bare, names = without_docstring(pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else ([], 10)
    for name in bare:
        print(f"FAILED {name} has no docstring")
    sys.exit(bool(missing or bare) or len(found) < 50 or names < 10)


main()
