#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pip, as users run it on trees that are copied, moved, read-only or half broken: what it builds, what it leaves behind,
# and what it says when it cannot. What the package computes is the check `python`.
# packages: python3-venv python3-numpy python3-setuptools-whl python3-wheel-whl mypy
# minutes: 4
set -euo pipefail

work=$PWD/build/check-pip
# shellcheck source=tests/cases.sh
. tests/cases.sh
chmod -R u+w "$work" 2> /dev/null || true
rm -rf "$work"
mkdir -p "$work/tmp" "$work/wheels" "$work/home"
# pip needs no network: what builds the package comes from Debian, what it depends on is installed.
export PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/share/python-wheels PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
export HOME=$work/home TMPDIR=$work/tmp
unset CMAKE_ARGS CFLAGS LDFLAGS CC

tree=$work/tree
sources=(CMakeLists.txt LICENSE base block cmake dispatch include kernels litert operators python)
mkdir "$tree"
cp -r "${sources[@]}" "$tree"
find "$tree" -name __pycache__ -prune -exec rm -r {} +

# environment NAME: a fresh one. pip there builds by what is there, which saves time.
environment() {
  /usr/bin/python3 -m venv --system-site-packages "$work/$1"
  "$work/$1/bin/python" -m pip install --quiet --ignore-installed setuptools wheel
}

# pip_in ENVIRONMENT ARGUMENTS...
pip_in() { "$work/$1/bin/python" -m pip "$2" --no-build-isolation "${@:3}"; }

# python_in ENVIRONMENT PROGRAM
python_in() (cd / && "$work/$1/bin/python" -c "$2")

# wheel NAME TREE: work/wheels/NAME/mbconv-*.whl
wheel() { pip_in plain wheel --no-deps --wheel-dir "$work/wheels/$1" "$2"; }

unpacked() {
  /usr/bin/python3 -m zipfile -e "$work/wheels/$1"/mbconv-*.whl "$work/wheels/$1/unpacked"
}

list() { (cd "$1" && find . -type f -printf '%p %s %T@\n' | sort); }

# ---- A wheel -------------------------------------------------------------------------------------------------------

in_the_wheel() {
  unpacked first
  cd "$work/wheels/first/unpacked"
  ls _mbconv/libmbconv.so _mbconv/libmbconv_threads.so _mbconv/libmbconv_litert.so mbconv/py.typed mbconv/torch/__init__.py
  cmp mbconv-*.dist-info/licenses/LICENSE "$tree/LICENSE"
  grep -qx 'License: MIT' mbconv-*.dist-info/METADATA
  grep -qx 'License-File: LICENSE' mbconv-*.dist-info/METADATA
  find . -type f ! -path './mbconv/*.py' ! -path './mbconv-*' ! -path './_mbconv/*' ! -name py.typed | nothing
}

needs_libc_alone() {
  local file
  for file in "$work"/wheels/first/unpacked/_mbconv/*.so; do
    ldd "$file" | awk '!/linux-vdso|libc\.so|libm\.so|ld-linux/' | nothing
    nm -D --defined-only "$file" | awk '!/ (mbconv_|tflite_plugin_)/' | nothing
  done
}

as_it_was() {
  list "$tree" | diff "$work/before" -
  find "$TMPDIR" -mindepth 1 | nothing
}

environment plain
list "$tree" > "$work/before"
try "pip wheel" wheel first "$tree/python"
try "what is in the wheel" in_the_wheel
try "it needs nothing but libc and libm" needs_libc_alone
try "neither the tree nor the temporary folder has anything new" as_it_was

# ---- Builds that fail ----------------------------------------------------------------------------------------------

# fails INSTALL...: pip fails, and the reason stands before all that CMake said.
fails() {
  local said=$work/said
  if "$@" > "$said" 2>&1; then cat "$said" && echo "status 0" && return 1; fi
  cat "$said"
  if grep -q 'Successfully installed' "$said"; then return 1; fi
  awk '/mbconv was not built/ {if (NR > 45) exit 1; found = 1} /^ *-- / && !found {exit 1} END {exit !found}' "$said"
  return 3
}

absent() { if python_in "$1" 'import mbconv'; then return 1; fi; }

without_cmake() (
  mkdir -p "$work/bin"
  export PATH=$work/bin
  pip_in plain install "$tree/python"
)

failing() {
  local how=$1
  shift
  refuse "$how: no compiler" "mbconv was not built. CMake Error" fails env CC=/nonexistent "$@"
  refuse "$how: nonsense in CMAKE_ARGS" "mbconv was not built. CMake Error" \
    fails env CMAKE_ARGS=-DMBCONV_CPU_FEATURES_SOURCE=/nonexistent "$@"
  refuse "$how: a quote that is not closed in CMAKE_ARGS" "mbconv was not built. CMAKE_ARGS cannot be read" \
    fails env CMAKE_ARGS="'" "$@"
  refuse "$how: a file that does not compile" "error: " fails env CFLAGS=-Dmbconv_version=1 "$@"
  try "$how: it is not installed" absent plain
}

pip=("$work/plain/bin/python" -m pip install --no-build-isolation)
failing install "${pip[@]}" "$tree/python"
failing "editable" "${pip[@]}" -e "$tree/python"
refuse "no CMake" "mbconv was not built. CMake is needed" fails without_cmake
refuse "cpu_features of the system, whose licence is not to be found" "a wheel carries its licence" \
  fails env CMAKE_ARGS=-DMBCONV_CPU_FEATURES=ON "${pip[@]}" "$tree/python"
try "neither the tree nor the temporary folder has anything new" as_it_was

# After all these failures. Whether the process still has denormals after the import, and every SiLU is right.
fast_math() {
  CFLAGS=-ffast-math LDFLAGS=-ffast-math pip_in plain install "$tree/python"
  python_in plain '
import numpy as np
tiny = np.float32(1e-38)
assert tiny / np.float32(4) > 0
import mbconv
assert tiny / np.float32(4) > 0, "importing mbconv has switched denormals off"
one = np.eye(8, dtype=np.float32)
for isa in mbconv.usable_isas():
    silu = mbconv.Pointwise(conv=mbconv.Conv(one), activation="silu", isa=isa)
    assert abs(silu(one)[0, 0] - 0.7310586) < 1e-6, (isa, silu(one))
    relu6 = mbconv.Pointwise(conv=mbconv.Conv(one), activation="relu6", isa=isa)
    assert np.isnan(relu6(one * np.float32("nan"))).all(), isa'
}
try "CFLAGS=-ffast-math" fast_math

# ---- Trees ---------------------------------------------------------------------------------------------------------

# as_nobody COMMAND...: as a user who may not write to the tree; root may write everywhere.
as_nobody() {
  if ((EUID == 0)); then
    chown -R nobody "$work/nobody"
    setpriv --reuid nobody --regid nogroup --clear-groups env HOME="$work/nobody" TMPDIR="$work/nobody" \
      CCACHE_DISABLE=1 "$@"
  else
    HOME=$work/nobody TMPDIR=$work/nobody "$@"
  fi
}

nobodys=$work/nobody/venv/bin/python
moved=$work/moved/tree

# A tree that was built in, the way that was done once, is copied. The original is gone, and the copy is read-only.
read_only() {
  cp -r "$tree" "$work/original"
  mkdir -p "$work/original/build/python/native"
  echo "CMAKE_HOME_DIRECTORY:INTERNAL=$work/original" > "$work/original/build/python/native/CMakeCache.txt"
  mkdir "$work/moved"
  mv "$work/original" "$moved"
  chmod -R a-w "$moved"
  mkdir "$work/nobody"
  cp -r "$work/editable" "$work/nobody/venv"
  as_nobody /usr/bin/python3 -m venv --upgrade --system-site-packages "$work/nobody/venv"
  if as_nobody touch "$moved/python/new"; then return 1; fi
  cd "$moved/python"
  as_nobody "$nobodys" -m pip wheel --no-build-isolation --no-deps --wheel-dir "$work/nobody/wheels" .
  as_nobody "$nobodys" -c "import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])" "$work/nobody"
  ls "$work"/nobody/wheels/mbconv-*.whl "$work"/nobody/mbconv-*.tar.gz
}

editable_read_only() {
  as_nobody "$nobodys" -m pip install --no-build-isolation -e "$moved/python"
  "$nobodys" -c "
import mbconv
assert mbconv.__path__[0] == '$moved/python/mbconv', mbconv.__path__
assert mbconv._native.library._name.startswith('$work/nobody/'), mbconv._native.library"
}

from_sdist() {
  mv "$moved" "$moved-away"
  mkdir "$work/sdist"
  tar -xf "$work"/nobody/mbconv-*.tar.gz -C "$work/sdist"
  cmp "$work"/sdist/mbconv-*/library/LICENSE LICENSE
  as_nobody "$nobodys" -m pip wheel --no-build-isolation --no-deps --wheel-dir "$work/nobody/sdist" \
    "$work"/nobody/mbconv-*.tar.gz
}

# The library is not in the tree, but what is written there counts at once.
editable() {
  pip_in editable install -e "$tree/python"
  python_in editable "import mbconv; assert mbconv._native.library._name.startswith('$work/editable/')"
  cp -p "$tree/python/mbconv/__init__.py" "$work/saved"
  echo 'written = 7' >> "$tree/python/mbconv/__init__.py"
  python_in editable 'import mbconv; assert mbconv.written == 7'
  cp -p "$work/saved" "$tree/python/mbconv/__init__.py"
  find "$tree" -name '__pycache__' -exec rm -r {} +
  "$work/editable/bin/python" -m pip uninstall -y mbconv
  find "$work/editable" -name 'libmbconv*' | nothing
}

environment editable
try "a tree that was built in, copied to elsewhere, which may only be read" read_only
try "editable in it" editable_read_only
try "from the source distribution that was made there, without the tree" from_sdist
chmod -R u+w "$work/moved"
try "editable" editable
try "neither the tree nor the temporary folder has anything new" as_it_was

# ---- Two builds at once, one of them with cpu_features -------------------------------------------------------------

# cpu_features_source: a tree of source code like that of cpu_features, with Debian's headers.
cpu_features_source() {
  mkdir "$work/cpu_features"
  cd "$work/cpu_features"
  echo "The licence of cpu_features" > LICENSE
  cat > CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.13)
project(CpuFeatures LANGUAGES C)
option(BUILD_SHARED_LIBS "Build library as shared." OFF)
add_library(cpu_features info.c)
target_include_directories(cpu_features PUBLIC /usr/include/cpu_features)
TEXT
  cat > info.c <<'TEXT'
#include <cpu_features_macros.h>
#ifdef CPU_FEATURES_ARCH_X86
#include <cpuinfo_x86.h>
X86Info GetX86Info(void) { return (X86Info){.features = {.avx = 1, .avx2 = 1, .fma3 = 1}}; } /* and no AVX-512 */
#else
#include <cpuinfo_aarch64.h>
Aarch64Info GetAarch64Info(void) { return (Aarch64Info){.features = {.asimd = 1}}; }
#endif
TEXT
}

side_by_side() {
  local first status=0
  CMAKE_ARGS=-DMBCONV_CPU_FEATURES_SOURCE=$work/cpu_features wheel with "$tree/python" > "$work/with.log" 2>&1 &
  first=$!
  wheel without "$tree/python" || status=$?
  wait "$first" || { cat "$work/with.log" && return 1; }
  return "$status"
}

with_cpu_features() {
  unpacked with
  cd "$work/wheels/with/unpacked"
  cmp mbconv-*.dist-info/licenses/cpu_features/LICENSE "$work/cpu_features/LICENSE"
  grep -qx 'License: MIT AND Apache-2.0' mbconv-*.dist-info/METADATA
  grep -qx 'License-File: cpu_features/LICENSE' mbconv-*.dist-info/METADATA
  grep -qx 'License-File: LICENSE' mbconv-*.dist-info/METADATA
  PYTHONPATH=$PWD /usr/bin/python3 -B -c 'import mbconv; print(mbconv.usable_isas())' | awk '/avx512/ {exit 1}'
}

without_cpu_features() {
  unpacked without
  find "$work/wheels/without/unpacked" -path '*cpu_features*' | nothing
  cmp "$work"/wheels/{first,without}/unpacked/_mbconv/libmbconv.so
}

try "a source tree of cpu_features" cpu_features_source
try "two builds side by side, CMAKE_ARGS=-DMBCONV_CPU_FEATURES_SOURCE=DIR of one of them" side_by_side
try "the one has cpu_features and its licence" with_cpu_features
try "the other is what was built first" without_cpu_features
try "neither the tree nor the temporary folder has anything new" as_it_was

# ---- Type hints ------------------------------------------------------------------------------------------------------

# mypy as users of the installed package run it.
hints() {
  cat > "$work/user.py" <<'PROGRAM'
import numpy as np
import mbconv

one = np.ones((8, 8), np.float32)
pointwise = mbconv.Pointwise(conv=mbconv.Conv(one), activation="silu")
y: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = pointwise(one, threads=np.int64(2))
name: str = mbconv.usable_isas()[0]
PROGRAM
  (cd "$work" && mypy --strict --cache-dir "$work/mypy" --python-executable "$work/plain/bin/python" user.py)
}

wrong_types() {
  printf '%s\n' 'import mbconv' 'mbconv.Threads("2")' 'mbconv.Pointwise(conv=1)' > "$work/wrong.py"
  (cd "$work" && mypy --strict --cache-dir "$work/mypy" --python-executable "$work/plain/bin/python" wrong.py)
}

try "type hints of the installed package" hints
refuse "wrong types" 'Argument 1 to "Threads" has incompatible type "str"' wrong_types
try "type hints within the package" mypy --strict --cache-dir "$work/mypy" \
  "$tree"/python/mbconv/{__init__,_arguments,_native,_structs,int8,operators,stages,threads}.py

finish
