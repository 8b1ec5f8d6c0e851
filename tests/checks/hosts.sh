#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# int8: the bytes of LiteRT and ONNX Runtime, from PyPI, against the formulas of mbconv_i8.h and against the library, which
# runs the same blocks on every set of this CPU. Arguments are passed on to tests/hosts/hosts.py.
# packages: python3-venv
# minutes: 4
set -euo pipefail

folder=$PWD/build/check-hosts
mkdir -p "$folder/site/_mbconv"
cmake -S python -B "$folder/build" -DCMAKE_BUILD_TYPE=Release
cmake --build "$folder/build" --parallel 2
cmake -S . -B "$folder/command" -DCMAKE_BUILD_TYPE=Release -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF
cmake --build "$folder/command" --parallel 2 --target mbconv_cli
cmake --install "$folder/build" --component python --prefix "$folder/site/_mbconv"
# These versions, whose kernels the table in docs/numbers.md speaks of; and tflite, which only reads files.
if [[ ! -e $folder/venv/with-tflite ]]; then
  /usr/bin/python3 -m venv --clear "$folder/venv"
  "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    ai-edge-litert==2.3.0 flatbuffers==25.12.19 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 tflite==2.18.0
  touch "$folder/venv/with-tflite"
fi
export PYTHONPATH=$PWD/python:$folder/site
cases=0 findings=0

# part COMMAND...: a program that ends with a line of cases and findings.
part() {
  local line
  "$folder/venv/bin/python" -B "$@" 2>&1 | tee "$folder/part.log" || true
  line=$(grep -E '^check: [0-9]+ cases, [0-9]+ findings$' "$folder/part.log" | tail -n 1 || true)
  if [[ -z $line ]]; then
    echo "FAILED: $*"
    line="check: 1 cases, 1 findings"
  fi
  read -r _ part_cases _ part_findings _ <<< "$line"
  cases=$((cases + part_cases)) findings=$((findings + part_findings))
}

part tests/hosts/exported.py "$folder/command/cli/mbconv"
part tests/hosts/hosts.py --command "$folder/command/cli/mbconv" "$@"
echo "check: $cases cases, $findings findings"
((findings == 0))
