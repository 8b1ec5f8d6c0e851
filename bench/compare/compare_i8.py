# SPDX-License-Identifier: MIT
"""Measures mbconv's int8 against its own f32 and the peers' int8 and f32, block by block. README.md tells how."""

import argparse
import dataclasses
import importlib
import sys
import zlib

import blocks
import bound
import chart_i8
import hold
import i8_case
import measure
import numpy as np
import peers
import report_i8
from machine import choice_list, cpu_name, say, warn_if_busy
from peers.native import Driver, Native

I8_PEERS = "litert", "ort-s8", "ort-u8", "openvino", "onednn"
F32_PEERS = "onednn", "onnxruntime", "openvino", "litert"
NEAR = 1  # a byte that differs by no more is rounding, not a wrong answer


def main():
    arguments = parse_arguments()
    if all(name in ("avx2", "avx2_vnni") for name in arguments.isa):
        hold.hold_to_avx2(arguments.driver)
    driver = Driver(arguments.driver)
    rows = {}
    for name in arguments.isa:
        row = driver.library.compare_isa_i8(name.encode())
        if not row:
            sys.exit(f"compare: --isa is {name}, which is not a set of int8 that this CPU can run")
        rows[driver.isa_name(row)] = row
    run = Run(driver, rows, arguments)
    run.print_head()
    warn_if_busy()
    table = report_i8.Table(list(rows), arguments.contenders)
    print(f"\n1 thread, warm caches, us\n{table.head()}", flush=True)
    best = {}
    for number in range(arguments.passes):
        for block in run.blocks:
            say(f"{block.name}, pass {number + 1} of {arguments.passes}")
            result = run.measure_block(block)
            best[block.name] = best[block.name].merged(result) if block.name in best else result
            if number + 1 == arguments.passes:
                print(table.line(best[block.name]), flush=True)
    run.finish(table, list(best.values()))


@dataclasses.dataclass(frozen=True)
class Contender:
    """A way to compute a block; make(case, the block in f32) makes the Peer."""

    name: str
    make: object
    i8: bool = True
    unsigned: bool = False
    add: str = "xnnpack"
    tables: tuple = None
    required: bool = True


class Run:
    def __init__(self, driver, rows, arguments):
        self.driver, self.rows, self.arguments = driver, rows, arguments
        chosen = [block for block in blocks.read_blocks() if block.variant in ("relu6", "silu")]
        self.blocks = [block for block in chosen if not arguments.blocks or block.name in arguments.blocks]
        self.problems, self.versions = [], {"onednn": driver.version("onednn")}
        self.contenders = [*self._ours(), *self._i8_peers(), *self._f32_peers()]
        self.descriptions = {}

    def _ours(self):
        for name, row in self.rows.items():
            yield Contender(report_i8.OURS + name, lambda case, _, row=row: self._native("mbconv", case, False, row))
        # The sets of f32 have no VNNI.
        row = self.driver.isa(next(iter(self.rows)).removesuffix("_vnni"))
        yield Contender(report_i8.OURS_F32, lambda _, case: Native(self.driver, "mbconv", case, 1, 1, row), i8=False)

    def _native(self, name, case, unsigned, row=0):
        from peers.native_i8 import NativeI8  # pylint: disable=import-outside-toplevel # behind hold

        part, x = case.unsigned if unsigned else (case.part, case.x)
        return NativeI8(self.driver, name, case, part, x, 1, row)

    def _i8_peers(self):
        for name in self.arguments.contenders:
            if name == "onednn":
                yield Contender(name, self._onednn, unsigned=True, add="float")
                continue
            module = self._module({"ort-s8": "onnxruntime", "ort-u8": "onnxruntime"}.get(name, name), "_i8")
            if module:
                more = {"unsigned": True} if name == "ort-u8" else {}
                yield Contender(name, lambda case, _, module=module, more=more: module.Contender(case, 1, **more),
                                unsigned=name in ("ort-u8", "openvino"), add=module.Contender.add,
                                tables=module.Contender.tables)  # fmt: skip

    def _f32_peers(self):
        for name in self.arguments.f32:
            module = None if name in peers.NATIVE else self._module(name, "")
            if name in peers.NATIVE:
                yield Contender(report_i8.F32 + name, lambda _, case, name=name: Native(self.driver, name, case, 1, 1, 0), i8=False)
            elif module:
                yield Contender(report_i8.F32 + name, lambda _, case, module=module: module.Contender(case, 1), i8=False)

    def _onednn(self, case, _):
        return self._native("onednn", case, True)

    def _module(self, name, suffix):
        try:
            self.versions[name] = importlib.import_module("peers." + name).VERSION
            return importlib.import_module("peers." + name + suffix)
        except (ImportError, OSError) as error:
            self.problem(name, f"missing: {error}")
            return None

    def problem(self, name, what):
        self.problems.append((name, what))
        say(f"{name}: {what}")

    def print_head(self):
        print(f"CPU          {cpu_name()}")
        print(f"mbconv       {self.driver.version('mbconv')}, int8 {' '.join(self.rows)}, {self.driver.compiler()}")
        for name, version in self.versions.items():
            print(f"{name:12} {version}")

    def measure_block(self, block):
        case = i8_case.make(block, self.arguments.seed)
        in_f32 = blocks.make_case(block, zlib.crc32(f"{block.name} {self.arguments.seed}".encode()))
        contestants, differing = [], {}
        for contender in self.contenders:
            try:
                peer = contender.make(case, in_f32)
                if contender.i8:
                    found = differing[contender.name] = difference(peer.output(), case, contender)
                    if found.largest > NEAR:
                        say(f"{contender.name}: {block.name}: wrong: {found}")
                        peer.close()
                        continue
                else:
                    peers.check(peer, in_f32.y, 1e-5)
            except Exception as error:  # pylint: disable=broad-except # a peer may throw anything
                if contender.name.startswith(report_i8.OURS):
                    sys.exit(f"compare: {contender.name} fails {block.name}: {error}")
                self.problem(contender.name, f"{block.name}: {error}")
                continue
            self.descriptions[block.name, contender.name] = peer.description
            contestants.append(measure.Contestant(contender.name, peer, 1))
        clocks = []
        times, _ = measure.measure(contestants, 1, self.arguments.seconds, lambda: self._clock(clocks))
        scratch = {contestant.name: contestant.peer.scratch_bytes for contestant in contestants}
        for contestant in contestants:
            contestant.peer.close()
        for name, found in differing.items():
            if name.startswith(report_i8.OURS) and found.bytes:
                sys.exit(f"compare: {name} fails {block.name}: {found}")
        clock = 1 / measure.fastest([1 / clock for clock in clocks], 1)
        bounds = {row: bound.bound(case, row) for row in self.rows}
        return report_i8.Result(block, times, differing, scratch, clock, bounds)

    def _clock(self, clocks):
        clocks.append(self.driver.library.compare_clock())
        return clocks[-1]

    def finish(self, table, results):
        for variant in ("relu6", "silu"):
            members = [result for result in results if result.block.variant == variant]
            if members:
                print(f"{table.geomeans(members)}   {variant}")
        print("\n".join(report_i8.exactness(results, NEAR)))
        if self.arguments.verbose:
            for key, description in self.descriptions.items():
                print(*key, description)
        if self.arguments.csv:
            report_i8.write_csv(self.arguments.csv, results)
            say(f"wrote {self.arguments.csv}")
        if self.arguments.markdown:
            report_i8.write_markdown(self.arguments.markdown, results, self.arguments.contenders)
            say(f"wrote {self.arguments.markdown}")
        if self.arguments.svg:
            chart_i8.write(self.arguments.svg, results, f"{cpu_name()}, one thread, {next(iter(self.rows))}")
            say(f"wrote {self.arguments.svg}")
        if self.problems and not self.arguments.allow_missing:
            sys.exit(1)


def difference(y, case, contender):
    expected = case.expected(contender.add, contender.tables).astype(int) + (128 if contender.unsigned else 0)
    if y.shape != expected.shape:
        raise peers.Refused(f"gives {y.shape} instead of {expected.shape}")
    distance = np.abs(y.astype(int) - expected)
    found = report_i8.Difference(int(np.count_nonzero(distance)), distance.size, int(distance.max()))
    return found


def parse_arguments():
    names = [block.name for block in blocks.read_blocks() if block.variant in ("relu6", "silu")]
    parser = argparse.ArgumentParser(prog="./run compare --type i8", description=__doc__)
    parser.add_argument("--type", choices=["i8"], help="what chose this command")
    parser.add_argument("--blocks", type=choice_list(names), help="such as b7,e2; default: all of blocks.csv")
    parser.add_argument("--contenders", type=choice_list(I8_PEERS), default=I8_PEERS, help="the peers in int8")
    parser.add_argument("--f32", type=choice_list([*F32_PEERS, *peers.NATIVE, "ncnn", "torch"]), default=F32_PEERS, help="the peers in f32")
    parser.add_argument("--seconds", type=float, default=4, help="of measuring, for each block")
    parser.add_argument("--passes", type=int, default=1, help="over all blocks; the fastest of each contender counts")
    parser.add_argument("--isa", type=lambda text: text.split(","), default=["auto"], metavar="ROW,...",
                        help="of mbconv: the first is compared, others are shown beside it; where they are avx2 or avx2_vnni, the peers are kept from AVX-512, too")  # fmt: skip
    parser.add_argument("--csv", metavar="FILE", help="one row for each contender of each block")
    parser.add_argument("--markdown", metavar="FILE", help="the table of bench/RESULTS.md")
    parser.add_argument("--svg", metavar="FILE", help="the chart")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--allow-missing", action="store_true", help="succeed without a contender")
    parser.add_argument("--verbose", action="store_true", help="also tell which kernels each contender took")
    parser.add_argument("--driver", default="libmbconv_compare.so", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
