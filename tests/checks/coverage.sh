#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which lines and branches of the library the native tests run: 97% of the lines at least. Names the
# lines that no test runs and the branches that none takes. The sweep over every float is cut to its small budget, which runs the same lines.
# packages: clang-19 llvm-19 libclang-rt-19-dev
# minutes: 1
set -euo pipefail

cmake --preset coverage
cmake --build --preset coverage --target mbconv_tests
LLVM_PROFILE_FILE=build/coverage/tests.profraw build/coverage/tests/mbconv_tests --budget small
llvm-profdata-19 merge -sparse build/coverage/tests.profraw -o build/coverage/tests.profdata
over=(-instr-profile=build/coverage/tests.profdata build/coverage/tests/mbconv_tests base kernels dispatch block operators)
llvm-cov-19 report "${over[@]}"
llvm-cov-19 export -format=lcov "${over[@]}" > build/coverage/lcov.info

awk -F '[:,]' -v root="$PWD/" '
  /^SF:/ { file = substr($2, length(root) + 1); files++ }
  /^DA:/ { lines++; if ($3 == 0) { missed++; print "never run: " file ":" $2 } }
  /^BRDA:/ { if ($5 == 0 || $5 == "-") print "never taken: a branch of " file ":" $2 }
  /^BRF:/ { branches += $2 }
  /^BRH:/ { taken += $2 }
  END {
    if (lines) share = 100 * (lines - missed) / lines
    printf "%d files: %d of %d lines (%.2f%%), %d of %d branches (%.2f%%)\n", files, lines - missed, lines, share,
      taken, branches, branches ? 100 * taken / branches : 0
    printf "check: %d cases, %d findings\n", lines, lines == 0 || share < 97
    exit lines == 0 || share < 97
  }' build/coverage/lcov.info
