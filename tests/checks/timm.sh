#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# timm's own models and efficientnet_pytorch's, exported live and as checkpoints: the logits are PyTorch's. What is no
# network here is told so.
# packages: python3-venv python3-pip python3-torch python3-torchvision libopenblas0-pthread
# minutes: 9
# on request: timm comes from PyPI, Debian has none
set -euo pipefail

folder=$PWD/build/check-timm
rm -rf "$folder"
mkdir -p "$folder"
cmake -S . -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_TESTS=OFF
cmake --build "$folder/build" --parallel 2 --target mbconv_cli
/usr/bin/python3 -m venv --system-site-packages "$folder/venv"
# One that works with Debian's PyTorch 1.13, which pip must not replace.
"$folder/venv/bin/python" -m pip install --quiet --no-deps timm==1.0.15 efficientnet-pytorch==0.7.1 \
  efficientnet-lite-pytorch==0.1.0
"$folder/venv/bin/python" -m pip install --quiet huggingface-hub==0.20.3 safetensors==0.4.2
"$folder/venv/bin/python" -B tests/networks/timm_parity.py "auto=$folder/build/cli/mbconv"
