# SPDX-License-Identifier: MIT
"""What the tests of the command in Python share: it runs, JSON is read strictly, and cases are judged."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

MODEL = "mobilenet_v2_0.1"  # with random weights, 1000 classes
SIDE = 32
SMALL = (MODEL, "--size", SIDE)
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def strict_json(text):
    """JSON has no NaN and no infinities, which Python would read."""

    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


class Command:
    """The program, and the cases that failed."""

    def __init__(self, program):
        self.program, self.failed, self.cases = program, 0, 0
        self._temporary = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with # until the end
        self.folder = pathlib.Path(self._temporary.name)

    def __call__(self, *words, status=0, said="", stdin=None):
        """Standard output; status and standard error must be as given."""
        done = subprocess.run([self.program, *map(str, words)], input=stdin, stdin=None if stdin else subprocess.DEVNULL,
                              capture_output=True, check=False)  # fmt: skip
        error = done.stderr.decode()
        self.judge(" ".join(map(str, words)), done.returncode == status and said in error and (said != "" or error == ""),
                   f"status {done.returncode}, not {status}, with {said!r}: {error!r}")  # fmt: skip
        return done.stdout

    def judge(self, case, holds, why=""):
        self.cases += 1
        if not holds:
            self.failed += 1
            print(f"FAIL {case}: {why}")

    def json(self, *words, **more):
        return strict_json(self(*words, "--json", **more))

    def logits(self, x, *words, size=SIDE):
        """Of floats, as raw tensors; `x` may have several images."""
        (self.folder / "x").write_bytes(np.asarray(x, "<f4").tobytes())
        output = self("run", MODEL, "--size", size, "--raw-input", self.folder / "x", "--raw-output", "-", *words)
        return np.frombuffer(output, "<f4").reshape(-1, 1000)

    def image_logits(self, image, *words, model=SMALL, **more):
        """Of an image, in the classes' order."""
        top = self.json("run", *model, image, "--top", 1000, *words, **more)["top"]
        logits = np.full(1000, np.nan, np.float32)
        for entry in top:
            logits[entry["class"]] = entry["logit"]
        self.judge(f"{words}: all classes", len({entry["class"] for entry in top}) == 1000, f"{len(top)}")
        return logits

    def finish(self):
        print(f"{pathlib.Path(sys.argv[0]).stem}: {self.cases} cases, {self.failed} failed")
        sys.exit(self.failed > 0 or self.cases == 0)
