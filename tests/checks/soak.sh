#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Four threads create, run and destroy blocks of random shapes, shared and private ones: the same floats, no error, memory
# flat. Ten times as long: SOAK_ROUNDS=200 ./run check soak
# minutes: 2
set -euo pipefail

build=build/check-soak
cmake -S . -B "$build" -DMBCONV_NETWORKS=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_BENCH=OFF
cmake --build "$build" --target mbconv_soak
"$build/tests/mbconv_soak" --threads 4 --rounds "${SOAK_ROUNDS:-20}" --turns 90 --seed "$RANDOM"
