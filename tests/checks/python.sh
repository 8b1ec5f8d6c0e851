#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Python package: pip installs it in a fresh virtual environment where Debian's PyTorch is found, and from its source
# distribution; its tests pass; its benchmark runs, in which every contender must give the same logits; images of many
# sizes take no more memory than with PyTorch alone.
# packages: python3-venv python3-numpy python3-torch python3-torchvision python3-pil python3-setuptools-whl python3-wheel-whl libopenblas0-pthread
# minutes: 5
set -euo pipefail

folder=$PWD/build/check-python
cases=0 findings=0
# pip needs no network: what builds the package comes from Debian, what it depends on is installed.
export PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/share/python-wheels PIP_DISABLE_PIP_VERSION_CHECK=1

# one WHAT COMMAND...: a case.
one() {
  local what=$1
  shift
  cases=$((cases + 1))
  echo "--- $what"
  "$@" || { findings=$((findings + 1)) && echo "FAILED: $what"; }
}

# environment NAME: a fresh one; `python` is its Python.
environment() {
  /usr/bin/python3 -m venv --system-site-packages "$folder/$1"
  python=$folder/$1/bin/python
}

# What is imported is what was installed.
is_installed() (
  cd "$folder"
  for place in $("$python" -c 'import mbconv; print(mbconv.__file__, mbconv._native.library._name)'); do
    [[ $place == "$VIRTUAL_ENV"/* ]] || { echo "imported from $place" && exit 1; }
  done
)

# tests: each of them is a case.
tests() {
  local log=$folder/tests.log count
  (cd python/tests && OMP_WAIT_POLICY=passive "$python" -B -m unittest) > "$log" 2>&1 || true
  cat "$log"
  count=$(sed -nE 's/^Ran ([0-9]+) tests?.*/\1/p' "$log")
  cases=$((cases + ${count:-0}))
  if ! tail -n 1 "$log" | grep -qx OK; then
    findings=$((findings + $(grep -cE '^(FAIL|ERROR):' "$log" || true) + 1))
  fi
}

source_distribution() {
  (cd python && "$python" -c "import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])" "$folder")
}

# Times are printed, not judged: other checks want the cores, too. For the same reason waiting threads sleep here.
benchmark() { OMP_WAIT_POLICY=passive "$python" -B python/bench/networks.py --seconds 2; }

# Against float64: the errors stay below what docs/numbers.md says.
accuracy() { OMP_WAIT_POLICY=passive "$python" -B python/bench/accuracy.py; }

# Memory is judged, times are not.
sizes() { OMP_WAIT_POLICY=passive "$python" -B python/bench/sizes.py --memory 2; }

rm -rf "$folder"
mkdir -p "$folder"
environment fresh
one "pip install ./python" "$python" -m pip install ./python
VIRTUAL_ENV=$folder/fresh one "what is installed" is_installed
tests
one "the benchmark" benchmark
one "the accuracy" accuracy
one "images of many sizes" sizes
environment from-source
one "what builds it" "$python" -m pip install --ignore-installed setuptools wheel
one "source distribution" source_distribution
one "pip install of it" "$python" -m pip install "$folder"/mbconv-*.tar.gz
VIRTUAL_ENV=$folder/from-source one "what is installed from it" is_installed
echo "check: $cases cases, $findings findings"
((findings == 0))
