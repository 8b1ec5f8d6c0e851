#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A toolchain of CMake by PyPI's ziglang, whose compilers link for any system:

    python3 release/zig.py FOLDER TARGET      writes FOLDER/zig.cmake; TARGET as zig has it, such as x86_64-windows-gnu

It runs in an environment that has ziglang (`./run wheels` makes one).
"""
import pathlib
import shlex
import shutil
import sys

SYSTEMS = {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}
# Zig takes what stands behind -march for the name of a CPU.
MARCH = """for word; do
  shift
  case $word in -march=armv8.2-a*) word=-mcpu=generic+v8_2a${word#-march=armv8.2-a} ;; esac
  set -- "$@" "$word"
done
"""


def tool(folder, name, *words):
    """A program that is one of zig's."""
    path = pathlib.Path(folder, name)
    command = shlex.join([sys.executable, "-m", "ziglang", *words])
    path.write_text(f'#!/bin/sh\n{MARCH}exec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def toolchain(folder, target):
    """The file, in a folder that is there."""
    machine, system = target.split("-")[:2]
    name, nothing = SYSTEMS[system.split(".")[0]], shutil.which("true")
    settings = {
        "CMAKE_SYSTEM_NAME": name, "CMAKE_SYSTEM_PROCESSOR": machine,
        "CMAKE_C_COMPILER": tool(folder, "cc", "cc", "-target", target),
        "CMAKE_CXX_COMPILER": tool(folder, "c++", "c++", "-target", target), "CMAKE_AR": tool(folder, "ar", "ar"),
        "CMAKE_RANLIB": tool(folder, "ranlib", "ranlib"), "CMAKE_STRIP": nothing,  # the linker strips
        "CMAKE_SHARED_LINKER_FLAGS_INIT": "-s",
        # What the machine that compiles has is for another system.
        "CMAKE_FIND_ROOT_PATH": "/nowhere", "CMAKE_FIND_ROOT_PATH_MODE_PACKAGE": "ONLY",
        "CMAKE_FIND_ROOT_PATH_MODE_LIBRARY": "ONLY", "CMAKE_FIND_ROOT_PATH_MODE_INCLUDE": "ONLY",
    }  # fmt: skip
    if name == "Darwin":
        settings |= {"CMAKE_INSTALL_NAME_TOOL": nothing, "CMAKE_OSX_ARCHITECTURES": "", "CMAKE_OSX_SYSROOT": "",
                     "CMAKE_OSX_DEPLOYMENT_TARGET": ""}  # fmt: skip
    if name == "Windows":
        settings["CMAKE_RC_COMPILER"] = tool(folder, "rc", "rc")
    path = pathlib.Path(folder, "zig.cmake")
    path.write_text("".join(f'set({key} "{value}")\n' for key, value in settings.items()), encoding="utf-8")
    return path


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit("usage: zig.py FOLDER TARGET")
    folder, target = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    words = target.split("-")
    if len(words) < 2 or words[1].split(".")[0] not in SYSTEMS:
        sys.exit(f"zig.py: {target} is for none of {', '.join(SYSTEMS)}")
    folder.mkdir(parents=True, exist_ok=True)
    print(toolchain(folder, target))


if __name__ == "__main__":
    main()
