"""A flow as a picture: boxes from top to bottom, branches side by side, in one SVG that needs nothing else."""

from dataclasses import dataclass, field
from html import escape
from typing import Final

from acd.core.flow import (
    Answer,
    CollectDigits,
    Enqueue,
    Flow,
    GoTo,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    Step,
    When,
)
from acd.flows.expressions import written

WIDTH: Final = 190  # of a box, pixels
LINE: Final = 15
GAP: Final = 22
LABEL: Final = 21  # of a branch, above its arrow
MOST: Final = 30  # characters of a line
LINES: Final = 5
LAST: Final = (GoTo, HangUpStep)
COLOURS: Final[dict[type[Step], str]] = {
    Menu: "#dbeafe",
    CollectDigits: "#dbeafe",
    When: "#fef3c7",
    Set: "#fef3c7",
    Enqueue: "#dcfce7",
    GoTo: "#f3e8ff",
    HangUpStep: "#fee2e2",
}


@dataclass(slots=True)
class _Box:
    lines: list[str]
    colour: str
    branches: list[tuple[str, "list[_Box]"]] = field(default_factory=list)
    ends: bool = False  # nothing follows


def draw(flow: Flow) -> str:
    """The SVG."""
    boxes = [_Box([flow.name], "#e5e7eb"), *map(_box, flow.steps)]
    wide, high = _size(boxes)
    parts: list[str] = []
    _place(boxes, GAP, GAP, wide, parts)
    width, height = wide + 2 * GAP, high + 2 * GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><title>{escape(flow.name)}</title>'
        f'<rect width="{width}" height="{height}" fill="white"/>' + "".join(parts) + "</svg>\n"
    )


def outline(flow: Flow) -> list[str]:
    """The same as indented lines, for a terminal."""
    return [flow.name, *_indented([_box(step) for step in flow.steps], "  ")]


def _indented(boxes: list[_Box], before: str) -> list[str]:
    found = []
    for box in boxes:
        found.append(before + ": ".join([box.lines[0], ", ".join(box.lines[1:])]).removesuffix(": "))
        for label, branch in box.branches:
            found += [f"{before}  [{label}]", *_indented(branch, before + "    ")]
    return found


# ------------------------------------------------------------------------------------------------------------- what


def _box(step: Step) -> _Box:
    lines, branches = _words(step)
    drawn = [(label, [_box(inner) for inner in steps]) for label, steps in branches]
    ends = isinstance(step, LAST) or (bool(drawn) and all(map(_ends, drawn)))
    return _Box(lines, COLOURS.get(type(step), "#f9fafb"), drawn, ends)


def _fitting(lines: list[str]) -> list[str]:
    shown = [_short(line) for line in lines]
    return shown if len(shown) <= LINES else [*shown[: LINES - 1], f"… {len(shown) - LINES + 1} more"]


def _short(text: str) -> str:
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _ends(branch: tuple[str, list[_Box]]) -> bool:
    return bool(branch[1]) and branch[1][-1].ends


def _words(step: Step) -> tuple[list[str], list[tuple[str, tuple[Step, ...]]]]:
    """What stands in the box of a step, and its branches."""
    match step:
        case Answer():
            return ["answer"], []
        case RingTone(seconds=seconds):
            return [f"ring {seconds:g} s"], []
        case Say(prompts=prompts):
            return ["say", *prompts], []
        case Menu(prompts=prompts, keys=keys, otherwise=otherwise):
            return ["menu", *prompts], [*_keys(keys), ("otherwise", otherwise)]
        case CollectDigits(variable=variable, prompts=prompts, otherwise=otherwise, secret=secret):
            branches = [("given", ()), ("otherwise", otherwise)] if otherwise else []
            return [f"collect {variable}" + " (secret)" * secret, *prompts], branches
        case Set(values=values):
            return ["set", *(f"{name} = {written(value)}" for name, value in values.items())], []
        case When(cases=cases, otherwise=otherwise):
            return ["when"], [*((written(case.condition), case.steps) for case in cases), ("else", otherwise)]
        case Enqueue(queue=queue, keys=keys):
            return [f"queue {queue}", *_terms(step)], [*_keys(keys), ("served, or left", ())] if keys else []
        case GoTo(flow=flow):
            return [f"go to {flow}"], []
        case HangUpStep():
            return ["hang up"], []
    raise TypeError(f"no picture of a {type(step).__name__}")


def _terms(step: Enqueue) -> list[str]:
    """On which terms he joins, where they are not the queue's own."""
    said = [f"needs {skill} at {level}" for skill, level in step.needs.items()]
    said += [f"tier {step.tier}"] if step.tier is not None else []
    said += [f"credit {step.credit_s:g} s"] if step.credit_s is not None else []
    said += [f"agent in {step.preferred_agent}"] if step.preferred_agent is not None else []
    said += [f"site in {step.site}"] if step.site is not None else []
    return said + ([f"at most {step.max_wait_s:g} s"] if step.max_wait_s is not None else [])


def _keys(keys: dict[str, tuple[Step, ...]]) -> list[tuple[str, tuple[Step, ...]]]:
    """Keys that lead to the same are one branch."""
    found: dict[str, tuple[str, tuple[Step, ...]]] = {}
    for key, steps in keys.items():
        same = repr(steps)
        found[same] = (f"{found[same][0]} {key}" if same in found else f"key {key}", steps)
    return list(found.values())


# ------------------------------------------------------------------------------------------------------------ where


def _high(box: _Box) -> int:
    return LINE * len(_fitting(box.lines)) + 12


def _size(boxes: list[_Box]) -> tuple[int, int]:
    """Width and height of boxes one below the other."""
    wide, high = WIDTH, 0
    for box in boxes:
        high += _high(box) + GAP
        if box.branches:
            sizes = [_size(branch) for _, branch in box.branches]
            wide = max(wide, sum(width for width, _ in sizes) + GAP * (len(sizes) - 1))
            high += max(height for _, height in sizes) + LABEL + 2 * GAP
    return wide, high


def _place(boxes: list[_Box], left: int, top: int, wide: int, parts: list[str]) -> int | None:
    """Draw them in a column; returns where its last line ends, or None if nothing goes on from there."""
    middle, at = left + wide // 2, top
    came_from: int | None = None
    for box in boxes:
        if came_from is not None:
            parts.append(_line(middle, came_from, middle, at, arrow=True))
        _rectangle(box, middle - WIDTH // 2, at, parts)
        at += _high(box)
        came_from = at
        if box.branches:
            at, joined = _branches(box, left, at, wide, parts)
            came_from = at if joined else None
        if box.ends:
            came_from = None
        at += GAP
    return came_from


def _branches(box: _Box, left: int, top: int, wide: int, parts: list[str]) -> tuple[int, bool]:
    """Side by side below their box; those that go on meet again underneath. Returns where, and whether any does."""
    middle = left + wide // 2
    sizes = [_size(branch) for _, branch in box.branches]
    high = max(height for _, height in sizes)
    bus, begin = top + GAP // 2, top + GAP + LABEL
    meet = begin + GAP + high
    at = left + (wide - sum(width for width, _ in sizes) - GAP * (len(sizes) - 1)) // 2
    joined = False
    for (label, branch), (width, _) in zip(box.branches, sizes, strict=True):
        centre = at + width // 2
        parts.append(_line(middle, top, centre, begin, by=bus, arrow=bool(branch)))
        parts.append(
            f'<text x="{centre}" y="{begin - 9}" text-anchor="middle" fill="#374151" stroke="white" stroke-width="3" '
            f'paint-order="stroke">{escape(_short(label))}</text>'
        )
        ends_at = _place(branch, at, begin, width, parts) if branch else begin
        if ends_at is not None:
            parts.append(_line(centre, ends_at, middle, meet, by=meet - GAP // 2))
            joined = True
        at += width + GAP
    return meet, joined or not box.ends


def _rectangle(box: _Box, x: int, y: int, parts: list[str]) -> None:
    parts.append(
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{_high(box)}" rx="5" fill="{box.colour}" stroke="#6b7280"/>'
    )
    for index, line in enumerate(_fitting(box.lines)):
        weight = ' font-weight="bold"' if index == 0 else ""
        parts.append(
            f'<text x="{x + WIDTH // 2}" y="{y + LINE * (index + 1) + 2}" text-anchor="middle"{weight}>'
            f"{escape(line)}</text>"
        )


def _line(x: int, y: int, to_x: int, to_y: int, *, by: int | None = None, arrow: bool = False) -> str:
    """Down, sideways at the height `by`, and down again."""
    way = f"M{x} {y} L{to_x} {to_y}" if by is None else f"M{x} {y} L{x} {by} L{to_x} {by} L{to_x} {to_y}"
    head = f" M{to_x - 4} {to_y - 6} L{to_x} {to_y} L{to_x + 4} {to_y - 6}" if arrow else ""
    return f'<path d="{way}{head}" fill="none" stroke="#6b7280"/>'
