#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# int8: the bytes of LiteRT and ONNX Runtime, from PyPI, against the formulas of mbconv_i8.h and against the library, which
# runs the same blocks on every set of this CPU. Arguments are passed on to tests/hosts/hosts.py.
# packages: python3-venv
# minutes: 4
set -euo pipefail

work=$PWD/build/check-hosts
mkdir -p "$work/site/_mbconv"
cmake -S python -B "$work/build" -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/build" --parallel 2
cmake -S . -B "$work/command" -DCMAKE_BUILD_TYPE=Release -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF
cmake --build "$work/command" --parallel 2 --target mbconv_cli
cmake --install "$work/build" --component python --prefix "$work/site/_mbconv"
# These versions, whose kernels the table in docs/numbers.md speaks of; and tflite, which only reads files.
if [[ ! -e $work/venv/with-tflite ]]; then
  /usr/bin/python3 -m venv --clear "$work/venv"
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    ai-edge-litert==2.3.0 flatbuffers==25.12.19 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 tflite==2.18.0
  touch "$work/venv/with-tflite"
fi
export PYTHONPATH=$PWD/python:$work/site
source tests/cases.sh

part "$work/venv/bin/python" -B tests/hosts/exported.py "$work/command/cli/mbconv"
part "$work/venv/bin/python" -B tests/hosts/hosts.py --command "$work/command/cli/mbconv" "$@"
finish
