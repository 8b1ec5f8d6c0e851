# SPDX-License-Identifier: MIT
"""The chart of a run in int8: how many times as fast as mbconv's f32 each block is: mbconv's int8, its bound, the best peer
in int8."""

import html

from chart import BEST, BETWEEN, LEFT, OTHER, OURS, PANEL_HEIGHT, TOP, WIDTH, text

TITLES = {"relu6": "ReLU6 blocks", "silu": "SiLU blocks"}


def write(path, results, caption):
    panels = [(title, [r for r in results if r.block.variant == variant]) for variant, title in TITLES.items()]
    panels = [(title, members) for title, members in panels if members]
    most = max(_times(result, us) for result in results for us in _figures(result).values())
    height = TOP + len(panels) * (PANEL_HEIGHT + BETWEEN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 20, "int8: times as fast as mbconv in f32, by block", size=15),
        text(LEFT, 36, caption, fill="#555"),
        *_legend(),
    ]
    for index, (title, members) in enumerate(panels):
        parts += _panel(TOP + 18 + index * (PANEL_HEIGHT + BETWEEN), title, members, most)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*parts, "</svg>", ""]))


def _figures(result):
    """{what: us}"""
    us, name = result.best(False)
    figures = {"mbconv int8": result.ours, f"{name} int8": us, "bound": result.bound_us(result.row)}
    return {name: us for name, us in figures.items() if us > 0}


def _times(result, us):
    return result.gain * result.ours / us


def _legend():
    x = LEFT
    for colour, name in ((OURS, "mbconv int8"), (BEST, "best peer in int8"), (OTHER, "bound of the vector ports")):
        yield f'<rect x="{x}" y="45" width="10" height="{10 if colour != OTHER else 2}" fill="{colour}"/>'
        yield text(x + 14, 54, name)
        x += 40 + 7 * len(name)


def _panel(top, title, results, most):
    bottom = top + PANEL_HEIGHT
    yield text(LEFT, top - 8, title, size=13)
    for times in range(int(most) + 1):
        y = bottom - PANEL_HEIGHT * times / most
        yield f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{"#999" if times == 1 else "#ddd"}"/>'
        yield text(LEFT - 6, y + 4, f"{times}×", anchor="end", fill="#555")
    step = (WIDTH - 10 - LEFT) / len(results)
    bar = min(0.36 * step, 24)
    for index, result in enumerate(results):
        middle = LEFT + (index + 0.5) * step
        for (name, us), (x, width, thick, colour) in zip(_figures(result).items(), (
            (middle - bar, bar, None, OURS), (middle, bar, None, BEST), (middle - bar, bar, 2, OTHER))):  # fmt: skip
            tall = PANEL_HEIGHT * _times(result, us) / most
            yield (f'<rect x="{x:.1f}" y="{bottom - tall:.1f}" width="{width:.1f}" height="{thick or tall:.1f}" fill="{colour}">'
                   f"<title>{html.escape(f'{name} {us:.1f} us')}</title></rect>")  # fmt: skip
        yield text(middle, bottom + 13, result.block.name, anchor="middle")
        yield text(middle, bottom + 25, f"{result.gain:.2f}×", anchor="middle", fill="#555")
