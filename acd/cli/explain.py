"""``acd explain``: where the time of somebody who waited went."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from acd.cli.options import NO, UNUSABLE, Json, fail
from acd.cli.output import complain, iso, print_json, print_table, shown
from acd.cli.past import HotlineFile, Journal, Since, Until, configured, instant, midnight
from acd.cli.picture import bar, stacked

if TYPE_CHECKING:
    from acd.core.explain import Decision, Explained, Part
    from acd.core.observe import Watcher

SECOND: Final = 1_000_000  # µs, as acd.core.explain counts

CAUSES: Final = {
    "nobody_signed_on": "nobody signed on",
    "no_skill": "nobody signed on has the skill",
    "ring": "not in the queue's ring yet",
    "level_delay": "his preference level is not active yet",
    "own_site": "own site first",
    "preferred": "kept for the preferred agent",
    "excluded": "he had rejected this call",
    "penalty": "pause after an offer not taken",
    "reserve": "reserved for another lane",
    "ringing": "ringing for this call",
    "went_elsewhere": "an agent came free and went to another call",
    "all_busy": "all busy",
    "in_flow": "between two queues",
    "engine_down": "the engine was down",
}
PASSED: Final = CAUSES | {"strategy": "came after by the strategy", "level": "of a later preference level"}


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    call: Annotated[str | None, typer.Argument(help="A call, as in acd calls and in the records.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", help="Every wait in this queue.")] = None,
    since: Since = None,
    until: Until = None,
    interval: Annotated[int, typer.Option("--interval", min=1, help="Minutes of an interval.")] = 30,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --queue: write the picture here, as SVG.", dir_okay=False)
    ] = None,
    journal: Journal = None,
    config: HotlineFile = None,
    as_json: Json = False,
) -> None:
    """Where each second of waiting went, by replaying the journal.

    Of a call: a time line without gaps, and at each decision who was passed over, and why. Of a queue: the causes of
    all waits that began in a time, which belong to the interval they began in.

    Exit 1: the call is not in the journal. 2: no journal.

    Example: acd explain 1-17
    Example: acd explain --queue loans --from 2026-03-02T10:00 --to 2026-03-02T12:00 --out waiting.svg
    """
    if (call is None) == (queue is None):
        fail(UNUSABLE, "explain what? For example: acd explain 1-17, or acd explain --queue loans --from 2026-03-02")
    paths = journal or [path for path in configured(config)[:1] if path is not None]
    if not paths:
        fail(UNUSABLE, "the configuration keeps no journal")
    from_, to = instant(since, -math.inf), instant(until, math.inf)
    from acd.core.explain import Explainer  # here, because the core takes its time to import

    if call is not None:
        explainer = Explainer(call=call)
        _watch(paths, explainer, _began(paths, call))
        _show_call(call, explainer.waits, as_json)
        return
    explainer = Explainer(queue=queue, since=from_, until=to)
    _watch(paths, explainer, from_)
    rows = _by_interval(explainer.waits, 60.0 * interval)
    _show_queue(queue or "", rows, as_json)
    if out is not None:
        _draw(queue or "", rows, out)


def _began(paths: list[Path], call: str) -> float:
    from acd.journal import JournalError
    from acd.journal.watch import arrival_of

    try:
        found = arrival_of(paths, call)
    except (JournalError, OSError) as problem:
        fail(UNUSABLE, str(problem))
    if found is None:
        fail(NO, f"there is no call {call} in {', '.join(map(str, paths))}")
    return found


def _watch(paths: list[Path], watcher: Watcher, since: float) -> None:
    from acd.journal import JournalError
    from acd.journal.watch import watch

    try:
        notes = watch(paths, [watcher], since=since)
    except (JournalError, OSError) as problem:
        fail(UNUSABLE, str(problem))
    for note in notes:
        complain(note)


# ------------------------------------------------------------------------------------------------------- one call


def _show_call(call: str, waits: list[Explained], as_json: bool) -> None:
    if as_json:
        print_json({"call": call, "waits": [_wait(wait) for wait in waits]})
        return
    if not waits:
        print(f"{call} never waited in a queue.")
    for wait in waits:
        length_us = wait.ended_us - wait.joined_us
        print(f"{call} joined {shown(wait.queue)} at {iso(wait.joined_at)}, waited {_s(length_us)}: {wait.result}")
        print()
        rows = [
            [f"+{_s(part.began_us - wait.joined_us)}", _s(part.ended_us - part.began_us), part.queue, _said(part)]
            for part in wait.parts
        ]
        print_table(["at>", "for>", "queue", "cause"], rows, empty="It did not wait at all.")
        print()
        for decision in wait.decisions:
            print(f"+{_s(decision.at_us - wait.joined_us)}  {shown(decision.what)}")
            for why, agents in _passed_over(decision).items():
                print(f"    {PASSED.get(why, _word(why))}: {_some(agents)}")
        print()


def _passed_over(decision: Decision) -> dict[str, list[str]]:
    """Agents by what kept them."""
    found: dict[str, list[str]] = {}
    for agent, why in decision.candidates:
        found.setdefault(why, []).append(agent)
    return found


def _some(agents: list[str]) -> str:
    return ", ".join(map(shown, agents[:12])) + (f" and {len(agents) - 12} more" if len(agents) > 12 else "")


def _said(part: Part) -> str:
    did = ", ".join(f"{_word(what)} {_s(us)}" for what, us in part.did.items() if us)
    return CAUSES[part.cause] + (f" ({part.about or did})" if part.about or did else "")


def _wait(wait: Explained) -> dict[str, Any]:
    offset = wait.wall_offset_s
    return {
        "queue": wait.queue,
        "joined_at": iso(wait.joined_at),
        "wait_s": _plain(wait.ended_us - wait.joined_us),
        "result": wait.result,
        "parts": [
            {
                "at_s": _plain(part.began_us - wait.joined_us),
                "for_s": _plain(part.ended_us - part.began_us),
                "queue": part.queue,
                "cause": part.cause,
                "about": part.about,
                "did_s": {what: _plain(us) for what, us in part.did.items()},
            }
            for part in wait.parts
        ],
        "decisions": [
            {
                "at_s": _plain(decision.at_us - wait.joined_us),
                "time": iso(decision.at_us / SECOND + offset),
                "what": decision.what,
                "passed_over": dict(decision.candidates),
            }
            for decision in wait.decisions
        ],
    }


# -------------------------------------------------------------------------------------------------------- a queue


@dataclass(slots=True)
class Row:
    """The waits that began in one interval."""

    began: float
    waits: int = 0
    causes: dict[str, int] = field(default_factory=dict)  # µs; see `_causes`


def _by_interval(waits: list[Explained], interval_s: float) -> list[Row]:
    rows: dict[float, Row] = {}
    for wait in waits:
        origin = midnight(wait.joined_at)
        began = origin + math.floor((wait.joined_at - origin) / interval_s) * interval_s
        row = rows.setdefault(began, Row(began))
        row.waits += 1
        for name, us in _causes(wait):
            row.causes[name] = row.causes.get(name, 0) + us
    return [rows[began] for began in sorted(rows)]


def _causes(wait: Explained) -> Iterator[tuple[str, int]]:
    """Each with its time; all busy by what the agents did, and went to another call by why that was first."""
    for part in wait.parts:
        if part.did:
            for what, us in part.did.items():
                yield f"{part.cause}/{what}", us
        else:
            first = part.about.partition(": ")[2] if part.cause == "went_elsewhere" else ""
            yield part.cause + (f"/{first}" if first else ""), part.ended_us - part.began_us


def _label(name: str) -> str:
    """A cause, with what stands behind the slash, for people."""
    cause, slash, more = name.partition("/")
    return CAUSES[cause] + (f": {_word(more)}" if slash else "")


def _show_queue(queue: str, rows: list[Row], as_json: bool) -> None:
    if as_json:
        intervals = [
            {
                "interval": iso(row.began),
                "waits": row.waits,
                "wait_s": _plain(sum(row.causes.values())),
                "causes_s": {name: _plain(us) for name, us in row.causes.items()},
            }
            for row in rows
        ]
        print_json({"queue": queue, "intervals": intervals})
        return
    total = _total(rows)
    whole = sum(total.values())
    if not rows:
        print(f"Nobody joined {queue} in that time.")
        return
    print(f"{queue}: {sum(row.waits for row in rows)} waits, {_s(whole)} in all")
    print()
    table = [
        [_label(name), _s(us), f"{100 * us / whole:.1f} %", bar(us / whole, 40)] for name, us in total.items() if us
    ]
    print_table(["cause", "time>", "share>", ""], table, empty="Nobody waited at all.")
    if len(rows) < 2:
        return
    print()
    most = max(sum(row.causes.values()) for row in rows) or 1
    lines: list[list[object]] = []
    for row in rows:
        us = sum(row.causes.values())
        worst = max(row.causes, key=row.causes.__getitem__, default="")
        lines.append([iso(row.began), row.waits, _s(us), bar(us / most, 40), _label(worst) if worst else None])
    print_table(["interval", "waits>", "time>", "", "mostly"], lines, empty="")


def _total(rows: list[Row]) -> dict[str, int]:
    """All causes, the greatest first."""
    total: dict[str, int] = {}
    for row in rows:
        for name, us in row.causes.items():
            total[name] = total.get(name, 0) + us
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _draw(queue: str, rows: list[Row], out: Path) -> None:
    names = [name for name, us in _total(rows).items() if us]
    labels = [iso(row.began)[11:16] for row in rows]
    values = [[row.causes.get(name, 0) / SECOND / 60 for name in names] for row in rows]
    picture = stacked(f"Where the waiting for {queue} went, in minutes", labels, list(map(_label, names)), values)
    try:
        out.write_text(picture, "utf-8")
    except OSError as problem:
        fail(UNUSABLE, f"{out}: {problem.strerror}")


def _word(name: str) -> str:
    return "wrap-up" if name == "wrap_up" else name.replace("_", " ")


def _s(us: int) -> str:
    return f"{us / SECOND:.1f} s"


def _plain(us: int) -> float:
    return us / SECOND
