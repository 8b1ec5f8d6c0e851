#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes limits.txt anew, the most of gcc's and clang's code, and shows what has changed. It takes a CPU with AVX-512.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
for preset in default clang; do
  cmake --preset "$preset" > /dev/null
  cmake --build --preset "$preset" --parallel "$(getconf _NPROCESSORS_ONLN)" --target mbconv_instructions > /dev/null
  "build/$preset/tests/mbconv_instructions" --print > "build/instructions-$preset.txt"
done
awk -F ': ' '
  NR == FNR {first[$1] = $2; next}
  {print $1 ": " ($2 > first[$1] ? $2 : first[$1])}' build/instructions-{default,clang}.txt > tests/instructions/limits.txt
git diff --stat -- tests/instructions/limits.txt
