#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# command_output.sh MBCONV: what cannot be written (a full disk, a file that may not grow, a closed stream) ends in
# status 1 and a line that says so, whatever the subcommand and wherever the output goes.
set -euo pipefail
# shellcheck source=tests/networks/expect.sh
source "${BASH_SOURCE[0]%/*}/expect.sh"

# A grey pixel as PNG. IMAGES of 32x32 make a run short.
base64 -d > "$folder/pixel.png" <<< iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==
raw x $((4 * 3 * 32 * 32))
small=(mobilenet_v2_0.1 --size 32)

# lost PATTERN STATUS SAID WORD...: judges what became of an output that could not be written.
lost() {
  if (($2 != 1)) || ! grep -qE "^mbconv: $1" <<< "$3"; then fail "mbconv ${*:4}: status $2, not 1 with \"$1\": $3"; fi
}

# full WORD...: standard output is a full disk.
full() {
  local status=0 said
  said=$("$mbconv" "$@" 2>&1 > /dev/full < /dev/null) || status=$?
  lost 'standard output: (No space left on device|not all of it could be written)' "$status" "$said" "$@"
}

# closed WORD...: standard output is closed.
closed() {
  local status=0 said
  said=$("$mbconv" "$@" 2>&1 >&- < /dev/null) || status=$?
  lost 'standard output: Bad file descriptor' "$status" "$said" "$@"
}

everything() {
  "$1" --help
  "$1" --version
  "$1" info
  local command format
  for command in run bench table info; do "$1" "$command" --help; done
  "$1" table --csv --seconds 0.01
  for format in "" --csv --json; do "$1" bench "${small[@]}" --seconds 0.01 $format; done
  "$1" bench "${small[@]}" --seconds 0.01 --svg "$folder/chart.svg"
  for format in "" --json; do "$1" run "${small[@]}" "$folder/pixel.png" $format; done
  "$1" run "${small[@]}" --raw-input "$folder/x" --raw-output -
}
everything full
closed --version
closed bench "${small[@]}" --seconds 0.01 --svg "$folder/kept.svg"
[[ $(tail -n 1 "$folder/kept.svg") == '</svg>' ]] || fail "the table went into the chart, in place of the closed stream"
"$mbconv" run "${small[@]}" --raw-input "$folder/x" --raw-output "$folder/y" >&- || fail "nothing was to be printed"
[[ $(stat -c %s "$folder/y") == 4000 ]] || fail "raw output beside a closed stream"

# More than the buffers hold.
full run "${small[@]}" "$folder/pixel.png" --json --top 1000
cat "$folder"/x{,,,,,,,,,,} > "$folder/many"
full run "${small[@]}" --raw-input "$folder/many" --batch 11 --raw-output -

# Files: on a full disk, and in a place that is none.
bad_file() {
  local path
  for path in /dev/full "$folder/none/file"; do
    local pattern='No space left on device'
    [[ $path == /dev/full ]] || pattern='No such file or directory'
    expect 1 "^mbconv: $path: $pattern$" "$@" "$path"
  done
}
bad_file bench "${small[@]}" --seconds 0.01 --svg
bad_file run "${small[@]}" --raw-input "$folder/x" --raw-output

# What is written may be a link to standard output: it stays.
ln -s /dev/stdout "$folder/link"
status=0
said=$("$mbconv" run "${small[@]}" --raw-input "$folder/x" --raw-output "$folder/link" 2>&1 > /dev/full) || status=$?
lost "$folder/link: No space left on device" "$status" "$said" run to a link
[[ -L $folder/link ]] || fail "a link is removed"

# A file of which only a part could be written is removed: it would pass for the whole.
limited() {
  local status=0 said
  said=$( (trap '' XFSZ && ulimit -f 1 && exec "$mbconv" "$@" "$folder/part" 2>&1 < /dev/null > /dev/null) ) || status=$?
  lost "$folder/part: (File too large|not all of it could be written)" "$status" "$said" "$@"
  [[ ! -e $folder/part ]] || fail "mbconv $*: a part of the output is left"
}
limited bench "${small[@]}" --seconds 0.01 --svg
limited run "${small[@]}" --raw-input "$folder/x" --raw-output
limited run "${small[@]}" --raw-input "$folder/many" --batch 11 --raw-output

exit "$failed"
