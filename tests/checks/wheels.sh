#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run wheels: the wheels are what their names say, by our own reading and by auditwheel's. That for x86-64 is installed in a
# fresh environment and passes the tests of its operators; programs in C with their libraries print the floats of all others.
# packages: binutils python3-venv python3-numpy python3-torch libopenblas0-pthread gcc-aarch64-linux-gnu libc6-dev-arm64-cross
# packages: qemu-user
# on request: zig, which builds them, is 100 MB from PyPI
# minutes: 12
set -euo pipefail

work=$PWD/build/check-wheels
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

./run wheels > "$work/said" 2>&1 || true
cat "$work/said"
for machine in x86_64 aarch64; do
  wheel=$(find build/wheels -name "mbconv-*-py3-none-manylinux2014_$machine.whl")
  try "$machine: as it should be" grep -xF "${wheel##*/}: as it should be" "$work/said"
  mkdir -p "$work/$machine"
  try "$machine: can be unpacked" python3 -m zipfile -e "$wheel" "$work/$machine"
done
audited() { build/wheels-venv/bin/python -m auditwheel show build/wheels/mbconv-*-manylinux2014_"$1".whl | tr '\n' ' ' | grep "manylinux_2_17_$1"; }
for machine in x86_64 aarch64; do try "auditwheel says manylinux_2_17, $machine" audited "$machine"; done

# That a library which is too new would be seen: the same file, held to an older glibc.
older() {
  sed 's/^NEWEST_GLIBC = .*/NEWEST_GLIBC = (2, 1)/' release/wheels.py > "$work/wheels.py"
  PYTHONPATH=$work python3 -B -c 'import pathlib, sys, wheels
found = list(wheels.problems("manylinux-x86_64", pathlib.Path(sys.argv[1])))
print(found)
sys.exit(1 if found else 0)' build/wheels/mbconv-*-manylinux2014_x86_64.whl
}
refuse "symbols of a newer glibc are seen" "needs glibc 2." older

floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
# consumer MACHINE COMPILER COMMAND...: a program with the wheel's library, run by the command.
consumer() {
  local folder=$work/$1
  ln -sf libmbconv.so "$folder/_mbconv/libmbconv.so.0.2"
  "$2" -o "$folder/block" examples/block.c -Iinclude "$folder/_mbconv/libmbconv.so" -lm -Wl,-rpath,"$folder/_mbconv"
  "${@:3}" "$folder/block" | tee /dev/stderr | grep -xF "$floats"
}
try "x86-64: a program in C" consumer x86_64 gcc env
try "ARM64: a program in C under qemu" consumer aarch64 aarch64-linux-gnu-gcc qemu-aarch64 -L /usr/aarch64-linux-gnu

# Debian's PyTorch and NumPy are found, our package comes from the wheel.
installed() {
  /usr/bin/python3 -m venv --system-site-packages "$work/venv"
  "$work/venv/bin/python" -m pip install --no-index --no-deps build/wheels/mbconv-*-manylinux2014_x86_64.whl
  cd "$work"
  "$work/venv/bin/python" -B -c "import mbconv; print(mbconv.__file__); assert mbconv.__file__.startswith('$work/venv/')"
  [[ $("$work/venv/bin/python" -B -c 'import mbconv; print(*mbconv.usable_isas())') == *scalar* ]]
}
tests() { cd python/tests && OMP_WAIT_POLICY=passive "$work/venv/bin/python" -B -m unittest "$@"; }
try "it is installed in a fresh environment" installed
try "the tests of operators, stages, int8 and threads" tests test_operators test_stages test_int8 test_threads test_sizes
try "a network of PyTorch" tests test_torch_networks

finish
