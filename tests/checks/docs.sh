#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Doxygen reads the headers without a warning and finds a comment for everything; Python's public names have docstrings;
# every link and file name of every page leads somewhere; the pages' lists of suites, headers, instruction sets, options and
# commands are complete; figures are those of their sources; the picture is that of the folders; the README's programs compile.
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
try "everything has a comment" python3 -B docs/undocumented.py "$work/include/xml" python/mbconv

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

# A page that names a file which is not there; a package whose class has lost its docstring.
dead_name() {
  # shellcheck disable=SC2016 # these are Markdown's
  echo '`tests/parts.sh` and `tests/parts.c`' > "$work/page.md"
  python3 -B docs/links.py "$work/page.md"
}
bare_python() {
  rm -rf "$work/mbconv"
  cp -r python/mbconv "$work/mbconv"
  sed -i 's/^    """A pool/    b"""A pool/' "$work/mbconv/threads.py"
  python3 -B docs/undocumented.py "$work/include/xml" "$work/mbconv"
}

links() { git ls-files -z '*.md' '*.[ch]' '*.hpp' | xargs -0 python3 -B docs/links.py; }
try "links and file names lead somewhere" links
try "lists are complete" python3 -B docs/lists.py
try "figures are those of their sources" python3 -B docs/figures.py --check
try "the picture is that of the folders" python3 -B docs/picture.py --check

# code LANGUAGE: the README's programs in it.
code() { awk -v fence="\`\`\`$1" '$0 == fence {inside = 1; next} /^```$/ {inside = 0} inside' README.md; }
compiles() {
  code c > "$work/readme.c"
  grep -q mbconv_block_run "$work/readme.c"
  cc -std=c11 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/readme.c"
  code python > "$work/readme.py"
  grep -q accelerate "$work/readme.py"
  python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$work/readme.py"
}
try "the README's programs compile" compiles

# That they would say so: changed SCRIPT FILE CHANGE, in a copy of the tree, with one change by sed in one file; gone SCRIPT
# FOLDER, without a folder.
copy() {
  rm -rf "$work/tree"
  mkdir "$work/tree"
  git ls-files -z -- '*.md' 'docs/*' include run CMakeLists.txt cmake 'tests/*.py' 'tests/*.sh' 'tests/*.c' '*.[ch]' |
    xargs -0 cp --parents -t "$work/tree"
}
changed() {
  copy
  sed -i "$3" "$work/tree/$2"
  # shellcheck disable=SC2086 # a script and its option
  python3 -B docs/$1 "$work/tree"
}
gone() {
  copy
  rm -r "$work/tree/$2"
  # shellcheck disable=SC2086
  python3 -B docs/$1 "$work/tree"
}
refuse "a suite without a row is seen" "suites: gemv is not listed" changed lists.py tests/README.md '/^. .gemv. /d'
refuse "a row without a suite is seen" "suites: decimal is listed, but not there" \
  changed lists.py tests/networks/suites.c 's/{"decimal", [a-z_]*},//'
refuse "a header that the README leaves out is seen" "headers: mbconv_openmp.h is not listed" \
  changed lists.py README.md 's/(include\/mbconv_openmp.h)//'
refuse "a set that a script does not know is seen" "tests/parts.sh: the set sve is not named" \
  changed lists.py include/mbconv.h 's/^  MBCONV_ISA_NEON,\{0,1\}$/  MBCONV_ISA_NEON,\n  MBCONV_ISA_SVE,/'
refuse "an option that no page names is seen" "MBCONV_NEW is not listed" \
  changed lists.py CMakeLists.txt 's/^option(MBCONV_TESTS /option(MBCONV_NEW "" OFF)\n&/'
refuse "a command that is gone is seen" "CONTRIBUTING.md: ./run has no command mutants" \
  changed lists.py run 's/^  mutants)$/  mutations)/'
refuse "a check that is gone is seen" "there is no check drafts" \
  changed lists.py docs/linking.md 's/run check windows/run check drafts/'
refuse "a CPU's figure that has drifted is seen" "README.md says" \
  changed "figures.py --check" bench/results/zen-4.md 's/^| avx2, ReLU6 | 12 | 1\./| avx2, ReLU6 | 12 | 3./'
refuse "a figure that has drifted is seen" "bench/RESULTS.md says" \
  changed "figures.py --check" bench/RESULTS.md 's/^| b4 | \(.*\)1\.110/| b4 | \13.110/'
refuse "a sentence that is gone is seen" "README.md does not say" \
  changed "figures.py --check" README.md 's/the fastest of five/five/'
refuse "a version that was forgotten is seen" "CHANGELOG.md says" \
  changed "figures.py --check" CMakeLists.txt 's/(mbconv VERSION [0-9.]*/(mbconv VERSION 9.9.9/'
refuse "a folder that is gone is seen" "folder dispatch is not there" gone "picture.py --check" dispatch
refuse "an #include that goes up is seen" "base/format.c includes a header of kernels" \
  changed "picture.py --check" base/format.c '1i #include "pack.h"'
refuse "a file name that is gone is seen" "page.md: tests/parts.c leads nowhere" dead_name
refuse "a Python name without a docstring is seen" "mbconv/__init__.py: Threads has no docstring" bare_python

finish
