#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CMake's options with each other, for the core alone: so many builds that each pair of values occurs. Each is configured,
# built, installed, and used by find_package and by pkg-config. Then what must be refused, a project with targets of its
# own, and the plainest build of all, whole.
set -euo pipefail

work=$PWD/build/check-surroundings/options
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"
core=(-DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_INSTALL=ON)
floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
stand_in=$PWD/tests/surroundings/cpu_features

# place: the project itself, or a part of another. cpu: where cpu_features comes from; `shared` means installed as a shared
# library only, `off` that it is not to be used. The rest are the options, the compiler, the types of images, the
# generator and the build type. int8 takes half of the time of a build: few have it, and those that cost least.
builds='
place shared both self sleef cpu    compiler types  generator          type
sub   OFF    OFF  OFF  ON    found  cc       f32;i8 Unix_Makefiles     MinSizeRel
top   ON     ON   ON   OFF   shared clang    f32;i8 Ninja_Multi-Config Release
sub   OFF    ON   ON   OFF   source cc       f32    Ninja              Debug
top   ON     OFF  OFF  ON    off    clang    f32;i8 Ninja              Debug
top   OFF    ON   ON   OFF   off    clang    f32    Unix_Makefiles     MinSizeRel
sub   OFF    OFF  OFF  ON    shared cc       f32    Ninja_Multi-Config Release
top   ON     OFF  OFF  OFF   source cc       f32;i8 Unix_Makefiles     Release
sub   ON     ON   OFF  ON    source clang    f32    Ninja_Multi-Config MinSizeRel
top   ON     OFF  ON   OFF   found  clang    f32    Ninja_Multi-Config Debug
sub   OFF    OFF  ON   OFF   off    cc       f32    Ninja_Multi-Config Release
sub   ON     ON   OFF  ON    found  cc       f32    Ninja              Release
top   ON     ON   OFF  OFF   shared clang    f32    Unix_Makefiles     Debug
sub   OFF    OFF  OFF  ON    shared clang    f32    Ninja              MinSizeRel
'
# Pairs that are refused (see below).
refused='self=ON sleef=ON'

# pairs: fails, and names them, if a pair of values is neither in the table nor refused.
pairs() {
  awk -v refused="$refused" '
    !NF {next}
    !columns {columns = NF; for (c = 1; c <= NF; c++) name[c] = $c; next}
    {
      for (c = 1; c <= columns; c++) {
        if (!((c, $c) in known)) {known[c, $c]; value[c, ++values[c]] = $c}
        for (d = c + 1; d <= columns; d++) seen[c, $c, d, $d]
      }
    }
    END {
      for (c = 1; c <= columns; c++) for (d = c + 1; d <= columns; d++)
        for (i = 1; i <= values[c]; i++) for (j = 1; j <= values[d]; j++) {
          pair = name[c] "=" value[c, i] " " name[d] "=" value[d, j]
          count++
          if (!((c, value[c, i], d, value[d, j]) in seen) && index(refused, pair) == 0) print "missing: " pair
        }
      if (count < 200) print "only " count " pairs"
    }' <<< "$builds" | nothing
}
try "each pair of values occurs, or is refused" pairs

# ---- cpu_features as a shared library --------------------------------------------------------------------------------

shared_only() {
  cmake -G Ninja -S "$stand_in" -B "$work/cpu_features" -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_PREFIX="$work/prefix-cpu_features" \
    -DCMAKE_INSTALL_LIBDIR=lib
  cmake --build "$work/cpu_features"
  cmake --install "$work/cpu_features"
}
try "a cpu_features that is only shared" shared_only

# ---- The builds --------------------------------------------------------------------------------------------------------

# arguments_of CPU ROW: what CMake is told of cpu_features; sources behave as old and new versions by turns.
arguments_of() {
  case $1 in
    off) echo -DMBCONV_CPU_FEATURES=OFF ;;
    source) echo "-DMBCONV_CPU_FEATURES_SOURCE=$stand_in -DSTAND_IN=0.$((7 + 2 * ($2 % 2)))" ;;
    shared) echo "-DCpuFeatures_DIR=$work/prefix-cpu_features/lib/cmake/CpuFeatures" ;;
  esac
}

# built ROW PLACE SHARED BOTH SELF SLEEF CPU COMPILER TYPES GENERATOR TYPE
built() {
  local row=$1 place=$2 source=. arguments type=${11}
  if [[ $place == sub ]]; then source=tests/surroundings/parent; fi
  read -ra arguments <<< "$(arguments_of "$7" "$row")"
  cmake -G "${10//_/ }" -S "$source" -B "$work/$row" -DMBCONV_TREE="$PWD" "${core[@]}" "${arguments[@]}" \
    -DBUILD_SHARED_LIBS="$3" -DMBCONV_BOTH_KINDS="$4" -DMBCONV_SELF_CONTAINED="$5" -DMBCONV_SLEEF="$6" \
    -DCMAKE_C_COMPILER="$8" -DMBCONV_TYPES="$9" -DCMAKE_BUILD_TYPE="$type" -DCMAKE_CONFIGURATION_TYPES="$type" \
    -DCMAKE_INSTALL_PREFIX="$work/prefix-$row" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_DEBUG_POSTFIX=_debug
  cmake --build "$work/$row" --config "$type" --parallel 2
  cmake --install "$work/$row" --config "$type"
}

# installed ROW SHARED BOTH SELF CPU TYPE: the kinds of library that there must be, and no others.
installed() {
  local expected=shared found=() kind file=$work/prefix-$1/lib/libmbconv
  if [[ $6 == Debug ]]; then file+=_debug; fi
  if [[ $2 == OFF ]]; then expected=static; fi
  if [[ $3 == ON ]]; then expected="shared static"; fi
  if [[ $5 == source && $4 == OFF ]]; then expected=shared; fi # the static one is not installed
  if [[ -L $file.so ]]; then found+=(shared); fi
  if [[ -f $file.a ]]; then found+=(static); fi
  echo "installed: ${found[*]}, expected: $expected"
  [[ ${found[*]} == "$expected" ]]
  for kind in "${found[@]}"; do [[ -f $work/prefix-$1/lib/cmake/mbconv/mbconv-$kind.cmake ]]; done
  find "$work/prefix-$1" -iname '*cpu_features*' | nothing
}

runs() { LD_LIBRARY_PATH=$work/prefix-cpu_features/lib "$1" | tee /dev/stderr | grep -xF "$floats"; }

# found ROW CPU: by find_package
found() {
  local arguments
  read -ra arguments <<< "$(if [[ $2 == shared ]]; then arguments_of shared 0; fi)"
  cmake -G Ninja -S examples/find_package -B "$work/$1/find_package" -DCMAKE_PREFIX_PATH="$work/prefix-$1" "${arguments[@]}"
  cmake --build "$work/$1/find_package"
  runs "$work/$1/find_package/block"
}

# by_pkg_config ROW
by_pkg_config() {
  local flags
  flags=$(PKG_CONFIG_PATH=$work/prefix-$1/lib/pkgconfig pkg-config --cflags --libs mbconv)
  # shellcheck disable=SC2086 # a list of words
  cc -o "$work/$1/by_pkg_config" examples/block.c $flags -L"$work/prefix-cpu_features/lib" \
    -Wl,-rpath,"$work/prefix-$1/lib" -Wl,-rpath-link,"$work/prefix-cpu_features/lib"
  runs "$work/$1/by_pkg_config"
}

row=0
while read -r place shared both self sleef cpu compiler types generator type; do
  if [[ -z $place || $place == place ]]; then continue; fi
  row=$((row + 1))
  name="$row: $place shared=$shared both=$both self=$self sleef=$sleef cpu=$cpu $compiler $types $generator $type"
  before=$findings
  try "$name" built "$row" "$place" "$shared" "$both" "$self" "$sleef" "$cpu" "$compiler" "$types" "$generator" "$type"
  if ((findings > before)); then continue; fi
  try "$row: what is installed" installed "$row" "$shared" "$both" "$self" "$cpu" "$type"
  try "$row: find_package" found "$row" "$cpu"
  try "$row: pkg-config" by_pkg_config "$row"
  if [[ $place == sub ]]; then
    program=$work/$row/block
    if [[ $generator == *Multi* ]]; then program=$work/$row/$type/block; fi
    try "$row: the program beside it" runs "$program"
  fi
  rm -rf "${work:?}/$row"
done <<< "$builds"

# ---- What is refused ---------------------------------------------------------------------------------------------------

configured() { cmake -G Ninja -S "$1" -B "$work/configured" --fresh -DMBCONV_TREE="$PWD" "${core[@]}" "${@:2}"; }
refuse "self-contained with SLEEF" "no place for SLEEF" configured . -DMBCONV_SELF_CONTAINED=ON -DMBCONV_SLEEF=ON
refuse "cpu_features off, but from source" "has no use for MBCONV_CPU_FEATURES_SOURCE" \
  configured . -DMBCONV_CPU_FEATURES=OFF -DMBCONV_CPU_FEATURES_SOURCE="$stand_in"
refuse "the static library alone, with cpu_features from source, to be installed" "cannot be installed" \
  configured . -DMBCONV_BOTH_KINDS=OFF -DBUILD_SHARED_LIBS=OFF -DMBCONV_CPU_FEATURES_SOURCE="$stand_in"
refuse "cpu_features from source twice" "has a target cpu_features already" \
  configured tests/surroundings/parent -DPARENT_HAS=CpuFeatures -DMBCONV_CPU_FEATURES_SOURCE="$stand_in"

absent=()
for package in SLEEF Jansson PNG JPEG benchmark; do absent+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
missing() { cmake -G Ninja -S . -B "$work/missing" --fresh "${absent[@]}"; }
refuse "five packages are missing, and named at once" "SLEEF: install libsleef-dev, or build without it (same results) by \
-DMBCONV_SLEEF=OFF Jansson: install libjansson-dev, or build without the networks by -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF \
PNG: install libpng-dev, or build without the command mbconv by -DMBCONV_CLI=OFF JPEG: install libjpeg-dev, or build without \
the command mbconv by -DMBCONV_CLI=OFF benchmark: install libbenchmark-dev, or build without the benchmark by \
-DMBCONV_BENCH=OFF" missing
what_it_says() { cmake -S . -B "$work/missing" -DMBCONV_SLEEF=OFF "${core[@]}" "${absent[@]}"; }
try "with what the message says, it is configured in the same folder" what_it_says

# ---- A project with targets of its own ---------------------------------------------------------------------------------

for has in cpu_features CpuFeatures; do
  for shared in ON OFF; do
    with_targets() {
      configured tests/surroundings/parent -DPARENT_HAS="$has" -DBUILD_SHARED_LIBS="$shared" -DMBCONV_INSTALL=OFF
      cmake --build "$work/configured" --parallel 2
      runs "$work/configured/block"
    }
    try "a project that has $has, shared=$shared" with_targets
  done
done

# In one unit the files of a project clash, and kernels would have each other's flags.
unity() {
  configured tests/surroundings/parent -DMBCONV_INSTALL=OFF -DMBCONV_NETWORKS=ON -DMBCONV_CLI=ON -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_UNITY_BUILD_BATCH_SIZE=0
  cmake --build "$work/configured" --parallel 2
  runs "$work/configured/block"
  "$work/configured/network"
  "$work/configured/mbconv/cli/mbconv" info
}
try "a project of one unit, with the networks and the command" unity

# ---- The plainest ------------------------------------------------------------------------------------------------------

plainest() {
  cmake -S . -B "$work/plainest" -DBUILD_SHARED_LIBS=ON
  cmake --build "$work/plainest" --parallel 2
}
try "cmake -DBUILD_SHARED_LIBS=ON, whole" plainest

finish
