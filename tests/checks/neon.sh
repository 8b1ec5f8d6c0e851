#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The fuzzers' committed corpora on ARM64, under qemu: what libFuzzer, which runs here, learnt on the sets of this CPU
# holds for NEON.
# packages: gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user
# packages: libsleef-dev:arm64 libcpu-features-dev:arm64
# minutes: 2
set -euo pipefail

build=build/check-neon cases=0 findings=0
cmake --preset arm64-linux -B "$build" -DMBCONV_NETWORKS=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_BENCH=OFF -DMBCONV_TESTS=OFF \
  -DMBCONV_FUZZ_REPLAY=ON
cmake --build "$build"
for corpus in tests/fuzz/corpus/*.txt; do
  name=$(basename "$corpus" .txt)
  qemu-aarch64 "$build/tests/fuzz/replay_$name" "$corpus" || findings=$((findings + 1))
  cases=$((cases + $(wc -l < "$corpus")))
done
echo "check: $cases cases, $findings findings"
((findings == 0))
