"""What the commands about the past share: which journal and records are meant, and which time."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from acd.cli.options import UNUSABLE, fail
from acd.records.place import DatabaseAt, Place

JOURNAL, RECORDS = Path("run/journal"), Path("run/records.sqlite")

Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="ISO 8601, as 2026-03-02 or 2026-03-02T08:00:00+08:00.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="The same; not itself included.")]
Journal = Annotated[
    list[Path] | None,
    typer.Option("--journal", help="A journal's directory or segment; may be repeated.", show_default="run/journal"),
]
HotlineFile = Annotated[
    Path | None, typer.Option("--config", help="A hotline's YAML file: take the journal and records it names.")
]
Records = Annotated[
    str | None,
    typer.Option(
        "--records",
        help="Call records: an SQLite file, or postgresql://user@host/name (password: PGPASSWORD, ~/.pgpass).",
        show_default="run/records.sqlite",
    ),
]


def instant(text: str | None, otherwise: float) -> float:
    """Seconds since the epoch of an ISO time; local time where it names no zone. Ends the command with 2 if it is
    none."""
    if text is None:
        return otherwise
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        fail(UNUSABLE, f"{text!r} is no time; write it as 2026-03-02T08:00:00+08:00 or 2026-03-02")


def midnight(wall_s: float) -> float:
    """The local midnight before an instant."""
    return datetime.fromtimestamp(wall_s).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def place_of(records: str) -> Place:
    """Which file or database is meant by a text. Ends the command with 2 if it holds a password."""
    if not records.startswith(("postgresql://", "postgres://")):
        return Path(records)
    url = urlsplit(records)
    if url.password is not None or "password=" in url.query:
        fail(UNUSABLE, "a password does not belong on a command line; put it in PGPASSWORD or ~/.pgpass")
    return DatabaseAt(records, None, Path())


def configured(config: Path | None) -> tuple[Path | None, Place | None]:
    """Journal and records of a configuration, or the usual ones. Ends the command with 2 if it cannot be read."""
    if config is None:
        return JOURNAL, RECORDS
    from acd.config.load import ConfigError, load  # here, because it takes its time to import

    try:
        hotline = load(config)
    except (ConfigError, OSError) as problem:
        fail(UNUSABLE, str(problem))
    return hotline.journal, hotline.records


def records_at(records: str | None, config: Path | None) -> Place:
    """The records that are meant. Ends the command with 2 if there are none."""
    place = place_of(records) if records is not None else configured(config)[1]
    if place is None:
        fail(UNUSABLE, "the configuration keeps no records")
    return place
