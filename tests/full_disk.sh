#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# full_disk.sh BUILD: programs whose output does not fit on the disk say so, and their status is not 0. The command mbconv
# has networks/command_output.sh.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."
build=$1
cases=0 failed=0

# lost PATTERN PROGRAM...: standard output is a full disk.
lost() {
  local pattern=$1 said status=0
  shift
  cases=$((cases + 1))
  said=$("$@" 2>&1 > /dev/full < /dev/null) || status=$?
  if ((status == 0)) || ! grep -qiE "$pattern" <<< "$said"; then
    echo "FAIL $*: status $status: $said"
    failed=$((failed + 1))
  fi
}

lost 'standard output' "$build/examples/mbconv_demo"
lost 'standard output' "$build/bench/mbconv_bench" --benchmark_list_tests
lost 'standard output' "$build/bench/mbconv_bench" --benchmark_filter=silu/inline/scalar --benchmark_min_time=0.01
lost 'standard output' "$build/bench/mbconv_count_blocks" b14
lost 'standard output' "$build/bench/mbconv_plan_search" --blocks b14 --seconds 0.01
lost 'cannot write all of /dev/full' "$build/bench/mbconv_plan_search" --blocks b14 --seconds 0.01 --csv /dev/full
lost 'standard output' "$build/tests/mbconv_drift" --print
lost 'no space left' /usr/bin/python3 -B networks/export.py --random mobilenet_v2_0.1 /dev/full
echo "full disk: $cases cases, $failed failed"
((failed == 0))
