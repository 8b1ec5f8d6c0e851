#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ARM64 as phones have it, without SLEEF and cpu_features, under qemu: all tests as built by gcc and by Clang on the CPUs
# that `./run test` leaves out; programs linked with the shared and with the static library give the floats of this CPU;
# the instructions of the blocks beside XNNPACK's.
# packages: clang qemu-user python3 gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libbenchmark-dev:arm64
# minutes: 5
set -euo pipefail

build=build/check-arm64
rm -rf "$build"
mkdir -p "$build"
work=$build
source tests/cases.sh
source tests/core.sh

options=(-DMBCONV_BENCH=OFF)
core default native mbconv_outputs
options=(-DMBCONV_CPU_FEATURES=OFF)
core arm64-linux gcc mbconv mbconv_shared mbconv_tests mbconv_count_blocks
options+=(-DMBCONV_BENCH=OFF)
core arm64-linux-clang clang mbconv mbconv_shared mbconv_tests

"$build/native/tests/mbconv_outputs" write "$build/outputs"
for compiler in gcc clang; do
  command=(clang --target=aarch64-linux-gnu)
  if [[ $compiler == gcc ]]; then command=(aarch64-linux-gnu-gcc); fi
  command+=(-std=c11 -O2 -ffp-contract=off -Iinclude tests/outputs.c)
  "${command[@]}" -o "$build/$compiler-static" "$build/$compiler/libmbconv.a" -lm
  "${command[@]}" -o "$build/$compiler-shared" -L"$build/$compiler" -lmbconv -lm -Wl,-rpath,"$PWD/$build/$compiler"
  for cpu in cortex-a53 cortex-a76 max; do
    for kind in static shared; do
      judge "other floats: $compiler, $kind, $cpu" \
        qemu-aarch64 -cpu "$cpu" "$build/$compiler-$kind" compare "$build/outputs"
    done
  done
done
if [[ $(uname -m) == x86_64 ]] && grep -qw avx2 /proc/cpuinfo; then
  judge "other floats: avx2" env MBCONV_ISA=avx2 "$build/native/tests/mbconv_outputs" compare "$build/outputs"
fi

# The comparison can say no: one bit of one float.
cp "$build/outputs" "$build/damaged"
printf '\x7f' | dd of="$build/damaged" bs=1 seek=40003 conv=notrunc status=none
judge "a damaged file compares equal" bash -c "! '$build/native/tests/mbconv_outputs' compare '$build/damaged'"

tests() { qemu-aarch64 -cpu "$2" "$build/$1/tests/mbconv_tests" --budget small --require scalar --require neon; }
judge "tests fail: gcc, cortex-a76" tests gcc cortex-a76
judge "tests fail: clang, cortex-a53" tests clang cortex-a53
judge "tests fail: clang, max" tests clang max

cc -std=c11 -O2 -D_POSIX_C_SOURCE=200809L -shared -fPIC -o "$build/count.so" bench/count/plugin.c
# gcc 12: 0.798 and 0.692, 0.866 at most. Other compilers may need a little more.
judge "too many instructions" python3 -B bench/count/count.py "$build/gcc/bench/mbconv_count_blocks" "$build/count.so" \
  --most 0.92 --geomean relu6=0.81 --geomean silu=0.71
# Int8 with SDOT: 0.757 and 0.703, 0.912 at most.
judge "too many instructions in int8" python3 -B bench/count/count.py "$build/gcc/bench/mbconv_count_blocks" "$build/count.so" \
  --type i8 --most 0.94 --geomean relu6=0.78 --geomean silu=0.72

finish
