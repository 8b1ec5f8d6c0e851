#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What can go wrong around the library: the suites `faults`, `signals` and `api` here, and the first and last of them on
# CPUs that lack what others have. Each CPU must have the very sets listed, and a set that it lacks must be refused.
# packages: qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross libsleef-dev:arm64 libcpu-features-dev:arm64
# minutes: 2
set -euo pipefail
work=build/check-faults
cases=0 findings=0
mkdir -p "$work"

# build NAME OPTION...
build() {
  {
    cmake -S . -B "$work/$1" -DCMAKE_BUILD_TYPE=Release -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF \
      -DMBCONV_TEST_ADAPTERS= "${@:2}" &&
      cmake --build "$work/$1" --parallel "$(getconf _NPROCESSORS_ONLN)" --target mbconv_tests mbconv_demo
  } > "$work/$1.log" 2>&1 || { tail -n 20 "$work/$1.log"; exit 1; }
}

# suites COMMAND...: the tests, whose cases are counted
suites() {
  local log=$work/suites.log
  "$@" > "$log" 2>&1 < /dev/null || { findings=$((findings + 1)); grep -E '^(FAIL|CRASH)' "$log" || tail -n 5 "$log"; }
  cases=$((cases + $(awk '/^set .* cases,/ {n += $3} END {print n + 0}' "$log")))
}

# cpu SETS BUILD EMULATOR MODEL: SETS, best first and joined by +, are all that is usable there.
cpu() {
  local sets=${1//+/ } build=$2 emulator=$3 model=$4 found isa
  local run=("$emulator" -cpu "$model")
  found=$("${run[@]}" "$work/$build/tests/mbconv_tests" --list 2> /dev/null | sed -n 's/^sets: //p') || true
  cases=$((cases + 1))
  echo "$emulator $model: $found"
  if [[ $found != "$sets" ]]; then
    echo "  instead of $sets"
    findings=$((findings + 1))
  fi
  for isa in avx2 avx512 neon avx2_vnni avx512_vnni neon_dotprod neon_i8mm; do
    if [[ " $sets " != *" $isa "* ]]; then refused "$isa" "$build" "${run[@]}"; fi
  done
  suites "${run[@]}" "$work/$build/tests/mbconv_tests" --budget small dispatch faults api
}

# refused SET BUILD COMMAND...: a program that asks for the set is told so, and not killed by SIGILL.
refused() {
  local isa=$1 build=$2 message status=0
  shift 2
  message=$(MBCONV_ISA=$isa "$@" "$work/$build/examples/mbconv_demo" 2>&1) || status=$?
  cases=$((cases + 1))
  if ((status == 0 || status >= 126)) || [[ $message != *"$isa"* ]]; then
    echo "  $isa is not refused: status $status: $message"
    findings=$((findings + 1))
  fi
}

build native
suites "$work/native/tests/mbconv_tests" faults signals api
if [[ $(uname -m) == x86_64 ]]; then
  cpu scalar native qemu-x86_64 Nehalem
  cpu scalar native qemu-x86_64 SandyBridge      # AVX, no FMA, no AVX2
  cpu scalar native qemu-x86_64 Haswell,-fma     # AVX2 without FMA
  cpu scalar native qemu-x86_64 Haswell,-xsave   # nobody saves the registers
  cpu avx2+scalar native qemu-x86_64 Haswell     # AVX2 without AVX-512
  cpu avx2+scalar native qemu-x86_64 EPYC
  build arm64 -DCMAKE_TOOLCHAIN_FILE=cmake/arm64-linux.cmake
  cpu neon+scalar arm64 qemu-aarch64 cortex-a53
  suites qemu-aarch64 -cpu cortex-a53 "$work/arm64/tests/mbconv_tests" --budget small signals
fi
echo "check: $cases cases, $findings findings"
((findings == 0))
