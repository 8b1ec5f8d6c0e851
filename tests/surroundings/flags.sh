#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a parent project or CFLAGS ask of the compiler does not change a result: -ffast-math and its like, when compiling and
# when linking, link-time optimisation, sanitizers. Warnings that are errors there stop nothing, and there are none. What
# cannot be mended is refused: x87's registers, -ffast-math without our build files.
set -euo pipefail

work=$PWD/build/check-surroundings/flags
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"
here=$PWD
hashes=$PWD/tests/drift/hashes.txt

# part NAME COMPILER FLAGS LINK_FLAGS OPTION...: builds us as a part of a project with these flags.
part() {
  cmake -G Ninja -S tests/surroundings/flags -B "$work/$1" -DMBCONV_SOURCE="$here" -DCMAKE_C_COMPILER="$2" \
    "-DFLAGS=${3// /;}" "-DLINK_FLAGS=${4// /;}" -DMBCONV_SLEEF=OFF -DMBCONV_TESTS=ON -DMBCONV_TEST_ADAPTERS= "${@:5}" &&
    cmake --build "$work/$1" --parallel 2 --target probe mbconv_drift
}

# Bits with denormals as zeros: where a parent links its own program with -ffast-math they are none of ours.
flushed() { sed -E 's/ [08]0[0-7][0-9a-f]{5}/ 0/g'; }

# same_bits NAME: the hashes, and what the probe shows.
same_bits() {
  "$work/$1/mbconv/tests/mbconv_drift" "$hashes" --largest 14
  "$work/$1/probe" | flushed | diff <(flushed < "$work/expected") -
}

# ---- What is right: from a build without flags, in part known -------------------------------------------------------

plain() {
  part plain gcc "" "" -DBUILD_SHARED_LIBS=ON
  "$work/plain/probe" > "$work/expected"
  cat "$work/expected"
  # silu(1) is 0.7310586; relu6(NaN) is NaN; ((1e20 + 1) - 1e20) + 1 + 0.1 is 1.1; -1 + (1 + 2^-23)(1 - 2^-23) is -2^-46;
  # 2^-100 * 1.5 * 2^-30 is 1.5 * 2^-130
  grep -q '^scalar: activation 3 3f3b26a8 ' "$work/expected"
  grep -qE '^scalar: activation 2( [0-9a-f]{8}){3} NaN' "$work/expected"
  grep -qx 'scalar: order 3f8ccccd' "$work/expected"
  grep -qx 'scalar: fused a8800000' "$work/expected"
  grep -qx 'scalar: denormal 000c0000' "$work/expected"
  # and every set shows the same
  mapfile -t isas < <(cut -d: -f1 "$work/expected" | sort -u)
  for isa in "${isas[@]}"; do
    diff <(sed -n "s/^scalar: //p" "$work/expected") <(sed -n "s/^$isa: //p" "$work/expected")
  done
  same_bits plain
}
try "without flags" plain

# ---- Arithmetic, and warnings as errors ----------------------------------------------------------------------------

pieces="-funsafe-math-optimizations -fassociative-math -freciprocal-math -ffinite-math-only -fno-signed-zeros -fno-trapping-math"
warnings="-Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wstrict-prototypes -Wwrite-strings"

# flagged NAME as of part: the same bits, and no warning of the library's files.
flagged() {
  part "$@" | tee "$work/$1.log"
  { grep 'warning:' "$work/$1.log" || true; } | nothing
  same_bits "$1"
}
try "gcc, -ffast-math in the parent's CMAKE_C_FLAGS, which link, too" \
  flagged gcc-fast gcc "$warnings" "" -DCMAKE_C_FLAGS=-ffast-math
try "gcc, -Ofast as the optimisation, the library shared" \
  flagged gcc-ofast gcc "" "" -DCMAKE_C_FLAGS_RELEASE=-Ofast -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
try "gcc, what -ffast-math is made of, link-time optimisation with -Ofast" flagged gcc-lto gcc \
  "$pieces -fsingle-precision-constant -ffp-contract=fast -mrecip" "-Ofast -ffp-contract=fast" \
  -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DCMAKE_C_FLAGS=-ffast-math
try "clang, -ffast-math, the library shared" \
  flagged clang-fast clang "-ffast-math $warnings" -ffast-math -DBUILD_SHARED_LIBS=ON
try "clang, what it is made of, link-time optimisation" flagged clang-lto clang \
  "$pieces -ffp-contract=fast -fapprox-func -fdenormal-fp-math=preserve-sign" "-ffast-math -ffp-contract=fast" \
  -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON

sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
try "clang, sanitizers" flagged clang-sanitized clang "$sanitizers" "$sanitizers" -DBUILD_SHARED_LIBS=ON

# ---- The process ---------------------------------------------------------------------------------------------------

# keeps_denormals LIBRARY...: a program without such flags that loads these libraries still has denormals.
keeps_denormals() {
  gcc -O1 tests/surroundings/flags/load.c -o "$work/load" -ldl
  "$work/load" "$@"
}
try "the shared library of gcc -Ofast switches no denormals off" keeps_denormals "$work/gcc-ofast/mbconv/libmbconv.so"
try "nor does that of clang -ffast-math" keeps_denormals "$work/clang-fast/mbconv/libmbconv.so"
python() {
  CFLAGS=-Ofast cmake -G Ninja -S python -B "$work/python" -DCMAKE_BUILD_TYPE=None
  cmake --build "$work/python" --parallel 2
  keeps_denormals "$work/python/mbconv/libmbconv.so" "$work/python/libmbconv_threads.so" \
    "$work/python/mbconv/litert/libmbconv_litert.so"
}
try "nor do Python's, built with CFLAGS=-Ofast" python
fast_library() {
  echo 'int nothing;' > "$work/nothing.c"
  gcc -shared -fPIC -ffast-math "$work/nothing.c" -o "$work/libfast.so"
  keeps_denormals "$work/libfast.so"
}
refuse "(one that is linked with -ffast-math does, which is seen)" "denormals are zeros" fast_library

# ---- What is refused -----------------------------------------------------------------------------------------------

compiled() { "$@" -std=c11 -Iinclude -Ikernels -c kernels/f32/activation_scalar.c -o "$work/refused.o"; }
for flags in -ffast-math -Ofast -ffinite-math-only -funsafe-math-optimizations; do
  refuse "our sources alone with gcc $flags" "compile without -ffast-math" compiled gcc -O2 "$flags"
done
refuse "with clang -ffast-math" "compile without -ffast-math" compiled clang -O2 -ffast-math
refuse "the registers of x87, gcc" "compile with -msse2 -mfpmath=sse" compiled i686-linux-gnu-gcc -O2
refuse "the registers of x87, clang" "compile with -msse2 -mfpmath=sse" compiled clang -m32 -isystem /usr/i686-linux-gnu/include -O2
for compiler in i686-linux-gnu-gcc "clang -m32 -isystem /usr/i686-linux-gnu/include"; do
  # shellcheck disable=SC2086 # the compiler and its options
  try "with SSE i386 is compiled for: $compiler" compiled $compiler -O2 -msse2 -mfpmath=sse
done

finish
