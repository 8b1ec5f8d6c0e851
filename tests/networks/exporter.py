#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds networks/export.py against the format of safetensors, and its two ways in against each other."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import ALIGNMENT, COUNTER, export  # pylint: disable=wrong-import-position
from random_network import random_network  # pylint: disable=wrong-import-position

PROGRAM = [sys.executable, "-B", str(ROOT / "networks" / "export.py")]


def read(path):
    """Arrays by name and the metadata, by the letter of the format: no gaps, no overlaps, nothing left over."""
    file = path.read_bytes()
    length = int.from_bytes(file[:8], "little")
    assert file[8:9] == b"{" and (8 + length) % ALIGNMENT == 0
    header, data, arrays, end = json.loads(file[8 : 8 + length]), file[8 + length :], {}, 0
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        assert sorted(entry) == ["data_offsets", "dtype", "shape"] and entry["dtype"] == "F32"
        begin, end_of_this = entry["data_offsets"]
        assert begin == end
        end = end_of_this
        arrays[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    assert end == len(data)
    return arrays, metadata


def check_format(folder, module):
    export(module, folder / "live")
    arrays, metadata = read(folder / "live")
    tensors = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTER)}
    assert list(arrays) == list(tensors)
    assert all(np.array_equal(arrays[name], tensor.numpy()) for name, tensor in tensors.items())
    assert metadata == {"bn_eps": "1e-05"}
    narrow = {name: tensor.double() for name, tensor in tensors.items()}
    export(narrow, folder / "double")
    export(dict(tensors), folder / "dict")
    assert (folder / "double").read_bytes() == (folder / "dict").read_bytes()


def check_program(folder, module):
    """A .pth, bare or wrapped as training scripts do; and --random."""
    for name, content in (("bare", module.state_dict()), ("wrapped", {"epoch": 3, "state_dict": module.state_dict()})):
        torch.save(content, folder / f"{name}.pth")
        subprocess.run([*PROGRAM, folder / f"{name}.pth", folder / name], check=True)
        assert (folder / name).read_bytes() == (folder / "dict").read_bytes()
    for seed in "1", "2":
        subprocess.run([*PROGRAM, "--random", "mobilenet_v2_0.5", "--seed", seed, folder / seed], check=True)
    assert (folder / "1").read_bytes() == (folder / "live").read_bytes() != (folder / "2").read_bytes()


def check_refusals(folder, module):
    torch.save(module, folder / "module.pth")
    torch.save({"weight": torch.zeros(2, dtype=torch.int32)}, folder / "integers.pth")
    torch.save({"epoch": 3}, folder / "no-tensors.pth")
    for name, word in (("module", "trust"), ("integers", "weight is torch.int32"), ("no-tensors", "no state dict")):
        run = subprocess.run([*PROGRAM, folder / f"{name}.pth", folder / "refused"], capture_output=True, check=False)
        said = run.stderr.decode()
        assert run.returncode == 1 and said.startswith("export: ") and word in said and said.count("\n") == 1, said
        assert not (folder / "refused").exists()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder, module = pathlib.Path(name), random_network("mobilenet_v2_0.5", 1)
        check_format(folder, module)
        check_program(folder, module)
        check_refusals(folder, module)
    print("exporter: files as the format wants them, by each way in; what is no network is refused")


if __name__ == "__main__":
    main()
