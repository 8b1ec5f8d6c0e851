#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# command_options.sh MBCONV: each option does what the help says, and leaving it out does what the help says of that.
# The figures of `bench` agree with each other.
set -euo pipefail
/usr/bin/python3 -B "${BASH_SOURCE[0]%/*}/command_options.py" "$1"
/usr/bin/python3 -B "${BASH_SOURCE[0]%/*}/command_figures.py" "$1"
