#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes a quantized network of a .tflite model as safetensors of int8, which `mbconv run` reads.

    python3 networks/export_tflite.py IN.tflite OUT.safetensors

MobileNetV2 of any width, MobileNetV1 and V3, EfficientNet B0 to B8 and EfficientNet-Lite0 to 4 with any number of classes, whose images,
weights and sums are int8, as converters make them for "full integer" quantization: weights with a scale per channel or for all, sums of
32 bits. The logits have the bytes that LiteRT computes by default. What the file has no word for, such as SOFTMAX behind the
classifier, is left out, which a line says; any other operator is refused. How images are prepared no model says: the options
may, as those of `mbconv run`. Wants NumPy and one of the packages tflite and ai-edge-litert."""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from export import write  # pylint: disable=wrong-import-position
from quantized_networks import networks, other_widths  # pylint: disable=wrong-import-position
from tflite_graph import Refused, read  # pylint: disable=wrong-import-position
from tflite_part import quantization  # pylint: disable=wrong-import-position
from tflite_parts import network  # pylint: disable=wrong-import-position

INTERPOLATIONS = "bilinear", "bicubic"


def export_tflite(model, path, images=None):
    """Writes the network of the file `model` to `path`, and returns the operators that are left out. `images`: how they are
    prepared, strings by name, such as "mean". ValueError, and nothing is written, for what is no such network."""
    return export_graph(read(model), path, images)


def export_graph(graph, path, images=None):
    """The same of a tflite_graph.Graph."""
    found = network(graph)
    name, expected = _known(found.parts)
    metadata = {"mbconv.type": "int8", "mbconv.network": name, **_metadata(found, expected)}
    metadata.update(_images(images or {}))
    arrays = _value("input", found.input)
    arrays.update(_value("pool.output", found.pooled))
    for part, wanted in zip(found.parts, expected):
        arrays.update(_part(part, wanted.name))
    write(path, arrays, metadata)
    return found.left


def _known(parts):
    """The name of the network that has these parts, and its parts."""
    heads = [part.outputs for part in parts if part.kind == "pointwise"]
    nearest, most = None, -1
    for candidate in networks():
        right = _right(parts, candidate[1])
        if right == len(parts) == len(candidate[1]):
            return candidate
        if right > most:
            nearest, most = candidate, right
    for candidate in other_widths(parts[0].outputs, heads[-1] if heads else 0):
        if _right(parts, candidate[1]) == len(parts) == len(candidate[1]):
            return candidate
    name, expected = nearest
    if most == len(parts):
        raise Refused(f"no network known here: it ends where {name} has {expected[most]}")
    wanted = expected[most] if most < len(expected) else "nothing more"
    raise Refused(f"{parts[most].op}: no network known here has {parts[most]} there; the nearest, {name}, has {wanted}")


def _right(parts, expected):
    """How many of the first parts are those of the network."""
    for i, (part, wanted) in enumerate(zip(parts, expected)):
        if not wanted.fits(part):
            return i
    return min(len(parts), len(expected))


# ---- What the metadata say -------------------------------------------------------------------------------------------


def _metadata(found, expected):
    parts = found.parts
    _check_blocks(parts, expected)
    metadata = {
        "mbconv.padding": _padding(parts),
        "mbconv.strides": ",".join(str(part.stride) for part in parts if part.kernel > 1),
        "mbconv.activations": ",".join(_activations(parts, expected)),
        "mbconv.size": str(found.input.shape[1]),
    }
    squeeze = {(a.activation, b.activation) for a, b in zip(parts, parts[1:]) if a.kind == "reduce"}
    if len(squeeze) > 1:
        raise Refused("activations in squeeze-excite differ from block to block")
    return {**metadata, **({"mbconv.squeeze": ",".join(squeeze.pop())} if squeeze else {})}


def _images(images):
    """What metadata.h has of preprocessing."""
    if unknown := images.keys() - {"resize", "interpolation", "mean", "std"}:
        raise ValueError(f"of images there is no {min(unknown)}")
    if ("mean" in images) != ("std" in images):
        raise ValueError("mean and std belong together")
    for name in images.keys() & {"mean", "std"}:
        colours = [float(colour) for colour in images[name].split(",")]
        if len(colours) != 3 or not all((colour > 0 or name == "mean" and colour == 0) and colour < 1000 for colour in colours):
            raise ValueError(f"{name} is {images[name]}, not three numbers for red, green and blue")
    if not 1 <= int(images.get("resize", 1)) <= 65536 or images.get("interpolation", "bicubic") not in INTERPOLATIONS:
        raise ValueError(f"images are resized to {images.get('resize')}, {images.get('interpolation')}: no way known here")
    return {f"mbconv.{name}": text for name, text in images.items()}


def _padding(parts):
    common = frozenset(("same", "symmetric"))
    for part in parts:
        if part.kernel == 1:
            continue
        if not part.paddings & common:
            raise Refused(f"{part.op}: its padding is {min(part.paddings)}, that of the layers before {min(common)}")
        common &= part.paddings
    return min(common)  # of an odd number of pixels both are the same


def _activations(parts, expected):
    """One of each layer but a block's last, the classifier and those in squeeze-excite."""
    kinds, of_block = [], {}
    for i, (part, wanted) in enumerate(zip(parts, expected)):
        last = i + 1 == len(parts) or wanted.block > 0 and expected[i + 1].block != wanted.block and not wanted.alone
        if part.kind in ("reduce", "excite"):
            continue
        if last and part.activation != "none":
            raise Refused(f"{part.op}: behind {wanted.name} there is an activation, {part.activation}")
        if last:
            continue
        kinds.append(part.activation)
        if wanted.block > 0 and of_block.setdefault(wanted.block, part.activation) != part.activation:
            others = of_block[wanted.block]
            raise Refused(f"{part.op}: {wanted.name} has the activation {part.activation}, others of its block {others}")
    return kinds


def _check_blocks(parts, expected):
    """A block adds its input where it can, and nothing else is added."""
    for part, wanted in zip(parts, expected):
        block = [other for other, one in zip(parts, expected) if wanted.block > 0 and one.block == wanted.block]
        could = bool(block) and part is block[-1] and all(other.stride == 1 for other in block)
        could = could and block[0].x.shape[-1] == part.outputs and not wanted.alone
        if could != (part.sum is not None) or could and part.shortcut is not block[0].x:
            raise Refused(f"{part.op}: {wanted.name} {'does not add' if could else 'adds'} the block's input, unlike this network")


# ---- Tensors ---------------------------------------------------------------------------------------------------------


def _value(name, tensor):
    scale, zero = quantization(name, tensor)
    return {f"{name}.scale": np.array([scale], np.float32), f"{name}.zero_point": np.array([zero], np.int32)}


def _part(part, name):
    weight = part.weight.data
    if part.kind == "depthwise":
        weight = weight[0].transpose(2, 0, 1)[:, None]
    elif weight.ndim == 4:
        weight = weight.transpose(0, 3, 1, 2)
    if part.kind == "connected":
        weight = weight.reshape(part.outputs, part.inputs)
    elif weight.ndim == 2:
        weight = weight[:, :, None, None]
    bias = np.zeros(part.outputs, np.int32) if part.bias is None else part.bias.data
    arrays = {f"{name}.weight": weight, f"{name}.bias": bias, f"{name}.weight_scale": part.weight.scales}
    arrays.update(_value(f"{name}.output", part.y))
    values = {"activation": part.activated, "product": part.product, "sum": part.sum}
    if part.kind == "reduce":
        values["mean"] = part.mean
    if part.gate is not None:
        values.update(three=part.gate.three, shifted=part.gate.shifted, sixth=part.gate.sixth)
        constants = [part.gate.three.data.item(), part.gate.sixth.data.item()]
        arrays[f"{name}.constants"] = np.array(constants, np.int32)
    for suffix, tensor in values.items():
        if tensor is not None:
            arrays.update(_value(f"{name}.{suffix}", tensor))
    return arrays


def main():
    parser = argparse.ArgumentParser(
        prog="export_tflite.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resize", metavar="N", help="their shorter side is resized to N pixels before they are cut out")
    parser.add_argument("--interpolation", choices=INTERPOLATIONS, help="how")
    parser.add_argument("--mean", metavar="R,G,B", help="what is taken from colours of 0 to 1, such as 0.5,0.5,0.5")
    parser.add_argument("--std", metavar="R,G,B", help="what they are then divided by")
    parser.add_argument("model", metavar="IN.tflite")
    parser.add_argument("path", metavar="OUT.safetensors")
    arguments = parser.parse_args()
    try:
        images = {name: getattr(arguments, name) for name in ("resize", "interpolation", "mean", "std")}
        left = export_tflite(arguments.model, arguments.path, {name: text for name, text in images.items() if text is not None})
    except (ValueError, OSError) as error:
        sys.exit(f"export_tflite: {error}")
    if left:
        print(f"export_tflite: left out: {'; '.join(str(op) for op in left)}", file=sys.stderr)


if __name__ == "__main__":
    main()
