#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The core on Windows, by mingw-w64's compiler and wine: static and as a DLL it builds from one command, shows what it
# does elsewhere, installs, passes the tests that are not about POSIX, and gives the hashes of tests/drift.
# packages: gcc-mingw-w64-x86-64 wine wine64 ninja-build
# minutes: 4
set -euo pipefail

work=$PWD/build/check-windows
source tests/cases.sh
source tests/wine.sh
rm -rf "$work"
mkdir -p "$work"
toolchain=$PWD/cmake/mingw-w64.cmake
hashes=$PWD/tests/drift/hashes.txt

built() { # built NAME ARGUMENT...
  cmake -G Ninja -S . -B "$work/$1" --toolchain "$toolchain" "${@:2}"
  cmake --build "$work/$1" --parallel 2
}

# ---- The library ---------------------------------------------------------------------------------------------------

by_default() { # without a warning of the library's own files
  built release -DMBCONV_TEST_ADAPTERS= | tee "$work/log" # they need DLLs of other projects
  { grep -E '/(base|kernels|dispatch|block|operators|include)/.*warning:' "$work/log" || true; } | nothing
}
try "all that there is on Windows builds by default" by_default

exports() {
  x86_64-w64-mingw32-objdump -p "$work/release/libmbconv.dll" |
    awk '/^\[Ordinal/ {names = 1; next} names && /^\t\[/ {print $NF}' | sort > "$work/exports"
  grep -oE "elf-symbol name='[a-z0-9_]+'" tests/abi/mbconv.abi | sed "s/.*='//; s/'//" | sort -u | diff - "$work/exports"
}
try "the DLL shows the functions that the shared library shows elsewhere" exports
needs() { x86_64-w64-mingw32-objdump -p "$work/release/$1" | sed -n 's/.*DLL Name: //p' | sort | tr '\n' ' '; }
needs_only() { # needs_only FILE: what every Windows has
  needs "$1"
  [[ $(needs "$1" | tr '[:upper:]' '[:lower:]') == "kernel32.dll msvcrt.dll " ]]
}
try "the DLL needs no other" needs_only libmbconv.dll
refuse "the networks are refused, with the reason" "the networks need POSIX" \
  cmake -S . -B "$work/networks" --toolchain "$toolchain" -DMBCONV_NETWORKS=ON
refuse "so is the self-contained form" "needs objcopy and a linker for ELF" \
  cmake -S . -B "$work/contained" --toolchain "$toolchain" -DMBCONV_SELF_CONTAINED=ON

# ---- What it computes ----------------------------------------------------------------------------------------------

try "the tests, small" sets windows "$work/release/tests/mbconv_tests.exe" --budget small
try "the hashes, static" sets windows "$work/release/tests/mbconv_drift.exe" "$hashes"

through_dll() {
  built release -DBUILD_SHARED_LIBS=ON
  cp "$work/release/libmbconv.dll" "$work/release/tests"
  needs tests/mbconv_drift.exe | grep -w libmbconv.dll
  sets windows "$work/release/tests/mbconv_drift.exe" "$hashes" --largest 14
}
try "the hashes, by the DLL" through_dll

unoptimised() {
  cmake -G Ninja -S . -B "$work/debug" --toolchain "$toolchain" -DCMAKE_BUILD_TYPE=Debug
  cmake --build "$work/debug" --parallel 2 --target mbconv_drift
  sets windows "$work/debug/tests/mbconv_drift.exe" "$hashes" --largest 4
}
try "the hashes, compiled without optimisation, so that nothing is in line" unoptimised

# ---- For others ----------------------------------------------------------------------------------------------------

floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
consumer() { # consumer KIND OPTION: a project that finds what was installed
  cmake -G Ninja -S examples/find_package -B "$work/consumer-$1" --toolchain "$toolchain" \
    -DCMAKE_FIND_ROOT_PATH="$work/prefix" -DCMAKE_PREFIX_PATH="$work/prefix" -DBUILD_SHARED_LIBS="$2"
  cmake --build "$work/consumer-$1"
  cp "$work/prefix/bin/libmbconv.dll" "$work/consumer-$1"
  windows "$work"/consumer-"$1"/*.exe | tr -d '\r' | grep -xF "$floats"
}
try "it installs" cmake --install "$work/release" --prefix "$work/prefix"
try "a program finds and runs the DLL" consumer shared ON
try "a program finds and runs the static library" consumer static OFF

finish
