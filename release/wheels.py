#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the wheels of the Python package for other platforms than this one, by the C compiler of PyPI's ziglang.

    python3 release/wheels.py OUTPUT [NAME...]      by default all of PLATFORMS

It runs in an environment that has ziglang, setuptools and wheel (`./run wheels` makes one). A wheel is
py3-none-<platform>. In it are the library, its threads and, but for Windows, the delegate for LiteRT, without SLEEF and
cpu_features (the results are the same), and the licence.
Each wheel is read again: what it is for, what its libraries need and show.
"""
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile

import binaries
import zig

ROOT = pathlib.Path(__file__).resolve().parent.parent


SYSTEMS = {"linux": binaries.elf, "macos": binaries.mach, "windows": binaries.pe}


@dataclasses.dataclass
class Platform:
    target: str  # zig's name
    tag: str  # pip's
    machine: str
    suffix: str  # of a library
    libraries: str  # that ours may be linked with, as a regular expression
    delegate: bool = True

    @property
    def system(self):
        return re.split(r"[-.]", self.target)[1]

    def read(self, path):
        return SYSTEMS[self.system](path)

    def shown(self):
        """The libraries in the wheel, and what each may show."""
        names = {"libmbconv": "mbconv_.*", "libmbconv_threads": "mbconv_.*"}
        if self.delegate:
            names["libmbconv_litert"] = "(tflite_plugin|mbconv_litert)_.*"
            if self.system == "macos":  # where each library calls its own functions, whatever others show
                names["libmbconv_litert"] += "|mbconv_.*"
        return {name + self.suffix: shown for name, shown in names.items()}


def glibc(machine):
    libraries = r"lib(c|m|pthread)\.so\.\d|ld-linux-.*\.so\.\d"
    return Platform(f"{machine}-linux-gnu.2.17", f"manylinux2014_{machine}", machine, ".so", libraries)


def musl(machine):
    return Platform(f"{machine}-linux-musl", f"musllinux_1_2_{machine}", machine, ".so", r"libc\.so")


def macos(machine):
    version = ".".join(map(str, LEAST_MACOS))
    target = f"{'aarch64' if machine == 'arm64' else machine}-macos.{version}"
    tag = f"macosx_{version.replace('.', '_')}_{machine}"
    return Platform(target, tag, machine, ".dylib", r"/usr/lib/libSystem\.B\.dylib")


NEWEST_GLIBC = (2, 17)  # of manylinux2014
LEAST_MACOS = (13, 0)  # where zig itself takes 15, if it is not told
WINDOWS = Platform(
    "x86_64-windows-gnu", "win_amd64", "x86_64", ".dll", r"kernel32\.dll|ntdll\.dll|api-ms-win-crt-.*\.dll",
    delegate=False,
)  # fmt: skip
PLATFORMS = {
    "manylinux-x86_64": glibc("x86_64"), "manylinux-aarch64": glibc("aarch64"),
    "musllinux-x86_64": musl("x86_64"), "musllinux-aarch64": musl("aarch64"),
    "macos-arm64": macos("arm64"), "macos-x86_64": macos("x86_64"), "windows-x86_64": WINDOWS,
}  # fmt: skip
# What our libraries take from macOS, which has never been there to try them: C and POSIX, and what every program has.
MACOS_IMPORTS = set(
    """
    bzero calloc clock_gettime dyld_stub_binder fprintf fputc fputs free getenv getpid ldexp malloc memcmp memcpy memset
    memset_pattern16 posix_memalign pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_wait
    pthread_create pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock rint rintf
    snprintf strcmp strlen strncmp strstr strtod sysconf sysctlbyname vfprintf __bzero __memcpy_chk __memset_chk __stderrp
    """.split()
)

# ---- Building ------------------------------------------------------------------------------------------------------


def build(platform, output):
    """The wheel."""
    with tempfile.TemporaryDirectory() as folder:
        cache = ROOT / "build/zig"
        options = {
            "CMAKE_TOOLCHAIN_FILE": zig.toolchain(folder, platform.target), "MBCONV_SELF_CONTAINED": "OFF",
            "MBCONV_SLEEF": "OFF", "MBCONV_LITERT": "ON" if platform.delegate else "OFF",
        }  # fmt: skip
        environment = {
            **os.environ, "CMAKE_ARGS": shlex.join(f"-D{key}={value}" for key, value in options.items()),
            "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache), "SOURCE_DATE_EPOCH": "315532800",
        }
        for variable in "CC", "CFLAGS", "LDFLAGS":
            environment.pop(variable, None)
        made = pathlib.Path(folder, "made")
        command = [sys.executable, "-B", "setup.py", "bdist_wheel", "--plat-name", platform.tag, "--dist-dir", str(made)]
        done = subprocess.run(command, cwd=ROOT / "python", env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{done.stdout}\nwheels: {platform.tag} was not built")
        [wheel] = made.glob("*.whl")
        return pathlib.Path(shutil.copy(wheel, output))


# ---- Reading -------------------------------------------------------------------------------------------------------


def problems_of_library(platform, path):
    library = platform.read(path)
    if library.machine != platform.machine:
        yield f"is for {library.machine}"
    yield from (f"needs {name}" for name in library.libraries if not re.fullmatch(platform.libraries, name))
    for version in library.versions:
        if tuple(map(int, version.removeprefix("GLIBC_").split("."))) > NEWEST_GLIBC:
            yield f"needs {version}"
    shown = platform.shown().get(path.name, "")
    yield from (f"shows {name}" for name in sorted(library.exports) if not re.fullmatch(shown, name))
    if not library.exports:
        yield "shows nothing"
    if platform.system == "macos":
        if library.least_system != LEAST_MACOS:
            yield f"is for macOS {library.least_system}"
        if platform.machine == "arm64" and binaries.CODE_SIGNATURE not in library.commands:
            yield "is not signed, as every library must be there"
        yield from (f"needs the function {name}" for name in sorted(library.imports - MACOS_IMPORTS))


def problems(platform, wheel):
    """What is wrong with a wheel."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        tags = re.findall(r"^Tag: (.*)$", "".join(p.read_text() for p in pathlib.Path(folder).glob("*.dist-info/WHEEL")), re.M)
        if tags != [f"py3-none-{platform.tag}"]:
            yield f"is for {tags}"
        if not list(pathlib.Path(folder).glob("*.dist-info/licenses/LICENSE")):
            yield "has no licence"
        libraries = sorted(path.name for path in pathlib.Path(folder, "_mbconv").iterdir())
        if libraries != sorted(platform.shown()):
            yield f"has {libraries}"
        for name in libraries:
            yield from (f"{name} {what}" for what in problems_of_library(platform, pathlib.Path(folder, "_mbconv", name)))


def main():
    names = sys.argv[2:] or list(PLATFORMS)
    unknown = [name for name in names if name not in PLATFORMS]
    if len(sys.argv) < 2 or unknown or sys.argv[1].startswith("-"):
        sys.exit(f"usage: wheels.py OUTPUT [NAME...]; the names are {' '.join(PLATFORMS)}")
    output = pathlib.Path(sys.argv[1]).resolve()
    output.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name in names:
        wheel = build(PLATFORMS[name], output)
        found = list(problems(PLATFORMS[name], wheel))
        print(f"{wheel.name}: {'; '.join(found) or 'as it should be'}", flush=True)
        wrong += found
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
