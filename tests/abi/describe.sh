#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# describe.sh DIRECTORY: writes mbconv.abi and mbconv_networks.abi, what the shared libraries of this tree show.
set -euo pipefail

directory=$(realpath "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
build=build/check-abi/build
cmake -G Ninja -S . -B $build -DCMAKE_BUILD_TYPE=Debug -DBUILD_SHARED_LIBS=ON -DMBCONV_BOTH_KINDS=OFF -DMBCONV_SLEEF=OFF \
  -DMBCONV_CLI=OFF -DMBCONV_TESTS=OFF -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF
cmake --build $build --parallel 2
for library in $build/libmbconv.so $build/networks/libmbconv_networks.so; do
  name=$(basename "$library" .so)
  abidw --no-architecture --no-show-locs --no-comp-dir-path --no-corpus-path --no-elf-needed --exported-interfaces-only \
    --drop-private-types --headers-dir include --out-file "$directory/${name#lib}.abi" "$library"
  sed -i "s|path='$PWD/|path='../../../|" "$directory/${name#lib}.abi" # of the source files: where the tree is, is nobody's matter
done
