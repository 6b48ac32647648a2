"""Writes call records to SQLite in batches, from a thread, so that no call ever waits for the disk."""

import asyncio
import sqlite3
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import aiosqlite

from acd.core.record import LegRecord, Record
from acd.records.schema import CREATE, INSERT, INSERT_LEG, VERSION, Row, to_leg_row, to_row

PASSING: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""What may be over in a while; anything else at the start is a mistake to be told."""


class RecordsError(OSError):
    """The records cannot be had at all: says where and why."""


class Trouble(Protocol):
    def __call__(self, on: bool, detail: str) -> None: ...


class RecordStore:
    """Open it with `open`. `trouble(on, detail)` is told, in the event loop, when records cannot be written and when
    they can again; meanwhile they wait here, `max_waiting` of them at most."""

    def __init__(
        self, path: Path, trouble: Trouble, *, batch_s: float, batch_rows: int, retry_s: float, max_waiting: int
    ) -> None:
        self._path = path
        self._trouble = trouble
        self._batch_s = batch_s
        self._batch_rows = batch_rows
        self._retry_s = retry_s
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[str, Row]] = deque()  # by which statement
        self._lost = 0
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self._troubled = ""
        self._database: aiosqlite.Connection | None = None
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        trouble: Trouble,
        batch_s: float = 0.1,
        batch_rows: int = 250,  # one transaction; more at once would hold the interpreter too long
        retry_s: float = 1.0,
        max_waiting: int = 100_000,
    ) -> "RecordStore":
        """Open or create the file and begin to write. Raises `RecordsError` if it cannot be used at all; a full disk
        or a locked file is no such error: records wait."""
        store = cls(path, trouble, batch_s=batch_s, batch_rows=batch_rows, retry_s=retry_s, max_waiting=max_waiting)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await store._connect()
        except OSError as problem:
            raise RecordsError(f"{path}: {problem.strerror or problem}") from None
        except sqlite3.Error as problem:
            if not _passing(problem):
                raise RecordsError(f"{path}: {problem}") from None
            store._failed(problem)
        store._writer = asyncio.create_task(store._run(), name="records")
        return store

    def put(self, record: Record) -> None:
        """Let a record be written, soon. Returns at once."""
        self._put(INSERT, to_row(record))

    def put_leg(self, record: LegRecord) -> None:
        """The same for how a leg sounded."""
        self._put(INSERT_LEG, to_leg_row(record))

    def _put(self, statement: str, row: Row) -> None:
        if len(self._waiting) >= self._max_waiting:
            self._lost += 1  # the journal still has it
            return
        self._waiting.append((statement, row))
        self._some.set()

    @property
    def waiting(self) -> int:
        """Records not written yet."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """Records given up because too many waited."""
        return self._lost

    async def close(self) -> None:
        """Write what waits, if that can be done now, and close. What is left comes back from the journal."""
        self._closing.set()
        self._some.set()
        if self._writer is not None:
            await self._writer

    async def _run(self) -> None:
        try:
            await self._write_until_closed()
        finally:  # also when the loop ends without `close`: the connection's thread would keep the process alive
            await self._disconnect()

    async def _write_until_closed(self) -> None:
        while True:
            await self._some.wait()
            await self._pause(self._batch_s)
            written = await self._write_all()
            if self._closing.is_set():
                return
            if not written:
                await self._pause(self._retry_s)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not while closing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _write_all(self) -> bool:
        """Write batch after batch; False if the last could not be, and still waits."""
        self._some.clear()
        while self._waiting:
            batch = list(islice(self._waiting, self._batch_rows))
            try:
                await self._write(batch)
            except (sqlite3.Error, OSError) as problem:
                self._some.set()
                await self._disconnect()
                self._failed(problem)
                return False
            for _ in batch:
                self._waiting.popleft()
        if self._troubled:
            self._troubled = ""
            self._trouble(False, f"{self._path}: records are written again")
        return True

    async def _write(self, batch: list[tuple[str, Row]]) -> None:
        database = self._database or await self._connect()
        for statement in (INSERT, INSERT_LEG):
            rows = [row for kind, row in batch if kind is statement]
            if rows:
                await database.executemany(statement, rows)
        await database.commit()

    async def _connect(self) -> aiosqlite.Connection:
        await asyncio.to_thread(_probe, self._path)
        database = await aiosqlite.connect(self._path, timeout=2.0)
        try:
            (version,) = await (await database.execute("pragma user_version")).fetchone() or (0,)
            if version > VERSION:
                raise RecordsError(f"{self._path}: records of a later version ({version}; this one knows {VERSION})")
            await database.execute("pragma journal_mode = wal")
            await database.execute("pragma synchronous = normal")  # the journal outlives what a power cut takes
            await database.executescript(CREATE)
        except BaseException:
            await database.close()
            raise
        self._database = database
        return database

    async def _disconnect(self) -> None:
        """A connection that failed is not used again: that also undoes what its transaction had begun."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error):
                await database.close()

    def _failed(self, problem: Exception) -> None:
        detail = f"{self._path}: {problem}"
        if detail != self._troubled:
            self._troubled = detail
            self._trouble(True, detail)


def _probe(path: Path) -> None:
    """Raises whatever opening the file raises: inside aiosqlite that would leave a thread in mid-air."""
    sqlite3.connect(path).close()


def _passing(problem: sqlite3.Error) -> bool:
    return (getattr(problem, "sqlite_errorcode", 0) & 0xFF) in PASSING
