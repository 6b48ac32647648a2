"""What a store of records asks of a database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from acd.records.schema import Row, TableName


class RecordsError(OSError):
    """The records cannot be had at all: says where and why."""


class Passing(RecordsError):
    """They cannot be had now; it may be over in a while."""


class Database(Protocol):
    @property
    def name(self) -> str:
        """As a person would say where it is; without a password."""

    async def connect(self) -> None:
        """Be ready to write; tables are made where they are missing. Raises `RecordsError`."""

    async def write(self, rows: Mapping[TableName, Sequence[Row]]) -> None:
        """All of them or none; those that are there already stay as they are. Connects if need be. Raises
        `RecordsError`."""

    async def close(self) -> None:
        """A connection that failed is not used again: that also undoes what its transaction had begun."""


@contextmanager
def needed() -> Iterator[None]:
    """Around the import of what PostgreSQL takes."""
    try:
        yield
    except ImportError:
        raise RecordsError("records in PostgreSQL need asyncpg: pip install 'hotline-acd[postgres]'") from None
