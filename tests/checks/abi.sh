#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The binary interface of the shared libraries is the committed one (tests/abi), and its structs can grow.
# packages: abigail-tools ninja-build python3
# minutes: 1
set -euo pipefail

work=$PWD/build/check-abi
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

try "the libraries are built and described" tests/abi/describe.sh "$work"

same() {
  abidiff --no-architecture "tests/abi/$1.abi" "$work/$1.abi" || {
    echo "tests/abi/README.md says when this is right, and then: tests/abi/describe.sh tests/abi"
    return 1
  }
}
try "mbconv is as committed" same mbconv
try "mbconv_networks is as committed" same mbconv_networks
try "structs can grow" python3 -B tests/abi/structs.py "$work/mbconv.abi" "$work/mbconv_networks.abi"

# That abidiff sees a change at all: a field in the middle of a struct, a function that is gone.
changed() {
  sed "$1" tests/abi/mbconv.abi > "$work/changed.abi"
  abidiff --no-architecture tests/abi/mbconv.abi "$work/changed.abi"
}
refuse "a struct of another size is seen" "type size changed" \
  changed "s/name='mbconv_counts' size-in-bits='128'/name='mbconv_counts' size-in-bits='192'/"
refuse "a function that is gone is seen" "mbconv_version" changed "s/mbconv_version/mbconv_release/"

finish
