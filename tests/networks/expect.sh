# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # those that source it use `failed`
# What the tests of the command share, which source this: `mbconv` is the command, `folder` is for files, `failed` is 1
# once a case has failed.
mbconv=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
  echo "FAIL $*"
  failed=1
}

# expect STATUS PATTERN ARGUMENT...: the status, and an extended regular expression in what is said.
expect() {
  local status=0 said
  said=$("$mbconv" "${@:3}" 2>&1 < /dev/null) || status=$?
  if ((status != $1)) || ! grep -qE -- "$2" <<< "$said"; then
    fail "mbconv ${*:3}: status $status, not $1 with \"$2\": $said"
  fi
}

# raw NAME BYTES: a file of zeros.
raw() { head -c "$2" /dev/zero > "$folder/$1"; }
