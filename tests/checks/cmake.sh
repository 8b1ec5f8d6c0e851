#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CMake's versions, from PyPI: the oldest that is asked for, the last of 3 and the newest. Each configures everything without
# a warning, builds and installs the libraries and the command in one of several ways, and builds programs with them:
# by find_package, by add_subdirectory, by FetchContent. Programs in C23 and C++20 use what was installed.
# packages: g++ clang ninja-build make python3-venv
# minutes: 6
set -euo pipefail

work=$PWD/build/check-cmake
source tests/cases.sh
venvs=$work-venvs # which are kept
rm -rf "$work"
mkdir -p "$work" "$venvs"
floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
runs() { "$@" | tee /dev/stderr | grep -xF "$floats"; }

# cmake_of VERSION ARGUMENT...: what a newer CMake would do without is an error.
cmake_of() { "$venvs/$1/bin/cmake" "${@:2}"; }
configured() { # configured VERSION FOLDER ARGUMENT...
  cmake_of "$1" -B "$work/$2" -Wdev -Werror=dev -Werror=deprecated "${@:3}" 2>&1 | tee "$work/configured"
  { grep -A 5 'CMake.*Warning' "$work/configured" || true; } | nothing
}

installed() { # installed VERSION
  if [[ ! -x $venvs/$1/bin/cmake ]]; then
    python3 -m venv --clear "$venvs/$1"
    "$venvs/$1/bin/python" -m pip install --quiet --disable-pip-version-check "cmake==$1"
  fi
  [[ $(cmake_of "$1" --version) == "cmake version $1"* ]]
}

# of VERSION GENERATOR OPTION...
of() {
  local version=$1 generator=$2 kind
  try "CMake $version is installed" installed "$version"
  everything() { configured "$version" "all-$version" -G "$generator" -S .; }
  presets() { cmake_of "$version" --list-presets | grep -F '"default"'; }
  library() {
    configured "$version" "$version" -G "$generator" -S . -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF "${@:2}"
    cmake_of "$version" --build "$work/$version" --parallel 2
    cmake_of "$version" --install "$work/$version" --prefix "$work/prefix-$version"
    "$work/prefix-$version/bin/mbconv" info
  }
  found() {
    configured "$version" "found-$version" -G "$generator" -S examples/find_package "-DCMAKE_PREFIX_PATH=$work/prefix-$version" \
      -DBUILD_SHARED_LIBS="$1"
    cmake_of "$version" --build "$work/found-$version" --clean-first
    runs "$work/found-$version/block"
  }
  subproject() {
    configured "$version" "part-$version" -G "$generator" -S "$@"
    cmake_of "$version" --build "$work/part-$version" --parallel 2
    runs "$work/part-$version/block"
    rm -r "$work/part-$version"
  }
  try "$version, $generator: everything is configured" everything
  try "$version: presets" presets
  try "$version: libraries and command, ${*:3}" library "${@:2}"
  for kind in ON OFF; do try "$version: find_package, shared=$kind" found $kind; done
  try "$version: add_subdirectory" subproject tests/surroundings/parent "-DMBCONV_TREE=$PWD"
  try "$version: FetchContent" subproject examples/subproject
}
of 3.22.6 Ninja -DCMAKE_BUILD_TYPE= -DCMAKE_C_FLAGS=-O0
of 3.31.10 "Unix Makefiles" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON
of 4.4.5 Ninja -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0

# ---- New languages -------------------------------------------------------------------------------------------------

# in_language COMPILER ARGUMENT...: every header alone, without a warning, and a program. (`install` tries the adapters.)
in_language() {
  local prefix=$work/prefix-4.4.5 header
  for header in include/*; do
    header=${header##*/}
    if [[ $header == *pthreadpool.h || $header == *openmp.h || ($header == *.hpp && $* != *++*) ]]; then continue; fi
    echo "#include <$header>" > "$work/header.c"
    "$@" -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$prefix/include" -fsyntax-only "$work/header.c"
  done
  "$@" -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -o "$work/program" "$program" -L"$prefix/lib" -lmbconv -lm \
    -Wl,-rpath,"$prefix/lib"
  if [[ $program == *.c ]]; then runs "$work/program"; else "$work/program"; fi
}
program=examples/block.c
for compiler in gcc clang; do try "C23, $compiler" in_language $compiler -std=c2x; done
program=tests/install/operators.cc
for compiler in g++ clang++; do try "C++20, $compiler" in_language $compiler -std=c++20 -x c++; done

finish
