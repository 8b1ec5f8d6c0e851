#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The inner loops of the 1x1, as gcc and Clang compile them for every set, come to 95% of what the FMA units of their CPUs
# can begin, by the models of llvm-mca.
# Those of int8's rows, avx2, avx2_vnni and avx512_vnni, neon, neon_dotprod and neon_i8mm, are as fast as they were.
# packages: clang llvm-19 python3 gcc-aarch64-linux-gnu
# minutes: 1
set -euo pipefail

build=build/check-pipelines
rm -rf "$build"
mkdir -p "$build"
work=$build
source tests/cases.sh
source tests/core.sh

# kernels PRESET FOLDER TYPE/pointwise_SET...: compiles the core, judges the sets' wide tiles.
kernels() {
  local file
  core "$1" "$2" mbconv_objects
  for file in "${@:3}"; do
    judge "loops that wait: $2, $file" python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build/$2/loops" \
      "$build/$2/CMakeFiles/mbconv_objects.dir/kernels/$file.c.o"
  done
}

options=(-DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF)
if [[ $(uname -m) == x86_64 ]]; then
  files=({f32,i8}/pointwise_avx2 f32/pointwise_avx512 i8/pointwise_avx{2,512}_vnni)
  kernels default gcc "${files[@]}"
  kernels clang clang "${files[@]}"
fi
options+=(-DMBCONV_CPU_FEATURES=OFF)
kernels arm64-linux arm64-gcc {f32,i8}/pointwise_neon i8/pointwise_neon_{dotprod,i8mm}
kernels arm64-linux-clang arm64-clang {f32,i8}/pointwise_neon i8/pointwise_neon_{dotprod,i8mm}

# The check can say no: a chain of multiply-adds, each waiting for the one before.
printf '#include <arm_neon.h>\nfloat32x4_t f(long n, float32x4_t a, float32x4_t b) {\n%s\n}\n' \
  'do { a = vfmaq_f32(b, a, b); } while (--n); return a;' > "$build/pointwise_chain.c"
aarch64-linux-gnu-gcc -O1 -c -o "$build/pointwise_chain_neon.c.o" "$build/pointwise_chain.c"
refuse "a chain of multiply-adds" "FAILED pointwise_chain_neon.c.o: neoverse-n1: 8." \
  python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build" "$build/pointwise_chain_neon.c.o"

# And of int8's: the kernel of SMLAL, taken for that with SDOT; that of AVX2, for that with VNNI.
mkdir -p "$build/slow/i8"
cp "$build/arm64-gcc/CMakeFiles/mbconv_objects.dir/kernels/i8/pointwise_neon.c.o" "$build/slow/i8/pointwise_neon_dotprod.c.o"
refuse "a slower kernel of ARM64" "products a cycle, less than 30" \
  python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build" "$build/slow/i8/pointwise_neon_dotprod.c.o"
if [[ $(uname -m) == x86_64 ]]; then
  cp "$build/gcc/CMakeFiles/mbconv_objects.dir/kernels/i8/pointwise_avx2.c.o" "$build/slow/i8/pointwise_avx2_avx512_vnni.c.o"
  refuse "a slower kernel" "products a cycle, less than 110" \
    python3 -B tests/check_pipelines.py --mca llvm-mca-19 --directory "$build" "$build/slow/i8/pointwise_avx2_avx512_vnni.c.o"
fi

finish
