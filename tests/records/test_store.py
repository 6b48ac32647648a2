"""Records reach the file, whatever happens to the file."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.record import LegRecord, Quality, Record, Segment
from acd.records import RecordsError, RecordStore, read
from acd.records.schema import COLUMNS, to_record, to_row


def record(number: int, **more: object) -> Record:
    made = Record(f"3-{number}", "trunk:carrier", "95588", "13800000000", 1.75e9 + number, "answered")
    made.ended_at = made.started_at + 60.5
    made.segments = [
        Segment("flow", "main", made.started_at, made.started_at + 4.25, "queue"),
        Segment("agent", "1001", made.started_at + 9, made.ended_at, "talked", "loans", "desk-17", 3.5, 51.5, 7.0),
    ]
    for name, value in more.items():
        setattr(made, name, value)
    return made


class Told:
    """What `trouble` was told."""

    def __init__(self) -> None:
        self.said: list[tuple[bool, str]] = []
        self.changed = asyncio.Event()

    def __call__(self, on: bool, detail: str) -> None:
        self.said.append((on, detail))
        self.changed.set()

    async def next(self) -> tuple[bool, str]:
        await asyncio.wait_for(self.changed.wait(), 10.0)
        self.changed.clear()
        return self.said[-1]


async def open_store(path: Path, told: Told, max_waiting: int = 1000) -> RecordStore:
    return await RecordStore.open(path, trouble=told, batch_s=0.005, retry_s=0.02, max_waiting=max_waiting)


async def drained(store: RecordStore) -> None:
    async with asyncio.timeout(10.0):
        while store.waiting:  # noqa: ASYNC110 - the store has no reason to tell anybody
            await asyncio.sleep(0.002)


def test_records_are_written_soon_and_read_while_the_engine_writes(tmp_path: Path) -> None:
    async def story() -> None:
        told = Told()
        store = await open_store(tmp_path / "new" / "records.sqlite", told)
        written = [record(number) for number in range(5)]
        for each in written:
            store.put(each)
        assert store.waiting == 5
        await drained(store)
        assert list(read(tmp_path / "new" / "records.sqlite")) == written
        store.put(record(5))
        await store.close()
        assert len(list(read(tmp_path / "new" / "records.sqlite"))) == 6
        assert told.said == []

    asyncio.run(story())


def test_reading_by_time_queue_and_agent(tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(tmp_path / "r", Told())
        store.put(record(2, queue="loans", agent="1001"))
        store.put(record(1, queue="cards", agent="1001"))
        store.put(record(3))
        await store.close()

    asyncio.run(story())
    path = tmp_path / "r"
    assert [r.call for r in read(path)] == ["3-1", "3-2", "3-3"]
    assert [r.call for r in read(path, since=1.75e9 + 2)] == ["3-2", "3-3"]
    assert [r.call for r in read(path, until=1.75e9 + 2)] == ["3-1"]
    assert [r.call for r in read(path, agent="1001", queue="loans")] == ["3-2"]
    with pytest.raises(sqlite3.OperationalError):
        list(read(tmp_path / "nothing here"))


def test_a_record_put_again_after_a_restart_stays_one(tmp_path: Path) -> None:
    async def story() -> None:
        for outcome in ("answered", "interrupted"):
            store = await open_store(tmp_path / "r", Told())
            store.put(record(1, outcome=outcome))
            await store.close()

    asyncio.run(story())
    assert [r.outcome for r in read(tmp_path / "r")] == ["answered"]


def test_a_locked_file_keeps_records_waiting_until_it_is_free(tmp_path: Path) -> None:
    async def story() -> None:
        told = Told()
        store = await open_store(tmp_path / "r", told)
        with closing(sqlite3.connect(tmp_path / "r", isolation_level=None)) as other:
            other.execute("begin immediate")
            store.put(record(1))
            assert await told.next() == (True, f"{tmp_path / 'r'}: database is locked")
            store.put(record(2))
            other.execute("rollback")
        assert (await told.next())[0] is False
        await store.close()
        assert len(told.said) == 2

    asyncio.run(story())
    assert [r.call for r in read(tmp_path / "r")] == ["3-1", "3-2"]


def test_a_full_disk_keeps_records_waiting_until_there_is_room(tmp_path: Path) -> None:
    async def story() -> None:
        told = Told()
        store = await open_store(tmp_path / "r", told)
        assert store._database is not None
        await store._database.execute("pragma max_page_count = 1")  # SQLite's own way to be full
        numbers = range(200)
        for number in numbers:
            store.put(record(number))
        on, detail = await told.next()
        assert on
        assert detail.endswith("database or disk is full")
        assert (await told.next())[0] is False  # a new connection knows no such limit: there is room again
        await store.close()

    asyncio.run(story())
    assert len(list(read(tmp_path / "r"))) == 200


def test_more_than_may_wait_are_counted_as_lost(tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(tmp_path / "r", Told(), max_waiting=3)
        for number in range(5):
            store.put(record(number))
        assert (store.waiting, store.lost) == (3, 2)
        await store.close()

    asyncio.run(story())
    assert len(list(read(tmp_path / "r"))) == 3


def test_an_engine_that_ends_without_closing_leaves_no_thread(tmp_path: Path) -> None:
    asyncio.run(open_store(tmp_path / "r", Told()))
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "connection_worker" in thread.name:
            thread.join(5.0)
            assert not thread.is_alive()


def test_what_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"this is a letter to my aunt, and a long one" * 50)
    (tmp_path / "dir").mkdir()
    for path, says in [
        (tmp_path / "r", "file is not a database"),
        (tmp_path / "dir", "unable to open database file"),
        (tmp_path / "r" / "under-a-file", "File exists|Not a directory"),
    ]:
        with pytest.raises(RecordsError, match=says):
            asyncio.run(open_store(path, Told()))


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "r")) as database:
        database.execute("pragma user_version = 99")
    with pytest.raises(RecordsError, match="later version"):
        asyncio.run(open_store(tmp_path / "r", Told()))


names = st.text(st.characters(exclude_categories=["Cs"]))
seconds = st.floats(0, 1e11)
segments = st.lists(st.builds(Segment, name=names, started_at=seconds, ended_at=seconds, hold_s=seconds), max_size=3)


@given(st.builds(Record, call=names, caller=names, started_at=seconds, talk_s=seconds, segments=segments))
def test_every_record_comes_back_from_its_row(given: Record) -> None:
    row = to_row(given)
    assert len(row) == len(COLUMNS)
    with closing(sqlite3.connect(":memory:")) as database:
        (back,) = database.execute(f"select {', '.join('?' * len(row))}", row)
    assert to_record(back) == given


def test_what_is_not_unicode_is_replaced_and_does_not_stop_the_others() -> None:
    row = to_row(record(1, caller="\udc80evil", segments=[Segment("agent", "\ud800", 0.0)]))
    back = to_record(row)
    assert (back.caller, back.segments[0].name) == ("?evil", "?")


def test_how_each_leg_sounded_is_a_row_beside_its_call(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    bad = Quality("G722", True, 400, 0.2, 0.030, 2.4, far_loss=0.1, far_jitter_s=0.02, round_trip_s=0.25)

    async def story() -> None:
        store = await open_store(path, Told())
        store.put(record(1))
        for leg, role in (("3-1.0", "caller"), ("3-1.1", "agent"), ("3-1.1", "agent")):
            store.put_leg(LegRecord("3-1", leg, role, "1001", "desk-17", bad))  # type: ignore[arg-type] # of the loop
        await drained(store)
        await store.close()

    asyncio.run(story())
    with closing(sqlite3.connect(path)) as database:
        rows = list(database.execute("select leg, role, device, codec, secure, loss, mos, round_trip_s from legs"))
    assert rows == [
        ("3-1.0", "caller", "desk-17", "G722", 1, 0.2, 2.4, 0.25),
        ("3-1.1", "agent", "desk-17", "G722", 1, 0.2, 2.4, 0.25),
    ]
