#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run results: this CPU's page is written, in a tenth of a second a block; docs/figures.py makes the README's figures of
# it, and a range where there are two. No figure is judged.
# packages: g++ python3-numpy libdnnl-dev libxnnpack-dev libpthreadpool-dev
# on request: it builds the driver of the peers
# minutes: 3
set -euo pipefail

work=$PWD/build/check-results
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

driver() {
  cmake -S bench/compare -B "$work/driver"
  cmake --build "$work/driver" --parallel 2
}
try "the driver is built" driver

results() {
  /usr/bin/python3 -B bench/compare/results.py --driver "$work/driver/libmbconv_compare.so" --output "$work/pages" \
    --contenders onednn --seconds 0.1 --allow-missing "$@"
}
page() {
  results --name "A CPU" --blocks b7,e2 --variants relu6,silu,silu-se
  cat "$work/pages/a-cpu.md"
  grep -x "# A CPU" "$work/pages/a-cpu.md"
  for kind in ReLU6 SiLU "SiLU with squeeze-excite"; do
    grep -E "^\| (avx2|avx512|neon), $kind \| 1 \| [0-9.]+ \| [0-9.]+ \((b7|e2)\) \| [0-9.]+ \|$" "$work/pages/a-cpu.md"
  done
}
try "a page is written, with a summary of each kind of block" page
refuse "what it chooses itself cannot be chosen" "--threads is what this command chooses itself" results --threads 2
refuse "a comparison that fails writes nothing" "nothing is written" results --name other --blocks b7 --contenders nothing
nothing_written() { [[ ! -e $work/pages/other.md ]]; }
try "it did not" nothing_written

# The README's sentence, made from two pages of all blocks: the second CPU is twice as far ahead.
ranges() {
  git ls-files -z -- '*.md' 'docs/*.py' CMakeLists.txt include | xargs -0 cp --parents -t "$work/tree"
  rm -rf "$work/tree/bench/results"
  mkdir "$work/tree/bench/results"
  sed -E 's/^\| [a-z0-9]+, (.*) \| 1 \| [0-9.]+ /| avx2, \1 | 12 | 1.101 /; s/(SiLU) \| 12/\1 | 13/' \
    "$work/pages/a-cpu.md" > "$work/tree/bench/results/a-cpu.md"
  sed 's/1\.101/2.202/; s/# A CPU/# CPU B/' "$work/tree/bench/results/a-cpu.md" > "$work/tree/bench/results/b.md"
  python3 -B docs/figures.py --check "$work/tree" && return 1
  python3 -B docs/figures.py "$work/tree"
  python3 -B docs/figures.py --check "$work/tree"
  tr '\n' ' ' < "$work/tree/README.md" | grep -F "run 1.10 to 2.20 times as fast as the fastest of seven other libraries with ReLU6, 1.10 to 2.20"
  tr '\n' ' ' < "$work/tree/README.md" | grep -F "one thread of a A CPU and a CPU B)"
}
incomplete() {
  sed -i 's/ | 13 | / | 3 | /' "$work/tree/bench/results/b.md"
  python3 -B docs/figures.py --check "$work/tree"
}
mkdir -p "$work/tree"
try "the README's range is made of the pages" ranges
refuse "a page without some of the blocks is refused" "has 3 of 13 blocks" incomplete

finish
