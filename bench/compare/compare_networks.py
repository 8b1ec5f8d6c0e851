# SPDX-License-Identifier: MIT
"""Measures whole networks on mbconv and its peers: one image, one core. README.md tells how; `./run compare networks`
installs, builds, calls."""

import argparse
import csv
import dataclasses
import importlib
import os
import sys
import tempfile

import hold
import measure
import network
import peers
from machine import choice_list, cpu_name, say, warn_if_busy
from peers.native import Driver, NativeNetwork
from report import geomean

TOLERANCE = 1e-4  # of the largest logit, against PyTorch in double precision
REQUIRED = "onnxruntime", "openvino", "litert"
CSV_COLUMNS = "network contender isa us_min us_median peak_percent activation_bytes".split()


@dataclasses.dataclass(frozen=True)
class Result:
    network: network.Network
    times: dict  # {contender: measure.Time}; "mbconv" is among them
    peak: float  # of FMA, FLOP/s
    memory: dict  # {contender: bytes of activations}, where known
    asked: int  # what ONNX Runtime asked its arena for at the same time

    @property
    def ours(self):
        return self.times["mbconv"].us_min

    @property
    def peak_us(self):
        return 1e6 * 2 * self.network.multiply_adds / self.peak

    def ratio(self, name):
        return self.times[name].us_min / self.ours if name in self.times else None


def main():
    arguments = parse_arguments()
    if arguments.isa == "avx2":
        hold.hold_to_avx2(arguments.driver)
    driver = Driver(arguments.driver)
    isa = driver.isa(arguments.isa)
    if not isa:
        sys.exit(f"compare: --isa is {arguments.isa}, which is not a set that this CPU can run")
    modules, problems = load(arguments.contenders)
    print_head(driver, isa, modules, arguments.isa == "avx2")
    warn_if_busy()
    results = []
    for name in arguments.networks:
        say(f"{name}, {arguments.seconds:g} s")
        results.append(measure_network(network.make_network(name, arguments.seed), driver, isa, modules, problems,
                                       arguments))  # fmt: skip
        print_result(results[-1], list(modules))
    print_geomeans(results, list(modules))
    if arguments.csv:
        write_csv(arguments.csv, results, driver.isa_name(isa))
    lacking = sorted({name for name in problems if name in REQUIRED} | set(REQUIRED) - set(arguments.contenders))
    if lacking:
        say(f"lacking required contenders, in all or in part: {', '.join(lacking)}")
        sys.exit(0 if arguments.allow_missing else 1)


def load(names):
    """The peers' modules by name, and the names of those that are missing."""
    modules, problems = {}, []
    for name in names:
        try:
            modules[name] = importlib.import_module("peers." + name)
        except (ImportError, OSError) as error:
            problems.append(name)
            say(f"{name}: missing: {error}")
    return modules, problems


def print_head(driver, isa, modules, held):
    print(f"CPU          {cpu_name()}")
    print(f"mbconv       {driver.version('mbconv')}, {driver.isa_name(isa)}, {driver.compiler()}")
    for name, module in modules.items():
        print(f"{name:12} {module.VERSION}")
    if held:
        print("All are kept to AVX2.")


def measure_network(case, driver, isa, modules, problems, arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.safetensors")
        network.save(case, path)
        ours = NativeNetwork(driver, case, path, 1, isa)
    peers.check(ours, case.y, TOLERANCE)
    contestants = [measure.Contestant("mbconv", ours, 1)]
    for name, module in modules.items():
        try:
            peer = module.NetworkContender(case, 1)
            peers.check(peer, case.y, TOLERANCE)
        except Exception as error:  # pylint: disable=broad-except # a peer may throw anything
            problems.append(name)
            say(f"{name}: {case.name}: {error}")
            continue
        contestants.append(measure.Contestant(name, peer, 1))
    times, peak = measure.measure(contestants, 1, arguments.seconds, lambda: driver.peak(isa))
    memory, asked = {"mbconv": ours.scratch_bytes}, 0
    if "onnxruntime" in times:
        memory["onnxruntime"], asked = modules["onnxruntime"].arena_bytes(case)
    for contestant in contestants:
        if arguments.verbose:
            print(f"{case.name} {contestant.name}: {contestant.peer.description}")
        contestant.peer.close()
    return Result(case, times, peak, memory, asked)


def print_result(result, names):
    case = result.network
    millions, peak = 1e-6 * case.multiply_adds, 1e-9 * result.peak
    print(f"\n{case.name}, {case.height}x{case.width}, {millions:.1f} million multiply-adds: ", end="")
    print(f"at the FMA peak of {peak:.1f} GFLOP/s {result.peak_us:.0f} us")
    print(f"{'':14}{'us':>9}{'median':>9}{'peak %':>8}{'times mbconv':>14}")
    for name in ["mbconv", *(name for name in names if name in result.times)]:
        time = result.times[name]
        percent = 100 * result.peak_us / time.us_min
        print(f"{name:14}{time.us_min:9.0f}{time.us_median:9.0f}{percent:8.1f}{result.ratio(name):14.3f}")
    if len(result.times) > 1:
        ratio, name = min((result.ratio(name), name) for name in result.times if name != "mbconv")
        print(f"the fastest of all, {name}, took {ratio:.3f} times as long as mbconv")
    ours = result.memory["mbconv"]
    print(f"activations: mbconv's arena {ours / 1024:.0f} KB", end="")
    if "onnxruntime" in result.memory:
        theirs = result.memory["onnxruntime"]
        print(f", {ours / theirs:.3f} of ONNX Runtime's, {theirs / 1024:.0f} KB "
              f"(of which asked for at the same time: {result.asked / 1024:.0f} KB)", end="")  # fmt: skip
    print(flush=True)


def print_geomeans(results, names):
    print()
    for name in names:
        ratios = [result.ratio(name) for result in results]
        if len(results) > 1 and all(ratios):
            print(f"geomean {name:14}{geomean(ratios):8.3f} times as long as mbconv")


def write_csv(path, results, isa):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for result in results:
            for name, time in result.times.items():
                percent = f"{100 * result.peak_us / time.us_min:.2f}"
                figures = f"{time.us_min:.1f}", f"{time.us_median:.1f}", percent, result.memory.get(name, "")
                writer.writerow([result.network.name, name, isa if name == "mbconv" else "", *figures])
    say(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run compare networks", description=__doc__)
    parser.add_argument("--networks", type=choice_list(network.NAMES), default=network.NAMES)
    parser.add_argument("--contenders", type=choice_list(peers.PYTHON), default=peers.PYTHON,
                        help="beside mbconv, default: %(default)s")  # fmt: skip
    parser.add_argument("--isa", default="auto", help="of mbconv: auto, or a set that `mbconv info` prints")
    parser.add_argument("--seconds", type=float, default=40, help="per network; default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", metavar="FILE", help="write a row per contender")
    parser.add_argument("--verbose", action="store_true", help="what each took, as far as it tells")
    parser.add_argument("--allow-missing", action="store_true", help="exit with 0 without a required contender")
    parser.add_argument("--driver", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
