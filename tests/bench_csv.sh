#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bench_csv.sh BUILD: the benchmark's report as CSV has a row of every case, whose columns are those of the first row, though
# kinds of cases count different things.
set -euo pipefail
build=$1
filter='^(silu/inline|pointwise/b14/project|depthwise3x3/b14|block/b14|pointwise-i8/b14/project|block-i8/b14)/scalar$'
cases=0 failed=0

report=$("$build/bench/mbconv_bench" --benchmark_filter="$filter" --benchmark_min_time=0.001 --benchmark_format=csv 2> /dev/null) || failed=1
for kind in silu pointwise depthwise3x3 block pointwise-i8 block-i8; do
  cases=$((cases + 1))
  if ! grep -q "^\"$kind/" <<< "$report"; then
    echo "FAIL no row of $kind"
    failed=$((failed + 1))
  fi
done
cases=$((cases + 1))
if (($(/usr/bin/python3 -c 'import csv, sys; print(len({len(row) for row in csv.reader(sys.stdin)}))' <<< "$report") != 1)); then
  echo "FAIL rows of different lengths"
  failed=$((failed + 1))
fi
echo "bench csv: $cases cases, $failed failed"
((failed == 0))
