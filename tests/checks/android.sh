#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library, the delegate for LiteRT and the JNI examples for Android, without its NDK: compiled by Clang for aarch64-linux-android24 against
# glibc's headers, linked by lld with 16 KB pages; what they need of the C library must be in android.symbols; sizes.
# packages: clang lld gcc-aarch64-linux-gnu android-libnativehelper-dev
# minutes: 2
set -euo pipefail

build=build/check-android
allowed=tests/checks/android.symbols
# The engine knows int8 by a few branches and pointers: some 400 bytes of a link that has none of its code. A link of
# int8 alone has no kernels of f32.
api=24 most_shared=192900 most_static=84000 most_i8=108000 most_dotprod=78500 most_both=159100 most_stages=92100 most_delegate=225000
rm -rf "$build"
mkdir -p "$build"
work=$build
source tests/cases.sh

# Glibc's headers say where its functions are; Clang knows by the target that this is not glibc.
flags=(--target="aarch64-linux-android$api" -isystem /usr/aarch64-linux-gnu/include -fPIC -fvisibility=hidden)
link=(clang --target="aarch64-linux-android$api" -nostdlib -shared -fuse-ld=lld
  "-Wl,--gc-sections" "-Wl,-z,max-page-size=16384")

# compile SOURCE FLAG...: an object beside the others.
compile() {
  local object=$build/${1//\//-}.o
  clang -std=c11 -O2 -DNDEBUG -fno-asynchronous-unwind-tables -fno-unwind-tables "${flags[@]}" "${@:2}" -c "$1" -o "$object"
  echo "$object"
}

# What the preset arm64-android compiles, with its flags, as CMake has it for Linux: it knows Android only with the NDK.
configure() { # CONFIGURE FOLDER OPTION...
  cmake -S . -B "$build/$1" -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/arm64-linux-clang.cmake" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG -fno-asynchronous-unwind-tables -fno-unwind-tables" \
    -DCMAKE_C_FLAGS="${flags[*]:1}" -DCMAKE_C_COMPILER_TARGET="${flags[0]#--target=}" \
    -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY -DBUILD_SHARED_LIBS=OFF -DMBCONV_BOTH_KINDS=OFF \
    -DMBCONV_SLEEF=OFF -DMBCONV_CPU_FEATURES=OFF -DMBCONV_SEGMENTS=OFF -DMBCONV_COPIED_ROWS=OFF -DMBCONV_NETWORKS=OFF -DMBCONV_TESTS=OFF \
    -DMBCONV_EXAMPLES=OFF -DMBCONV_BENCH=OFF "${@:2}"
}
configure cmake
cmake --build "$build/cmake" --parallel 2 --target mbconv
library=$build/cmake/libmbconv.a

undefined() { nm -u "$@" | sed -n 's/^ *U //p' | sort -u; }
levels() { sed '/^#/d' "$allowed"; }

# only_allowed OBJECT: each undefined symbol is on the list with a level that the API has.
only_allowed() {
  local symbol level bad=0
  while read -r symbol; do
    level=$(levels | awk -v symbol="$symbol" '$1 == symbol {print $2}')
    if [[ -z $level ]]; then
      echo "$1 needs $symbol, which is not in $allowed"
      bad=1
    elif ((level > api)); then
      echo "$1 needs $symbol, of API level $level"
      bad=1
    fi
  done < <(undefined -D "$1")
  echo "$1 needs: $(undefined -D "$1" | tr '\n' ' ')"
  return "$bad"
}

allowed_by() { # ALLOWED_BY LIST OBJECT: only_allowed by another list
  local allowed=$1
  only_allowed "$2"
}

at_most() { # AT_MOST BYTES MOST WHAT
  echo "$3: $1 bytes of $2"
  (($1 <= $2))
}

pages_of_16k() { [[ $(readelf -lW "$1" | awk '$1 == "LOAD" {print $NF}' | sort -u) == 0x4000 ]]; }

no_constructors() { ! readelf -SW "$1" | grep -E '\.(init_array|ctors)'; }

stripped_size() {
  aarch64-linux-gnu-strip -o "$1.stripped" "$1"
  stat -c %s "$1.stripped"
}

# Everything: a shared library.
shared=$build/libmbconv.so
"${link[@]}" -Wl,--version-script=cmake/exports.map -Wl,--whole-archive "$library" -Wl,--no-whole-archive -o "$shared"
judge "the library needs what Android $api lacks" only_allowed "$shared"
judge "the library has pages of another size than 16 KB" pages_of_16k "$shared"
judge "the library has code that runs when it is loaded" no_constructors "$shared"
judge "the library is too large" at_most "$(stripped_size "$shared")" "$most_shared" "the shared library, stripped"

# One block: what a static link adds to an app, here the JNI example against itself without the library.
jni=$(compile examples/android/mbconv_jni.c -Iinclude -isystem /usr/include/android/nativehelper -Wall -Wextra -Werror)
"${link[@]}" "$jni" "$library" -Wl,--exclude-libs,ALL -o "$build/libmbconv_jni.so"
"${link[@]}" "$jni" -o "$build/libwithout.so"
judge "the example needs what Android $api lacks" only_allowed "$build/libmbconv_jni.so"
judge "the example has pages of another size than 16 KB" pages_of_16k "$build/libmbconv_jni.so"
exported=$(nm -D --defined-only "$build/libmbconv_jni.so" | awk '{print $3}' | sort | tr '\n' ' ')
expected="Java_org_mbconv_Block_create Java_org_mbconv_Block_destroy Java_org_mbconv_Block_run "
judge "the example shows $exported" test "$exported" = "$expected"
added=$(($(stripped_size "$build/libmbconv_jni.so") - $(stripped_size "$build/libwithout.so")))
judge "a static link of one block adds too much" at_most "$added" "$most_static" "a static link of one block"

# Blocks by another create: an app's calls, against themselves without the library.
cat > "$build/app.c" <<'PROGRAM'
#include <mbconv_i8.h>
#define SHOWN __attribute__((visibility("default")))
SHOWN mbconv_block *app_create(const DESC *desc);
SHOWN mbconv_block *app_create_f32(const mbconv_block_desc *desc);
SHOWN size_t app_scratch(const mbconv_block *block);
SHOWN int app_run(const mbconv_block *block, const void *x, void *y, void *scratch, size_t size, mbconv_error *error);
SHOWN void app_destroy(mbconv_block *block);
mbconv_block *app_create(const DESC *desc) {
  mbconv_block *block;
  CREATE(desc, NULL, &block, NULL);
  return block;
}
#ifdef BOTH
mbconv_block *app_create_f32(const mbconv_block_desc *desc) {
  mbconv_block *block;
  mbconv_block_create(desc, NULL, &block, NULL);
  return block;
}
#endif
size_t app_scratch(const mbconv_block *block) { return mbconv_block_scratch_size(block, 1); }
int app_run(const mbconv_block *block, const void *x, void *y, void *scratch, size_t size, mbconv_error *error) {
  return mbconv_block_run(block, 1, x, y, scratch, size, NULL, error);
}
void app_destroy(mbconv_block *block) { mbconv_block_destroy(block); }
PROGRAM
link_of() { # LINK_OF NAME MOST WHAT FLAG...
  local program
  program=$(compile "$build/app.c" -Iinclude "${@:4}")
  "${link[@]}" "$program" "$library" -Wl,--exclude-libs,ALL -o "$build/lib$1.so"
  "${link[@]}" "$program" -o "$build/libapp.so"
  added=$(($(stripped_size "$build/lib$1.so") - $(stripped_size "$build/libapp.so")))
  judge "$3 adds too much" at_most "$added" "$2" "$3"
}
i8=(-DDESC=mbconv_i8_desc -DCREATE=mbconv_block_create_i8)
link_of i8 "$most_i8" "a static link of one block of int8" "${i8[@]}" # which brings no kernels of f32 along
link_of both "$most_both" "a static link of one block of f32 and one of int8" "${i8[@]}" -DBOTH
# Of int8's rows one alone, for phones that are known.
rows_of() { nm "$library" 2> "$build/nm.log" | sed -n 's/.* [RD] mbconv_kernels_i8_\(neon.*\)/\1/p' | sort | tr '\n' ' '; }
judge "the rows are $(rows_of)" test "$(rows_of)" = "neon neon_dotprod neon_i8mm "
every=$library
configure tier -DMBCONV_ARM64_TIERS=neon_dotprod
cmake --build "$build/tier" --parallel 2 --target mbconv
library=$build/tier/libmbconv.a
judge "the rows are $(rows_of)" test "$(rows_of)" = "neon_dotprod "
link_of dotprod "$most_dotprod" "a static link of one block of int8, SDOT alone" "${i8[@]}"
library=$every
refuse "a row that is none" "MBCONV_ARM64_TIERS has sve" configure refused -DMBCONV_ARM64_TIERS="neon;sve"
refuse "no row" "MBCONV_ARM64_TIERS is empty" configure refused -DMBCONV_ARM64_TIERS=
refuse "rows without int8" "which MBCONV_TYPES leaves" configure refused -DMBCONV_ARM64_TIERS=neon -DMBCONV_TYPES=f32
if [[ $(uname -m) == x86_64 ]]; then
  refuse "rows of another processor" "but this build is" cmake -S . -B "$build/native" -DMBCONV_ARM64_TIERS=neon
fi
# With the dense stage, GELU and PReLU.
link_of stages "$most_stages" "a static link of blocks as lists of stages" \
  -DDESC=mbconv_stages_desc -DCREATE=mbconv_block_create_stages

# The delegate for LiteRT, and its example. It may also need what android-litert.symbols has.
mapfile -t sources < <(printf '%s\n' litert/*.c)
objects=()
for source in "${sources[@]}"; do
  objects+=("$(compile "$source" -Iinclude -Ibase -Wall -Wextra -Werror)")
done
delegate=$build/libmbconv_litert.so
"${link[@]}" "${objects[@]}" "$library" -Wl,--version-script=litert/exports.map -Wl,--exclude-libs,ALL -o "$delegate"
kotlin=$(compile examples/android-litert/mbconv_litert_jni.c -Ilitert -isystem /usr/include/android/nativehelper \
  -Wall -Wextra -Werror)
"${link[@]}" "$kotlin" "$delegate" -o "$build/libmbconv_litert_jni.so"
cat "$allowed" tests/checks/android-litert.symbols > "$build/litert.symbols"
judge "the delegate needs what Android $api lacks" allowed_by "$build/litert.symbols" "$delegate"
nm -D --defined-only "$delegate" | awk '{print $3 " 24"}' >> "$build/litert.symbols"
judge "the delegate's example needs what Android $api and the delegate lack" \
  allowed_by "$build/litert.symbols" "$build/libmbconv_litert_jni.so"
judge "the delegate has pages of another size than 16 KB" pages_of_16k "$delegate"
judge "the delegate has code that runs when it is loaded" no_constructors "$delegate"
exported=$(nm -D --defined-only "$build/libmbconv_litert_jni.so" | awk '{print $3}' | sort | tr '\n' ' ')
expected="Java_org_mbconv_MbconvDelegate_create Java_org_mbconv_MbconvDelegate_destroy "
judge "the delegate's example shows $exported" test "$exported" = "$expected"
judge "the delegate is too large" at_most "$(stripped_size "$delegate")" "$most_delegate" "the delegate, stripped"

# The list can say no: a program with errno, stdio and assert.
printf '%s\n' '#include <assert.h>' '#include <errno.h>' '#include <stdio.h>' '#undef NDEBUG' '#include <assert.h>' \
  'int bad(int x) { assert(x); return printf("%d", errno); }' > "$build/bad.c"
bad=$(compile "$build/bad.c" -fvisibility=default)
"${link[@]}" "$bad" -Wl,--undefined=bad -o "$build/libbad.so"
denied=$(only_allowed "$build/libbad.so" | grep -c 'not in' || true)
judge "the list lets errno, stdio or assert through" test "$denied" = 3

finish
