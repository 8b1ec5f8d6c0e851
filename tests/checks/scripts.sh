#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shell scripts, read by ShellCheck.
# packages: shellcheck git
# minutes: 1
set -euo pipefail

mapfile -t scripts < <(git ls-files -- run .ci/run '*.sh')
findings=0
for script in "${scripts[@]}"; do shellcheck -x "$script" || findings=$((findings + 1)); done
echo "check: ${#scripts[@]} cases, $findings findings"
((findings == 0))
