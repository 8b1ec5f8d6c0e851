# SPDX-License-Identifier: MIT
"""The rows of table.txt."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Row:
    source: str
    model: str
    size: int
    small: int
    blocks: int
    expressible: int
    reason: str

    @property
    def name(self):
        return f"{self.source} {self.model}"


def rows():
    """In the file's order."""
    found = []
    for line in (pathlib.Path(__file__).parent / "table.txt").read_text(encoding="utf-8").splitlines():
        fields, _, reason = line.partition("#")
        if fields.strip():
            source, model, *numbers = fields.split()
            found.append(Row(source, model, *map(int, numbers), reason.strip()))
    return found
