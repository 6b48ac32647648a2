"""Writes call records in batches, beside the calls, so that none ever waits for a disk or a database."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Protocol

from acd.core.record import LegRecord, Record
from acd.records.database import Database, Passing, needed
from acd.records.place import Place, waiting_at
from acd.records.schema import TABLES, to_leg_row, to_row
from acd.records.spill import Kept, Spill
from acd.records.sqlite import Sqlite


class Trouble(Protocol):
    def __call__(self, on: bool, detail: str) -> None: ...


class RecordStore:
    """Open it with `open`. `trouble(on, detail)` is told, in the event loop, when records cannot be written and when
    they can again. Meanwhile they wait in a file; those that cannot even be written there, in memory, `max_waiting` of
    them at most."""

    def __init__(
        self,
        database: Database,
        spill: Spill,
        trouble: Trouble,
        *,
        batch_s: float,
        batch_rows: int,
        retry_s: float,
        max_waiting: int,
    ) -> None:
        self._database = database
        self._spill = spill
        self._trouble = trouble
        self._batch_s = batch_s
        self._batch_rows = batch_rows
        self._retry_s = retry_s
        self._max_waiting = max_waiting
        self._waiting: deque[Kept] = deque()
        self._lost = 0
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self._troubled = ""
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        place: Place,
        *,
        trouble: Trouble,
        records: Iterable[Record] = (),
        batch_s: float = 1.0,
        batch_rows: int = 250,  # one transaction; more at once would hold the interpreter too long
        retry_s: float = 1.0,
        max_waiting: int = 100_000,
    ) -> "RecordStore":
        """Open or create the tables and begin to write. Raises `RecordsError` if they cannot be had at all; a full
        disk, a locked file or a database that is down is no such error: records wait. `records` are those of an engine
        that was killed: they are on the disk when it returns, for this one may be killed before it writes any."""
        spill = Spill(waiting_at(place))
        store = cls(
            database_at(place),
            spill,
            trouble,
            batch_s=batch_s,
            batch_rows=batch_rows,
            retry_s=retry_s,
            max_waiting=max_waiting,
        )
        try:
            await store._database.connect()
        except Passing as problem:
            store._failed(problem)
        for record in records:
            store.put(record)
        await store._set_aside()
        if spill.rows or store._troubled:
            store._some.set()
        store._writer = asyncio.create_task(store._run(), name="records")
        return store

    def put(self, record: Record) -> None:
        """Let a record be written, soon. Returns at once."""
        self._put(("calls", to_row(record)))

    def put_leg(self, record: LegRecord) -> None:
        """The same for how a leg sounded."""
        self._put(("legs", to_leg_row(record)))

    def _put(self, row: Kept) -> None:
        if len(self._waiting) >= self._max_waiting:
            self._lost += 1  # the journal still has it
            return
        self._waiting.append(row)
        self._some.set()

    @property
    def waiting(self) -> int:
        """Records not written yet."""
        return len(self._waiting) + self._spill.rows

    @property
    def lost(self) -> int:
        """Records given up because too many waited."""
        return self._lost

    async def close(self) -> None:
        """Write what waits, if that can be done now, and close. What is left waits in its file for the next start, or
        comes back from the journal."""
        self._closing.set()
        self._some.set()
        if self._writer is not None:
            await self._writer

    async def _run(self) -> None:
        try:
            await self._write_until_closed()
        finally:  # also when the loop ends without `close`: SQLite's thread would keep the process alive
            await self._database.close()

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
        """Write batch after batch, what waits in the file first; False if the last could not be, and still waits."""
        self._some.clear()
        try:
            if self._troubled:
                await self._database.connect()
            while self._spill.rows:
                batch, end = await asyncio.to_thread(self._spill.first, self._batch_rows)
                await self._write(batch)
                await asyncio.to_thread(self._spill.taken, len(batch), end)
            while self._waiting:
                batch = list(islice(self._waiting, self._batch_rows))
                await self._write(batch)
                self._forget(batch)
        except OSError as problem:
            self._some.set()
            await self._database.close()
            self._failed(problem)
            await self._set_aside()
            return False
        if self._troubled:
            self._troubled = ""
            self._trouble(False, f"{self._database.name}: records are written again")
        return True

    async def _write(self, batch: list[Kept]) -> None:
        await self._database.write({name: [row for kind, row in batch if kind == name] for name in TABLES})

    async def _set_aside(self) -> None:
        """Into the file, or else they stay in memory."""
        rows = list(self._waiting)
        with suppress(OSError):
            if rows:
                await asyncio.to_thread(self._spill.add, rows)
                self._forget(rows)

    def _forget(self, rows: list[Kept]) -> None:
        for _ in rows:
            self._waiting.popleft()

    def _failed(self, problem: OSError) -> None:
        detail = str(problem)
        if detail != self._troubled:
            self._troubled = detail
            self._trouble(True, detail)


def database_at(place: Place) -> Database:
    """What writes there. Raises `RecordsError` if what PostgreSQL takes is not installed."""
    if isinstance(place, Path):
        return Sqlite(place)
    with needed():
        from acd.records.postgres import Postgres
    return Postgres(place)
