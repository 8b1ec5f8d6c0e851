#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CPUs without cpu_features (MBCONV_CPU_FEATURES=OFF): the same sets as with it, here and on emulated CPUs that lack some of
# them; and architectures for which nothing but a compiler is needed: RISC-V, ARM and x86 of 32 bits.
set -euo pipefail

work=$PWD/build/check-surroundings/features
source tests/cases.sh
mkdir -p "$work"
core=(-DMBCONV_SLEEF=OFF -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_TEST_ADAPTERS=)

# built NAME ARGUMENT...: the tests, and both libraries
built() {
  cmake -G Ninja -S . -B "$work/$1" "${core[@]}" "${@:2}"
  cmake --build "$work/$1" --parallel 2 --target mbconv_tests mbconv mbconv_shared
}

# suites COMMAND...: some that use all of the library
suites() { "$@" --budget small dispatch pointwise depthwise api block golden plan i8-limits i8-sums; }

# ---- This architecture -------------------------------------------------------------------------------------------------

try "without cpu_features" built off -DMBCONV_CPU_FEATURES=OFF
try "with it" built on
uses() { if nm "$work/$1/libmbconv.so" | grep -E ' (GetX86Info|GetAarch64Info)'; then [[ $2 == yes ]]; else [[ $2 == no ]]; fi; }
try "the one has nothing of cpu_features" uses off no
try "the other has it" uses on yes
try "the tests without cpu_features" suites "$work/off/tests/mbconv_tests"

sets() { "$@" --list 2> /dev/null | sed -n 's/^sets: //p'; }
same_sets() { [[ -n $(sets "$work/off/tests/mbconv_tests") ]] && diff <(sets "$work/on/tests/mbconv_tests") <(sets "$work/off/tests/mbconv_tests"); }
try "the same sets" same_sets

# on_cpu SETS MODEL: SETS, joined by +, are what there is; the suite `dispatch` compares the detection with cpu_features'.
on_cpu() {
  local run=(qemu-x86_64 -cpu "$2")
  [[ $(sets "${run[@]}" "$work/off/tests/mbconv_tests") == "${1//+/ }" ]]
  [[ $(sets "${run[@]}" "$work/on/tests/mbconv_tests") == "${1//+/ }" ]]
  "${run[@]}" "$work/on/tests/mbconv_tests" --isa scalar dispatch
  "${run[@]}" "$work/off/tests/mbconv_tests" --isa scalar dispatch
}
if [[ $(uname -m) == x86_64 ]]; then
  for cpu in scalar:Nehalem scalar:SandyBridge scalar:Haswell,-fma scalar:Haswell,-xsave avx2+scalar:Haswell avx2+scalar:EPYC; do
    try "$cpu" on_cpu "${cpu%%:*}" "${cpu#*:}"
  done
fi

# ---- Others ------------------------------------------------------------------------------------------------------------

# cross NAME COMPILER ARGUMENT...: CMake is told nothing of the processor: the compiler is asked.
cross() { built "$1" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER="$2" "${@:3}"; }

# scalar COMMAND...: the suites pass, and there is no other set.
scalar() {
  [[ $(sets "$@") == scalar ]]
  suites "$@"
}
try "riscv64" cross riscv64 riscv64-linux-gnu-gcc
try "riscv64: the tests" scalar qemu-riscv64 -L /usr/riscv64-linux-gnu "$work/riscv64/tests/mbconv_tests"
try "armhf" cross armhf arm-linux-gnueabihf-gcc
try "armhf: the tests" scalar qemu-arm -L /usr/arm-linux-gnueabihf "$work/armhf/tests/mbconv_tests"
try "i386" cross i386 i686-linux-gnu-gcc "-DCMAKE_C_FLAGS=-msse2 -mfpmath=sse"
# Not by qemu-i386, in which guard pages take minutes.
if [[ $(uname -m) == x86_64 ]]; then
  lib=/usr/i686-linux-gnu/lib
  try "i386: the tests" scalar "$lib/ld-linux.so.2" --library-path $lib "$work/i386/tests/mbconv_tests"
fi

finish
