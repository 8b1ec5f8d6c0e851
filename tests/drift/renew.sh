#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes hashes.txt anew and shows what has changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
cmake --preset default > /dev/null
cmake --build --preset default --parallel "$(getconf _NPROCESSORS_ONLN)" --target mbconv_drift > /dev/null
build/default/tests/mbconv_drift --print > build/hashes.txt
mv build/hashes.txt tests/drift/hashes.txt
git diff --stat -- tests/drift/hashes.txt
