#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds networks/export_tflite.py against the command's own files of int8, whose graphs it must turn into the same files, and
against graphs that it must refuse. The reader of .tflite files, which Debian lacks, is tried by tests/hosts/exported.py.

    tflite_exporter.py MBCONV
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from tflite_graphs import GATE, NONE, Maker, find, read
from tflite_refusals import EXCITE, HARD, MOBILE, pooled

# pylint: disable-next=wrong-import-order
from export_tflite import export_graph
from tflite_graph import Operator

# The numbers of blocks, or of stages, with stride 2
MOBILENET_V2, EFFICIENTNET, LITE0, LITE2 = (2, 4, 7, 14), (2, 3, 4, 6), (2, 4, 6, 12), (2, 5, 8, 16)
MOBILENET_V3_SMALL, MOBILENET_V3_LARGE, MOBILENET_V1 = (1, 2, 4, 9), (2, 4, 7, 13), (1, 2, 3, 4)
NETWORKS = (
    ("mobilenet_v2", MOBILENET_V2), ("mobilenet_v2_0.35", MOBILENET_V2), ("mobilenet_v2_0.6", MOBILENET_V2),
    ("mobilenet_v2_1.234", MOBILENET_V2), ("efficientnet_lite0", LITE0), ("efficientnet_lite2", LITE2),
    ("efficientnet_b0", EFFICIENTNET), ("efficientnet_b2", EFFICIENTNET),
    ("mobilenet_v1", MOBILENET_V1), ("mobilenet_v3_small", MOBILENET_V3_SMALL), ("mobilenet_v3_large", MOBILENET_V3_LARGE),
)  # fmt: skip


def check_same(command, folder, name, blocks):
    """At sizes where the two paddings differ and where they do not: the file that the graph was made of."""
    subprocess.run([command, "write", name, folder / name], check=True)
    arrays, metadata = read(folder / name)
    for size, padding in ((96, "same"), (96, "symmetric"), (97, "symmetric")):
        assert not export_graph(Maker(arrays, size, blocks, padding).whole(), folder / "out")
        made, said = read(folder / "out")
        assert made.keys() == arrays.keys(), (name, made.keys() ^ arrays.keys())
        for key, array in arrays.items():
            assert made[key].dtype == array.dtype and made[key].shape == array.shape and (made[key] == array).all(), key
        assert said["mbconv.type"] == metadata["mbconv.type"] == "int8" and said["mbconv.size"] == str(size), said
        assert said["mbconv.network"] == metadata["mbconv.network"] or name == "mobilenet_v2_1.234", said
        assert said["mbconv.padding"] == ("same" if size == 97 else padding), said
        squeeze = {"efficientnet_b": "silu,sigmoid", "mobilenet_v3_s": "relu,hard-sigmoid", "mobilenet_v3_l": "relu,hard-sigmoid"}
        assert said.get("mbconv.squeeze") == squeeze.get(name[:14]), said
        image = np.zeros((size, size, 3), np.float32).tobytes()
        words = [command, "run", folder / "out", "--raw-input", "-", "--raw-output", "-", "--layout", "nhwc", "--size", str(size)]
        done = subprocess.run(words, input=image, capture_output=True, check=False)
        assert done.returncode == 0 and len(done.stdout) == 4000, (name, done.stderr)


def put_doors(maker, graph, outside):
    """Floats or uint8 outside, and RESHAPE and SOFTMAX behind the classifier."""
    x, y, shift = graph.inputs[0], graph.outputs[0], 128 if outside == "UINT8" else 0
    door = maker.tensor(x.shape, (x.scales, x.zeros + shift), outside)
    graph.operators.append(Operator(len(graph.operators), "QUANTIZE", [door], [x]))
    y = maker.operator("RESHAPE", [y], (1, 1000), (y.scales, y.zeros))
    y = maker.operator("SOFTMAX", [y], y.shape, GATE)
    name = "QUANTIZE" if outside == "UINT8" else "DEQUANTIZE"
    graph.inputs[0], graph.outputs[0] = door, maker.operator(name, [y], y.shape, (GATE[0], GATE[1] + shift), kind=outside)


def check_ends(arrays, folder):
    for outside in "FLOAT32", "UINT8":
        maker = Maker(arrays, 96, MOBILENET_V2)
        graph = maker.whole()
        put_doors(maker, graph, outside)
        left = [op.name for op in export_graph(graph, folder / "ends")]
        assert left == ["QUANTIZE", "SOFTMAX", graph.operators[-1].name], left
        made, _ = read(folder / "ends")
        assert all((made[name] == array).all() for name, array in arrays.items())


def other_forms(arrays, size):
    """Other operators for the same: a pooling by AVERAGE_POOL_2D, a classifier by CONV_2D, RESHAPE to a
    shape that is computed."""
    maker = Maker(arrays, size, MOBILENET_V2)
    graph = maker.whole()
    pooled()(graph)
    pool, layer = find(graph, "AVERAGE_POOL_2D"), find(graph, "FULLY_CONNECTED")
    means, weight = pool.outputs[0], layer.inputs[1]
    shape = maker.operator("SHAPE", [means], (2,), kind="INT32")
    vector = maker.operator("RESHAPE", [means, shape], (1, 1, 1, means.shape[-1]), (means.scales, means.zeros))
    layer.name, layer.outputs[0].shape = "CONV_2D", (1, 1, 1, 1000)
    layer.options, layer.inputs = dict(find(graph, "CONV_2D", 1).options, **NONE), [vector, weight, layer.inputs[2]]
    weight.data = weight.data.reshape(1000, 1, 1, -1)
    weight.shape = weight.data.shape
    return graph


def check_forms(arrays, folder):
    graph = other_forms(arrays, 96)
    means = find(graph, "AVERAGE_POOL_2D").outputs[0]
    assert not export_graph(graph, folder / "forms")
    made, _ = read(folder / "forms")
    assert (made["classifier.1.weight"] == arrays["classifier.1.weight"]).all() and (made["classifier.1.bias"] == arrays["classifier.1.bias"]).all()
    assert made["pool.output.scale"] == means.scales and made["pool.output.zero_point"] == means.zeros
    assert made.keys() == arrays.keys()
    graph = Maker(arrays, 96, MOBILENET_V2).whole()
    find(graph, "FULLY_CONNECTED").inputs.pop()
    assert not export_graph(graph, folder / "forms") and not read(folder / "forms")[0]["classifier.1.bias"].any()
    try:
        export_graph(other_forms(arrays, 64), folder / "even")
    except ValueError as error:
        assert "AVERAGE_POOL_2D: of 4 pixels" in str(error)
    assert not (folder / "even").exists()


def check_images(command, arrays, folder):
    """What is said of images is in the file, and the command takes it; what cannot be is refused."""
    images = {"resize": "128", "interpolation": "bilinear", "mean": "0.5,0.25,0", "std": "0.5,1,0.125"}
    graph = Maker(arrays, 96, MOBILENET_V2).whole()
    for said in images, {"resize": "100"}, {"mean": images["mean"], "std": images["std"]}:
        export_graph(graph, folder / "images", said)
        metadata = read(folder / "images")[1]
        assert {name: metadata.get(f"mbconv.{name}") for name in images} == {**dict.fromkeys(images), **said}
        done = subprocess.run([command, "run", folder / "images", "/dev/null"], capture_output=True, text=True, check=False)
        assert "metadata" not in done.stderr and done.returncode == 1, done.stderr
    for word, bad in (
        ("mean and std belong together", {"mean": "0,0,0"}), ("mean is 0,0", {"mean": "0,0", "std": "1,1,1"}),
        ("std is 1,1,0", {"mean": "0,0,0", "std": "1,1,0"}), ("no crop", {"crop": "5"}), ("resized to 0", {"resize": "0"}),
        ("mean is nan", {"mean": "nan,0,0", "std": "1,1,1"}), ("None, cubic", {"interpolation": "cubic"}), ("invalid", {"resize": "x"}),
    ):  # fmt: skip
        try:
            export_graph(graph, folder / "refused", bad)
        except ValueError as error:
            assert word in str(error), error
        else:
            raise AssertionError(f"exported in spite of: {bad}")
        assert not (folder / "refused").exists()


def check_refusals(arrays, blocks, cases, folder):
    for word, change in cases:
        graph = Maker(arrays, 96, blocks).whole()
        change(graph)
        try:
            export_graph(graph, folder / "refused")
        except ValueError as error:
            assert word in str(error), f"{error}, not {word}"
        else:
            raise AssertionError(f"exported in spite of: {word}")
        assert not (folder / "refused").exists()


def main():
    command = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for network, blocks in NETWORKS:
            check_same(command, folder, network, blocks)
        arrays, _ = read(folder / "mobilenet_v2_0.35")
        check_ends(arrays, folder)
        check_forms(arrays, folder)
        check_images(command, arrays, folder)
        check_refusals(arrays, MOBILENET_V2, MOBILE, folder)
        check_refusals(read(folder / "efficientnet_b0")[0], EFFICIENTNET, EXCITE, folder)
        check_refusals(read(folder / "mobilenet_v3_small")[0], MOBILENET_V3_SMALL, HARD, folder)
    print(f"tflite_exporter: {len(NETWORKS)} networks are as they were, {len(MOBILE) + len(EXCITE) + len(HARD)} graphs are refused")


if __name__ == "__main__":
    main()
