#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run wheels: each wheel is what its name says, by our own reading and, with glibc, by auditwheel's. Then what can be run
# is: the one of this machine is installed and passes the package's tests; programs in C with the libraries of the others
# give the hashes of tests/drift, on ARM64 under qemu, with musl by Debian's package of it, on Windows by wine; on ARM64
# the package's tests, too. What macOS is to run is linked with a program, and never ran. It ends with a table of what was
# seen of each, whose rows release/README.md must have.
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
names=(manylinux-x86_64 manylinux-aarch64 musllinux-x86_64 musllinux-aarch64 macos-arm64 macos-x86_64 windows-x86_64)
declare -A seen_of
# seen TAG TEXT WHAT COMMAND...: a case. The text stands in the wheel's row only if it holds.
seen() {
  local before=$findings
  try "${@:3}"
  if ((findings == before)); then seen_of[$1]+="${seen_of[$1]:+; }$2"; fi
}
wheel() { find "$PWD/build/wheels" -name "mbconv-*-py3-none-$1.whl"; }
as_it_should_be() { grep -xE "mbconv-[0-9.]+-py3-none-$1.whl: as it should be" "$work/said"; }
unpacked() {
  as_it_should_be "$1"
  python3 -m zipfile -e "$(wheel "$1")" "$work/$1"
}
audited() {
  local name=${1/manylinux2014/manylinux_2_17}
  build/wheels-venv/bin/python -m auditwheel show "$(wheel "$1")" | tr '\n' ' ' | grep "tag: \"$name\""
}
for tag in "${tags[@]}"; do
  seen "$tag" "built and read" "$tag is as it should be, and can be unpacked" unpacked "$tag"
  # Not of musl, whose libc.so it knows by Alpine's name alone. (Musl's loader takes any libc.* for itself.)
  if [[ $tag == manylinux* ]]; then seen "$tag" auditwheel "auditwheel says $tag" audited "$tag"; fi
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
drift=(tests/drift/{drift,i8,lists}.c tests/{block_case,stages_case,test,thread}.c -pthread
  -Itests -Ibase -Ikernels -D_DEFAULT_SOURCE)

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
  local folder=$work/$1/_mbconv largest=$2 exe=
  if [[ $1 == win* ]]; then exe=.exe; fi
  shift 2
  cd "$folder"
  "$@" ./block$exe 2> "$work/stderr" | tr -d '\r' | grep -xF "$floats"
  "$@" ./consumer$exe 2> "$work/stderr" | grep -F "3 threads, the same floats"
  "$@" ./drift$exe "$hashes" --largest "$largest" 2> "$work/stderr" | tee "$work/hashes"
  grep -q "^set scalar: [1-9][0-9]* cases, 0 failed" "$work/hashes"
  ! grep -E ", [1-9][0-9]* failed" "$work/hashes"
}
# c_program TAG HOW SUFFIX LARGEST COMPILER... -- WORD...
c_program() {
  local tag=$1 how=$2 suffix=$3 largest=$4 compiler=()
  shift 4
  while [[ $1 != -- ]]; do compiler+=("$1"); shift; done
  shift
  if (($#)); then
    try "programs in C are linked with $tag" programs "$tag" "$suffix" "${compiler[@]}"
    seen "$tag" "programs in C $how: floats, threads, hashes of images to $largest x $largest" \
      "programs in C with $tag: floats, threads, hashes" run_programs "$tag" "$largest" "$@"
  else
    seen "$tag" "$how" "programs in C are linked with $tag" programs "$tag" "$suffix" "${compiler[@]}"
  fi
}
emulated=(qemu-aarch64 -cpu max)

# shellcheck disable=SC2016 # $ORIGIN is the linker's
own_folder='-Wl,-rpath,$ORIGIN'
c_program manylinux2014_x86_64 natively so 112 cc "$own_folder" -- env
c_program manylinux2014_aarch64 "under qemu" so 14 aarch64-linux-gnu-gcc "$own_folder" -- "${emulated[@]}"

# Its loader is the C library, too. ARM64's package is unpacked, not installed.
unpacked_musl() {
  mkdir -p "$work/musl"
  (cd "$work/musl" && apt-get download -q musl:arm64 && dpkg -x musl_*_arm64.deb .)
}
try "musl for ARM64 is unpacked" unpacked_musl
c_program musllinux_1_2_x86_64 "by Debian's musl" so 112 "${zig[@]}" cc -target x86_64-linux-musl -dynamic "$own_folder" -- \
  /lib/ld-musl-x86_64.so.1
c_program musllinux_1_2_aarch64 "by Debian's musl under qemu" so 14 "${zig[@]}" cc -target aarch64-linux-musl -dynamic "$own_folder" -- \
  "${emulated[@]}" "$work/musl/lib/ld-musl-aarch64.so.1"

export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
c_program win_amd64 "under wine" dll 112 x86_64-w64-mingw32-gcc -static -D__USE_MINGW_ANSI_STDIO=1 -- wine
never="programs in C are linked with it; **it has never run**"
c_program macosx_13_0_arm64 "$never" dylib 0 "${zig[@]}" cc -target aarch64-macos.13.0 --
c_program macosx_13_0_x86_64 "$never" dylib 0 "${zig[@]}" cc -target x86_64-macos.13.0 --

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
here=manylinux2014_x86_64
seen $here "installed in a fresh environment" "it is installed in a fresh environment" installed
seen $here "the package's tests of operators, stages, int8, threads and sizes" "the package's tests" \
  tests test_operators test_stages test_int8 test_threads test_sizes
seen $here "a network of PyTorch" "a network of PyTorch" tests test_torch_networks

source tests/wheels/python_arm64.sh
there=manylinux2014_aarch64
try "Debian's Python and NumPy for ARM64 are unpacked" arm64_unpacked "$work/arm64"
seen $there "imported by Debian's Python under qemu" "there the wheel's package is what is imported" \
  arm64_imported "$work/arm64" "$work/$there"
# Not the one test that forks: qemu 7.2 aborts where the child of a program with threads starts its own.
mapfile -t threads < <(sed -nE '/test_fork/d; s/^ +def (test_\w+)\(.*/test_threads.Pool.\1/p' python/tests/test_threads.py)
((${#threads[@]} > 5))
seen $there "the package's tests of operators, stages, int8 and (but for fork) threads" "its tests" \
  arm64_tests "$work/arm64" "$work/$there" test_operators test_stages test_int8 "${threads[@]}"

# ---- The table -----------------------------------------------------------------------------------------------------

# shellcheck disable=SC2016 # Markdown's
printf '%s\n' '| name | wheel | seen |' '|---|---|---|' > "$work/table"
for ((i = 0; i < ${#tags[@]}; i++)); do
  row="| \`${names[i]}\` | \`${tags[i]}\` | ${seen_of[${tags[i]}]:-nothing} |"
  echo "$row" >> "$work/table"
  try "release/README.md says so of ${tags[i]}" grep -xF "$row" release/README.md
done
echo
cat "$work/table"
echo
finish
