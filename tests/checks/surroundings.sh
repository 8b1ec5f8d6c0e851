#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library where its builders did not have it: small stacks, other locales, a parent project's flags, CPUs without
# cpu_features, each pair of CMake's options. Each file of tests/surroundings is one of these, and a check of its own kind.
# packages: locales ninja-build python3 python3-torch python3-torchvision python3-pil
# packages: g++ clang make pkg-config binutils qemu-user gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
# packages: gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-i686-linux-gnu libc6-dev-i386-cross
# packages: gcc musl-tools libclang-rt-14-dev lld llvm-14-linker-tools
# minutes: 12
set -euo pipefail

cases=0 findings=0
for script in tests/surroundings/*.sh; do
  name=$(basename "$script" .sh)
  echo "== $name"
  log=build/check-surroundings/$name.log
  mkdir -p "${log%/*}"
  start=$SECONDS status=0
  "$script" > "$log" 2>&1 < /dev/null || status=$?
  cat "$log"
  echo "== $name: $((SECONDS - start)) s"
  line=$(grep -E '^check: [0-9]+ cases, [0-9]+ findings$' "$log" | tail -n 1 || true)
  read -r some found <<< "$(sed -E 's/^check: ([0-9]+) cases, ([0-9]+) findings$/\1 \2/' <<< "${line:-check: 0 cases, 1 findings}")"
  if ((some == 0 || (status != 0 && found == 0))); then found=$((found + 1)); fi
  cases=$((cases + some)) findings=$((findings + found))
done
echo "check: $cases cases, $findings findings"
((cases > 0 && findings == 0))
