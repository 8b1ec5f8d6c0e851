# SPDX-License-Identifier: MIT
"""Builds the native libraries by CMake. Their sources are the tree around this folder; a source distribution carries
them in `library`. CMAKE_ARGS in the environment is passed on to CMake.

Everything is built in a temporary folder: nothing is left for the next build to trip over, two builds do not meet, and
the tree may be read-only. The native libraries are a package of their own, `_mbconv`, beside `mbconv`: an editable
installation has them where the others have them, in site-packages, and not in the tree.
"""

import gzip
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

from setuptools import Command, Distribution, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = HERE / "library"
LIBRARY = CARRIED if CARRIED.exists() else HERE.parent
SOURCES = (
    "CMakeLists.txt", "LICENSE", "base", "block", "cmake", "dispatch", "include", "kernels", "litert", "operators",
)  # fmt: skip
KINDS = ".c", ".h", ".hpp", ".py", ".md", ".cmake", ".in", ".map", ".ignore"  # of files in these folders

# ---- The native libraries ------------------------------------------------------------------------------------------


class Build(build):
    """The native libraries first: if they cannot be built, that is said before anything else. They have a command of
    their own, since setuptools takes a failure of an overridden build_py in an editable installation for success."""

    command_name = "build"  # whose options these are, when setuptools reads them again for an editable installation
    sub_commands = [("build_native", None), *build.sub_commands]


class BuildNative(Command):
    """What ctypes loads."""

    command_name = "build_native"
    user_options = []
    editable_mode = False  # setuptools sets it

    def initialize_options(self):
        self.build_base = self.build_lib = None

    def finalize_options(self):
        self.set_undefined_options("build", ("build_base", "build_base"), ("build_lib", "build_lib"))

    def run(self):
        base = pathlib.Path(self.build_base)
        # In an editable installation `install_lib` is the wheel, and `build_lib` is thrown away.
        place = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        configure, compile_all = configured(base / "native"), ["--build", base / "native"]
        if "CMAKE_BUILD_PARALLEL_LEVEL" not in os.environ:
            compile_all += ["--parallel", len(os.sched_getaffinity(0))]
        cmake(*configure)
        cmake(*compile_all)
        for component, folder in ("python", pathlib.Path(place) / "_mbconv"), ("licenses", base / "licenses"):
            cmake("--install", base / "native", "--component", component, "--prefix", folder.resolve(), "--strip")

    # What setuptools asks a command of `build`: there is nothing that it must know.
    def get_source_files(self):
        return []

    def get_outputs(self):
        return []

    def get_output_mapping(self):
        return {}


def configured(folder):
    """CMake's arguments that configure the build in `folder`."""
    try:
        options = shlex.split(os.environ.get("CMAKE_ARGS", ""))
    except ValueError as error:
        fail(f"CMAKE_ARGS cannot be read: {error}")
    return "-S", HERE, "-B", folder, f"-DMBCONV_SOURCE={LIBRARY}", *options


def cmake(*arguments):
    """Runs CMake. If it fails, the reason is said first, then all that it said."""
    command = ["cmake", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    english = {**os.environ, "LC_ALL": "C.UTF-8"}  # as `reason` reads it
    try:
        done = subprocess.run(command, env=english, check=False, **options)
    except OSError as error:
        fail(f"CMake is needed to build it, and a C compiler (Debian: cmake build-essential): {error}")
    if done.returncode:
        fail(f"{reason(done.stdout)}\n\nAll that was said by: {shlex.join(command)}\n{done.stdout}")
    print(done.stdout, flush=True)


def reason(text):
    """The first error in what CMake, a compiler or a linker said; the last line, if there is none."""
    for error in r"^CMake Error.*\n(?:(?: .*)?\n)*", r"^.*(?:\berror: |\bld: ).*", r"^.*\*\*\*.*":
        found = re.search(error, text, re.MULTILINE)
        if found:
            return found.group().strip()
    return (text.strip().splitlines() or ["CMake failed without a word"])[-1]


def fail(message):
    sys.exit(f"\nmbconv was not built. {message}")


# ---- Distributions -------------------------------------------------------------------------------------------------


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        return True


class Wheel(bdist_wheel):
    """One wheel does for every Python 3 of the platform. With the licences of what is in it."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]

    def write_wheelfile(self, wheelfile_base, *arguments, **options):
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        built = pathlib.Path(self.get_finalized_command("build").build_base) / "licenses"
        if not built.exists():  # an editable installation, of which nothing is passed on
            return
        folder = pathlib.Path(wheelfile_base)
        shutil.copytree(built, folder / "licenses", dirs_exist_ok=True)
        names = sorted(str(path.relative_to(built)) for path in built.rglob("*") if path.is_file())
        licence = "MIT AND Apache-2.0" if "cpu_features/LICENSE" in names else "MIT"
        metadata = folder / "METADATA"
        head, end, description = metadata.read_text(encoding="utf-8").partition("\n\n")
        key = "License" if re.match(r"Metadata-Version: (1|2\.[0-3]$)", head, re.MULTILINE) else "License-Expression"
        lines = [head, f"{key}: {licence}", *(f"License-File: {name}" for name in names)]
        metadata.write_text("\n".join(lines) + end + description, encoding="utf-8")


class SourcesToo(sdist):
    def make_distribution(self):
        """Like setuptools', but what is packed is brought together in a temporary folder, and not in the tree; and the
        same files give the same bytes."""
        name, target = self.distribution.get_fullname(), pathlib.Path(self.dist_dir).resolve()
        with tempfile.TemporaryDirectory() as folder:
            self.make_release_tree(str(pathlib.Path(folder, name)), self.filelist.files)
            target.mkdir(parents=True, exist_ok=True)
            self.archive_files = [str(target / f"{name}.tar.gz")]
            pack(pathlib.Path(folder, name), self.archive_files[0])
        self.distribution.dist_files += [("sdist", "", file) for file in self.archive_files]

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in SOURCES:
            source, target = LIBRARY / name, pathlib.Path(base_dir) / CARRIED.name / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=leftovers)
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(source, target)


def leftovers(folder, names):
    """What lies in a folder of the tree, but is not the project's: what editors, compilers and Python leave behind."""

    def ours(path):
        if path.name.startswith(".") or path.name == "__pycache__":
            return False
        return path.is_dir() or path.suffix in KINDS or path.name == "CMakeLists.txt" or path.parent.name == "debian"

    return {name for name in names if not ours(pathlib.Path(folder, name))}


def pack(folder, archive):
    """A .tar.gz of the folder, whoever makes it and when. SOURCE_DATE_EPOCH is the time that the files get."""
    when = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))  # 1980, as old as a file in a wheel can be

    def plain(member):
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime, member.mode = when, 0o755 if member.isdir() else 0o644
        return member

    with open(archive, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=when) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(folder, folder.name, filter=plain)


def version():
    header = (LIBRARY / "include" / "mbconv.h").read_text(encoding="utf-8")
    return re.search(r'MBCONV_VERSION_STRING "(.+)"', header).group(1)


with tempfile.TemporaryDirectory(prefix="mbconv-build-") as temporary:
    setup(
        version=version(),
        distclass=PlatformDistribution,
        cmdclass={"build": Build, "build_native": BuildNative, "bdist_wheel": Wheel, "sdist": SourcesToo},
        options={"build": {"build_base": temporary}, "egg_info": {"egg_base": temporary}},
    )
