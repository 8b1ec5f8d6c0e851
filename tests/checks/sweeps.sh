#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GELU on every float, on every set: equal floats, and the errors that mbconv.h promises. Int8's roundings of every sum, on
# every row: the oracle's bytes.
# on request: minutes for functions that seldom change
# minutes: 40
set -euo pipefail

build=build/check-sweeps
work=$build
mkdir -p "$build"
source tests/cases.sh
cmake -S . -B "$build" -DMBCONV_NETWORKS=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_BENCH=OFF
cmake --build "$build" --parallel 2 --target mbconv_tests
judge "GELU differs between sets, or from what is promised" "$build/tests/mbconv_tests" gelu
judge "a sum becomes another byte than the oracle's" "$build/tests/mbconv_tests" i8-sums
finish
