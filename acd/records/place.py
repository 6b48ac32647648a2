"""Where records are kept: an SQLite file, or a PostgreSQL database by its URL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from acd.secret import Secret

SUFFIX: Final = ".waiting"
"""Of the file beside an SQLite file in which records wait."""


@dataclass(slots=True, frozen=True)
class DatabaseAt:
    """A PostgreSQL database."""

    url: str  # no password in it
    password: Secret | None  # None: none is asked for, or libpq's ways know it (PGPASSWORD, ~/.pgpass)
    waiting: Path  # file in which records wait while it is gone

    def __str__(self) -> str:
        return self.url


Place: TypeAlias = Path | DatabaseAt


def waiting_at(place: Place) -> Path:
    """The file in which records wait that cannot be written there."""
    return place.with_name(place.name + SUFFIX) if isinstance(place, Path) else place.waiting
