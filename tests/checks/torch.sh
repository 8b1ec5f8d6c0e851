#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Python package with a newer PyTorch than Debian's: all its tests, those of export and torch.compile and of timm's
# models among them; and what `accelerate` finds in some models, against the counts of python/bench/zoo/table.txt.
# packages: python3-venv python3-pip python3-dev g++
# minutes: 25
# on request: PyTorch 2 comes from PyPI, where the wheel for PCs has CUDA with it: 3 GB to load, 6 GB on disk
set -euo pipefail

work=$PWD/build/check-torch
rm -rf "$work"
mkdir -p "$work"
# shellcheck source=tests/cases.sh
. tests/cases.sh

python=$work/venv/bin/python
pip() { "$python" -m pip "$@" --quiet --disable-pip-version-check --no-cache-dir; }

# tests MODULE...
tests() (cd python/tests && OMP_WAIT_POLICY=passive "$python" -W ignore -B -m unittest "$@")

modules() (cd python/tests && printf '%s\n' test_torch_*.py | sed 's/\.py$//')

/usr/bin/python3 -m venv "$work/venv"
pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy efficientnet-pytorch==0.7.1
try "pip install ./python" pip install ./python
for module in $(modules) newer_torch newer_torch_backend with_timm; do try "$module" tests "$module"; done
models="torchvision mobilenet_v3_small,torchvision mnasnet0_5,torchvision efficientnet_v2_s,torchvision ssdlite320"
models+=",timm mobilenetv4_conv_small,timm rexnet_100,timm tf_efficientnet_b0,efficientnet_pytorch efficientnet-b0"
try "models' blocks" "$python" -B python/bench/coverage.py found --models "$models"
finish
