#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# command.sh MBCONV: what the command says and how it ends, for arguments good and bad. Its siblings command_*.sh hold
# the outputs and the options; whole networks' numbers are parity.py's matter.
set -euo pipefail
# shellcheck source=tests/networks/expect.sh
source "${BASH_SOURCE[0]%/*}/expect.sh"

expect 2 '^usage: mbconv run MODEL IMAGE'
expect 0 '^usage: mbconv run MODEL IMAGE' --help
expect 0 '^  mobilenet_v1 mobilenet_v1_1.25 mobilenet_v2 .* mobilenet_v4_conv_medium$' --help
expect 0 ' efficientnet_v2_l mbconv plain$' --help
expect 0 '^mbconv [0-9]+\.[0-9]+\.[0-9]+$' --version
expect 2 '^mbconv: there is no command "walk"' walk
for command in run bench table write info; do
  expect 0 "^usage: mbconv $command" "$command" --help
  expect 2 "^usage: mbconv $command" "$command" --nonsense
  expect 2 "^mbconv: unrecognized option '--nonsense'" "$command" --nonsense
done
expect 2 "^mbconv: option '--size' requires an argument" bench mbconv --size
expect 2 "^mbconv: unrecognized option '--size" table --size 32
expect 2 '^usage: mbconv info' info more
expect 2 '^usage: mbconv table' table more
expect 2 '^usage' run mobilenet_v2
expect 2 '^usage' run mobilenet_v2 --raw-input x
expect 2 '^usage' bench
expect 2 '--size is "0", not a number of 1 to 65536' bench mbconv --size 0x3
for size in 3x0 65537 3x 3x3x3 -3 x "" 12345678901234567890123456; do
  expect 2 '^mbconv: --size is ".*", not a ' bench mbconv --size "$size"
done
expect 2 '--threads is "-1", not a number of 1 to 1024' bench mbconv --threads -1
expect 2 '--threads is "1025"' bench mbconv --threads 1025
for option in "--top 3" "--labels x" "--resize 9" --json "--mean 0,0,0" "--std 1,1,1" "--interpolation bicubic"; do
  # shellcheck disable=SC2086 # two words
  expect 2 "^mbconv: ${option% *} is for images" run mobilenet_v2 --raw-input x --raw-output y $option
done
expect 2 '^mbconv: --batch is for raw tensors' run mobilenet_v2 x --batch 1
expect 2 '--type is "int8", not f32, i8 or u8' bench mobilenet_v2 --type int8
expect 1 '^mbconv: "efficientnet-b0" is no network known here; the nearest is efficientnet_b0$' bench efficientnet-b0
expect 1 '^mbconv: mobilenet_v2 is of int8, for images in NHWC' bench mobilenet_v2 --type i8 --layout nchw
expect 1 'layer 2 of bottleneck: its shortcut has no form in int8' bench bottleneck --type u8
expect 0 '^mobilenet_v2_0.1, 32x32, i8, ' bench mobilenet_v2_0.1 --type i8 --size 32 --seconds 0.01
expect 0 '"type": "u8"' bench mobilenet_v2_0.1 --type u8 --size 32 --seconds 0.01 --json
expect 2 '^usage: mbconv write' write mobilenet_v2_0.1
expect 2 '--seed is "-1"' write mobilenet_v2_0.1 "$folder/i8.safetensors" --seed -1
expect 1 '^mbconv: only networks of int8 are written, not of f32' write mobilenet_v2_0.1 "$folder/i8.safetensors" --type f32
expect 1 '^mbconv: /nonexistent/file: No such file' write mobilenet_v2_0.1 /nonexistent/file
expect 1 '^mbconv: /dev/full: No space left on device' write mobilenet_v2_0.1 /dev/full
[[ -e /dev/full && ! -e $folder/i8.safetensors ]] || fail "a refusal wrote a file, or took a device away"
expect 0 '^$' write mobilenet_v2_0.1 "$folder/i8.safetensors"
expect 0 '^mobilenet_v2_0.1, 32x32, i8, ' bench "$folder/i8.safetensors" --type i8 --size 32 --seconds 0.01
expect 1 'is of int8, not of uint8' bench "$folder/i8.safetensors" --type u8
expect 2 '--top is "0"' run mobilenet_v2 x --top 0
expect 2 '--batch is "1048577"' run mobilenet_v2 x --batch 1048577
expect 2 '--resize is "65537"' run mobilenet_v2 x --resize 65537
expect 2 '--seed is "1e3"' bench mbconv --seed 1e3
expect 2 '--isa is "mmx"' bench mbconv --isa mmx
expect 2 '--exp is "erf"' bench mbconv --exp erf
expect 2 '--layout is "hwc"' bench mbconv --layout hwc
for epsilon in 2 1 0 -1 nan ""; do expect 2 "--epsilon is \"$epsilon\"" bench mbconv --epsilon "$epsilon"; done
for seconds in 0 -1 inf nan 0x1 86401 3s 0.5.5 ""; do
  expect 2 "^mbconv: --seconds is \"$seconds\", not a number above 0, up to 86400" bench mbconv --seconds "$seconds"
  expect 2 "^mbconv: --seconds is \"$seconds\"" table --seconds "$seconds"
done
expect 2 '--padding is "valid"' bench mbconv --padding valid

expect 1 '^mbconv: "mobilenet_v9" is no network' bench mobilenet_v9
expect 1 '^mbconv: mbconv is a single block, for images in NHWC' bench mbconv --layout nchw
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
expect 1 "^mbconv: $folder: Is a directory" run mobilenet_v2_0.1 "$folder"
expect 1 'takes no images, but 16 channels' run plain "$folder/nothing.png"

# Raw tensors of exactly the right size, or none.
small=(run mobilenet_v2_0.1 --size 32x40 --raw-output "$folder/y" --raw-input)
raw x $((4 * 3 * 32 * 40))
expect 0 '^$' "${small[@]}" "$folder/x"
[[ $(stat -c %s "$folder/y") == 4000 ]] || fail "raw output"
rm "$folder/y"
raw x $((4 * 3 * 32 * 40 - 1))
expect 1 'has 3839 floats, but 3840 are needed' "${small[@]}" "$folder/x"
raw x $((4 * 3 * 32 * 40 + 1))
expect 1 'has more than 3840 floats' "${small[@]}" "$folder/x"
expect 1 "^mbconv: $folder: Is a directory" "${small[@]}" "$folder"
[[ ! -e $folder/y ]] || fail "raw output in spite of an error"

# The notebook's figures, and PyTorch's. Blocks are timed, with either activation; networks are counted.
expect 0 'exp (sleef|inline)' info
expect 0 '^int8: ' info
expect 0 '^mbconv +32x32x16 +4352 +4030464 +[0-9.]+ +silu$' table --seconds 0.01
"$mbconv" table --csv --seconds 0.01 > "$folder/table.csv"
while read -r pattern; do grep -qE "$pattern" "$folder/table.csv" || fail "table --csv: nothing like $pattern"; done << 'END'
^network,input,parameters,multiply_adds,us,activation$
^mbconv,32x32x16,4352,4030464,[0-9.]+,silu$
^mbconv_relu,32x32x16,4352,4030464,[0-9.]+,relu$
^plain_silu,32x32x16,4672,4718592,[0-9.]+,silu$
^plain,32x32x16,4672,4718592,[0-9.]+,relu$
^bottleneck_silu,32x32x16,320,278528,[0-9.]+,silu$
^bottleneck,32x32x16,320,278528,[0-9.]+,relu$
^mobilenet_v2,224x224x3,3504872,300774272,,$
^efficientnet_b0,224x224x3,5288548,385814752,,$
END
exit "$failed"
