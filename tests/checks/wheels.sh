#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run wheels: the wheels for Linux are what their names say, by our own reading and by auditwheel's. That of this CPU for glibc
# is installed in a fresh environment and passes the tests of its operators; programs in C with the libraries of those for
# ARM64 and for musl print the floats of all others.
# packages: binutils python3-venv python3-numpy python3-torch libopenblas0-pthread gcc-aarch64-linux-gnu libc6-dev-arm64-cross
# packages: qemu-user musl musl-tools
# on request: zig, which builds them, is 100 MB from PyPI
# minutes: 12
set -euo pipefail

work=$PWD/build/check-wheels
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

./run wheels > "$work/said" 2>&1 || true
cat "$work/said"
for platform in manylinux2014 musllinux_1_2; do
  for machine in x86_64 aarch64; do
    wheel=$(find build/wheels -name "mbconv-*-py3-none-${platform}_$machine.whl")
    try "$platform, $machine: as it should be" grep -xF "${wheel##*/}: as it should be" "$work/said"
    mkdir -p "$work/$platform-$machine"
    try "$platform, $machine: can be unpacked" python3 -m zipfile -e "$wheel" "$work/$platform-$machine"
  done
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
# consumer PLATFORM COMPILER COMMAND...: a program with the wheel's library, run by the command.
consumer() {
  local folder=$work/$1
  ln -sf libmbconv.so "$folder/_mbconv/libmbconv.so.0.2"
  "$2" -o "$folder/block" examples/block.c -Iinclude "$folder/_mbconv/libmbconv.so" -lm -Wl,-rpath,"$folder/_mbconv"
  "${@:3}" "$folder/block" | tee /dev/stderr | grep -xF "$floats"
}
try "glibc, x86-64: a program in C" consumer manylinux2014-x86_64 gcc env
try "glibc, ARM64: a program in C under qemu" \
  consumer manylinux2014-aarch64 aarch64-linux-gnu-gcc qemu-aarch64 -L /usr/aarch64-linux-gnu
try "musl, x86-64: a program in C" consumer musllinux_1_2-x86_64 musl-gcc env

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
