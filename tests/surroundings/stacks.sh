#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Small stacks: networks, hostile files and images on threads of 64 KB, optimised and not; the command with a stack of 128
# KB, as a thread of musl has. Stacks that are used up: the tests say so.
set -euo pipefail

work=$PWD/build/check-surroundings/stacks
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

# suite BUILD: on every set of this CPU; each job must have been on a small stack.
suite() {
  MBCONV_TEST_STACKS=1 "$1/tests/networks/mbconv_networks_tests" stacks
}

# In 128 KB, of which the environment and the arguments take some.
confined() (
  ulimit -s 128
  env -i "$work/default/cli/mbconv" "$@"
)

hostile() { # NAME COUNT: a header of so many brackets
  printf '%b' "\\x$(printf %02x $(($2 % 256)))\\x$(printf %02x $(($2 / 256)))\\0\\0\\0\\0\\0\\0" > "$work/$1"
  head -c "$2" /dev/zero | tr '\0' '[' >> "$work/$1"
}

built() { # NAME OPTION...
  cmake -S . -B "$work/$1" -G Ninja -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF "${@:2}"
  cmake --build "$work/$1" --target mbconv_networks_tests mbconv_cli
}

try "the tests are built" built default -DCMAKE_BUILD_TYPE=Release
try "64 KB" suite "$work/default"
try "they are built without optimisation" built plain -DCMAKE_BUILD_TYPE= -DCMAKE_C_FLAGS=-O0
try "64 KB without optimisation" suite "$work/plain"
head -c $((4 * 3 * 64 * 64)) /dev/zero > "$work/x"
try "a network in 128 KB" confined run mobilenet_v3_small --size 64 --raw-input "$work/x" --raw-output /dev/null
hostile deep.safetensors 2040
refuse "a nested header in 128 KB" "brackets more than 3 deep" confined bench "$work/deep.safetensors"

# overflow COMPILER OPTION...: a stack of the tests that is used up is reported, on a thread and on the first one.
overflow() {
  local status argument
  "$@" -std=c11 -D_DEFAULT_SOURCE -Itests -o "$work/overflow" tests/surroundings/stack_overflow.c tests/thread.c \
    tests/system_posix.c -pthread
  for argument in "" first; do
    status=0
    "$work/overflow" ${argument:+"$argument"} 2> "$work/stderr" || status=$?
    [[ $status == 3 && $(cat "$work/stderr") == "reported: segmentation fault" ]]
  done
}
try "the tests report a stack that is used up" overflow cc
try "with musl, too" overflow musl-gcc -static
finish
