#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The binary interface of the shared libraries is the committed one (tests/abi), and its structs can grow.
# packages: abigail-tools ninja-build python3
set -euo pipefail

work=$PWD/build/check-abi
source tests/install/cases.sh
rm -rf "$work"
mkdir -p "$work"

try "the libraries are built and described" tests/abi/describe.sh "$work"

# same NAME: abidiff's status is 0 if nothing has changed, else a sum: 4 a change, 8 one that breaks programs.
same() {
  local status=0
  abidiff --no-architecture "tests/abi/$1.abi" "$work/$1.abi" || status=$?
  if ((status & 8)); then
    echo "programs that are linked with $1 would break: see tests/abi/README.md"
  elif ((status & 4)); then
    echo "if programs that are linked with $1 stay as they are: tests/abi/describe.sh tests/abi"
  fi
  ((status == 0))
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
