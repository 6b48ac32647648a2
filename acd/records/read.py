"""Reading call records, from another process and while the engine writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from acd.core.record import Record
from acd.records.schema import COLUMNS, to_record


def read(
    path: Path,
    *,
    since: float | None = None,
    until: float | None = None,
    queue: str | None = None,
    agent: str | None = None,
) -> Iterator[Record]:
    """The records of calls that began in [since, until), seconds since the epoch, oldest first; of one queue or agent
    if named. Raises `sqlite3.Error` if there is no such file."""
    wishes = [("started_at >= ?", since), ("started_at < ?", until), ("queue = ?", queue), ("agent = ?", agent)]
    given = [(condition, value) for condition, value in wishes if value is not None]
    where = " where " + " and ".join(condition for condition, _ in given) if given else ""
    question = f"select {', '.join(COLUMNS)} from calls{where} order by started_at, call"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        for row in database.execute(question, [value for _, value in given]):
            yield to_record(row)
