#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# valgrind's memcheck over the tests' small budget and the soak. It knows AVX2, not AVX-512: that is the memory
# sanitizer's (msan.sh). Nor does it know flush-to-zero, the sign of a zero that an AVX2 instruction gives (suite more), or
# like processes that fork amid threads: without those suites.
# packages: valgrind libc6-dbg
# minutes: 5
set -euo pipefail

build=build/check-valgrind
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMBCONV_NETWORKS=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_BENCH=OFF \
  -DMBCONV_TEST_ADAPTERS=
cmake --build "$build"
cases=0 findings=0

# try COMMAND...
try() {
  local log=$build/output.txt counted
  valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite "$@" > "$log" 2>&1 || findings=$((findings + 1))
  tail -n 40 "$log"
  counted=$(sed -nE 's/^set .*: ([0-9]+) cases,.*|^check: ([0-9]+) cases.*/\1\2/p' "$log" | paste -sd+)
  cases=$((cases + ${counted:-0}))
}

tests=$build/tests/mbconv_tests
mapfile -t suites < <("$tests" --list | sed -n 's/^suites: //p' | tr ' ' '\n' | grep -vxE 'silu|gelu|more|adapters|faults|signals')
try "$tests" --budget small "${suites[@]}"
try "$build/tests/mbconv_soak" --threads 2 --rounds 4 --turns 3
echo "check: $cases cases, $findings findings"
((findings == 0))
