# SPDX-License-Identifier: MIT
"""Results as tables in Markdown."""

import statistics

SHARE = 0.80  # of a model's multiply-adds: from here on speed is held against all of PyTorch's ways
FASTER, NOT_SLOWER = 1.15, 0.97


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "|".join([" --- "] + [" ---: "] * (len(header) - 1)) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def found_table(results):
    yield from table(
        ("model", "blocks", "can be expressed", "replaced", "of their multiply-adds", "their part of the model", ""),
        [(r["name"], str(r["blocks"]), str(r["expressible"]), str(r["found"]), f"{r['share']:.1%}", f"{r['of_model']:.0%}",
          r["wrong"] or r["reason"]) for r in results],
    )  # fmt: skip
    done = sum(not r["wrong"] for r in results)
    yield f"{done} of {len(results)} models as the table of models says."
    yield ""


def few(sentences, most=2):
    more = len(sentences) - most
    return "; ".join(sentences[:most] + [f"{more} blocks more"] * (more > 0))


def errors_table(results):
    yield from table(
        ("model", "blocks measured", "worst block: error by PyTorch's own", "nearest to the bound",
         "model: error", "PyTorch's own", ""),
        [(r["name"], str(r["measured"]), f"{r['times']:.2f}", f"{r['of_bound']:.4f}", f"{r['model']:.1e}",
          f"{r['model_eager']:.1e}", few(r["wrong"]) or ("steep" if r["model_eager"] > 1e-5 else ""))
         for r in results],
    )  # fmt: skip
    yield "steep: with random statistics PyTorch's own floats are far from its doubles (above 1e-5), and ours with them."
    yield ""


def orders_table(results):
    yield from table(
        ("convolution", "channels", "pixels", "bias by the rest", "PyTorch", "one chain from the bias",
         "one chain, bias last", "16 chains, bias last"),
        [(f"{r['name'].split()[1]} {c['path']}", str(c["channels"]), str(c["pixels"]),
          f"{c['bias']:.1f}" if c["bias"] else "none", *(f"{error:.2f}" for error in c["errors"]))
         for r in results for c in r["convolutions"]],
    )  # fmt: skip


def ratio(ms):
    """The best of PyTorch's ways by the best of mbconv's."""
    ours = [t for name, t in ms.items() if name.startswith("mbconv")]
    return min(t for name, t in ms.items() if not name.startswith("mbconv")) / min(ours)


def geomean(numbers):
    return statistics.geometric_mean(numbers) if numbers else float("nan")


def speed_table(results, shares):
    ways = "eager", "compiled", "frozen", "inductor frozen", "mbconv", "mbconv compiled"
    lines, high = [], []
    for r in results:
        share = shares.get(r["name"], float("nan"))
        if share >= SHARE:
            high.append(ratio(r["ms"]))
        lines.append((r["name"], *(f"{r['ms'][way]:.2f}" if way in r["ms"] else "" for way in ways),
                      f"{ratio(r['ms']):.2f}", f"{share:.0%}"))  # fmt: skip
    yield from table(("model", *(f"{way}, ms" for way in ways), "best by mbconv", "MBConv's part"), lines)
    yield (f"Geometric mean where MBConv's part is {SHARE:.0%} or more: {geomean(high):.2f}; "
           f"slowest {min((ratio(r['ms']) for r in results), default=float('nan')):.2f}.")  # fmt: skip
    yield ""


def speed_falls_short(results, shares):
    """Sentences."""
    high = [ratio(r["ms"]) for r in results if shares.get(r["name"], 0) >= SHARE]
    if high and geomean(high) < FASTER:
        yield f"the geometric mean is {geomean(high):.2f}, not {FASTER}"
    for r in results:
        if ratio(r["ms"]) < NOT_SLOWER:
            yield f"{r['name']}: {ratio(r['ms']):.2f} times as fast as the best of PyTorch's ways"


def family_table(results):
    whole = [r for r in results if r["share"] >= 0.95]
    yield f"{len(whole)} of timm's {len(results)} models of the modules efficientnet and mobilenetv3 have 95% or more replaced."
    yield ""
    yield from table(
        ("the others", "blocks", "replaced", "of their multiply-adds"),
        [(r["name"], str(r["blocks"]), str(r["found"]), f"{r['share']:.1%}") for r in results if r not in whole],
    )


def real_table(results):
    for r in results:
        yield f"EfficientNet-Lite0 with its ImageNet weights: {r['replaced']} of {r['blocks']} blocks replaced."
        yield ""
        yield from table(
            ("photograph", "first of the five", "the five are eager's", "logits differ, of the largest"),
            [(p["picture"], p["seen"], "yes" if p["top5"] else "NO", f"{p['difference']:.1e}") for p in r["pictures"]],
        )
