#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh --executions: every fuzzer of the preset `fuzz` for as many inputs as are listed here, as many fuzzers beside each
# other as there are CPUs: what is tried does not depend on how fast the machine is. What they learn stays in
# build/fuzz-corpus, what they find in build/fuzz-findings. Prints how much each executed and in the last line the sum;
# fails if one found anything.
# run.sh SECONDS: the same, each for so long.
# run.sh --minimise: makes the committed corpora anew, from themselves and from what was learnt.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
mode=${1:---executions}
[[ $mode =~ ^([1-9][0-9]*|--executions|--minimise)$ ]] ||
  { echo "usage: ${0##*/} SECONDS|--executions|--minimise" >&2; exit 2; }

# The longest input of each, in bytes.
declare -A longest=([safetensors]=36864 [image]=16384 [block]=128 [stages]=160 [operators]=128 [sizes]=192 [plan]=64 [i8]=64)
# How many inputs each tries beside those it begins with: half a minute of CPU time on a Zen 4. `./run check all`: twice
# as many.
declare -A executions_of=([safetensors]=15000 [image]=10000 [block]=600 [stages]=600 [operators]=1250 [sizes]=6000 [plan]=5000 [i8]=2000)
times=${MBCONV_CHECK_ALL:+2}
committed=(block stages operators sizes plan i8)
seeds=build/fuzz-seeds
rm -rf "$seeds"
for name in "${committed[@]}"; do /usr/bin/python3 -B tests/fuzz/corpus.py expand "$name" "$seeds/$name"; done

if [[ $mode == --minimise ]]; then
  for name in "${committed[@]}"; do
    rm -rf build/fuzz-minimised
    mkdir -p build/fuzz-minimised "build/fuzz-corpus/$name"
    "build/fuzz/tests/fuzz/fuzz_$name" -set_cover_merge=1 -max_len="${longest[$name]}" build/fuzz-minimised \
      "$seeds/$name" "build/fuzz-corpus/$name" > "build/fuzz-$name.log" 2>&1
    /usr/bin/python3 -B tests/fuzz/corpus.py keep "$name" build/fuzz-minimised
  done
  exit
fi
/usr/bin/python3 -B tests/fuzz/seeds.py "$seeds"
mkdir -p build/fuzz-findings

# fuzz NAME
fuzz() {
  local corpus=build/fuzz-corpus/$1 words=() amount=-max_total_time=$mode
  mkdir -p "$corpus"
  if [[ $mode == --executions ]]; then
    amount=-runs=$((executions_of[$1] * ${times:-1} + $(find "$corpus" "$seeds/$1" -type f | wc -l)))
  fi
  if [[ -e tests/fuzz/$1.dict ]]; then words=(-dict="tests/fuzz/$1.dict"); fi
  "build/fuzz/tests/fuzz/fuzz_$1" "$amount" -max_len="${longest[$1]}" -timeout=300 -report_slow_units=300 \
    -rss_limit_mb=2048 "${words[@]}" -artifact_prefix="build/fuzz-findings/$1-" -print_final_stats=1 \
    "$corpus" "$seeds/$1" > "build/fuzz-$1.log" 2>&1
}

declare -A running
for name in "${!longest[@]}"; do
  while (($(jobs -pr | wc -l) >= $(getconf _NPROCESSORS_ONLN))); do wait -n || true; done
  fuzz "$name" &
  running[$name]=$!
done
findings=0 executions=0
for name in "${!running[@]}"; do
  if wait "${running[$name]}"; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz-$name.log")
    echo "$name: $runs executions, no finding"
    executions=$((executions + runs))
    ((runs > 0)) || findings=$((findings + 1))
  else
    findings=$((findings + 1))
    grep -aE '^==[0-9]+==|SUMMARY|Test unit written|^fuzz: |^FAIL ' "build/fuzz-$name.log" ||
      tail -n 20 "build/fuzz-$name.log"
    echo "$name: FOUND something; all of it in build/fuzz-$name.log"
  fi
done
echo "$executions executions, $findings findings"
exit $((findings > 0))
