#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library where it has the scalar set alone, and with musl: all suites with the small budget, all hashes of tests/drift,
# and the symbols of the shared library, natively or by qemu. Where Debian has their libraries, the networks' suites, and the
# bytes that the command writes, too. It ends with a table, whose rows docs/support.md must have.
# MBCONV_PLATFORMS="i386 s390x" in the environment: these rows alone (musl, i386, armhf, riscv64, s390x).
# packages: ninja-build qemu-user binutils musl-tools gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
# packages: gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-i686-linux-gnu libc6-dev-i386-cross
# packages: gcc-s390x-linux-gnu libc6-dev-s390x-cross
# on request: it builds everything five times, and emulates whole suites
# minutes: 25
set -euo pipefail

work=$PWD/build/check-platforms
source tests/cases.sh
source tests/unpacked.sh
rm -rf "$work"
mkdir -p "$work"
hashes=$PWD/tests/drift/hashes.txt
core=(-DMBCONV_SLEEF=OFF -DMBCONV_CPU_FEATURES=OFF -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF
  -DMBCONV_EXAMPLES=OFF -DMBCONV_TEST_ADAPTERS=)

# ---- What is tried of each -----------------------------------------------------------------------------------------

built() { # built NAME ARGUMENT...: without a warning of the library's own files
  cmake -G Ninja -S . -B "$work/$1" "${core[@]}" "${@:2}"
  local targets=(mbconv mbconv_shared mbconv_tests mbconv_drift)
  if [[ $* == *-DMBCONV_CLI=ON* ]]; then targets+=(mbconv_networks_tests mbconv_cli); fi
  cmake --build "$work/$1" --parallel 2 --target "${targets[@]}" | tee "$work/$1.log"
  { grep -E "^$PWD/(base|kernels|dispatch|block|operators|networks|cli|include)/.*warning:" "$work/$1.log" || true; } | nothing
}

# all_sets SETS: what the last program said of each of the sets, joined by +, and of no other that it failed.
all_sets() {
  local isa
  { grep -E '^set .*(, [1-9][0-9]* failed|, [1-9][0-9]* skipped)' "$work/said" || true; } | nothing
  for isa in ${1//+/ }; do grep -E "^set $isa: [1-9][0-9]* cases, 0 failed, 0 skipped" "$work/said"; done
}
suites() { # suites NAME PROGRAM SETS WORD...: all that there are, run by these words
  local program=$work/$1/tests/$2
  "${@:4}" "$program" --list 2> "$work/stderr" | sed -n 's/^suites: //p' | wc -w > "$work/$1.suites"
  "${@:4}" "$program" --budget small | tee "$work/said"
  all_sets "$3"
  (($(grep -cE '^[a-z0-9-]+/scalar: [1-9][0-9]* cases, 0 failed' "$work/said") == $(< "$work/$1.suites")))
}
same_hashes() { # same_hashes NAME SETS WORD...
  "${@:3}" "$work/$1/tests/mbconv_drift" "$hashes" | tee "$work/said"
  all_sets "$2+i8-scalar"
}

# The logits of a network of random weights, written by the command, are this machine's.
logits() { # logits FILE WORD...
  "${@:2}" run mobilenet_v3_small --isa scalar --size 64 --raw-input "$work/x" --raw-output "$work/$1"
}
on_this_machine() {
  cmake -G Ninja -S . -B "$work/native" "${core[@]}" -DMBCONV_NETWORKS=ON -DMBCONV_CLI=ON -DMBCONV_TESTS=OFF
  cmake --build "$work/native" --parallel 2 --target mbconv_cli mbconv_shared
  # Of each two letters a float of 0.69 to 0.9: 3f, and the letters as its next bytes.
  tr -dc 0-9a-f < tests/plans/plans.txt > "$work/letters"
  head -c $((2 * 3 * 64 * 64)) "$work/letters" | LC_ALL=C sed 's/../\x00&?/g' > "$work/x"
  (($(wc -c < "$work/x") == 4 * 3 * 64 * 64))
  logits expected "$work/native/cli/mbconv"
}
same_logits() { # same_logits NAME WORD...
  logits "$1.logits" "${@:2}" "$work/$1/cli/mbconv"
  (($(wc -c < "$work/expected") == 4000)) && cmp "$work/expected" "$work/$1.logits"
}

# names shown|missing FILE: what it has for others, what others must have for it. (nm knows this machine's files alone.)
names() {
  readelf -W --dyn-syms "$2" | awk -v which="$1" '
    $1 ~ /^[0-9]+:$/ && NF >= 8 && $5 != "LOCAL" && which == ($7 != "UND" ? "shown" : $5 == "WEAK" ? "weak" : "missing") {
      sub(/@.*/, "", $8)
      print $8
    }'
}

# What the shared library shows is what it shows on this machine; what it does not have, the C library has, and nobody else.
symbols() { # symbols NAME FOLDER: FOLDER has the C library
  local library=$work/$1/libmbconv.so file
  names shown "$library" | sort > "$work/$1.shown"
  names shown "$work/native/libmbconv.so" | sort | diff - "$work/$1.shown"
  for file in "$2"/{libc,libm,libgcc_s,ld}*.so*; do
    if [[ $(head -c 4 "$file" | tail -c 3) == ELF ]]; then names shown "$file"; fi # others are the linker's scripts
  done | sort -u > "$work/$1.there"
  (($(wc -l < "$work/$1.there") > 1000))
  names missing "$library" | sort -u | comm -23 - "$work/$1.there" | nothing
}

# ---- The platforms -------------------------------------------------------------------------------------------------

# on TITLE NAME SETS HOW FOLDER OPTION... -- WORD...: a row of the table. A cell is what it should be only if nothing failed.
on() {
  local title=$1 name=$2 sets=$3 how=$4 folder=$5 options=() cells=() before row
  shift 5
  while [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  if [[ " ${MBCONV_PLATFORMS:-$name} " != *" $name "* ]]; then return 0; fi
  cell() { # cell WHAT GOOD COMMAND...
    before=$findings
    try "$name: $1" "${@:3}"
    if ((findings == before)); then cells+=("$2"); else cells+=("no"); fi
  }
  cell "it is built" "the core" built "$name" "${options[@]}"
  cell "the suites" "every suite" suites "$name" mbconv_tests "$sets" "$@"
  if [[ ${options[*]} == *-DMBCONV_CLI=ON* ]]; then
    cell "the networks' suites" "" suites "$name" networks/mbconv_networks_tests "$sets" "$@"
    cell "the command's logits" "" same_logits "$name" "$@"
    if [[ ${cells[0]} != no ]]; then cells[0]+=", networks, the command"; fi
    cells[1]+=", the networks' too${cells[2]:+: no}; the command writes this machine's logits${cells[3]:+: no}"
    cells=("${cells[@]:0:2}")
  fi
  cell "the hashes" equal same_hashes "$name" "$sets" "$@"
  cell "its symbols" 0 symbols "$name" "$folder"
  row="| $title | ${cells[0]} | ${cells[1]} | $how | ${cells[2]} | ${cells[3]} |"
  echo "$row" >> "$work/table"
  try "$name: docs/support.md says so" grep -xF "$row" docs/support.md
}

# shellcheck disable=SC2016 # Markdown's
printf '%s\n' '| platform | builds | suites | how | hashes of `tests/drift` | unknown symbols |' '|---|---|---|---|---|---|' > "$work/table"
libraries=(libjansson-dev libjansson4 libpng-dev libpng16-16 libjpeg62-turbo-dev libjpeg62-turbo zlib1g-dev zlib1g)
with_networks() { # with_networks ARCHITECTURE TRIPLE: CMake's options
  local kind
  printf '%s\n' -DMBCONV_NETWORKS=ON -DMBCONV_CLI=ON "-DCMAKE_FIND_ROOT_PATH=$work/debian-$1" \
    "-DCMAKE_C_STANDARD_INCLUDE_DIRECTORIES=$work/debian-$1/usr/include/$2" \
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,$work/debian-$1/lib/$2"
  for kind in LIBRARY INCLUDE PACKAGE; do echo "-DCMAKE_FIND_ROOT_PATH_MODE_$kind=ONLY"; done
}
for architecture in i386 armhf; do
  try "Debian's libraries for $architecture" unpacked "$work/debian-$architecture" $architecture "${libraries[@]}"
done
try "the command, on this machine" on_this_machine
linux=(-DCMAKE_SYSTEM_NAME=Linux) # the compiler is asked for the rest
sets=scalar
if [[ $(uname -m) == x86_64 ]]; then
  grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && sets+=+avx2
  grep -qw avx512f /proc/cpuinfo && grep -qw avx512dq /proc/cpuinfo && grep -qw avx512vl /proc/cpuinfo && sets+=+avx512
  on "Linux x86-64, musl" musl "$sets" natively /usr/lib/x86_64-linux-musl -DCMAKE_C_COMPILER=musl-gcc \
    -DCMAKE_EXE_LINKER_FLAGS=-static -- env
  # Not by qemu-i386, in which guard pages take minutes.
  lib=/usr/i686-linux-gnu/lib
  mapfile -t options < <(with_networks i386 i386-linux-gnu)
  debian=$work/debian-i386
  on "x86 of 32 bits with SSE2" i386 scalar natively $lib "${linux[@]}" "${options[@]}" -DCMAKE_C_COMPILER=i686-linux-gnu-gcc \
    "-DCMAKE_C_FLAGS=-msse2 -mfpmath=sse" -- $lib/ld-linux.so.2 --library-path "$lib:$debian/usr/lib/i386-linux-gnu:$debian/lib/i386-linux-gnu"
fi
mapfile -t options < <(with_networks armhf arm-linux-gnueabihf)
debian=$work/debian-armhf
on "ARM of 32 bits (armhf)" armhf scalar qemu /usr/arm-linux-gnueabihf/lib "${linux[@]}" "${options[@]}" \
  -DCMAKE_C_COMPILER=arm-linux-gnueabihf-gcc -- qemu-arm -L /usr/arm-linux-gnueabihf \
  -E "LD_LIBRARY_PATH=$debian/usr/lib/arm-linux-gnueabihf:$debian/lib/arm-linux-gnueabihf"
on "RISC-V of 64 bits" riscv64 scalar qemu /usr/riscv64-linux-gnu/lib "${linux[@]}" \
  -DCMAKE_C_COMPILER=riscv64-linux-gnu-gcc -- qemu-riscv64 -L /usr/riscv64-linux-gnu
big=("${linux[@]}" -DCMAKE_C_COMPILER=s390x-linux-gnu-gcc)
on "s390x, big-endian" s390x scalar qemu /usr/s390x-linux-gnu/lib "${big[@]}" -- qemu-s390x -L /usr/s390x-linux-gnu
refuse "s390x: the networks are refused" "on a big-endian processor only the core can be built" \
  cmake -G Ninja -S . -B "$work/big" "${big[@]}" -DMBCONV_NETWORKS=ON

echo
cat "$work/table"
echo
finish
