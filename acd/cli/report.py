"""``acd report``: what was offered, answered and lost, how long it took, and how busy people were."""

import csv
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from acd.cli.options import UNUSABLE, Json, fail
from acd.cli.output import complain, iso, print_json, print_table
from acd.cli.past import HotlineFile, Journal, Records, Since, Until, configured, instant, midnight, place_of
from acd.core.metrics import DIMENSIONS, LEVELS, Book, Dimension, Key, Tally, ratio
from acd.records.place import Place


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    since: Since = None,
    until: Until = None,
    by: Annotated[
        str, typer.Option("--by", help="Rows, some of: queue,agent,team,site,interval. Empty: one row for all.")
    ] = "queue",
    interval: Annotated[int, typer.Option("--interval", min=1, help="Minutes of an interval.")] = 30,
    definition: Annotated[str, typer.Option("--level", help=f"The service level shown: {', '.join(LEVELS)}.")] = (
        "default"
    ),
    within: Annotated[
        float | None, typer.Option("--within", min=0, help="Seconds, in place of each queue's target.")
    ] = None,
    short: Annotated[
        float | None, typer.Option("--short", min=0, help="Seconds, in place of each queue's short-call threshold.")
    ] = None,
    records: Records = None,
    journal: Journal = None,
    config: HotlineFile = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Figures of the past by queue, agent, team, site and interval.

    Calls come from the records, agents' time (wrap-up, occupancy, offers) from the journal. Name one of the two and
    only that is read: a journal alone gives everything, records alone all but agents' time.

    Example: acd report --from 2026-03-02 --to 2026-03-03 --by queue,interval
    """
    if definition not in LEVELS:
        fail(UNUSABLE, f"no service level {definition!r}; there are {', '.join(LEVELS)}")
    from_, to = instant(since, -math.inf), instant(until, math.inf)
    origin = midnight(from_ if since is not None else time.time())
    dimensions = _dimensions(by)
    book = Book(
        dimensions,
        since=from_,
        until=to,
        interval_s=60.0 * interval,
        origin=origin,
        within_s=within,
        short_s=short,
    )
    worked = _fill(book, place_of(records) if records else None, journal, config, from_, to)
    rows = sorted(book.rows.items())
    if as_json:
        print_json([_named(dimensions, key) | facts(tally, worked) for key, tally in rows])
    elif as_csv:
        _print_csv(dimensions, rows, worked)
    else:
        _print_table(dimensions, rows, worked, definition)


def _dimensions(by: str) -> list[Dimension]:
    named = [name.strip() for name in by.split(",") if name.strip()]
    wrong = [name for name in named if name not in DIMENSIONS]
    if wrong:
        fail(UNUSABLE, f"--by {','.join(wrong)}: there are {', '.join(DIMENSIONS)}")
    return [dimension for dimension in DIMENSIONS if dimension in named]


# ------------------------------------------------------------------------------------------------------- reading


def _fill(
    book: Book, records: Place | None, journal: list[Path] | None, config: Path | None, since: float, until: float
) -> bool:
    """Whether agents' time is in it too. Ends the command with 2 if there is nothing to read."""
    usual_journal, usual_records = configured(config)
    if records is None and journal is None:
        there = not isinstance(usual_records, Path) or usual_records.is_file()
        records = usual_records if there else None
        journal = [usual_journal] if usual_journal is not None and usual_journal.exists() else None
        if records is None and journal is None:
            fail(UNUSABLE, f"neither {usual_records} nor {usual_journal} is there; name --records, --journal, --config")
    if journal is not None:
        _read_journal(book, journal, since, with_records=records is None)
    elif config is not None:
        _know(book, config)
    if records is not None:
        _read_records(book, records, since, until)
    return journal is not None


def _read_journal(book: Book, journal: list[Path], since: float, *, with_records: bool) -> None:
    from acd.core.activity import Shifts  # here, because the core takes its time to import
    from acd.journal import JournalError
    from acd.journal.shifts import observe

    shifts = Shifts(book, records=with_records)
    try:
        # a call offered in time may have come in before; to see its record, its end is enough
        notes = observe(journal, shifts.take, shifts.wants, since=since)
    except (JournalError, OSError) as problem:
        fail(UNUSABLE, str(problem))
    shifts.end()
    for note in notes:
        complain(note)


def _know(book: Book, config: Path) -> None:
    """Targets, teams and sites as they are configured now."""
    from acd.config.load import load

    settings = load(config).settings
    book.agents |= settings.agents
    book.queues |= settings.queues


def _read_records(book: Book, records: Place, since: float, until: float) -> None:
    from acd.records.database import RecordsError
    from acd.records.read import read

    day_s = 86_400.0  # a call that joined a queue in time may have come in before
    try:
        for record in read(
            records,
            since=since - day_s if since > -math.inf else None,
            until=until if until < math.inf else None,
        ):
            book.record(record)
    except RecordsError as problem:
        fail(UNUSABLE, str(problem))


# ------------------------------------------------------------------------------------------------------- showing


def facts(tally: Tally, worked: bool) -> dict[str, Any]:
    """Every figure of a row; what only the journal knows is null without it."""
    known = asdict(tally)
    means = {name: ratio(known[f"{name}_s"], tally.handled) for name in ("ring", "talk", "hold", "wrap_up")}
    derived: dict[str, Any] = {
        "asa_s": tally.asa_s,
        "aht_s": tally.aht_s,
        **{f"mean_{name}_s": mean for name, mean in means.items()},
        "occupancy": tally.occupancy,
        "service_level": {name: tally.level(name) for name in LEVELS},
    }
    if not worked:
        from_journal = ("wrap_up_s", "rung", "staffed_s", "busy_s", "break_s")
        known |= dict.fromkeys(from_journal)
        derived |= {"aht_s": None, "mean_wrap_up_s": None, "occupancy": None}
    return known | derived


def _named(dimensions: Sequence[Dimension], key: Key) -> dict[str, Any]:
    named = zip(dimensions, key, strict=True)
    return {name: iso(value) if isinstance(value, float) else value for name, value in named}


def _print_csv(dimensions: Sequence[Dimension], rows: list[tuple[Key, Tally]], worked: bool) -> None:
    """One line a row; what is counted by kind has a column for each kind there is."""
    flat = [_named(dimensions, key) | _flat(facts(tally, worked)) for key, tally in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.DictWriter(sys.stdout, columns, restval=0, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{kind}": one for kind, one in sorted(value.items())}
        else:
            found[name] = value
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def _print_table(dimensions: Sequence[Dimension], rows: list[tuple[Key, Tally]], worked: bool, definition: str) -> None:
    """The columns that say something; `--json` has them all."""
    columns: list[tuple[str, Callable[[Tally], object]]] = []
    if any(tally.calls for _, tally in rows):
        columns.append(("calls>", lambda t: t.calls))
    columns += [("offered>", lambda t: t.offered), ("answered>", lambda t: t.answered)]
    if not {"agent", "team", "site"} & set(dimensions):  # who gave up was nobody's
        columns += [("abandoned>", lambda t: t.abandoned), ("short>", lambda t: t.abandoned_short)]
    for way in sorted({way for _, tally in rows for way in tally.left}):
        columns.append((f"{way.replace('_', ' ')}>", lambda t, way=way: t.left.get(way, 0)))  # type: ignore[misc] # a lambda's default
    columns += [
        (f"level {definition.replace('_', ' ')}>", lambda t: _share(t.level(definition))),
        ("ASA s>", lambda t: _tenths(t.asa_s)),
        ("longest s>", lambda t: _tenths(t.longest_wait_s)),
        ("ring s>", lambda t: _tenths(ratio(t.ring_s, t.handled))),
        ("talk s>", lambda t: _tenths(ratio(t.talk_s, t.handled))),
        ("hold s>", lambda t: _tenths(ratio(t.hold_s, t.handled))),
    ]
    if worked:
        columns += [
            ("wrap-up s>", lambda t: _tenths(ratio(t.wrap_up_s, t.handled))),
            ("AHT s>", lambda t: _tenths(t.aht_s)),
            ("rung>", lambda t: t.rung),
            ("occupancy>", lambda t: _share(t.occupancy)),
        ]
    heads = [*dimensions, *(name for name, _ in columns)]
    cells = [[*_named(dimensions, key).values(), *(cell(tally) for _, cell in columns)] for key, tally in rows]
    print_table(heads, cells, empty="No call and nobody at work in that time.")


def _share(share: float | None) -> str | None:
    return f"{100 * share:.1f} %" if share is not None else None


def _tenths(seconds: float | None) -> str | None:
    return f"{seconds:.1f}" if seconds is not None else None
