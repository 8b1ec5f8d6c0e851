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
import torchvision

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "networks"))
from export import ALIGNMENT, COUNTER, export  # pylint: disable=wrong-import-position
from random_network import random_network  # pylint: disable=wrong-import-position
from timm_names import timm_names  # pylint: disable=wrong-import-position

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
    assert metadata == {
        "bn_eps": "1e-05",
        "mbconv.strides": "2,1,2,1,2,1,1,2,1,1,1,1,1,1,2,1,1,1",
        "mbconv.padding": "symmetric",
        "mbconv.activations": ",".join(["relu6"] * 35),
    }
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
    for name in "mobilenet_v2_0.05", "mobilenet_v2_0.3333", "mobilenet_v2_5", "mbconv", "os":
        run = subprocess.run([*PROGRAM, "--random", name, folder / "none"], capture_output=True, check=False)
        assert run.returncode == 1 and run.stderr.startswith(b"export: ") and not (folder / "none").exists(), name
    for seed in "1", "2":
        subprocess.run([*PROGRAM, "--random", "mobilenet_v2_0.5", "--seed", seed, folder / seed], check=True)
    assert (folder / "1").read_bytes() == (folder / "live").read_bytes() != (folder / "2").read_bytes()


def check_images(folder, module):
    """How images are prepared: from torchvision's transforms, from timm's data config, which its models carry."""
    export(module, folder / "images", torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V2.transforms())
    names = [f"mbconv.{name}" for name in ("size", "resize", "interpolation", "mean", "std")]
    mean, std = "0.485,0.456,0.406", "0.229,0.224,0.225"
    _, metadata = read(folder / "images")
    assert [metadata[name] for name in names] == ["224", "232", "bilinear", mean, std]
    module.pretrained_cfg = {"input_size": (3, 240, 240), "crop_pct": 0.882, "interpolation": "bicubic",
                             "mean": (0.5, 0.5, 0.25), "std": (1, 0.5, 0.125), "classifier": "classifier"}  # fmt: skip
    export(module, folder / "images")
    del module.pretrained_cfg
    _, metadata = read(folder / "images")
    assert [metadata[name] for name in names] == ["240", "272", "bicubic", "0.5,0.5,0.25", "1.0,0.5,0.125"]


def check_said(folder, module):
    """What the arguments say of a checkpoint is in the file; what they do not say is told, if the names are timm's."""
    tensors = timm_names(module.state_dict())
    torch.save(tensors, folder / "timm.pth")
    for arguments, expected, told in (
        ([], {}, True),
        (["--padding", "same"], {"mbconv.padding": "same"}, True),
        (["--padding", "symmetric", "--epsilon", "1e-3"], {"mbconv.padding": "symmetric", "bn_eps": "0.001"}, False),
    ):
        command = [*PROGRAM, *arguments, folder / "timm.pth", folder / "timm"]
        run = subprocess.run(command, capture_output=True, check=True)
        assert (b"assumed to be symmetric and 1e-5" in run.stderr) == told and run.stderr.count(b"\n") == told
        assert read(folder / "timm")[1] == expected
    for arguments in (["--padding", "valid"], ["--epsilon", "1"], ["--random", "mobilenet_v2_0.5", "--padding", "same"]):
        assert subprocess.run([*PROGRAM, *arguments, "a", "b"], capture_output=True, check=False).returncode == 2


def check_untellable(folder):
    """A live module that computes what the format has no word for is refused, and the part is named."""

    def part(make):
        module = torchvision.models.mobilenet_v2(width_mult=0.1)
        make(module)
        return module

    for word, make in (
        ("features.2.conv.1.0 is dilated", lambda m: setattr(m.features[2].conv[1][0], "dilation", (2, 2))),
        ("features.0.0 is dilated, or padded by other", lambda m: setattr(m.features[0][0], "padding_mode", "reflect")),
        ("features.0.0 is 3x3 with padding (0, 0)", lambda m: setattr(m.features[0][0], "padding", (0, 0))),
        ("features.1.conv.1 is 1x1 with stride 2", lambda m: setattr(m.features[1].conv[1], "stride", (2, 2))),
        ("features.0.0 has the stride (1, 2)", lambda m: setattr(m.features[0][0], "stride", (1, 2))),
        ("features.0.2 is a GELU", lambda m: m.features[0].__setitem__(2, torch.nn.GELU())),
        ("features.0.pool is a AvgPool2d", lambda m: m.features[0].add_module("pool", torch.nn.AvgPool2d(2))),
        ("features.3 does not add its input", lambda m: setattr(m.features[3], "use_res_connect", False)),
        ("features.2 adds its input", lambda m: setattr(m.features[2], "use_res_connect", True)),
        ("different epsilons: 0.001, 1e-05", lambda m: setattr(m.features[0][1], "eps", 0.001)),
    ):
        try:
            export(part(make), folder / "untellable")
        except ValueError as error:
            assert word in str(error), error
        else:
            raise AssertionError(f"exported in spite of: {word}")
        assert not (folder / "untellable").exists()


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
        check_images(folder, module)
        check_said(folder, module)
        check_untellable(folder)
        check_refusals(folder, module)
    print("exporter: files as the format wants them, by each way in; what is no network is refused")


if __name__ == "__main__":
    main()
