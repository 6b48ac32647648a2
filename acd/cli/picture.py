"""Pictures that need nothing: bars of characters for a terminal, stacked bars as a self-contained SVG."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

EIGHTHS: Final = " ▏▎▍▌▋▊▉"
COLOURS: Final = (
    *("#1f5fa8", "#c8501e", "#2d8a4e", "#7a4fa3", "#8a6d1b", "#4ba3c3"),
    *("#d98c9f", "#6b7280", "#b5b832", "#3f4d9e", "#a0522d", "#5aa469"),
)
WIDTH, LEFT, RIGHT, TOP, PLOT, FOOT, LINE = 860, 56, 12, 34, 240, 30, 18


def bar(share: float, width: int) -> str:
    """A bar of at most `width` characters, to an eighth of one; what is more than nothing is seen."""
    eighths = max(round(min(share, 1.0) * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def stacked(title: str, labels: Sequence[str], names: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    """One stack for each label, of as many layers as there are names, as SVG text."""
    height = TOP + PLOT + FOOT + LINE * math.ceil(len(names) / 2) + 8
    highest = max((sum(stack) for stack in values), default=0.0)
    step = _step(highest)
    ceiling = step * max(1, math.ceil(highest / step - 1e-9))
    room = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
    ]
    for number in range(round(ceiling / step) + 1):
        y = TOP + PLOT * (1 - number * step / ceiling)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>')
    every = max(1, math.ceil(len(labels) / 14))
    for at, (label, stack) in enumerate(zip(labels, values, strict=True)):
        x, y = LEFT + room * at, float(TOP + PLOT)
        for number, one in enumerate(stack):
            tall = PLOT * one / ceiling
            y -= tall
            if tall > 0:
                parts.append(
                    f'<rect x="{x + room * 0.1:.1f}" y="{y:.2f}" width="{room * 0.8:.1f}" height="{tall:.2f}"'
                    f' fill="{COLOURS[number % len(COLOURS)]}"><title>{escape(label)} {escape(names[number])}:'
                    f" {one:.1f}</title></rect>"
                )
        if at % every == 0:
            middle = f'x="{x + room / 2:.1f}" y="{TOP + PLOT + 16}"'
            parts.append(f'<text {middle} text-anchor="middle">{escape(label)}</text>')
    for number, name in enumerate(names):
        x, line = LEFT + (WIDTH - LEFT) // 2 * (number % 2), TOP + PLOT + FOOT + LINE * (number // 2)
        parts.append(f'<rect x="{x}" y="{line}" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(f'<text x="{x + 18}" y="{line + 11}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _step(highest: float) -> float:
    """A round step that gives four to eight lines."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if highest / (power * factor) <= 8)
