#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the weights of a PyTorch network as safetensors, which `mbconv run` reads.

    python3 networks/export.py IN.pth OUT.safetensors              a checkpoint of tensors by name
    python3 networks/export.py --random NAME OUT.safetensors       one of torchvision's networks, with random weights

or, from a live module, `export(module, "OUT.safetensors")`, which also notes the epsilon of its batch normalisations.
The tensors keep their names. All become f32; the counters that normalisations keep for training are left out.
"""

import argparse
import json
import pathlib
import struct
import sys

ALIGNMENT = 64  # of the first tensor in the file, so that a mapped file's floats lie on a cache line
COUNTER = ".num_batches_tracked"


def export(model, path):
    """Writes `model`, a torch.nn.Module or a dict of tensors by name, to `path`."""
    tensors, metadata = (model, {}) if isinstance(model, dict) else (model.state_dict(), _metadata(model))
    arrays = {name: _floats(name, tensor) for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    write(path, arrays, metadata)


def write(path, arrays, metadata=None):
    """The format: the header's length in 8 bytes, the header in JSON, padded with blanks, and the tensors' bytes. All
    little endian. `arrays`: NumPy arrays of f32 by name; `metadata`: strings by name."""
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.astype("<f4", copy=False).tobytes())


def load(path):
    """The tensors of a .pth by name."""
    import torch  # pylint: disable=import-outside-toplevel # a module that has one brings it along

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except TypeError:  # PyTorch before 1.13
        loaded = torch.load(path, map_location="cpu")
    except Exception as error:  # pylint: disable=broad-except # its kind depends on the version
        raise SystemExit(
            f"export: {path} holds more than tensors, and may run code when loaded: if you trust it, load it yourself "
            "and call export(module, path)"
        ) from error
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(t, torch.Tensor) for t in loaded.values()):
        raise SystemExit(f"export: {path} is no state dict, a dictionary of tensors by name")
    return loaded


def _metadata(module):
    epsilons = {part.eps for part in module.modules() if hasattr(part, "running_var")}
    if len(epsilons) > 1:
        raise ValueError(f"batch normalisations with different epsilons: {sorted(epsilons)}")
    return {"bn_eps": repr(epsilon) for epsilon in epsilons}


def _floats(name, tensor):
    if not tensor.is_floating_point():
        raise ValueError(f"{name} is {tensor.dtype}: there is room for floats only")
    return tensor.detach().cpu().float().contiguous().numpy()


def main():
    parser = argparse.ArgumentParser(
        prog="export.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", metavar="NAME", help="such as mobilenet_v2, mobilenet_v2_0.5 or efficientnet_b3")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights and statistics; default: 1")
    parser.add_argument("paths", nargs="+", metavar="FILE", help="[IN.pth] OUT.safetensors")
    arguments = parser.parse_args()
    if len(arguments.paths) != (1 if arguments.random else 2):
        parser.error("wants OUT.safetensors with --random, else IN.pth and OUT.safetensors")
    if arguments.random:
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
        from random_network import random_network  # pylint: disable=import-outside-toplevel # wants torchvision

        model = random_network(arguments.random, arguments.seed)
    else:
        model = load(arguments.paths[0])
    try:
        export(model, arguments.paths[-1])
    except ValueError as error:
        sys.exit(f"export: {error}")


if __name__ == "__main__":
    main()
