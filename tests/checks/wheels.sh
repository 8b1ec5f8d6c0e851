#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run wheels: each wheel is what its name says, by our own reading and, with glibc, by auditwheel's. Then what can be run
# is: the one of this machine is installed and passes the package's tests; programs in C with the libraries of the others
# give the hashes of tests/drift, on ARM64 under qemu, with musl by Debian's package of it, on Windows by wine; on ARM64
# the package's tests, too. What macOS is to run is linked with a program, and never ran.
# packages: binutils gcc-aarch64-linux-gnu qemu-user libgomp1:arm64 musl gcc-mingw-w64-x86-64 wine wine64
# packages: python3-venv python3-numpy python3-torch python3-torchvision libopenblas0-pthread
# on request: zig, which builds them, is 100 MB from PyPI
# minutes: 25
set -euo pipefail

work=$PWD/build/check-wheels
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"
zig=("$PWD/build/wheels-venv/bin/python" -m ziglang)
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
hashes=$PWD/tests/drift/hashes.txt

rm -rf build/wheels
./run wheels > "$work/said" 2>&1 || true
cat "$work/said"

# ---- What they are -------------------------------------------------------------------------------------------------

# The tags are auditwheel's names for what the library needs.
tags=(manylinux2014_x86_64 manylinux2014_aarch64 musllinux_1_2_x86_64 musllinux_1_2_aarch64
  macosx_13_0_arm64 macosx_13_0_x86_64 win_amd64)
wheel() { find "$PWD/build/wheels" -name "mbconv-*-py3-none-$1.whl"; }
as_it_should_be() { grep -xE "mbconv-[0-9.]+-py3-none-$1.whl: as it should be" "$work/said"; }
unpacked() { python3 -m zipfile -e "$(wheel "$1")" "$work/$1"; }
audited() {
  local name=${1/manylinux2014/manylinux_2_17}
  build/wheels-venv/bin/python -m auditwheel show "$(wheel "$1")" | tr '\n' ' ' | grep "tag: \"$name\""
}
for tag in "${tags[@]}"; do
  try "$tag is as it should be" as_it_should_be "$tag"
  try "$tag can be unpacked" unpacked "$tag"
  # Not of musl, whose libc.so it knows by Alpine's name alone. (Musl's loader takes any libc.* for itself.)
  if [[ $tag == manylinux* ]]; then try "auditwheel says $tag" audited "$tag"; fi
done

# That what is wrong would be seen: the same files, held to other rules.
held_to() { # held_to PLATFORM TAG CHANGE: with a change to the rules, as sed has it
  mkdir -p "$work/rules"
  cp release/binaries.py release/zig.py "$work/rules"
  sed "$3" release/wheels.py > "$work/rules/wheels.py"
  PYTHONPATH=$work/rules python3 -B -c 'import pathlib, sys, wheels
found = list(wheels.problems(wheels.PLATFORMS[sys.argv[1]], pathlib.Path(sys.argv[2])))
print(found)
sys.exit(1 if found else 0)' "$1" "$(wheel "$2")"
}
refuse "symbols of a newer glibc are seen" "needs GLIBC_2." \
  held_to manylinux-aarch64 manylinux2014_aarch64 's/^NEWEST_GLIBC = .*/NEWEST_GLIBC = (2, 1)/'
refuse "another machine's library is seen" "is for x86_64" held_to windows-x86_64 win_amd64 's/"win_amd64", "x86_64"/"win_amd64", "arm64"/'
refuse "a library too many is seen" "needs libc.so" held_to musllinux-x86_64 musllinux_1_2_x86_64 's/r"libc\\.so"/"nothing"/'
refuse "a macOS that is too new is seen" "is for macOS (13, 0)" \
  held_to macos-x86_64 macosx_13_0_x86_64 's/if library.least_system != LEAST_MACOS/if library.least_system != (11, 0)/'
refuse "a function too many is seen" "needs the function posix_memalign" \
  held_to macos-arm64 macosx_13_0_arm64 's/posix_memalign //'

# ---- Programs in C with their libraries ----------------------------------------------------------------------------

floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
common=(-std=c11 -O2 -ffp-contract=off -Iinclude)
drift=(tests/drift/{drift,i8,lists}.c tests/{block_case,stages_case,test}.c -Itests -Ibase -Ikernels -D_DEFAULT_SOURCE)

# programs TAG SUFFIX COMPILER...: block, consumer and drift.
programs() {
  local folder=$work/$1/_mbconv suffix=$2 system=posix
  shift 2
  if [[ $suffix == dll ]]; then system=windows; else ln -sf "libmbconv.$suffix" "$folder/libmbconv.so.0.2"; fi
  local libraries=("$folder/libmbconv.$suffix" "$folder/libmbconv_threads.$suffix")
  "$@" "${common[@]}" -o "$folder/block" examples/block.c "${libraries[0]}" -lm
  "$@" "${common[@]}" -o "$folder/consumer" tests/wheels/consumer.c "${libraries[@]}" -lm
  "$@" "${common[@]}" "${drift[@]}" -o "$folder/drift" "tests/system_$system.c" "${libraries[0]}" -lm
}
# run_programs TAG LARGEST WORD...: by these words, in the folder of the libraries.
run_programs() {
  local folder=$work/$1/_mbconv largest=$2
  shift 2
  cd "$folder"
  "$@" ./block 2> "$work/stderr" | tr -d '\r' | grep -xF "$floats"
  "$@" ./consumer 2> "$work/stderr" | grep -F "3 threads, the same floats"
  "$@" ./drift "$hashes" --largest "$largest" 2> "$work/stderr" | tee "$work/hashes"
  grep -q "^set scalar: [1-9][0-9]* cases, 0 failed" "$work/hashes"
  ! grep -E ", [1-9][0-9]* failed" "$work/hashes"
}
# c_program TAG SUFFIX LARGEST COMPILER... -- WORD...
c_program() {
  local tag=$1 suffix=$2 largest=$3 compiler=()
  shift 3
  while [[ $1 != -- ]]; do compiler+=("$1"); shift; done
  shift
  try "programs in C are linked with $tag" programs "$tag" "$suffix" "${compiler[@]}"
  if (($#)); then try "programs in C with $tag: floats, threads, hashes" run_programs "$tag" "$largest" "$@"; fi
}
emulated=(qemu-aarch64 -cpu max)

# shellcheck disable=SC2016 # $ORIGIN is the linker's
own_folder='-Wl,-rpath,$ORIGIN'
c_program manylinux2014_x86_64 so 112 cc "$own_folder" -- env
c_program manylinux2014_aarch64 so 14 aarch64-linux-gnu-gcc "$own_folder" -- "${emulated[@]}"

# Its loader is the C library, too. ARM64's package is unpacked, not installed.
unpacked_musl() {
  mkdir -p "$work/musl"
  (cd "$work/musl" && apt-get download -q musl:arm64 && dpkg -x musl_*_arm64.deb .)
}
try "musl for ARM64 is unpacked" unpacked_musl
c_program musllinux_1_2_x86_64 so 112 "${zig[@]}" cc -target x86_64-linux-musl -dynamic "$own_folder" -- /lib/ld-musl-x86_64.so.1
c_program musllinux_1_2_aarch64 so 14 "${zig[@]}" cc -target aarch64-linux-musl -dynamic "$own_folder" -- \
  "${emulated[@]}" "$work/musl/lib/ld-musl-aarch64.so.1"

export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
c_program win_amd64 dll 112 x86_64-w64-mingw32-gcc -D__USE_MINGW_ANSI_STDIO=1 -- wine
c_program macosx_13_0_arm64 dylib 0 "${zig[@]}" cc -target aarch64-macos.13.0 --
c_program macosx_13_0_x86_64 dylib 0 "${zig[@]}" cc -target x86_64-macos.13.0 --

# ---- Python --------------------------------------------------------------------------------------------------------

# Debian's PyTorch and NumPy are found, our package comes from the wheel.
installed() {
  /usr/bin/python3 -m venv --system-site-packages "$work/venv"
  "$work/venv/bin/python" -m pip install --no-index --no-deps "$(wheel manylinux2014_x86_64)"
  cd "$work"
  "$work/venv/bin/python" -B -c "import mbconv; print(mbconv.__file__); assert mbconv.__file__.startswith('$work/venv/')"
  [[ $("$work/venv/bin/python" -B -c 'import mbconv; print(*mbconv.usable_isas())') == *scalar* ]]
}
tests() { cd python/tests && OMP_WAIT_POLICY=passive "$work/venv/bin/python" -B -m unittest "$@"; }
try "it is installed in a fresh environment" installed
try "the tests of operators, stages, int8 and threads" tests test_operators test_stages test_int8 test_threads test_sizes
try "a network of PyTorch" tests test_torch_networks

source tests/wheels/python_arm64.sh
try "Debian's Python and NumPy for ARM64 are unpacked" arm64_unpacked "$work/arm64"
try "there the wheel's package is what is imported" arm64_imported "$work/arm64" "$work/manylinux2014_aarch64"
try "its tests of operators, stages, int8 and threads" \
  arm64_tests "$work/arm64" "$work/manylinux2014_aarch64" test_operators test_stages test_int8 test_threads

finish
