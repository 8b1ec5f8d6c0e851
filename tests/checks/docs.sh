#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Doxygen reads the headers without a warning and finds a comment for everything; every link of every page leads somewhere;
# the pages' lists of suites, headers and instruction sets are complete.
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

try "lists are complete" python3 -B docs/lists.py

# That they would say so: changed FILE CHANGE, in a copy of the tree, with one change by sed in one file.
changed() {
  rm -rf "$work/tree"
  mkdir "$work/tree"
  git ls-files -z -- README.md include cmake dispatch tests | xargs -0 cp --parents -t "$work/tree"
  sed -i "$2" "$work/tree/$1"
  python3 -B docs/lists.py "$work/tree"
}
refuse "a suite without a row is seen" "suites: gemv is not listed" changed tests/README.md '/^. .gemv. /d'
refuse "a row without a suite is seen" "suites: decimal is listed, but not there" changed tests/networks/suites.c 's/{"decimal", [a-z_]*},//'
refuse "a header that the README leaves out is seen" "headers: mbconv_openmp.h is not listed" \
  changed README.md 's/(include\/mbconv_openmp.h)//'
refuse "a set that a script does not know is seen" "tests/parts.sh: the set sve is not named" \
  changed include/mbconv.h 's/^  MBCONV_ISA_NEON,$/  MBCONV_ISA_NEON,\n  MBCONV_ISA_SVE,/'

finish
