# SPDX-License-Identifier: MIT
"""Measures mbconv against its peers, block by block. README.md tells how; `./run compare` installs, builds, calls."""

import argparse
import importlib
import math
import sys
import zlib

import chart
import hold
import measure
import peers
import report
from blocks import make_case, read_blocks
from machine import choice_list, cpu_name, last_level_cache, say, warn_if_busy
from peers.native import Driver, Native

TOLERANCE = 1e-5  # of the largest |y|, against double precision
COLD_FACTOR = 2  # the data of all copies together, in last-level caches


def main():
    arguments = parse_arguments()
    if arguments.isa == "avx2":
        hold.hold_to_avx2(arguments.driver)
    driver = Driver(arguments.driver)
    isa = driver.isa(arguments.isa)
    if not isa:
        sys.exit(f"compare: --isa is {arguments.isa}, which is not a set that this CPU can run")
    run = Run(driver, isa, arguments)
    run.print_head()
    for threads in arguments.threads:
        for cache in arguments.cache:
            if cache == "warm" or threads == 1:
                run.measure_table(threads, cache)
    run.finish()


class Run:
    def __init__(self, driver, isa, arguments):
        self.driver, self.isa, self.arguments = driver, isa, arguments
        self.blocks = [
            block
            for block in read_blocks()
            if block.variant in arguments.variants and (not arguments.blocks or block.name in arguments.blocks)
        ]
        self.results, self.problems, self.descriptions = [], [], {}
        self.modules = {}
        for name in peers.PYTHON:
            if name in arguments.contenders:
                try:
                    self.modules[name] = importlib.import_module("peers." + name)
                except (ImportError, OSError) as error:
                    self.problem(name, f"missing: {error}")
        for name in set(peers.REQUIRED) - set(arguments.contenders):
            self.problem(name, "not asked for")

    def problem(self, name, what):
        self.problems.append((name, what))
        say(f"{name}: {what}")

    def contenders(self, cache):
        native = ["mbconv"] + [name for name in peers.NATIVE if name in self.arguments.contenders]
        return native if cache == "cold" else native + list(self.modules)

    def print_head(self):
        print(f"CPU          {cpu_name()}")
        isa, compiler = self.driver.isa_name(self.isa), self.driver.compiler()
        print(f"mbconv       {self.driver.version('mbconv')}, {isa}, {compiler}")
        print(f"onednn       {self.driver.version('onednn')}")
        for name, module in self.modules.items():
            print(f"{name:12} {module.VERSION}")
        if self.arguments.isa == "avx2":
            print("All are kept to AVX2.")

    def measure_table(self, threads, cache):
        names = self.contenders(cache)
        warn_if_busy()
        table = report.Table(names)
        print(f"\n{threads} thread{'s' * (threads > 1)}, {cache} caches\n{table.head()}", flush=True)
        # As long for each contender as in the warm table.
        seconds = self.arguments.seconds * len(names) / len(self.contenders("warm"))
        best = {}
        for number in range(self.arguments.passes):
            for block in self.blocks:
                which = f", pass {number + 1}" if self.arguments.passes > 1 else ""
                say(f"{block.name} {block.variant}, {threads} thread{'s' * (threads > 1)}, {cache}{which}")
                result = self.measure_block(block, names, threads, cache, seconds)
                key = block.name, block.variant
                best[key] = best[key].merged(result) if key in best else result
                if number + 1 == self.arguments.passes:
                    print(table.line(best[key]), flush=True)
        for variant in report.VARIANTS:
            results = [result for (_, name), result in best.items() if name == variant]
            if results:
                print(f"{table.geomeans(results)}   {variant}\n", flush=True)
            self.results += results

    def measure_block(self, block, names, threads, cache, seconds):
        case = make_case(block, zlib.crc32(f"{block.name} {block.variant} {self.arguments.seed}".encode()))
        copies = math.ceil(COLD_FACTOR * last_level_cache() / block.bytes) if cache == "cold" else 1
        contestants = []
        for name in names:
            try:
                peer = self.make(name, case, threads, copies)
                peers.check(peer, case.y, TOLERANCE)
            except Exception as error:  # pylint: disable=broad-except # a peer may throw anything
                if name == "mbconv":
                    sys.exit(f"compare: mbconv fails {block.name} {block.variant}: {error}")
                self.problem(name, f"{block.name} {block.variant}, {threads} threads: {error}")
                continue
            self.descriptions[block.name, block.variant, threads, cache, name] = peer.description
            contestants.append(measure.Contestant(name, peer, threads))
        times, peak = measure.measure(contestants, threads, seconds, lambda: self.driver.peak(self.isa))
        scratch = {contestant.name: contestant.peer.scratch_bytes for contestant in contestants}
        for contestant in contestants:
            contestant.peer.close()
        return report.Result(block, threads, cache, times, scratch, peak)

    def make(self, name, case, threads, copies):
        if name in self.modules:
            return self.modules[name].Contender(case, threads)
        return Native(self.driver, name, case, threads, copies, self.isa)

    def finish(self):
        for line in report.thread_lines(self.results):
            print(line)
        self.print_overheads()
        if self.arguments.verbose:
            for key, description in self.descriptions.items():
                print(*key, description)
        if self.arguments.csv:
            report.write_csv(self.arguments.csv, self.results)
            say(f"wrote {self.arguments.csv}")
        if self.arguments.svg:
            chart.write(self.arguments.svg, self.results, self.caption())
            say(f"wrote {self.arguments.svg}")
        lacking = sorted({name for name, _ in self.problems if name in peers.REQUIRED})
        if lacking:
            say(f"lacking required contenders, in all or in part: {', '.join(lacking)}")
            sys.exit(0 if self.arguments.allow_missing else 1)

    def print_overheads(self):
        """Tells what was taken off, and who worked elsewhere than on the calling thread."""
        overheads, elsewhere = {}, set()
        for result in self.results:
            for name, figures in result.times.items():
                overheads.setdefault(name, []).append(figures.overhead_us)
                if figures.on_own_threads:
                    elsewhere.add(name)
        taken_off = [f"{name} {max(values):.1f}" for name, values in overheads.items() if any(values)]
        if taken_off:
            print(f"\nTaken off for an empty call, at most, us: {', '.join(taken_off)}")
        if elsewhere:
            print(f"Measured by the CPU time of the process, not of the calling thread: {', '.join(sorted(elsewhere))}")

    def caption(self):
        return f"{cpu_name()}, one thread, {self.driver.isa_name(self.isa)}"


def thread_counts(text):
    counts = text.split(",")
    if not all(count.isdigit() and int(count) > 0 for count in counts):
        raise argparse.ArgumentTypeError(f"{text}: not counts such as 1,2")
    return [int(count) for count in counts]


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: not a number of passes")
    return int(text)


def parse_arguments():
    everyone = [*peers.NATIVE, *peers.PYTHON]
    names = list(dict.fromkeys(block.name for block in read_blocks()))
    parser = argparse.ArgumentParser(prog="./run compare", description=__doc__)
    parser.add_argument("--type", choices=["f32"], default="f32", help="or i8, with arguments of its own: --type i8 --help")
    parser.add_argument("--blocks", type=choice_list(names), help="such as b7,e2; default: all of blocks.csv and lists.csv")
    parser.add_argument("--variants", type=choice_list(report.VARIANTS), default=report.VARIANTS)
    parser.add_argument("--contenders", type=choice_list(everyone), default=everyone, help="beside mbconv")
    parser.add_argument("--threads", type=thread_counts, default=[1, 2])
    caches = ["warm", "cold"]
    parser.add_argument("--cache", type=choice_list(caches), default=caches, help="cold: one thread, those in C++")
    parser.add_argument("--seconds", type=float, default=4, help="of measuring, for each line of the warm tables")
    parser.add_argument("--passes", type=positive, default=1, help="over all blocks; the fastest of each contender counts")
    parser.add_argument("--isa", default="auto", help="of mbconv: auto, or a set that `mbconv info` prints")
    parser.add_argument("--csv", metavar="FILE", help="one row for each contender of each line")
    parser.add_argument("--svg", metavar="FILE", help="the chart, of one thread with warm caches")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--allow-missing", action="store_true", help="succeed without a required contender")
    parser.add_argument("--verbose", action="store_true", help="also tell which kernels each contender took")
    parser.add_argument("--driver", default="libmbconv_compare.so", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
