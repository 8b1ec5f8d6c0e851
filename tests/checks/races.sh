#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The thread sanitizer over eight threads that create, run and destroy blocks, shared and private ones.
# packages: util-linux
# minutes: 2
set -euo pipefail

cmake --preset tsan
cmake --build --preset tsan --target mbconv_soak
# GCC's thread sanitizer does not start where addresses are randomised by more bits than it knows of.
fixed=()
if setarch -R true; then fixed=(setarch -R); fi
"${fixed[@]}" build/tsan/tests/mbconv_soak --threads 8 --rounds 15 --turns 5
