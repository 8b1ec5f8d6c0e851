#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Static analysis: gcc -fanalyzer, clang-tidy and cppcheck find nothing in the library, the networks, the command and the
# examples but what is accepted below. A case is a file given to a tool.
# packages: clang-tidy-19 cppcheck
# minutes: 7
set -euo pipefail

build=build/check-analysis cases=0 findings=0
CC=gcc cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_LITERT=ON
database=$build/compile_commands.json
mapfile -t files < <(sed -nE 's/^  "file": "(.*)",?$/\1/p' "$database")

# judge TOOL LOG: prints and counts the lines of LOG that warn, but for those that a line of standard input, a regular
# expression, accepts.
judge() {
  local found count=${3:-${#files[@]}}
  cat > "$2.accepted"
  grep -E '(warning|error): ' "$2" | sed "s|^$PWD/||" | grep -vE -f "$2.accepted" | sort -u > "$2.found" || true
  found=$(wc -l < "$2.found")
  sed "s/^/$1: /" "$2.found"
  echo "$1: $count files, $found findings"
  cases=$((cases + count)) findings=$((findings + found))
}

# ---- gcc -fanalyzer --------------------------------------------------------------------------------------------------

# The commands of the build, which CMake writes one to a line. A kernel's many tails are paths without end for the
# analyser: with the factor that it has by itself, 5, it takes minutes for pointwise_avx512.c, with 2 it takes 6 seconds.
# Int8's, which have more of them, take minutes even so: what they share and the scalar ones are analysed, they are not.
sed -nE 's/^  "command": "(.*)",?$/\1/p' "$database" |
  grep -vE 'kernels/i8/(pointwise|depthwise)_avx' |
  sed -E 's/\\(.)/\1/g; s/ -o [^ ]+/ -fanalyzer -o \/dev\/null/' |
  sed -E '/kernels\//s/-fanalyzer/& --param analyzer-bb-explosion-factor=2/' > "$build/commands"
bash "$build/commands" > "$build/gcc.log" 2>&1
# gcc 12 loses track of a name, or memory, once it is stored in what a struct owns, and takes a file that was opened for stdin.
judge gcc "$build/gcc.log" "$(wc -l < "$build/commands")" <<'END'
^networks/(random|safetensors)\.c:.*leak of .*\[-Wanalyzer-malloc-leak\]$
^cli/run\.c:.*leak of .*file.*\[-Wanalyzer-(malloc|file)-leak\]$
^litert/node\.c:.*leak of .*\[-Wanalyzer-malloc-leak\]$
END

# ---- clang-tidy, without options that gcc alone has ------------------------------------------------------------------

disabled=(
  bugprone-easily-swappable-parameters                # sizes are all size_t
  bugprone-implicit-widening-of-multiplication-result # of constants: lanes, tiles, taps
  bugprone-multi-level-implicit-pointer-conversion    # from and to void *, as C's allocators have it
  bugprone-casting-through-void                       # integers that are stored as vectors
  bugprone-signed-char-misuse                         # int8_t is a number: a weight becomes an int16_t
  bugprone-suspicious-string-compare                  # strcmp() is used as a truth, knowingly
  bugprone-reserved-identifier                        # _GNU_SOURCE and its like
  bugprone-switch-missing-default-case                # of counts that the loop before has bounded
  clang-analyzer-optin.core.EnumCastOutOfRange        # users' values are checked as numbers
  clang-analyzer-security.insecureAPI.strcpy          # memory is allocated by strlen()
  clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling # wants functions that the C library lacks
)
mkdir -p "$build/clang"
sed 's/ -fno-allow-store-data-races//g; s/ -fno-single-precision-constant//g' "$database" > "$build/clang/compile_commands.json"
clang-tidy-19 -p "$build/clang" --quiet "${files[@]}" \
  --checks="-*,bugprone-*,clang-analyzer-*,performance-*,portability-*$(printf ',-%s' "${disabled[@]}")" \
  > "$build/clang-tidy.log" 2> "$build/clang-tidy.errors" || cat "$build/clang-tidy.errors"
# It takes a file that was opened for stdin, too; does not know that without an image there is raw input, or that every
# network has tensors; MobileNetV3's squeeze is a quotient rounded down; and sums that vectors store are not seen.
judge clang-tidy "$build/clang-tidy.log" <<'END'
^cli/run\.c:.*\[clang-analyzer-(unix\.Stream|core\.NonNullParamChecker)\]$
^networks/random\.c:.*calloc.*\[clang-analyzer-optin\.portability\.UnixAPI\]$
^networks/tables\.c:.*\[bugprone-integer-division\]$
^kernels/i8/depthwise_avx2\.h:.*\[clang-analyzer-core\.(CallAndMessage|UndefinedBinaryOperatorResult)\]$
END

# ---- cppcheck --------------------------------------------------------------------------------------------------------

cppcheck "${files[@]}" --enable=warning,performance,portability --std=c11 --quiet \
  -Iinclude -Ibase -Ikernels -Idispatch -Iblock -Ioperators -Inetworks -Icli -Ilitert \
  --template='{file}:{line}: {severity}: {message} [{id}]' 2> "$build/cppcheck.log"
# It does not see that cli_fail() never returns, that snprintf() may be given NULL for a size of 0, that a vector is
# stored through a pointer of another type, and that chains are never none.
judge cppcheck "$build/cppcheck.log" <<'END'
^cli/.*\[(nullPointerRedundantCheck|nullPointerArithmeticRedundantCheck|ctunullpointer)\]$
^block/run\.c:.*text \[ctunullpointer\]$
^kernels/f32/depthwise_avx2\.c:.*staged \[uninitvar\]$
^kernels/vec_scalar\.h:.* e \[uninitvar\]$
END

echo "check: $cases cases, $findings findings"
((findings == 0))
