#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run wheels: the wheel is what its name says, by our own reading and by auditwheel's. It is installed in a fresh
# environment and passes the tests of its operators; a program in C with its library prints the floats of all others.
# packages: binutils python3-venv python3-numpy python3-torch python3-torchvision libopenblas0-pthread
# on request: zig, which builds it, is 100 MB from PyPI
# minutes: 6
set -euo pipefail

work=$PWD/build/check-wheels
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

./run wheels > "$work/said" 2>&1 || true
cat "$work/said"
wheel=$(find build/wheels -name "mbconv-*-py3-none-manylinux2014_x86_64.whl")
try "it is as it should be" grep -xF "${wheel##*/}: as it should be" "$work/said"
try "it can be unpacked" python3 -m zipfile -e "$wheel" "$work/unpacked"
audited() { build/wheels-venv/bin/python -m auditwheel show "$wheel" | tr '\n' ' ' | grep 'tag: "manylinux_2_17_x86_64"'; }
try "auditwheel says manylinux_2_17" audited

# That a library which is too new would be seen: the same file, held to an older glibc.
older() {
  sed 's/^NEWEST_GLIBC = .*/NEWEST_GLIBC = (2, 1)/' release/wheels.py > "$work/wheels.py"
  PYTHONPATH=$work python3 -B -c 'import pathlib, sys, wheels
found = list(wheels.problems("manylinux-x86_64", pathlib.Path(sys.argv[1])))
print(found)
sys.exit(1 if found else 0)' "$wheel"
}
refuse "symbols of a newer glibc are seen" "needs glibc 2." older

floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
consumer() {
  local folder=$work/unpacked/_mbconv
  ln -sf libmbconv.so "$folder/libmbconv.so.0.2"
  cc -o "$work/block" examples/block.c -Iinclude "$folder/libmbconv.so" -lm -Wl,-rpath,"$folder"
  "$work/block" | tee /dev/stderr | grep -xF "$floats"
}
try "a program in C with its library" consumer

# Debian's PyTorch and NumPy are found, our package comes from the wheel.
installed() {
  /usr/bin/python3 -m venv --system-site-packages "$work/venv"
  "$work/venv/bin/python" -m pip install --no-index --no-deps "$wheel"
  cd "$work"
  "$work/venv/bin/python" -B -c "import mbconv; print(mbconv.__file__); assert mbconv.__file__.startswith('$work/venv/')"
  [[ $("$work/venv/bin/python" -B -c 'import mbconv; print(*mbconv.usable_isas())') == *scalar* ]]
}
tests() { cd python/tests && OMP_WAIT_POLICY=passive "$work/venv/bin/python" -B -m unittest "$@"; }
try "it is installed in a fresh environment" installed
try "the tests of operators, stages, int8 and threads" tests test_operators test_stages test_int8 test_threads test_sizes
try "a network of PyTorch" tests test_torch_networks

finish
