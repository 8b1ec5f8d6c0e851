# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's packages of another architecture in a folder: nothing is installed, and apt keeps what it knows of this machine.

# unpacked FOLDER ARCHITECTURE PACKAGE...
unpacked() {
  local folder=$1 architecture=$2 deb
  shift 2
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/debs"
  printf '%s\n' "Dir::State::lists \"$folder/apt/lists\";" "Dir::Cache \"$folder/apt/cache\";" \
    "APT::Architectures { \"$(dpkg --print-architecture)\"; \"$architecture\"; };" > "$folder/apt/conf"
  APT_CONFIG=$folder/apt/conf apt-get update -q || true # an index may be missing; then a package may be, too
  (cd "$folder/debs" && APT_CONFIG=$folder/apt/conf apt-get download -q "${@/%/:$architecture}")
  for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder"; done
}
