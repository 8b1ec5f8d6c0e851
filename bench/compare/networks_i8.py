# SPDX-License-Identifier: MIT
"""Measures whole networks of int8 on mbconv and its peers: one image of bytes, one core, by turns. The command writes a
network with random weights and the padding SAME; LiteRT gets it as .tflite, whose bytes must be the same, ONNX Runtime
and OpenVINO as ONNX with QuantizeLinear and DequantizeLinear on uint8, whose logits are other roundings of the same
numbers. `./run compare networks --type i8` installs, builds, calls."""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "hosts"))
# pylint: disable=wrong-import-position
import whole_networks
import onnx_networks
from ai_edge_litert.interpreter import Interpreter

SIDE, ROUNDS = 224, 5
RIGHT = 16  # steps by which a peer's logits may differ; sums that saturate are further away


class Litert:
    def __init__(self, path):
        file = whole_networks.File(path)
        self._q = file.quantization("classifier.1.output")
        self._interpreter = Interpreter(model_content=whole_networks.graph_of(file, SIDE, SIDE).model(), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def load(self, x):
        self._interpreter.set_tensor(self._input, x)

    def run(self):
        self._interpreter.invoke()

    def logits(self):
        return whole_networks.real(self._interpreter.get_tensor(self._output), self._q).ravel()


class OnnxRuntime:
    def __init__(self, path, exact=False):
        """exact: sums that do not saturate on CPUs without VNNI; half as fast, on others, too."""
        import onnxruntime  # pylint: disable=import-outside-toplevel # a peer may be missing

        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads, options.inter_op_num_threads = 3, 1, 1
        if exact:
            options.add_session_config_entry("session.x64quantprecision", "1")
        model = onnx_networks.model_of(whole_networks.File(path), SIDE, SIDE)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._x = self._y = None

    def load(self, x):
        self._x = onnx_networks.input_of(x)

    def run(self):
        self._y = self._session.run(None, {"x": self._x})[0]

    def logits(self):
        return self._y.ravel()


class OpenVino:
    def __init__(self, path):
        import openvino  # pylint: disable=import-outside-toplevel

        core = openvino.Core()
        model = core.read_model(onnx_networks.model_of(whole_networks.File(path), SIDE, SIDE))
        config = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        self._request = core.compile_model(model, "CPU", config).create_infer_request()

    def load(self, x):
        import openvino  # pylint: disable=import-outside-toplevel

        self._request.set_input_tensor(openvino.Tensor(onnx_networks.input_of(x)))

    def run(self):
        self._request.infer()

    def logits(self):
        return self._request.get_output_tensor(0).data.ravel().copy()


PEERS = {"LiteRT": Litert, "ONNX Runtime": OnnxRuntime, "OpenVINO": OpenVino}


def differs(peer, x, want, q):
    """By how many steps of the bytes, at most, the peer's logits are others."""
    peer.load(x)
    peer.run()
    return np.abs(peer.logits() - want).max() / q.scale


def least(run, seconds):
    """The least microseconds of a call."""
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1e6 * best


def ours(command, words, seconds):
    """Microseconds and bytes, by the command."""
    done = subprocess.run([command, "bench", *words, "--seconds", str(seconds), "--json"], capture_output=True, check=True)
    said = json.loads(done.stdout)
    return said["us"], said["isa"], said["arena_bytes"], said["weight_bytes"]


def measure(command, name, seconds, isa):
    """Prints the network's lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "network.safetensors")
        subprocess.run([command, "write", name, path, "--padding", "same"], check=True)
        file = whole_networks.File(path)
        q, y_q = file.quantization("input"), file.quantization("classifier.1.output")
        x = np.random.default_rng(1).integers(-128, 128, (1, SIDE, SIDE, 3)).astype(np.int8)
        want = whole_networks.logits(command, path, x, q, isa)
        peers, differ = {}, {}
        for peer, make in PEERS.items():
            try:
                peers[peer] = make(path)
            except (ImportError, OSError, RuntimeError) as error:
                print(f"{peer}: missing: {error}", file=sys.stderr)
                continue
            differ[peer] = differs(peers[peer], x, want, y_q)
            if differ[peer] > RIGHT and make is OnnxRuntime:
                peers[peer] = make(path, exact=True)
                differ[peer] = differs(peers[peer], x, want, y_q)
        if differ.get("LiteRT", 0) > 0:
            sys.exit(f"{name}: LiteRT has other logits, by {differ['LiteRT']:.0f} steps")
        for peer in [peer for peer in peers if differ[peer] > RIGHT]:
            print(f"{peer}: {name}: not timed: logits differ by {differ[peer]:.0f} steps", file=sys.stderr)
            del peers[peer]
        us = {key: math.inf for key in ("mbconv", *peers, "mbconv, f32")}
        for _ in range(ROUNDS):
            int8 = ours(command, [path, "--type", "i8", "--isa", isa], seconds)
            us["mbconv"] = min(us["mbconv"], int8[0])
            for peer, made in peers.items():
                us[peer] = min(us[peer], least(made.run, seconds))
            us["mbconv, f32"] = min(us["mbconv, f32"], ours(command, [name, "--padding", "same"], seconds)[0])
    print(f"\n{name}, {SIDE}x{SIDE}, int8, {int8[1]}: arena {1e-6 * int8[2]:.2f} MB, weights {1e-6 * int8[3]:.2f} MB")
    for key, value in us.items():
        steps = f"  logits differ by {differ[key]:.0f} steps at most" if key in differ else ""
        print(f"{key:14}{value:9.0f} us{value / us['mbconv']:8.3f}{steps}")
    return us


def main():
    parser = argparse.ArgumentParser(prog="./run compare networks --type i8", description=__doc__)
    parser.add_argument("--command", default="build/default/cli/mbconv", help="the program mbconv")
    parser.add_argument("--networks", default=",".join(whole_networks.NETWORKS))
    parser.add_argument("--seconds", type=float, default=1, help="of each contender in each of its turns")
    parser.add_argument("--isa", default="auto", help="of mbconv in int8")
    arguments = parser.parse_args()
    ratios = []
    for name in arguments.networks.split(","):
        us = measure(arguments.command, name, arguments.seconds, arguments.isa)
        ratios.append(min(us[peer] for peer in PEERS if peer in us) / us["mbconv"])
        print(f"the fastest peer takes {ratios[-1]:.3f} times as long", flush=True)
    print(f"\ngeometric mean: {math.exp(np.mean(np.log(ratios))):.3f}")


if __name__ == "__main__":
    main()
