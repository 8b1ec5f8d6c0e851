#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The inner loops of the 1x1, as gcc and Clang compile them for every set, come to 95% of what the FMA units of their CPUs
# can begin, by the models of llvm-mca.
# Those of int8's sets, avx2_vnni, avx512_vnni, neon_dotprod and neon_i8mm among them, have no multiply-adds of floats: bench measures them.
# packages: clang llvm-19 python3 gcc-aarch64-linux-gnu
# minutes: 1
set -euo pipefail

build=build/check-pipelines
rm -rf "$build"
mkdir -p "$build"
work=$build
source tests/cases.sh
source tests/core.sh

# kernels PRESET FOLDER SET...: compiles the core, judges the sets' wide tiles.
kernels() {
  local set
  core "$1" "$2" mbconv_objects
  for set in "${@:3}"; do
    judge "loops that wait: $2, $set" python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build/$2/loops" \
      "$build/$2/CMakeFiles/mbconv_objects.dir/kernels/f32/pointwise_$set.c.o"
  done
}

options=(-DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF)
if [[ $(uname -m) == x86_64 ]]; then
  kernels default gcc avx2 avx512
  kernels clang clang avx2 avx512
fi
options+=(-DMBCONV_CPU_FEATURES=OFF)
kernels arm64-linux arm64-gcc neon
kernels arm64-linux-clang arm64-clang neon

# The check can say no: a chain of multiply-adds, each waiting for the one before.
printf '#include <arm_neon.h>\nfloat32x4_t f(long n, float32x4_t a, float32x4_t b) {\n%s\n}\n' \
  'do { a = vfmaq_f32(b, a, b); } while (--n); return a;' > "$build/pointwise_chain.c"
aarch64-linux-gnu-gcc -O1 -c -o "$build/pointwise_chain_neon.c.o" "$build/pointwise_chain.c"
refuse "a chain of multiply-adds" "FAILED pointwise_chain_neon.c.o: neoverse-n1: 8." \
  python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build" "$build/pointwise_chain_neon.c.o"

finish
