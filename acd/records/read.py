"""Reading call records, from another process and while the engine writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from acd.core.record import LegRecord, Record
from acd.records import sqlite
from acd.records.database import needed
from acd.records.place import Place
from acd.records.schema import COLUMNS, LEG_COLUMNS, Row, Value, to_leg_record, to_record


def read(
    place: Place,
    *,
    since: float | None = None,
    until: float | None = None,
    queue: str | None = None,
    agent: str | None = None,
) -> Iterator[Record]:
    """The records of calls that began in [since, until), seconds since the epoch, oldest first; of one queue or agent
    if named. Raises `RecordsError` if there are none to be had. Not from within an event loop."""
    wishes = {"started_at >= ?": since, "started_at < ?": until, "queue = ?": queue, "agent = ?": agent}
    return map(to_record, _rows(place, f"select {', '.join(COLUMNS)} from calls", wishes, "started_at, call"))


@dataclass(slots=True, frozen=True)
class Heard:
    """How a leg sounded, and of which call it was."""

    leg: LegRecord
    started_at: float | None  # of the call; None: its record is not written yet
    source: str  # where the call came from, such as trunk:carrier; "" while that is not known


def read_legs(
    place: Place, *, call: str | None = None, since: float | None = None, until: float | None = None
) -> Iterator[Heard]:
    """How the legs sounded, of one call or of those that began in [since, until), the oldest first, calls
    that are still up last. Raises as `read`."""
    columns = ", ".join(f"legs.{name}" for name in LEG_COLUMNS)
    question = f"select {columns}, calls.started_at, calls.source from legs left join calls on calls.call = legs.call"
    wishes = {"legs.call = ?": call, "calls.started_at >= ?": since, "calls.started_at < ?": until}
    for row in _rows(place, question, wishes, "calls.started_at is null, calls.started_at, legs.call, legs.leg"):
        started_at, source = row[-2:]
        assert not isinstance(started_at, str)
        yield Heard(to_leg_record(row[:-2]), started_at, str(source or ""))


def _rows(place: Place, question: str, wishes: dict[str, Value], order: str) -> Iterator[Row]:
    given = {condition: value for condition, value in wishes.items() if value is not None}
    where = " where " + " and ".join(given) if given else ""
    return rows_of(place, f"{question}{where} order by {order}", list(given.values()))


def rows_of(place: Place, question: str, values: Sequence[Value]) -> Iterator[Row]:
    """The answer, row by row; in the question each value's place is a `?`. Raises `RecordsError`."""
    if isinstance(place, Path):
        return sqlite.rows(place, question, values)
    with needed():
        from acd.records import postgres
    return postgres.rows(place, question, values)
