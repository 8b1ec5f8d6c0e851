#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""structs.py ABI...: what the public structs must be like, so that they can grow. Reads the output of abidw.

Returned    by value only up to 16 bytes, which registers hold; else as a pointer to what the library owns
Given       a struct either begins with struct_size or is one of FROZEN, which the header promises never to change
"""
import sys
import xml.etree.ElementTree as ElementTree

MOST_RETURNED = 16
FROZEN = "mbconv_allocator mbconv_counts mbconv_error mbconv_pad mbconv_quantization".split()
OWNED = ["mbconv_network_info"]  # by the library, which alone makes them


class Interface:
    def __init__(self, path):
        self.root = ElementTree.parse(path).getroot()
        self.types = {element.get("id"): element for element in self.root.iter() if element.get("id")}

    def functions(self):
        return [f for f in self.root.iter("function-decl") if f.get("elf-symbol-id")]

    def structs(self):
        complete = [s for s in self.root.iter("class-decl") if s.get("is-declaration-only") != "yes"]
        return {s.get("name"): s for s in complete}

    def resolve(self, identity):
        """The type behind typedefs and const."""
        element = self.types[identity]
        while element.tag in ("typedef-decl", "qualified-type-def"):
            element = self.types[element.get("type-id")]
        return element

    def returned(self, function):
        return self.resolve(function.find("return").get("type-id"))

    def parameters(self, function):
        """What the parameters are, or point to."""
        for parameter in function.findall("parameter"):
            element = self.resolve(parameter.get("type-id"))
            while element.tag == "pointer-type-def":
                element = self.resolve(element.get("type-id"))
            yield element


def check_returned(interface):
    for function in interface.functions():
        result = interface.returned(function)
        size = int(result.get("size-in-bits", 0)) // 8 if result.tag == "class-decl" else 0
        yield size > MOST_RETURNED and f"{function.get('name')} returns a struct of {size} bytes by value"


def check_given(interface):
    for name, struct in interface.structs().items():
        first = struct.find("data-member")
        sized = first.find("var-decl").get("name") == "struct_size" and first.get("layout-offset-in-bits") == "0"
        yield not (sized or name in FROZEN or name in OWNED) and f"{name} does not begin with struct_size"
    for function in interface.functions():
        for parameter in interface.parameters(function):
            yield parameter.get("name") in OWNED and f"{function.get('name')} takes a {parameter.get('name')}"


def main():
    checked, findings = 0, []
    for path in sys.argv[1:]:
        interface = Interface(path)
        if not interface.functions() or not interface.structs():
            sys.exit(f"{path}: no functions or no structs")
        for check in (check_returned, check_given):
            results = list(check(interface))
            checked += len(results)
            findings += filter(None, results)
    for finding in findings:
        print("FAILED " + finding)
    print(f"{checked} functions and structs, {len(findings)} findings")
    sys.exit(bool(findings))


main()
