"""Records in an SQLite file."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import aiosqlite

from acd.records.database import Passing, RecordsError
from acd.records.schema import INDEXES, TABLES, VERSION, Row, TableName, Value

PASSING: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""What may be over in a while; anything else at the start is a mistake to be told."""
INSERT: Final = {name: table.insert(lambda number: "?") for name, table in TABLES.items()}


class Sqlite:
    """A `Database`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None

    @property
    def name(self) -> str:
        return str(self._path)

    async def connect(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = await self._open()
        except (sqlite3.Error, OSError) as problem:
            raise self._told(problem) from None

    async def write(self, rows: Mapping[TableName, Sequence[Row]]) -> None:
        if self._connection is None:
            await self.connect()
        assert self._connection is not None
        try:
            for table, some in rows.items():
                if some:
                    await self._connection.executemany(INSERT[table], some)
            await self._connection.commit()
        except (sqlite3.Error, OSError) as problem:
            raise self._told(problem) from None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                await connection.close()

    async def _open(self) -> aiosqlite.Connection:
        await asyncio.to_thread(_probe, self._path)
        connection = await aiosqlite.connect(self._path, timeout=2.0)
        try:
            (version,) = await (await connection.execute("pragma user_version")).fetchone() or (0,)
            if version > VERSION:
                raise RecordsError(f"{self._path}: records of a later version ({version}; this one knows {VERSION})")
            await connection.execute("pragma journal_mode = wal")
            await connection.execute("pragma synchronous = normal")  # the journal outlives what a power cut takes
            for table in TABLES.values():
                await connection.execute(table.create)
                there = {row[1] for row in await connection.execute_fetchall(f"pragma table_info({table.name})")}
                for change in table.missing(there):
                    await connection.execute(change)
            for index in INDEXES:
                await connection.execute(index)
            await connection.execute(f"pragma user_version = {VERSION}")
            await connection.commit()
        except BaseException:
            await connection.close()
            raise
        return connection

    def _told(self, problem: sqlite3.Error | OSError) -> RecordsError:
        if isinstance(problem, RecordsError):
            return problem
        if isinstance(problem, OSError):
            return RecordsError(f"{self._path}: {problem.strerror or problem}")
        passing = (getattr(problem, "sqlite_errorcode", 0) & 0xFF) in PASSING
        return (Passing if passing else RecordsError)(f"{self._path}: {problem}")


def rows(path: Path, question: str, values: Sequence[Value]) -> Iterator[Row]:
    """See `acd.records.read.rows_of`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield from connection.execute(question, values)
    except sqlite3.Error as problem:
        raise RecordsError(f"{path}: {problem}") from None


def _probe(path: Path) -> None:
    """Raises whatever opening the file raises: inside aiosqlite that would leave a thread in mid-air."""
    sqlite3.connect(path).close()
