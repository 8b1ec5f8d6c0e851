#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# release/environment.sh FOLDER: the environment of Python in which wheels are made, and programs for other systems: zig
# and auditwheel from PyPI. Whoever comes while another makes it waits.
set -euo pipefail
venv=$1
mkdir -p "$(dirname "$venv")"
exec 9> "$venv.lock"
flock 9
if [[ -e $venv/installed ]]; then exit; fi
echo "installing ziglang from PyPI"
python3 -m venv --clear "$venv"
"$venv/bin/python" -m pip install ziglang==0.17.1 auditwheel==6.8.2 setuptools==80.9.0 wheel
touch "$venv/installed"
