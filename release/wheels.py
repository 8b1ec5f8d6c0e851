#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the wheels of the Python package for other platforms than this one, by the C compiler of PyPI's ziglang.

    python3 release/wheels.py OUTPUT [NAME...]      by default all of PLATFORMS

It runs in an environment that has ziglang, setuptools and wheel (`./run wheels` makes one). A wheel is py3-none-<platform>.
In it are the library, its threads and the delegate for LiteRT, without SLEEF and cpu_features (the results are the
same), and the licence.
Each wheel is read again: what it is for, what its libraries need and show.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Name: what zig calls it, what pip calls it, and the machine as readelf names it.
PLATFORMS = {
    "manylinux-x86_64": ("x86_64-linux-gnu.2.17", "manylinux2014_x86_64", "Advanced Micro Devices X86-64"),
}
# The libraries in a wheel, and the names that each may show.
LIBRARIES = {
    "libmbconv.so": "mbconv_.*", "libmbconv_litert.so": "(tflite_plugin|mbconv_litert)_.*", "libmbconv_threads.so": "mbconv_.*",
}
NEWEST_GLIBC = (2, 17)  # of manylinux2014
LIBC = r"lib(c|m|pthread)\.so\.\d|ld-linux-.*\.so\.\d"


def compiler(folder, target):
    """A program that is zig's C compiler for this target, as CMake wants one."""
    path = pathlib.Path(folder, "cc")
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ziglang cc -target {target} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def build(name, output):
    target, platform, _ = PLATFORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": target.split("-")[0],
            "CMAKE_C_COMPILER": compiler(folder, target), "CMAKE_SHARED_LINKER_FLAGS": "-s",
            "CMAKE_MODULE_LINKER_FLAGS": "-s", "CMAKE_STRIP": shutil.which("true"),  # the machine's own knows no other
            "MBCONV_SELF_CONTAINED": "OFF", "MBCONV_SLEEF": "OFF",
        }
        cache = ROOT / "build/zig"
        environment = {
            **os.environ, "CMAKE_ARGS": shlex.join(f"-D{key}={value}" for key, value in options.items()),
            "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache), "SOURCE_DATE_EPOCH": "315532800",
        }
        for variable in "CC", "CFLAGS", "LDFLAGS":
            environment.pop(variable, None)
        made = pathlib.Path(folder, "made")
        command = [sys.executable, "-B", "setup.py", "bdist_wheel", "--plat-name", platform, "--dist-dir", str(made)]
        done = subprocess.run(command, cwd=ROOT / "python", env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{done.stdout}\nwheels: {name} was not built")
        [wheel] = made.glob("*.whl")
        return pathlib.Path(shutil.copy(wheel, output))


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True, stdout=subprocess.PIPE, text=True).stdout


def problems_of_library(name, path):
    _, _, machine = PLATFORMS[name]
    found = re.search(r"Machine: +(.*)", readelf(path, "-h"))[1]
    if found != machine:
        yield f"is for {found}"
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", readelf(path, "-d")):
        if not re.fullmatch(LIBC, needed):
            yield f"needs {needed}"
    for version in re.findall(r"Name: GLIBC_(\S+)", readelf(path, "-V")):
        if tuple(map(int, version.split("."))) > NEWEST_GLIBC:
            yield f"needs glibc {version}"
    shown = 0
    for line in readelf(path, "--dyn-syms").splitlines():
        words = line.split()
        if len(words) < 8 or not words[0].rstrip(":").isdigit() or words[6] == "UND":
            continue
        shown += 1
        if not re.fullmatch(LIBRARIES.get(path.name, ""), words[7]):
            yield f"shows {words[7]}"
    if not shown:
        yield "shows nothing"


def problems(name, wheel):
    """What is wrong with a wheel."""
    platform = PLATFORMS[name][1]
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        tags = re.findall(r"^Tag: (.*)$", "".join(p.read_text() for p in pathlib.Path(folder).glob("*.dist-info/WHEEL")), re.M)
        if tags != [f"py3-none-{platform}"]:
            yield f"is for {tags}"
        if not list(pathlib.Path(folder).glob("*.dist-info/licenses/LICENSE")):
            yield "has no licence"
        libraries = sorted(path.name for path in pathlib.Path(folder, "_mbconv").iterdir())
        if libraries != sorted(LIBRARIES):
            yield f"has {libraries}"
        for library in libraries:
            yield from (f"{library} {what}" for what in problems_of_library(name, pathlib.Path(folder, "_mbconv", library)))


def main():
    names = sys.argv[2:] or list(PLATFORMS)
    unknown = [name for name in names if name not in PLATFORMS]
    if len(sys.argv) < 2 or unknown or sys.argv[1].startswith("-"):
        sys.exit(f"usage: wheels.py OUTPUT [NAME...]; the names are {' '.join(PLATFORMS)}")
    output = pathlib.Path(sys.argv[1]).resolve()
    output.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name in names:
        wheel = build(name, output)
        found = list(problems(name, wheel))
        print(f"{wheel.name}: {'; '.join(found) or 'as it should be'}", flush=True)
        wrong += found
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
