#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Other locales: in German and Turkish numbers have a comma, and Turkish has an i of its own. A library that is loaded
# first sets the locale, as a program does by setlocale(LC_ALL, ""); all must be as without it.
set -euo pipefail

work=$PWD/build/check-surroundings/locale
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work/locales"

# make LOCALE: in a folder of its own.
make() { localedef --no-archive -i "$1" -f UTF-8 "$work/locales/$1.UTF-8"; }

# in_locale LOCALE COMMAND...
in_locale() { LOCPATH=$work/locales LC_ALL=$1.UTF-8 LD_PRELOAD=$work/sets_locale.so "${@:2}"; }

build_all() {
  cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF
  cmake --build "$work/build" --target mbconv_networks_tests mbconv_tests mbconv_cli
  cat > "$work/sets_locale.c" <<'END'
#include <locale.h>
#include <stdlib.h>
__attribute__((constructor)) static void set(void) {
  if (!setlocale(LC_ALL, "")) abort(); /* it is not there */
}
END
  cc -shared -fPIC -o "$work/sets_locale.so" "$work/sets_locale.c"
}

mbconv=$work/build/cli/mbconv

# comma LOCALE: the locale is one at all. A shell's printf obeys it.
comma() { [[ $(in_locale "$1" bash -c 'printf "%.1f" 0,5') == 0,5 ]]; }

# same LOCALE COMMAND...: what the command says does not change, nor its status.
same() {
  local status=0 other=0
  "${@:2}" > "$work/expected" 2> "$work/expected.errors" || status=$?
  in_locale "$@" > "$work/got" 2> "$work/got.errors" || other=$?
  ((status == other)) && diff "$work/expected" "$work/got" && diff "$work/expected.errors" "$work/got.errors"
}

# json LOCALE, csv LOCALE: of a benchmark, whose numbers differ each time.
json() { in_locale "$1" "$mbconv" bench mbconv --seconds 1 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["us"] > 0'; }
csv() {
  in_locale "$1" "$mbconv" bench mbconv --seconds 1 --csv > "$work/csv"
  awk -F, 'NF != 9 {exit 1}' "$work/csv"
  grep -qE '^block 3x3/1 16-96-16,32,32,16,4352,[0-9]+,[0-9]+\.[0-9]{3},' "$work/csv"
}
table() { in_locale "$1" "$mbconv" table | grep -E '^mbconv .* [0-9]+\.[0-9] +silu$'; }
chart() {
  in_locale "$1" "$mbconv" bench mbconv --seconds 1 --svg "$work/chart.svg"
  ! grep -E '(width|x)="[0-9]+,' "$work/chart.svg"
}

make_file() {
  /usr/bin/python3 -B - "$work" <<'END'
import json, struct, sys
sys.path[:0] = ["networks", "tests/networks"]
from export import export
from random_network import random_network
from PIL import Image
export(random_network("mobilenet_v2_0.35", 1), sys.argv[1] + "/model.safetensors",
       {"input_size": (3, 64, 64), "crop_pct": 0.875, "interpolation": "bicubic", "mean": (0.5, 0.25, 0.125),
        "std": (0.5, 0.3, 0.7)})
Image.linear_gradient("L").convert("RGB").save(sys.argv[1] + "/image.png")
END
}

try "the tests and the command are built" build_all
try "a file whose metadata has numbers" make_file
for locale in de_DE tr_TR; do
  try "$locale is made" make "$locale"
  try "$locale has a comma" comma "$locale"
  try "$locale: the networks' tests" in_locale "$locale" "$work/build/tests/networks/mbconv_networks_tests" --isa scalar \
    --budget small decimal logits images safetensors files metadata recognise widths
  try "$locale: the library's tests" in_locale "$locale" "$work/build/tests/mbconv_tests" --isa scalar --budget small \
    format dispatch api golden
  try "$locale: an image" same "$locale" "$mbconv" run "$work/model.safetensors" "$work/image.png"
  try "$locale: an image as JSON" same "$locale" "$mbconv" run "$work/model.safetensors" "$work/image.png" --json
  try "$locale: options" same "$locale" "$mbconv" run "$work/model.safetensors" "$work/image.png" --epsilon 0.01 \
    --mean 0.5,0.5,0.5 --std 0.1,0.2,0.3
  try "$locale: what is assumed" same "$locale" "$mbconv" run mobilenet_v2_0.5 "$work/image.png" --epsilon 1e-2 --size 64
  try "$locale: a bad number" same "$locale" "$mbconv" run "$work/model.safetensors" "$work/image.png" --epsilon 0,01
  try "$locale: ISAs by name, whatever the letters" same "$locale" "$mbconv" run mobilenet_v2_0.1 "$work/image.png" --isa INLINE
  try "$locale: JSON of bench" json "$locale"
  try "$locale: CSV of bench" csv "$locale"
  try "$locale: the table" table "$locale"
  try "$locale: the chart" chart "$locale"
done
finish
