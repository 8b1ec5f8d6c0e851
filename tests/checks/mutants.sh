#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Five of the seeded faults, chosen by the commit's hash, are caught by the tests; `./run mutants` tries all.
# packages: python3 git qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross libsleef-dev:arm64
# packages: libcpu-features-dev:arm64 bochs bochsbios vgabios cpio lz4 xz-utils libpthreadpool-dev
# packages: python3-torch python3-torchvision python3-pil libopenblas0-pthread
# minutes: 4
set -euo pipefail

log=build/check-mutants
mkdir -p "$log"
status=0
python3 -B tests/mutants/mutants.py --count 5 --seed "$(git rev-parse HEAD)" 2>&1 | tee "$log/log" || status=1
caught=$(sed -n 's/ caught of [0-9]*$//p' "$log/log")
cases=$(sed -n 's/^[0-9]* caught of //p' "$log/log")
echo "check: ${cases:-0} cases, $((${cases:-1} - ${caught:-0})) findings"
((status == 0))
