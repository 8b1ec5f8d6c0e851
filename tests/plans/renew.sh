#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes plans.txt anew and shows what has changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
cmake --preset default > /dev/null
cmake --build --preset default --parallel "$(getconf _NPROCESSORS_ONLN)" --target mbconv_plans > /dev/null
build/default/tests/mbconv_plans > build/plans.txt
mv build/plans.txt tests/plans/plans.txt
git diff --stat -- tests/plans/plans.txt
