# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The core alone, as phones have it: without SLEEF, networks and examples. The script that sources this says where it builds.
: "${build:?}"

options=()

# core PRESET FOLDER TARGET...: configures $build/FOLDER, with $options too, and builds the targets.
core() {
  cmake --preset "$1" -B "$build/$2" -DMBCONV_SLEEF=OFF -DMBCONV_NETWORKS=OFF -DMBCONV_EXAMPLES=OFF \
    -DMBCONV_TEST_ADAPTERS= "${options[@]}" > "$build/$2.log"
  cmake --build "$build/$2" --parallel 2 --target "${@:3}" >> "$build/$2.log"
}
