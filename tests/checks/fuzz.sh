#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every fuzzer for as many inputs as tests/fuzz/run.sh says, from its committed corpus. In the night: ./run fuzz 3600
# packages: clang-19 libclang-rt-19-dev zlib1g-dev python3 python3-torch python3-torchvision python3-pil
# minutes: 7
set -euo pipefail

cmake --preset fuzz
cmake --build --preset fuzz
status=0
tests/fuzz/run.sh "${FUZZ_SECONDS:---executions}" | tee build/fuzz.txt || status=$?
sed -nE 's/^([0-9]+) executions, ([0-9]+) findings$/check: \1 cases, \2 findings/p' build/fuzz.txt
exit "$status"
