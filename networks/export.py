#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the weights of a PyTorch network as safetensors, which `mbconv run` reads.

    python3 networks/export.py IN.pth OUT.safetensors              a checkpoint of tensors by name
    python3 networks/export.py --random NAME OUT.safetensors       one of torchvision's networks, with random weights

or, from a live module, `export(module, "OUT.safetensors")`, which also notes what only the module knows: the epsilon of
its batch normalisations, padding, strides, activations and, of timm's, how images are prepared. Of torchvision's,
`export(module, path, weights.transforms())` notes that, too. Of a checkpoint --padding and --epsilon can tell.
The tensors keep their names. All become f32; the counters that normalisations keep for training are left out.
"""

import argparse
import json
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from describe import describe, describe_images  # pylint: disable=wrong-import-position

ALIGNMENT = 64  # of the first tensor in the file, so that a mapped file's floats lie on a cache line
TYPES = {"float32": "F32", "int8": "I8", "int32": "I32"}
COUNTER = ".num_batches_tracked"
TIMM = re.compile(r"(^|\.)conv_stem\.weight$")  # a tensor that all of timm's networks have


def export(model, path, images=None, **more):
    """Writes `model`, a torch.nn.Module or a dict of tensors by name, to `path`. `images`: how they are prepared, as
    torchvision's transforms or timm's data config; `more`: strings by name for the metadata."""
    live = not isinstance(model, dict)
    metadata = describe(model) if live else {}
    metadata.update(describe_images(images) if images else _own_images(model) if live else {}, **more)
    tensors = model.state_dict() if live else model
    arrays = {name: _floats(name, tensor) for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    write(path, arrays, metadata)


def _own_images(model):
    """What timm's modules say of images; nothing, with a line on standard error, if that cannot be told."""
    images = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None)
    try:
        return describe_images(images) if images else {}
    except ValueError as error:
        print(f"export: how images are prepared is left out: {error}", file=sys.stderr)
        return {}


def write(path, arrays, metadata=None):
    """The format: the header's length in 8 bytes, the header in JSON, padded with blanks, and the tensors' bytes. All
    little endian. `arrays`: NumPy arrays of a type in TYPES by name; `metadata`: strings by name."""
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


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


def _floats(name, tensor):
    if not tensor.is_floating_point():
        raise ValueError(f"{name} is {tensor.dtype}: there is room for floats only")
    return tensor.detach().cpu().float().contiguous().numpy()


def _said(arguments, model):
    """What the arguments say of a checkpoint; and a line on what nobody does, where the names leave it open."""
    said = {"mbconv.padding": arguments.padding, "bn_eps": arguments.epsilon and repr(arguments.epsilon)}
    said = {key: value for key, value in said.items() if value}
    if isinstance(model, dict) and any(TIMM.search(name) for name in model) and len(said) < 2:
        print("export: a checkpoint does not say padding and epsilon; without --padding and --epsilon they are assumed "
              "to be symmetric and 1e-5 (timm's tf_* networks have same and 0.001)", file=sys.stderr)  # fmt: skip
    return said


def main():
    parser = argparse.ArgumentParser(
        prog="export.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", metavar="NAME", help="such as mobilenet_v2, mobilenet_v2_0.5 or efficientnet_b3")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights and statistics; default: 1")
    parser.add_argument("--padding", choices=("symmetric", "same"), help="of a checkpoint; same: timm's tf_* networks")
    parser.add_argument("--epsilon", type=float, help="of a checkpoint's batch normalisations; timm's tf_*: 0.001")
    parser.add_argument("paths", nargs="+", metavar="FILE", help="[IN.pth] OUT.safetensors")
    arguments = parser.parse_args()
    if len(arguments.paths) != (1 if arguments.random else 2):
        parser.error("wants OUT.safetensors with --random, else IN.pth and OUT.safetensors")
    if arguments.random and (arguments.padding or arguments.epsilon):
        parser.error("--padding and --epsilon are for checkpoints: a random network has its own")
    if arguments.epsilon is not None and not 0 < arguments.epsilon < 1:
        parser.error(f"--epsilon is {arguments.epsilon}, not above 0 and below 1")
    if arguments.random:
        from random_network import random_network  # pylint: disable=import-outside-toplevel # wants torchvision

        model = random_network(arguments.random, arguments.seed)
    else:
        model = load(arguments.paths[0])
    try:
        export(model, arguments.paths[-1], **_said(arguments, model))
    except (ValueError, OSError) as error:
        sys.exit(f"export: {error}")


if __name__ == "__main__":
    main()
