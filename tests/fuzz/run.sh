#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh SECONDS: every fuzzer of the preset `fuzz`, beside each other, for so long. What they learn stays in
# build/fuzz-corpus, what they find in build/fuzz-findings. Prints how much each executed; fails if one found anything.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: ${0##*/} SECONDS" >&2; exit 2; }

declare -A longest=([safetensors]=32768 [image]=16384)
/usr/bin/python3 -B tests/fuzz/seeds.py build/fuzz-seeds
mkdir -p build/fuzz-findings

# fuzz NAME
fuzz() {
  local corpus=build/fuzz-corpus/$1
  mkdir -p "$corpus"
  "build/fuzz/tests/fuzz/fuzz_$1" -max_total_time="$seconds" -max_len="${longest[$1]}" -timeout=25 -rss_limit_mb=2048 \
    -dict="tests/fuzz/$1.dict" -artifact_prefix="build/fuzz-findings/$1-" -print_final_stats=1 \
    "$corpus" "build/fuzz-seeds/$1" > "build/fuzz-$1.log" 2>&1
}

declare -A running
for name in "${!longest[@]}"; do
  fuzz "$name" &
  running[$name]=$!
done
findings=0
for name in "${!running[@]}"; do
  if wait "${running[$name]}"; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz-$name.log")
    echo "$name: $runs executions in $seconds s, no finding"
    ((runs > 0)) || findings=$((findings + 1))
  else
    findings=$((findings + 1))
    grep -aE '^==[0-9]+==|SUMMARY|Test unit written|^fuzz: ' "build/fuzz-$name.log" || tail -n 20 "build/fuzz-$name.log"
    echo "$name: FOUND something; all of it in build/fuzz-$name.log"
  fi
done
exit $((findings > 0))
