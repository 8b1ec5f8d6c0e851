# SPDX-License-Identifier: MIT
"""The programs in README.md run."""

import contextlib
import io
import pathlib
import re
import unittest

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


class Readme(unittest.TestCase):
    def test_programs(self):
        programs = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        # LiteRT's one line needs a host and a model: it is for `./run check litert`, whose tests use the same line.
        said = [self.run_program(program) for program in programs if "ai_edge_litert" not in program]
        self.assertEqual((len(programs), len(said)), (4, 3))
        self.assertIn("mbconv: 18 modules replaced, 1 kept", said[0])
        self.assertIn("scratch", said[1])
        self.assertRegex(said[2], r"^int8 \w+\n$")

    @staticmethod
    def run_program(program):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(program, {})  # pylint: disable=exec-used # it is ours
        return said.getvalue()


if __name__ == "__main__":
    unittest.main()
