"""Small line charts as SVG text: axes, grid, bands for confidence intervals. Nothing to install, nothing to load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 46, 26
COLOURS: Final = ("#1f5fa8", "#c8501e", "#2d8a4e", "#7a4fa3", "#8a6d1b")
MOST_LABELS: Final = 8
LETTER: Final = 6.2  # width of one at the size of the legend, about


@dataclass(slots=True)
class Series:
    """One line; None leaves a gap. `half` is the half width of the band around it, where there is one. What is to be
    told apart without colours is `dashed`."""

    name: str
    values: Sequence[float | None]
    half: Sequence[float | None] = ()
    dashed: bool = False


def chart(
    title: str, labels: Sequence[str], series: Sequence[Series], *, shares: bool = False, top: float | None = None
) -> str:
    """A chart over intervals named by `labels`. `shares` are shown as percents, `top` is where the axis ends."""
    highest = max((high for one in series for high in _highs(one)), default=0.0)
    step = _step(top or highest or 1.0)
    ceiling = top or step * max(1, math.ceil(highest / step - 1e-9))
    count = max(len(labels), 1)

    def x(i: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (i + 0.5) / count

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(value, 0.0), ceiling) / ceiling)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="15" class="t">{escape(title)}</text>',
    ]
    for i in range(round(ceiling / step) + 1):
        at = y(i * step)
        said = f"{i * step * 100:g} %" if shares else f"{i * step:g}"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="g"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" class="a" text-anchor="end">{said}</text>')
    for i in range(0, len(labels), max(1, math.ceil(count / MOST_LABELS))):
        where = f'x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 16}"'
        parts.append(f'<text {where} class="a" text-anchor="middle">{escape(labels[i])}</text>')
    at = float(LEFT)
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        dashes = ' stroke-dasharray="5 4"' if one.dashed else ""
        for run in _runs(one.values):
            band = [i for i in run if i < len(one.half) and one.half[i] is not None]
            if len(band) > 1:
                upper = [f"{x(i):.1f},{y(_at(one.values, i) + _at(one.half, i)):.1f}" for i in band]
                lower = [f"{x(i):.1f},{y(_at(one.values, i) - _at(one.half, i)):.1f}" for i in reversed(band)]
                parts.append(f'<polygon points="{" ".join(upper + lower)}" fill="{colour}" opacity=".15"/>')
            points = " ".join(f"{x(i):.1f},{y(_at(one.values, i)):.1f}" for i in run)
            if len(run) == 1:
                cx, cy = points.split(",")
                parts.append(f'<circle cx="{cx}" cy="{cy}" r="2.5" fill="{colour}"/>')
            else:
                parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>')
        parts.append(f'<path d="M{at:.0f} 29h18" stroke="{colour}" stroke-width="2.5"{dashes}/>')
        parts.append(f'<text x="{at + 23:.0f}" y="33" class="a">{escape(one.name)}</text>')
        at += 41 + LETTER * len(one.name)
    parts.append("</svg>")
    return "".join(parts)


def _highs(one: Series) -> list[float]:
    half = list(one.half) + [None] * (len(one.values) - len(one.half))
    return [v + (h or 0.0) for v, h in zip(one.values, half, strict=True) if v is not None]


def _at(values: Sequence[float | None], i: int) -> float:
    value = values[i]
    assert value is not None, "a run holds only what is there"
    return value


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    """Stretches without a gap."""
    runs: list[list[int]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(i)
    return [run for run in runs if run]


def _step(highest: float) -> float:
    """A round step that gives four to eight lines."""
    power = 10.0 ** math.floor(math.log10(highest / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if highest / (power * factor) <= 8)
