# SPDX-License-Identifier: MIT
"""Builds the native library by CMake into the package. Its sources are the tree around this folder; a source
distribution carries them in `library`. CMAKE_ARGS in the environment is passed on to CMake."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = HERE / "library"
LIBRARY = CARRIED if CARRIED.exists() else HERE.parent
BUILD = (HERE if CARRIED.exists() else HERE.parent) / "build" / "python"
SOURCES = "CMakeLists.txt", "LICENSE", "block", "cmake", "dispatch", "include", "kernels"


class BuildWithNative(build_py):
    """Beside the modules, or beside their sources in an editable installation, what ctypes loads."""

    def run(self):
        super().run()
        if not shutil.which("cmake"):
            sys.exit("mbconv: CMake is needed to build it (Debian: cmake build-essential libcpu-features-dev)")
        package = (HERE if self.editable_mode else pathlib.Path(self.build_lib).resolve()) / "mbconv"
        options = shlex.split(os.environ.get("CMAKE_ARGS", ""))
        cmake("-S", HERE, "-B", BUILD / "native", f"-DMBCONV_SOURCE={LIBRARY}", *options)
        cmake("--build", BUILD / "native", "--parallel", os.cpu_count() or 1)
        cmake("--install", BUILD / "native", "--component", "python", "--prefix", package, "--strip")


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        return True


class WheelOfAnyPython(bdist_wheel):
    """One wheel does for every Python 3 of the platform."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class SourcesToo(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in SOURCES:
            source, target = LIBRARY / name, pathlib.Path(base_dir) / CARRIED.name / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(source, target)


def cmake(*arguments):
    subprocess.run(["cmake", *map(str, arguments)], check=True)


def version():
    header = (LIBRARY / "include" / "mbconv.h").read_text(encoding="utf-8")
    return re.search(r'MBCONV_VERSION_STRING "(.+)"', header).group(1)


BUILD.mkdir(parents=True, exist_ok=True)
shutil.rmtree(BUILD / "lib", ignore_errors=True)  # of the last time, where a file may lie that is gone since
setup(
    version=version(),
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildWithNative, "bdist_wheel": WheelOfAnyPython, "sdist": SourcesToo},
    options={
        "build": {"build_base": str(BUILD), "build_lib": str(BUILD / "lib")},
        "egg_info": {"egg_base": str(BUILD)},
    },
)
