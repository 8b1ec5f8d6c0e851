#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# command.sh MBCONV: what the command says and how it ends, for arguments good and bad. Numbers are parity.py's matter.
set -euo pipefail
mbconv=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect STATUS PATTERN ARGUMENT...: the status, and an extended regular expression in what is said.
expect() {
  local status=0 said
  said=$("$mbconv" "${@:3}" 2>&1 < /dev/null) || status=$?
  if ((status != $1)) || ! grep -qE -- "$2" <<< "$said"; then
    echo "FAIL mbconv ${*:3}: status $status, not $1 with \"$2\": $said"
    failed=1
  fi
}

raw() { head -c "$2" /dev/zero > "$folder/$1"; }

expect 2 '^usage: mbconv run MODEL IMAGE'
expect 0 '^usage: mbconv run MODEL IMAGE' --help
expect 0 '^mbconv [0-9]+\.[0-9]+\.[0-9]+$' --version
expect 2 'there is no command "walk"' walk
for command in run bench table; do
  expect 0 "^usage: mbconv $command" "$command" --help
  expect 2 "^usage: mbconv $command" "$command" --nonsense
done
expect 2 '^usage: mbconv info' info more
expect 2 '^usage' run mobilenet_v2
expect 2 '^usage' run mobilenet_v2 --raw-input x
expect 2 '^usage' bench
expect 2 '--size is "0"' bench mbconv --size 0x3
expect 2 '--threads is "-1"' bench mbconv --threads -1
expect 2 '--isa is "mmx"' bench mbconv --isa mmx
expect 2 '--layout is "hwc"' bench mbconv --layout hwc
expect 2 '--epsilon is "2"' bench mbconv --epsilon 2
expect 2 '--epsilon is "nan"' bench mbconv --epsilon nan
expect 2 '--padding is "valid"' bench mbconv --padding valid

expect 1 '"mobilenet_v9" is no network' bench mobilenet_v9
expect 1 'nothing.safetensors: No such file' bench "$folder/nothing.safetensors"
raw empty.safetensors 0
expect 1 'is empty' bench "$folder/empty.safetensors"
raw zeros.safetensors 64
printf 'PK\3\4, as PyTorch writes it' > "$folder/model.pth"
expect 1 '^mbconv: no safetensors file, but a zip archive, .*networks/export.py' run "$folder/model.pth" image.png
expect 1 '^mbconv: no safetensors file, but a zip archive' bench "$folder/model.pth"
expect 1 '^mbconv: the header is not JSON' bench "$folder/zeros.safetensors"
expect 1 'neither PNG nor JPEG' run mobilenet_v2_0.1 "$folder/zeros.safetensors"
expect 1 'nothing.png: No such file' run mobilenet_v2_0.1 "$folder/nothing.png"
expect 1 'takes no images, but 16 channels' run plain "$folder/nothing.png"

# Raw tensors of exactly the right size, or none.
small=(run mobilenet_v2_0.1 --size 32x40 --raw-output "$folder/y" --raw-input)
raw x $((4 * 3 * 32 * 40))
expect 0 '^$' "${small[@]}" "$folder/x"
[[ $(stat -c %s "$folder/y") == 4000 ]] || { echo "FAIL raw output"; failed=1; }
rm "$folder/y"
raw x $((4 * 3 * 32 * 40 - 1))
expect 1 'has 3839 floats, but 3840 are needed' "${small[@]}" "$folder/x"
raw x $((4 * 3 * 32 * 40 + 1))
expect 1 'has more than 3840 floats' "${small[@]}" "$folder/x"
[[ ! -e $folder/y ]] || { echo "FAIL raw output in spite of an error"; failed=1; }

# The notebook's figures, and PyTorch's.
expect 0 '^mbconv .* 4352 ' table
expect 0 '^plain .* 4672 ' table
expect 0 '^mobilenet_v2,224x224x3,3504872,300774272,$' table --csv
expect 0 '^efficientnet_b0,224x224x3,5288548,385814752,$' table --csv
expect 0 'chosen: [a-z0-9]+, SiLU (sleef|inline)' info
expect 0 'whole network' bench mbconv --seconds 1 --svg "$folder/chart.svg"
grep -q '</svg>' "$folder/chart.svg"
expect 0 '^layer,height,width,channels,parameters' bench mbconv --seconds 1 --csv
"$mbconv" bench mbconv --seconds 1 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["parameters"] == 4352'
exit "$failed"
