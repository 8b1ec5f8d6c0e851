# SPDX-License-Identifier: MIT
"""What a block of int8 takes at least on a row's vector ports: operations counted from the block, none measured.

Operations are counted per vector of output bytes (64 of AVX-512, 32 of AVX2), which is four vectors of sums:

* products: vpdpbusd multiplies 4 bytes a lane; AVX2 has vpmaddwd, 2 words a lane, and an addition.
* ends: a vector of bytes from its four vectors of sums: 13 operations where the clamp begins at the zero point, else 19;
  3 of them are packs.
* depthwise: rows of bytes are interleaved so that a lane has its taps side by side; with stride 1 what is interleaved
  serves two rows of outputs. VNNI: 4 rows of a column (stride 2: 2 rows of 2 columns); AVX2: 2 rows, widened to words.
* tables: 2 permutations of 128 bytes each, a mask and a blend (VBMI); AVX2: 16 shuffles of 16 bytes, 16 additions or
  comparisons and 15 blends.
* the shortcut: 8 unpacks, 8 multiplications of 32 bits (2 operations each), 8 additions and shifts, 3 packs, 2 clamps.

A shuffle runs on one port, all other operations on any of them: two ports of 512 bits, three of 256 (Intel since Ice
Lake; Zen 4 and 5 have more). Loads and stores, the edges of images and channels that fill no vector are left out, so
that the bound is below what is possible.
"""

import dataclasses
import math


@dataclasses.dataclass
class Operations:
    shuffles: float = 0
    others: float = 0

    def add(self, vectors, shuffles, others):
        self.shuffles += vectors * shuffles
        self.others += vectors * others

    def cycles(self, ports):
        return max(self.shuffles, (self.shuffles + self.others) / ports)

    def port(self, ports):
        return "shuffles" if self.shuffles > (self.shuffles + self.others) / ports else "vectors"


@dataclasses.dataclass(frozen=True)
class Row:
    ports: int
    vector: int  # bytes
    multiplied: int  # of a lane, by one instruction
    product: int  # operations
    table: tuple  # shuffles, others, of a vector of bytes

    def depthwise(self, kernel, stride):
        """(shuffles, products) of a vector of outputs before its end."""
        if self.multiplied == 4:
            if stride == 1:  # 4 rows of a column: 8 unpacks; the rows of two rows of outputs
                return 8 * (kernel + 1) / 4 / 2, 4 * kernel * math.ceil(kernel / 4)
            pairs = math.ceil(kernel / 2)  # 2 rows of 2 columns; a new pair of columns for each output
            return 8 * pairs, 4 * pairs * pairs
        pairs = math.ceil(kernel / 2)
        # 2 widenings for each row of a new column, and 4 unpacks for each pair of rows
        columns = stride
        return columns * (2 * kernel + 4 * pairs), 4 * kernel * pairs


ROWS = {
    "avx512_vnni": Row(ports=2, vector=64, multiplied=4, product=1, table=(2, 2)),
    "avx2": Row(ports=3, vector=32, multiplied=2, product=2, table=(16, 31)),
}


def bound(case, row):
    """(cycles, the port that takes so long), or None of a row that is not known."""
    row = ROWS.get(row)
    if not row:
        return None
    operations = Operations()
    height, width = case.part.height, case.part.width
    for layer in case.part.layers:
        height, width = -(-height // layer.stride), -(-width // layer.stride)
        vectors = height * width * layer.channels / row.vector
        if layer.depthwise:
            shuffles, products = row.depthwise(layer.kernel, layer.stride)
        else:
            shuffles, products = 0, 4 * math.ceil(layer.weight.shape[1] / row.multiplied)
        operations.add(vectors, shuffles, products * row.product)
        operations.add(vectors, 3, 10 if layer.clamp != "none" else 16)
        if layer.function:
            operations.add(vectors, *row.table)
    if case.part.residual:
        operations.add(height * width * case.part.layers[-1].channels / row.vector, 11, 26)
    return operations.cycles(row.ports), operations.port(row.ports)
