# SPDX-License-Identifier: MIT
"""The chart: how near to the FMA peak each block comes, one thread, warm caches; mbconv, its best peer, the others."""

import html

WIDTH, PANEL_HEIGHT, LEFT, TOP, BETWEEN = 860, 150, 46, 62, 50
OURS, BEST, OTHER = "#1f5fbf", "#e08a1e", "#555555"
TITLES = {"relu6": "ReLU6 blocks", "silu": "SiLU blocks", "silu-se": "SiLU blocks with squeeze-excite"}  # no lists of stages


def write(path, results, caption):
    results = [result for result in results if result.threads == 1 and result.cache == "warm" and result.best_peer]
    panels = [(title, [r for r in results if r.block.variant == variant]) for variant, title in TITLES.items()]
    panels = [(title, members) for title, members in panels if members]
    height = TOP + len(panels) * (PANEL_HEIGHT + BETWEEN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 20, "Percent of the FMA peak, by block", size=15),
        text(LEFT, 36, caption, fill="#555"),
        *_legend(),
    ]
    for index, (title, members) in enumerate(panels):
        parts += _panel(TOP + 18 + index * (PANEL_HEIGHT + BETWEEN), title, members)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*parts, "</svg>", ""]))


def _legend():
    x = LEFT
    for colour, name in ((OURS, "mbconv"), (BEST, "best peer, measured or kept"), (OTHER, "each other peer")):
        yield f'<rect x="{x}" y="45" width="10" height="{10 if colour != OTHER else 2}" fill="{colour}"/>'
        yield text(x + 14, 54, name)
        x += 40 + 7 * len(name)


def _panel(top, title, results):
    bottom = top + PANEL_HEIGHT
    yield text(LEFT, top - 8, title, size=13)
    for percent in (0, 25, 50, 75, 100):
        y = bottom - PANEL_HEIGHT * percent / 100
        yield f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield text(LEFT - 6, y + 4, f"{percent}%", anchor="end", fill="#555")
    step = (WIDTH - 10 - LEFT) / len(results)
    for index, result in enumerate(results):
        yield from _column(LEFT + index * step, step, bottom, result)


def _column(x, step, bottom, result):
    bar = min(0.36 * step, 24)
    middle = x + step / 2
    best_us, best = result.best_peer
    best_percent = result.peak_percent("mbconv") * result.ours / best_us
    yield _bar(middle - bar, bar, bottom, result.peak_percent("mbconv"), OURS, f"mbconv {result.ours:.1f} us")
    yield _bar(middle, bar, bottom, best_percent, BEST, f"{best} {best_us:.1f} us")
    for name, time in result.times.items():
        if name not in ("mbconv", best):
            y = bottom - PANEL_HEIGHT * result.peak_percent(name) / 100
            label = html.escape(f"{name} {time.us_min:.1f} us")
            yield (
                f'<rect x="{middle:.1f}" y="{y - 1:.1f}" width="{bar:.1f}" height="2" fill="{OTHER}">'
                f"<title>{label}</title></rect>"
            )
    yield text(middle, bottom + 13, result.block.name, anchor="middle")
    yield text(middle, bottom + 25, f"{result.ratio:.2f}×", anchor="middle", fill="#555")


def _bar(x, width, bottom, percent, colour, label):
    height = PANEL_HEIGHT * percent / 100
    return (
        f'<rect x="{x:.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
        f"<title>{html.escape(label)}</title></rect>"
    )


def text(x, y, text, size=11, anchor="start", fill="#111"):
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>'
