#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All of the core, its tests and examples, compiled and linked by PyPI's zig for macOS on ARM64 and x86-64, for Windows on
# both, and for Linux on ARM64 with musl. For Windows on x86-64 the suites run under wine, for Linux under qemu as static
# programs; the hashes of tests/drift, too. The others never ran: what they are for and need is read, and docs/support.md
# has it.
# packages: ninja-build python3 python3-venv wine wine64 qemu-user binutils
# on request: zig is 100 MB from PyPI
# minutes: 20
set -euo pipefail

work=$PWD/build/check-zig
source tests/cases.sh
source tests/wine.sh
rm -rf "$work"
mkdir -p "$work"
venv=$PWD/build/wheels-venv
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
options=(-DMBCONV_SLEEF=OFF -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF -DMBCONV_TEST_ADAPTERS=)

try "zig is installed" release/environment.sh "$venv"
hashes=$PWD/tests/drift/hashes.txt
version=$(cd release && python3 -B -c 'import wheels; print(*wheels.LEAST_MACOS, sep=".")')

# built TARGET: without a warning of the library's own files.
built() {
  "$venv/bin/python" -B release/zig.py "$work/$1-zig" "$1"
  cmake -G Ninja -S . -B "$work/$1" --toolchain "$work/$1-zig/zig.cmake" "${options[@]}"
  cmake --build "$work/$1" --parallel 2 | tee "$work/log"
  { grep -E '/(base|kernels|dispatch|block|operators|include)/.*warning:' "$work/log" || true; } | nothing
}

# reads TARGET LIBRARY PROGRAM...: what they are for and are linked with; the library's line stands in docs/support.md.
reads() {
  PYTHONPATH=release python3 -B - "$work/$1" "$1" "${@:2}" <<'END'
import pathlib, re, sys
import binaries, wheels
folder, target, (library, *programs) = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
macos = "-macos" in target
machine = target.split("-")[0].replace("aarch64", "arm64")
read = binaries.mach if macos else binaries.pe
system = r"/usr/lib/libSystem\.B\.dylib" if macos else r"(kernel32|ntdll|api-ms-win-crt-.*)\.dll"
for name in library, *programs:
    found = read(folder / name)
    others = [other for other in found.libraries if not re.fullmatch(system, other)]
    assert found.machine == machine and not others, (name, found.machine, others)
    assert not macos or found.least_system == wheels.LEAST_MACOS, (name, found.least_system)
    assert not macos or machine != "arm64" or binaries.CODE_SIGNATURE in found.commands, f"{name} is not signed"
found = read(folder / library)
words = [target.split(".")[0], ", ".join(sorted(f"`{name.split('/')[-1]}`" for name in found.libraries))]
if macos:
    commands = dict.fromkeys(binaries.COMMANDS.get(number, hex(number)) for number in found.commands)
    words += [f"macOS {'.'.join(map(str, found.least_system))}", " ".join(f"`{name}`" for name in commands)]
else:
    words += ["-", "-"]
line = f"| {' | '.join(words)} | {' '.join(f'`{name}`' for name in sorted(found.imports))} |"
print(line)
assert line in pathlib.Path("docs/support.md").read_text(encoding="utf-8").splitlines(), "docs/support.md has another line"
END
}

programs=(tests/mbconv_tests tests/mbconv_plans tests/mbconv_drift tests/mbconv_outputs examples/mbconv_demo
  examples/mbconv_example_block examples/mbconv_example_block_i8)
for machine in aarch64 x86_64; do
  target=$machine-macos.$version
  try "$target: the library, all tests and examples are compiled and linked" built "$target"
  try "$target: what they need" reads "$target" libmbconv.dylib "${programs[@]}" tests/cplusplus/mbconv_cplusplus_tests
done
for machine in aarch64 x86_64; do
  target=$machine-windows-gnu
  try "$target: the library, all tests and examples are compiled and linked" built "$target"
  try "$target: what they need" reads "$target" libmbconv.dll "${programs[@]/%/.exe}"
done

# ---- What can be run -----------------------------------------------------------------------------------------------

# ran TITLE TARGET SUFFIX HOW WORD...: by these words; docs/support.md has its row.
ran() {
  local folder=$work/$2/tests
  try "$2: the suites" sets "${@:5}" "$folder/mbconv_tests$3" --budget small
  try "$2: the hashes" sets "${@:5}" "$folder/mbconv_drift$3" "$hashes" --largest 14
  try "$2: docs/support.md says so" grep -xF \
    "| $1, by zig | the core, static and shared, its tests and examples | every suite | $4 | equal, images to 14 x 14 |" docs/support.md
}
ran "Windows x86-64" x86_64-windows-gnu .exe wine windows

target=aarch64-linux-musl
try "$target: the library, all tests and examples are compiled and linked" built "$target"
static() { ! readelf -lW "$work/$target/tests/mbconv_tests" | grep -E 'INTERP|DYNAMIC'; }
try "$target: its programs are static" static
isas=(scalar neon)
ran "Linux ARM64, musl" "$target" "" "qemu, static programs" qemu-aarch64

finish
