#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The blocks' outputs have the hashes of tests/drift/hashes.txt on every instruction set, built by gcc 12, clang 14 and
# clang 19 at -O1, -O2 and -O3, with SLEEF linked, in line, and left out; clang 14 at -O2 alone but by `./run check all`.
# packages: gcc-12 clang-14 clang-19 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
# packages: libsleef-dev:arm64 libcpu-features-dev:arm64 bochs bochsbios vgabios cpio lz4 xz-utils python3
# minutes: 8
set -euo pipefail
work=build/check-drift
hashes=$PWD/tests/drift/hashes.txt
cases=0 findings=0
mkdir -p "$work"

# build NAME LEVEL OPTION...: the program alone, in build/check-drift/NAME; fails if anything is compiled at another
# level of optimisation
build() {
  local folder=$work/$1 level=$2 levels
  cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Drift "-DCMAKE_C_FLAGS_DRIFT=-$level -DNDEBUG" -DMBCONV_NETWORKS=OFF \
    -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_TEST_ADAPTERS= "${@:3}" || return 1
  levels=$(grep -oE ' -O[0-9a-z]+' "$folder/compile_commands.json" | sort -u)
  if [[ $levels != " -$level" ]]; then
    echo "not compiled at -$level alone, but at$levels"
    return 1
  fi
  cmake --build "$folder" --parallel "$(getconf _NPROCESSORS_ONLN)" --target mbconv_drift
}

# try NAME SETS COMMAND...: the sets, words joined by +, must be among those that the command finds right.
try() {
  local name=$1 sets=$2 isa status=0
  local log=$work/$name.log
  shift 2
  "$@" > "$log" 2>&1 < /dev/null || status=$?
  cases=$((cases + $(awk '/^set .* cases,/ {n += $3} END {print n + 0}' "$log")))
  for isa in ${sets//+/ }; do grep -q "^set $isa: [1-9][0-9]* cases, 0 failed" "$log" || status=1; done
  echo "$name: $(grep -c '^FAIL' "$log" || true) differences, status $status"
  if ((status)); then
    findings=$((findings + 1))
    tail -n 20 "$log"
  fi
}

# native NAME LEVEL OPTION...: all sets that this CPU has
native() {
  local name=$1
  if ! build "$@" > "$work/$name.build.log" 2>&1; then
    findings=$((findings + 1))
    tail -n 20 "$work/$name.build.log"
    return
  fi
  try "$name" scalar "$work/$name/tests/mbconv_drift" "$hashes"
}

# arm64 NAME LEVEL OPTION...: for ARM64, small images run by qemu
arm64() {
  local name=$1 level=$2
  shift 2
  if ! build "$name" "$level" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_C_COMPILER_TARGET=aarch64-linux-gnu -DCMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu \
    -DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64 "$@" > "$work/$name.build.log" 2>&1; then
    findings=$((findings + 1))
    tail -n 20 "$work/$name.build.log"
    return
  fi
  try "$name" neon qemu-aarch64 "$work/$name/tests/mbconv_drift" "$hashes" --largest 4
}

# The blocks are those of the benchmark's list; beside them are lists of stages, whose names have no number.
cases=1
diff <(awk -F, '/^[a-z]+[0-9]+,/ {print $1, $2, 0; if ($11 > 0) print $1, $2, $11}' bench/blocks.csv | sort) \
  <(awk '!/^#/ && $1 ~ /^[a-z]+[0-9]+$/ && $3 > 4 {print $1, $3, $5}' "$hashes" | sort) || findings=1

for level in O1 O2 O3; do
  for compiler in gcc-12 clang-14 clang-19; do
    if [[ $compiler-$level == clang-14-O[13] && -z ${MBCONV_CHECK_ALL:-} ]]; then continue; fi
    native "$compiler-$level" "$level" "-DCMAKE_C_COMPILER=$compiler"
  done
  for compiler in aarch64-linux-gnu-gcc clang-19; do
    arm64 "arm64-$compiler-$level" "$level" "-DCMAKE_C_COMPILER=$compiler"
  done
done
native gcc-12-no-sleef O3 -DCMAKE_C_COMPILER=gcc-12 -DMBCONV_SLEEF=OFF
try arm64-whole neon qemu-aarch64 "$work/arm64-aarch64-linux-gnu-gcc-O3/tests/mbconv_drift" "$hashes" --isa neon

# What this CPU lacks, emulated: small images.
if ! grep -q "^set avx2:" "$work/gcc-12-O3.log"; then
  try emulated-avx2 avx2 qemu-x86_64 -cpu Haswell "$work/gcc-12-O3/tests/mbconv_drift" "$hashes" --isa avx2 --largest 4
fi
if ! grep -q "^set avx512:" "$work/gcc-12-O3.log"; then
  FILES=$hashes try emulated-avx512 avx512 \
    tests/emulator/run.sh "$work/gcc-12-O3/tests/mbconv_drift" "$hashes" --isa avx512 --largest 4
fi

echo "check: $cases cases, $findings findings"
((findings == 0))
