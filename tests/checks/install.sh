#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `cmake --install` installs is enough: the programs of examples/ are built and run with the installed tree alone,
# which has been moved, shared and static. The self-contained library needs libc and libm and disturbs no other copy. The
# source tree as a part of another project leaves that alone.
# packages: g++ make ninja-build pkg-config binutils libpthreadpool-dev
# minutes: 2
set -euo pipefail

work=$PWD/build/check-install
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

# ---- Helpers -------------------------------------------------------------------------------------------------------

library_only=(-DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF)

# built NAME ARGUMENT...: configures and builds $work/NAME.
built() {
  cmake -G Ninja -S . -B "$work/$1" "${@:2}"
  cmake --build "$work/$1" --parallel 2
}

# installed NAME: installs the build NAME somewhere, then moves it to $work/prefix-NAME, where nothing leads back.
installed() {
  cmake --install "$work/$1" --prefix "$work/elsewhere"
  mv "$work/elsewhere" "$work/prefix-$1"
  { grep -rlE "$work/(elsewhere|$1)|$PWD/(include|cmake|block)" "$work/prefix-$1" || true; } | nothing
}

# consumer EXAMPLE NAME: builds the example with the tree installed from the build NAME; a copy, without the sources.
consumer() {
  local folder=$work/consumers-$2
  mkdir -p "$folder"
  cp -r examples/. "$folder"
  cmake -G Ninja -S "$folder/$1" -B "$folder/$1/build" -DCMAKE_PREFIX_PATH="$work/prefix-$2" "${@:3}"
  cmake --build "$folder/$1/build"
}

# with_make NAME: the example for make likewise.
with_make() {
  local folder=$work/consumers-$1
  PKG_CONFIG_PATH=$work/prefix-$1/lib/pkgconfig make -C "$folder/pkg_config" "${@:2}"
}

# runs PROGRAM: it runs, and prints the same floats as every other.
floats='y [2, 40, 28, 28]: -0.475568 -0.429131 -0.476948 ... 0.168158'
runs() { "$work/$1" | tee /dev/stderr | grep -xF "$floats"; }

# shared PROGRAM, static PROGRAM: which of the libraries it was linked with.
shared() { ldd "$work/$1" | grep -F "libmbconv.so.0.2 => $work/"; }
static() { ldd "$work/$1" | awk '/libmbconv/' | nothing; }

# shows_only_ours LIBRARY: nothing but mbconv_* is to be seen in a shared library.
shows_only_ours() {
  nm -D --defined-only "$work/$1" | tee /dev/stderr | awk '$3 !~ /^mbconv_/ {exit 1} END {exit NR < 10}'
}

# needs_only_libc LIBRARY: libc and libm, and no symbol of another library.
needs_only_libc() {
  readelf -d "$work/$1" | awk '/NEEDED/ && !/\[(lib[cm]\.so\.6|ld-linux.*)\]/' | nothing
  nm -D --undefined-only "$work/$1" | awk '!/@GLIBC_| w (__gmon_start__|_ITM_)/' | nothing
}

# ---- The library as it is -------------------------------------------------------------------------------------------

try "the library, the networks and the command are built" \
  built all -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF
try "they are installed, and moved" installed all

try "find_package" consumer find_package all
try "find_package: runs" runs consumers-all/find_package/build/block
try "find_package: takes the shared library" shared consumers-all/find_package/build/block
try "find_package with BUILD_SHARED_LIBS off" consumer find_package all -DBUILD_SHARED_LIBS=OFF
try "find_package with BUILD_SHARED_LIBS off: is static" static consumers-all/find_package/build/block
try "static and shared" consumer static_and_shared all
for kind in static shared; do
  try "static and shared: block_$kind runs" runs consumers-all/static_and_shared/build/block_$kind
  try "static and shared: block_$kind is $kind" $kind consumers-all/static_and_shared/build/block_$kind
done
try "pkg-config and make" with_make all
try "pkg-config and make: runs" runs consumers-all/pkg_config/block
try "pkg-config and make: takes the shared library" shared consumers-all/pkg_config/block
try "pkg-config and make: block_static runs" runs consumers-all/pkg_config/block_static
try "pkg-config and make: block_static is static" static consumers-all/pkg_config/block_static
try "C++" consumer cplusplus all
try "C++: runs" "$work/consumers-all/cplusplus/build/blocks"
try "C++ with sanitizers" consumer sanitized all
try "C++ with sanitizers: runs" "$work/consumers-all/sanitized/build/blocks"
try "C++ with sanitizers, static" consumer sanitized all -DBUILD_SHARED_LIBS=OFF
try "C++ with sanitizers, static: runs" "$work/consumers-all/sanitized/build/blocks"

# pc ARGUMENT...: what pkg-config says of the tree installed from the build `all`, which is found at run time too.
pc() {
  PKG_CONFIG_PATH=$work/prefix-all/lib/pkgconfig pkg-config "$@"
  if [[ $* == *--libs* ]]; then echo "-Wl,-rpath,$work/prefix-all/lib"; fi
}

# The header, the library and pkg-config speak of the same version.
same_version() {
  local version
  # shellcheck disable=SC2046 # a list of words
  cc -o "$work/version" tests/install/version.c $(pc --cflags --libs mbconv)
  version=$(pc --modversion mbconv)
  [[ $("$work/version") == "$version $version $version" ]]
}
try "header, library and pkg-config have the same version" same_version

# What C++ projects compile with, and what their style checks warn of.
strict=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Weffc++ -Werror)

# Every operator of mbconv.hpp, with sanitizers.
operators() {
  # shellcheck disable=SC2046 # a list of words
  c++ "-std=$1" "${strict[@]}" -fsanitize=address,undefined -o "$work/operators" \
    tests/install/operators.cc $(pc --cflags --libs mbconv)
  "$work/operators"
}
for standard in c++17 c++20 c++23; do try "$standard: all operators" operators $standard; done
refuse "C++14 is told what mbconv.hpp needs" "mbconv.hpp needs C++17" operators c++14

# The adapters as C and as C++: the language's oldest and newest.
adapters() {
  # shellcheck disable=SC2046 # a list of words
  "$1" "-std=$2" "${@:3}" -fopenmp -o "$work/threads" tests/install/threads.c $(pc --cflags --libs mbconv) -lpthreadpool
  "$work/threads"
}
for standard in c99 c17; do try "$standard: OpenMP and pthreadpool" adapters cc $standard -Wall -Wextra -Wpedantic -Werror; done
for standard in c++11 c++23; do
  try "$standard: OpenMP and pthreadpool" adapters c++ $standard "${strict[@]}" -x c++
done

# version VERSION: whether a project that asks for it is content.
version() {
  sed -i "s/mbconv [0-9.<]* REQUIRED/mbconv $1 REQUIRED/" "$work/consumers-all/find_package/CMakeLists.txt"
  cmake -S "$work/consumers-all/find_package" -B "$work/version-$1" -DCMAKE_PREFIX_PATH="$work/prefix-all"
}
for wanted in 0.2.0 0.2 0.2...0.2 0.2.0...0.2.9 '0.2...<0.2.1' '0.2...<0.3'; do
  try "a project that asks for version $wanted gets it" version "$wanted"
done
# without_cpu_features: a project that finds no package cpu_features still has the shared library, and the networks.
without_cpu_features() {
  cmake -S tests/install/shared_only -B "$work/shared-only" -DCMAKE_PREFIX_PATH="$work/prefix-all" \
    -DCMAKE_DISABLE_FIND_PACKAGE_CpuFeatures=ON
}
try "without cpu_features installed there are the shared libraries" without_cpu_features
refuse "without cpu_features installed the static one is refused" "lacks what it needs: CpuFeatures" \
  consumer static_and_shared all -DCMAKE_DISABLE_FIND_PACKAGE_CpuFeatures=ON
# Before version 1 CMake wants both ends of a range to be of the version's minor number.
for wanted in 0.1 0.1.9 0.9 1 0.2.1...0.2.9 '0.0.1...<0.2.0' '0.2...<1' 0...1 1...2; do
  refuse "a project that asks for version $wanted does not" "compatible with requested version" version "$wanted"
done

# The networks: the header's own program, by pkg-config, and the command.
network() {
  sed -n '/^ \*     #include <mbconv_networks.h>/,/^ \*     }$/s/^ \*     \?//p' include/mbconv_networks.h \
    > "$work/network.c"
  # shellcheck disable=SC2046 # a list of words
  cc -std=c11 -o "$work/network" "$work/network.c" \
    $(pc "$@" --cflags --libs mbconv_networks)
  "$work/network" || [[ $? == 1 ]] # it asks for a file
}
try "the networks by pkg-config" network
try "the networks by pkg-config --static" network --static
try "the command" "$work/prefix-all/bin/mbconv" info
try "libmbconv.so shows mbconv_* alone" shows_only_ours prefix-all/lib/libmbconv.so
try "libmbconv_networks.so shows mbconv_* alone" shows_only_ours prefix-all/lib/libmbconv_networks.so

# Where Debian has it: DESTDIR, and the architecture's folder.
destdir() {
  built all -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR="lib/$(cc -print-multiarch)"
  DESTDIR=$work/root cmake --install "$work/all"
  local lib
  lib=$work/root/usr/lib/$(cc -print-multiarch)
  [[ -f $lib/libmbconv.so.0.2.0 && -L $lib/libmbconv.so && -f $lib/libmbconv.a && -f $work/root/usr/include/mbconv.h ]]
  [[ -z $(find "$work/root" -not -path "$work/root/usr*" -type f) ]]
  [[ $(PKG_CONFIG_LIBDIR=$lib/pkgconfig pkg-config --variable=libdir mbconv) -ef $lib ]]
}
try "DESTDIR and the architecture's folder" destdir

# ---- Self-contained -------------------------------------------------------------------------------------------------

try "the self-contained library is built" built self -DMBCONV_SELF_CONTAINED=ON "${library_only[@]}"
try "it is installed, and moved" installed self
refuse "MBCONV_SLEEF=ON is refused" "no place for SLEEF" \
  cmake -S . -B "$work/sleef" -DMBCONV_SELF_CONTAINED=ON -DMBCONV_SLEEF=ON "${library_only[@]}"
try "the shared one shows mbconv_* alone" shows_only_ours prefix-self/lib/libmbconv.so
try "the shared one needs libc and libm alone" needs_only_libc prefix-self/lib/libmbconv.so
refuse "the other shared one needs more" libsleef needs_only_libc prefix-all/lib/libmbconv.so

one_object() {
  [[ $(ar t "$work/prefix-self/lib/libmbconv.a" | wc -l) == 1 ]]
  nm -g --defined-only "$work/prefix-self/lib/libmbconv.a" | awk 'NF == 3 {print $3}' | sort > "$work/static.txt"
  nm -D --defined-only "$work/prefix-self/lib/libmbconv.so" | awk '{print $3}' | sort > "$work/shared.txt"
  diff "$work/static.txt" "$work/shared.txt"
}
try "the archive has one object, which shows what the shared one shows" one_object
try "the archive is linked with libm alone" \
  cc -o "$work/alone" examples/block.c -I"$work/prefix-self/include" "$work/prefix-self/lib/libmbconv.a" -lm
try "a program with the archive runs" runs alone
try "the archive is linked into a program that is static altogether" \
  cc -static -o "$work/static" examples/block.c -I"$work/prefix-self/include" "$work/prefix-self/lib/libmbconv.a" -lm
try "that program runs" runs static
refuse "sleef is refused at run time" "this build is without it" env MBCONV_EXP=sleef "$work/alone"
try "self-contained: find_package" consumer find_package self
try "self-contained: find_package: runs" runs consumers-self/find_package/build/block
try "self-contained: static and shared" consumer static_and_shared self
try "self-contained: block_static runs" runs consumers-self/static_and_shared/build/block_static
try "self-contained: pkg-config and make" with_make self
try "self-contained: block_static by make runs" runs consumers-self/pkg_config/block_static

# A static library alone: then everything that it needs stands in the foreground.
static_alone() {
  built self -DMBCONV_BOTH_KINDS=OFF
  cmake --install "$work/self" --prefix "$work/prefix-static"
  [[ ! -e $work/prefix-static/lib/libmbconv.so ]]
  [[ $(PKG_CONFIG_PATH=$work/prefix-static/lib/pkgconfig pkg-config --libs mbconv) == *-lm* ]]
}
try "a static library alone is installed" static_alone
try "a static library alone: find_package" consumer find_package static
try "a static library alone: runs" runs consumers-static/find_package/build/block
refuse "a static library alone: a project that needs the shared one is told so" "the shared library is not installed" \
  consumer static_and_shared static

# component NAME PREFIX: a project that asks for it, and is told what it lacks.
component() {
  rm -rf "$work/component"
  mkdir -p "$work/component"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.22)' 'project(component LANGUAGES C)' \
    "find_package(mbconv 0.2 REQUIRED COMPONENTS $1)" > "$work/component/CMakeLists.txt"
  cmake -S "$work/component" -B "$work/component/build" -DCMAKE_PREFIX_PATH="$work/prefix-$2"
}
try "a component that is there" component static self
refuse "networks that were not built" "networks are not installed here: build mbconv with MBCONV_NETWORKS=ON" \
  component networks self
refuse "a component that does not exist" "no component network, but shared, static and networks" component network self

# Several copies in one process; the program has symbols of cpu_features too, and shows them to all or does not.
cc -shared -fPIC -o "$work/impostor.so" tests/install/impostor.c
cp "$work/prefix-self/lib/libmbconv.so" "$work/other.so"
for visible in "" -rdynamic; do
  try "the program of several copies is linked $visible" \
    cc -std=c11 -Wall -Wextra -Werror $visible -o "$work/copies$visible" tests/install/copies.c \
    -I"$work/prefix-self/include" "$work/prefix-self/lib/libmbconv.a" -lm -ldl -lpthread
  try "four copies in one process $visible" "$work/copies$visible" "$work/impostor.so" \
    "$work/prefix-all/lib/libmbconv.so" "$work/prefix-self/lib/libmbconv.so" "$work/other.so"
done

# ---- As a part of another project ------------------------------------------------------------------------------------

subproject() {
  cmake -G Ninja -S tests/install/subproject -B "$work/parent" -DMBCONV_TREE="$PWD"
  cmake --build "$work/parent" --parallel 2
}
try "add_subdirectory changes nothing around it" subproject
try "add_subdirectory: runs" runs parent/user

# The cache is everybody's: whatever is new there has our name.
foreign_entries() {
  awk -F: '/^[A-Za-z_]+:/ && !/^(MBCONV_|mbconv_|parent_|_?CMAKE_|CpuFeatures_DIR:)/' "$work/parent/CMakeCache.txt" | nothing
}
try "add_subdirectory: the cache has no foreign entries" foreign_entries
no_build_type() { grep -x 'CMAKE_BUILD_TYPE:STRING=' "$work/parent/CMakeCache.txt"; }
try "add_subdirectory: the build type stays the project's" no_build_type

only_the_library() {
  local made
  made=$(find "$work/parent/mbconv" -type f \( -name '*.a' -o -name '*.so*' -o -executable \) -not -path '*/CMakeFiles/*')
  echo "$made"
  [[ $made == "$work/parent/mbconv/libmbconv.a" ]]
}
try "add_subdirectory: only the library is built" only_the_library
fetch_content() {
  cmake -G Ninja -S examples/subproject -B "$work/fetched" -DBUILD_SHARED_LIBS=ON
  cmake --build "$work/fetched" --parallel 2
  [[ -f $work/fetched/_deps/mbconv-build/libmbconv.so && ! -e $work/fetched/_deps/mbconv-build/libmbconv.a ]]
}
try "FetchContent, shared" fetch_content
try "FetchContent, shared: runs" runs fetched/block

finish
