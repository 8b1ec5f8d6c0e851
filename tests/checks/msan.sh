#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The memory sanitizer over the tests' small budget, the fuzzers' corpora and the soak: nothing that was never written, such
# as scratch, reaches an output or a branch.
# packages: clang-19 libclang-rt-19-dev
# minutes: 3
set -euo pipefail

export CCACHE_DISABLE=1 # which does not read what -fsanitize-ignorelist names

cmake --preset msan
cmake --build --preset msan
cases=0 findings=0

# try COMMAND...: a case is what it counts, or what it replays.
try() {
  local log=build/msan/output.txt counted
  "$@" > "$log" 2>&1 || findings=$((findings + 1))
  tail -n 40 "$log"
  counted=$(sed -nE 's/^set .*: ([0-9]+) cases,.*|^check: ([0-9]+) cases.*|^([0-9]+) inputs replayed$/\1\2\3/p' "$log" |
    paste -sd+)
  cases=$((cases + ${counted:-0}))
}

mapfile -t suites < <(build/msan/tests/mbconv_tests --list | sed -n 's/^suites: //p' | tr ' ' '\n' | grep -vxE 'silu|gelu|adapters')
try build/msan/tests/mbconv_tests --budget small "${suites[@]}"
# Int8's kernels with VNNI where mbconv_tests cannot run them.
if [[ $(uname -m) == x86_64 ]] && ! grep -qw avx512_vnni /proc/cpuinfo; then
  cmake --build --preset msan --target mbconv_twins_tests
  try build/msan/tests/twins/mbconv_twins_tests --budget small
fi
for corpus in tests/fuzz/corpus/*.txt; do try "build/msan/tests/fuzz/replay_$(basename "$corpus" .txt)" "$corpus"; done
try build/msan/tests/mbconv_soak --threads 2 --rounds 8 --turns 60
echo "check: $cases cases, $findings findings"
((findings == 0))
