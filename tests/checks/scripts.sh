#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shell scripts, read by ShellCheck; what ./run does not know is refused before anything is built.
# packages: shellcheck git
# minutes: 1
set -euo pipefail

mapfile -t scripts < <(git ls-files -- run .ci/run '*.sh')
findings=0
for script in "${scripts[@]}"; do shellcheck -x "$script" || findings=$((findings + 1)); done

unknown=("nonsense" "test nonsense" "arm64 --help" "avx512 nonsense" "docs nonsense" "release --nonsense" "clean nonsense" "fuzz nonsense")
for arguments in "${unknown[@]}"; do
  # shellcheck disable=SC2086 # a list of words
  if ./run $arguments > /dev/null 2>&1 || (($? != 2)); then
    echo "./run $arguments: does not end with status 2"
    findings=$((findings + 1))
  fi
done
echo "check: $((${#scripts[@]} + ${#unknown[@]})) cases, $findings findings"
((findings == 0))
