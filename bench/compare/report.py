# SPDX-License-Identifier: MIT
"""What a run prints and writes."""

import csv
import dataclasses
import math

from blocks import FIGURES_PEAK, Block
from measure import Time

VARIANTS = "relu6", "silu", "silu-se", "fused", "uib"
CSV_COLUMNS = "block contender variant threads cache us_min us_median peak_percent scratch_bytes".split()


@dataclasses.dataclass(frozen=True)
class Result:
    """One block, measured side by side."""

    block: Block
    threads: int
    cache: str  # warm or cold
    times: dict  # {contender: Time}; "mbconv" is among them
    scratch: dict  # {contender: bytes}
    peak: float  # FMA peak of one core, FLOP/s, with the instruction set of mbconv

    def merged(self, other):
        """Of two runs of the same: the faster time of each contender, and the higher peak."""
        times = dict(self.times)
        for name, time in other.times.items():
            times[name] = min(time, times.get(name, time), key=lambda one: one.us_min)
        return dataclasses.replace(
            self, times=times, scratch=other.scratch | self.scratch, peak=max(self.peak, other.peak)
        )

    @property
    def ours(self):
        return self.times["mbconv"].us_min

    @property
    def kept(self):
        """The best of the kept figures at the speed of this core: (us, peer), or None."""
        figures = [(us, peer) for (peer, threads), us in self.block.figures.items() if threads == self.threads]
        if not figures or self.cache == "cold":
            return None
        us, peer = min(figures)
        return us * FIGURES_PEAK / (1e-9 * self.peak), peer

    @property
    def best_peer(self):
        """(us, name) of the fastest peer, measured or kept; None if there is none."""
        peers = [(time.us_min, name) for name, time in self.times.items() if name != "mbconv"]
        if self.kept:
            peers.append((self.kept[0], self.kept[1] + " kept"))
        return min(peers) if peers else None

    @property
    def ratio(self):
        return self.best_peer[0] / self.ours if self.best_peer else math.nan

    def peak_percent(self, contender):
        flops = 2 * self.block.multiply_adds / (1e-6 * self.times[contender].us_min)
        return 100 * flops / (self.threads * self.peak)


class Table:
    """Lines of one table: to be printed as soon as they are known."""

    def __init__(self, contenders):
        self._peers = [name for name in contenders if name != "mbconv"]

    def head(self):
        names = "".join(f"{name[:11]:>12}" for name in self._peers)
        ratios = f"{'best peer':16}{'ratio':>6}"
        return f"{'block':9}{'mbconv us':>10}{names}{'kept':>9}  {ratios}{'peak %':>8}{'scratch B':>11}"

    def line(self, result):
        times = "".join(self._number(result.times.get(name), 12) for name in self._peers)
        kept = f"{result.kept[0]:9.1f}" if result.kept else f"{'-':>9}"
        best = result.best_peer[1] if result.best_peer else "-"
        name = result.block.name + ("+se" if result.block.se_width else "")
        return (
            f"{name:9}{result.ours:10.1f}{times}{kept}  {best:16}{result.ratio:6.3f}"
            f"{result.peak_percent('mbconv'):8.1f}{result.scratch['mbconv']:11}"
        )

    def geomeans(self, results):
        """Of one variant: how many times as long as mbconv each peer takes."""
        means = "".join(f"{self._mean(results, name):>12}" for name in self._peers)
        kept = [result.kept[0] / result.ours for result in results if result.kept]
        last = f"{geomean(kept):9.3f}" if len(kept) == len(results) else f"{'-':>9}"
        low, name = min((result.ratio, result.block.name) for result in results)
        mean = geomean([result.ratio for result in results])
        percent = geomean([result.peak_percent("mbconv") for result in results])
        ratios = f"{f'min {low:.3f} {name}':16}{mean:6.3f}"
        return f"{'geomean':9}{'':10}{means}{last}  {ratios}{percent:8.1f}"

    @staticmethod
    def _number(time, width):
        return f"{time.us_min:{width}.1f}" if isinstance(time, Time) else f"{'-':>{width}}"

    @staticmethod
    def _mean(results, name):
        ratios = [result.times[name].us_min / result.ours for result in results if name in result.times]
        return f"{geomean(ratios):.3f}" if len(ratios) == len(results) else "-"


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def thread_lines(results):
    """How much faster mbconv is with more threads, for the blocks measured with one thread and with more."""
    single = {(r.block.name, r.block.variant): r.ours for r in results if r.threads == 1 and r.cache == "warm"}
    for r in results:
        one = single.get((r.block.name, r.block.variant))
        if r.threads > 1 and r.cache == "warm" and one:
            yield f"{r.block.name:4} {r.block.variant:8} {r.threads} threads {one / r.ours:6.2f} times as fast as one"


def write_csv(path, results):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for r in results:
            for name, time in r.times.items():
                scratch = r.scratch.get(name)
                row = r.block.name, name, r.block.variant, r.threads, r.cache
                figures = f"{time.us_min:.3f}", f"{time.us_median:.3f}", f"{r.peak_percent(name):.2f}"
                writer.writerow([*row, *figures, "" if scratch is None else scratch])
