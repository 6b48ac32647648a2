"""Records in PostgreSQL."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

import asyncpg

from acd.records.database import Passing, RecordsError
from acd.records.place import DatabaseAt
from acd.records.schema import INDEXES, TABLES, VERSION, Row, TableName, Value
from acd.secret import SecretMissing

CONNECT_S: Final = 5.0
COMMAND_S: Final = 10.0
"""A database that does not answer for this long is gone, as far as records go."""
AT_ONCE: Final = 2000
"""Rows that are read in one go."""
FINAL: Final = frozenset({"28", "3D", "42"})
"""Classes of errors that do not pass by themselves: who we are, which database, what is in it and what we may."""
INSERT: Final = {name: table.insert(lambda number: f"${number}") for name, table in TABLES.items()}
MARK: Final = "hotline records "
"""The comment on the table of calls: this, and the version."""
PROBLEMS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, SecretMissing)


class Postgres:
    """A `Database`."""

    def __init__(self, where: DatabaseAt) -> None:
        self._where = where
        self._connection: asyncpg.Connection | None = None

    @property
    def name(self) -> str:
        return self._where.url

    async def connect(self) -> None:
        try:
            connection = await connect(self._where)
            try:
                await self._prepare(connection)
            except BaseException:
                connection.terminate()
                raise
        except PROBLEMS as problem:
            raise told(self._where, problem) from None
        self._connection = connection

    async def write(self, rows: Mapping[TableName, Sequence[Row]]) -> None:
        if self._connection is None:
            await self.connect()
        assert self._connection is not None
        try:
            async with asyncio.timeout(COMMAND_S), self._connection.transaction():
                for table, some in rows.items():
                    if some:
                        await self._connection.executemany(INSERT[table], some)
        except PROBLEMS as problem:
            raise told(self._where, problem) from None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*PROBLEMS):
                await connection.close(timeout=1.0)

    @staticmethod
    async def _prepare(connection: asyncpg.Connection) -> None:
        """Tables that are there are left alone: an account that may but insert can use them."""
        mark = str(await connection.fetchval("select obj_description(to_regclass('calls'), 'pg_class')") or "")
        version = mark.removeprefix(MARK)
        if version.isdecimal() and int(version) > VERSION:
            raise RecordsError(f"records of a later version ({version}; this one knows {VERSION})")
        for table in TABLES.values():
            question = "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0"
            there = {row[0] for row in await connection.fetch(question, table.name)}
            for change in table.missing(there) if there else (table.create,):
                await connection.execute(change)
        if mark != f"{MARK}{VERSION}":
            for index in INDEXES:
                await connection.execute(index)
            await connection.execute(f"comment on table calls is '{MARK}{VERSION}'")


def rows(where: DatabaseAt, question: str, values: Sequence[Value]) -> Iterator[Row]:
    """See `acd.records.read.rows_of`."""
    number = count(1)
    numbered = re.sub(r"\?", lambda _: f"${next(number)}", question)
    try:
        with asyncio.Runner() as runner:
            connection = runner.run(connect(where))
            try:
                begun = connection.transaction(readonly=True)
                runner.run(begun.start())
                cursor = runner.run(_cursor(connection, numbered, values))
                while some := runner.run(cursor.fetch(AT_ONCE)):
                    yield from map(tuple, some)
            finally:
                connection.terminate()
    except PROBLEMS as problem:
        raise told(where, problem) from None


async def _cursor(connection: asyncpg.Connection, question: str, values: Sequence[Value]) -> Any:
    return await connection.cursor(question, *values)


async def connect(where: DatabaseAt) -> asyncpg.Connection:
    """Raises `PROBLEMS`."""
    password = where.password.reveal() if where.password is not None else None
    return await asyncpg.connect(
        where.url,
        password=password,
        timeout=CONNECT_S,
        command_timeout=COMMAND_S,
        server_settings={"application_name": "hotline"},
    )


def told(where: DatabaseAt, problem: BaseException) -> RecordsError:
    """The trouble as one of ours, by its place and never by a password."""
    text = str(problem) or ("no answer" if isinstance(problem, TimeoutError) else type(problem).__name__)
    final = isinstance(problem, RecordsError | asyncpg.ClientConfigurationError) or (
        isinstance(problem, asyncpg.PostgresError) and str(problem.sqlstate)[:2] in FINAL
    )
    return (RecordsError if final else Passing)(f"{where.url}: {text.splitlines()[0]}")
