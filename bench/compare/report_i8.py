# SPDX-License-Identifier: MIT
"""What a run in int8 prints and writes."""

import csv
import dataclasses
import math

from blocks import Block
from report import geomean

OURS, OURS_F32, F32 = "mbconv ", "f32 mbconv", "f32 "  # OURS and the row
CSV_COLUMNS = "block contender variant us_min us_median differing bytes largest scratch_bytes bound_us".split()


@dataclasses.dataclass(frozen=True)
class Difference:
    """From the exact bytes."""

    bytes: int
    of: int
    largest: int

    def __str__(self):
        return f"{self.bytes} of {self.of} bytes differ, by up to {self.largest}"


@dataclasses.dataclass(frozen=True)
class Result:
    """One block, measured side by side."""

    block: Block
    times: dict  # {contender: Time}
    differing: dict  # {contender: Difference}, of those in int8
    scratch: dict  # {contender: bytes or None}
    clock: float  # Hz
    bounds: dict  # {row: (cycles, port) or None}

    def merged(self, other):
        """Of two runs of the same: the faster time of each contender, and the faster clock."""
        times = dict(self.times)
        for name, time in other.times.items():
            times[name] = min(time, times.get(name, time), key=lambda one: one.us_min)
        return dataclasses.replace(self, times=times, differing=self.differing | other.differing,
                                   scratch=self.scratch | other.scratch, clock=max(self.clock, other.clock))  # fmt: skip

    @property
    def row(self):
        """The one that is compared."""
        return next(iter(self.bounds))

    def us(self, name):
        return self.times[name].us_min if name in self.times else math.nan

    @property
    def ours(self):
        return self.us(OURS + self.row)

    @property
    def gain(self):
        """Over our f32."""
        return self.us(OURS_F32) / self.ours

    def best(self, of_f32):
        """(us, name) of the fastest peer in int8, or in f32 as well; (nan, "-") if there is none."""
        theirs = [(time.us_min, name) for name, time in self.times.items()
                  if not name.startswith(OURS) and name != OURS_F32 and (of_f32 or not name.startswith(F32))]  # fmt: skip
        return min(theirs, default=(math.nan, "-"))

    def bound_us(self, row):
        return self.bounds[row][0] / self.clock * 1e6 if self.bounds[row] else math.nan

    @property
    def scratch_share(self):
        """Of our f32's."""
        return self.scratch[OURS + self.row] / self.scratch[OURS_F32]


class Table:
    """Lines of the table: to be printed as soon as they are known. A peer's time has ~ behind it if bytes differ."""

    def __init__(self, rows, theirs):
        self._rows, self._peers = rows, theirs

    def head(self):
        more = "".join(f"{row:>13}" for row in self._rows[1:])
        theirs = "".join(f"{name:>11}" for name in self._peers)
        return (f"{'block':6}{'int8':>8}{more}{'f32':>8}{'gain':>6} {theirs}  {'best int8':9}{'ratio':>6}  {'best of all':15}"
                f"{'ratio':>6}{'bound':>8} {'by':8}{'%':>4}{'scratch B':>11}{'of f32':>7}")  # fmt: skip

    def line(self, result):
        more = "".join(f"{result.us(OURS + row):13.1f}" for row in self._rows[1:])
        theirs = "".join(self._peer(result, name) for name in self._peers)
        (i8_us, i8_name), (all_us, all_name) = result.best(False), result.best(True)
        limit = result.bounds[result.row]
        bound = f"{'-':>8} {'-':8}{'-':>4}"
        if limit:
            us = result.bound_us(result.row)
            bound = f"{us:8.1f} {limit[1]:8}{100 * us / result.ours:4.0f}"
        ours = OURS + result.row
        return (f"{result.block.name:6}{result.ours:8.1f}{more}{result.us(OURS_F32):8.1f}{result.gain:6.2f} {theirs}  {i8_name:9}"
                f"{i8_us / result.ours:6.2f}  {all_name:15}{all_us / result.ours:6.2f}{bound}"
                f"{result.scratch[ours]:11}{result.scratch_share:7.2f}")  # fmt: skip

    def geomeans(self, results):
        """Of one variant: gain and ratios, and how many times as long as mbconv's int8 each peer takes."""
        more = "".join(f"{geomean([r.us(OURS + row) / r.ours for r in results]):13.2f}" for row in self._rows[1:])
        theirs = "".join(self._mean(results, name) for name in self._peers)
        i8, every = ([r.best(of_f32)[0] / r.ours for r in results] for of_f32 in (False, True))
        gains = [r.gain for r in results]
        bounds = [100 * r.bound_us(r.row) / r.ours for r in results if r.bounds[r.row]]
        percent = f"{geomean(bounds):4.0f}" if bounds else f"{'-':>4}"
        share = geomean([r.scratch_share for r in results])
        return (f"{'mean':6}{'':8}{more}{'':8}{geomean(gains):6.2f} {theirs}  {'':9}{geomean(i8):6.2f}  {'':15}{geomean(every):6.2f}"
                f"{'':8} {'':8}{percent}{'':11}{share:7.2f}\n"
                f"{'least':6}{'':8}{'':{len(more)}}{'':8}{min(gains):6.2f} {'':{len(theirs)}}  {'':9}{min(i8):6.2f}  {'':15}"
                f"{min(every):6.2f}")  # fmt: skip

    @staticmethod
    def _peer(result, name):
        if name not in result.times:
            return f"{'-':>10} "
        return f"{result.us(name):10.1f}{'~' if result.differing[name].bytes else ' '}"


    @staticmethod
    def _mean(results, name):
        ratios = [r.us(name) / r.ours for r in results if name in r.times]
        return f"{geomean(ratios):10.2f} " if len(ratios) == len(results) else f"{'-':>10} "


def exactness(results, near):
    """A line for each contender: in how many blocks all its bytes are the exact ones."""
    names = dict.fromkeys(name for result in results for name in result.differing)
    for name in names:
        found = [result.differing[name] for result in results if name in result.differing]
        exact = sum(not difference.bytes for difference in found)
        close = [100 * d.bytes / d.of for d in found if d.bytes and d.largest <= near]
        wrong = [d.largest for d in found if d.largest > near]
        line = f"{name:20} exact in {exact} of {len(found)} blocks"
        if close:
            line += f", within {near} in {len(close)} (at most {max(close):.1f}% of a block's bytes)"
        if wrong:
            line += f", WRONG in {len(wrong)} (by up to {max(wrong)})"
        yield line


def write_markdown(path, results, theirs):
    """The table of ../RESULTS.md; means last."""
    rows = [row for row in results[0].bounds if row != results[0].row]
    titles = ["block", "int8", *rows, "f32", "f32 / int8", *theirs, "best int8 / mbconv", "best of all / mbconv", "% of the bound",
              "scratch KB", "of f32's"]  # fmt: skip
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1)]
    for r in results:
        found = [Table._peer(r, name).strip() for name in theirs]  # pylint: disable=protected-access
        ratios = [f"{r.best(of_f32)[0] / r.ours:.2f}" for of_f32 in (False, True)]
        bound = f"{100 * r.bound_us(r.row) / r.ours:.0f}" if r.bounds[r.row] else "-"
        lines.append([r.block.name, f"**{r.ours:.1f}**", *(f"{r.us(OURS + row):.1f}" for row in rows), f"{r.us(OURS_F32):.1f}",
                      f"{r.gain:.2f}", *found, *ratios, bound, f"{r.scratch[OURS + r.row] / 1024:.0f}",
                      f"{r.scratch_share:.2f}"])  # fmt: skip
    for title, members in (("ReLU6", "relu6"), ("SiLU", "silu")):
        of = [r for r in results if r.block.variant == members]
        if of:
            times = [[r.us(OURS + row) / r.ours for r in of] for row in rows]
            ratios = [f"{geomean([r.best(of_f32)[0] / r.ours for r in of]):.2f}" for of_f32 in (False, True)]
            means = [Table._mean(of, name).strip() + "×" for name in theirs]  # pylint: disable=protected-access
            lines.append([f"{title}, geomean", "", *(f"{geomean(one):.2f}×" for one in times), "",
                          f"{geomean([r.gain for r in of]):.2f}", *means, *ratios, "", "",
                          f"{geomean([r.scratch_share for r in of]):.2f}"])  # fmt: skip
    with open(path, "w", encoding="utf-8") as file:
        file.writelines("|" + "|".join(f" {cell} " if i != 1 else cell for cell in line) + "|\n" for i, line in enumerate(lines))


def write_csv(path, results):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for r in results:
            for name, time in r.times.items():
                d = r.differing.get(name)
                differing = (d.bytes, d.of, d.largest) if d else ("", "", "")
                row = name.removeprefix(OURS) if name.startswith(OURS) else None
                limit = f"{r.bound_us(row):.3f}" if row and r.bounds[row] else ""
                scratch = r.scratch.get(name)
                writer.writerow([r.block.name, name, r.block.variant, f"{time.us_min:.3f}", f"{time.us_median:.3f}", *differing,
                                 "" if scratch is None else scratch, limit])  # fmt: skip
