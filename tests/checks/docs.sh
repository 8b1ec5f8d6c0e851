#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Doxygen reads the headers without a warning and finds a comment for everything; every link of every page leads somewhere.
# packages: doxygen python3 git
# minutes: 1
set -euo pipefail

work=$PWD/build/check-docs
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

# doxygen_of INCLUDE: the headers of this folder, by docs/Doxyfile.
doxygen_of() {
  { cat docs/Doxyfile && printf '%s\n' "INPUT = $1" "OUTPUT_DIRECTORY = $work/$(basename "$1")"; } | doxygen -
}
try "Doxygen has no warning" doxygen_of include
try "everything has a comment" python3 -B docs/undocumented.py "$work/include/xml"

# That they would say so: a parameter that does not exist, a comment that is gone.
broken() {
  rm -rf "$work/headers"
  cp -r include "$work/headers"
  sed -i "$1" "$work/headers/mbconv.h"
  doxygen_of "$work/headers"
  python3 -B docs/undocumented.py "$work/headers/xml"
}
refuse "a parameter that does not exist is seen" "is not found in the argument list" \
  broken 's/^ \*   residual   as y/ *   others   as y/'
refuse "a comment that is gone is seen" "mbconv_version has no comment" broken '/^\/\* The version of the library/d'

links() { git ls-files -z '*.md' | xargs -0 python3 -B docs/links.py; }
try "links lead somewhere" links

finish
