"""Records reach the file or the database, whatever happens to it."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.record import LegRecord, Quality, Record, Segment
from acd.records.database import RecordsError
from acd.records.place import Place, waiting_at
from acd.records.read import read, read_legs
from acd.records.schema import COLUMNS, to_record, to_row
from acd.records.sqlite import Sqlite
from acd.records.store import RecordStore


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
        await asyncio.wait_for(self.changed.wait(), 30.0)
        self.changed.clear()
        return self.said[-1]


async def open_store(place: Place, told: Told, max_waiting: int = 1000) -> RecordStore:
    return await RecordStore.open(place, trouble=told, batch_s=0.005, retry_s=0.02, max_waiting=max_waiting)


async def drained(store: RecordStore) -> None:
    async with asyncio.timeout(30.0):
        while store.waiting:  # noqa: ASYNC110 - the store has no reason to tell anybody
            await asyncio.sleep(0.002)


def test_records_are_written_soon_and_read_while_the_engine_writes(place: Place) -> None:
    written = [record(number) for number in range(5)]

    async def story() -> None:
        told = Told()
        store = await open_store(place, told)
        for each in written:
            store.put(each)
        assert store.waiting == 5
        await drained(store)
        assert await asyncio.to_thread(lambda: list(read(place))) == written
        store.put(record(5))
        await store.close()
        assert told.said == []

    asyncio.run(story())
    assert len(list(read(place))) == 6
    assert not waiting_at(place).exists()


def test_reading_by_time_queue_and_agent(place: Place) -> None:
    async def story() -> None:
        store = await open_store(place, Told())
        store.put(record(2, queue="loans", agent="1001"))
        store.put(record(1, queue="cards", agent="1001"))
        store.put(record(3))
        await store.close()

    asyncio.run(story())
    assert [r.call for r in read(place)] == ["3-1", "3-2", "3-3"]
    assert [r.call for r in read(place, since=1.75e9 + 2)] == ["3-2", "3-3"]
    assert [r.call for r in read(place, until=1.75e9 + 2)] == ["3-1"]
    assert [r.call for r in read(place, agent="1001", queue="loans")] == ["3-2"]


def test_there_is_nothing_to_read_where_nothing_was_written(place: Place) -> None:
    with pytest.raises(RecordsError, match=r"unable to open database file|does not exist"):
        list(read(place))


def test_a_record_put_again_after_a_restart_stays_one(place: Place) -> None:
    async def story() -> None:
        for outcome in ("answered", "interrupted"):
            store = await open_store(place, Told())
            store.put(record(1, outcome=outcome))
            await store.close()

    asyncio.run(story())
    assert [r.outcome for r in read(place)] == ["answered"]


def test_records_of_an_engine_that_was_killed_outlive_the_next_kill_too(place: Place) -> None:
    async def killed() -> None:
        await RecordStore.open(place, trouble=Told(), records=[record(1), record(2)], batch_s=3600.0)

    async def lives() -> None:
        store = await open_store(place, Told())
        await drained(store)
        await store.close()

    asyncio.run(killed())
    assert waiting_at(place).read_bytes().count(b"\n") == 2
    asyncio.run(lives())
    assert list(read(place)) == [record(1), record(2)]
    assert not waiting_at(place).exists()


def test_more_than_may_wait_are_counted_as_lost(place: Place) -> None:
    async def story() -> None:
        store = await open_store(place, Told(), max_waiting=3)
        for number in range(5):
            store.put(record(number))
        assert (store.waiting, store.lost) == (3, 2)
        await store.close()

    asyncio.run(story())
    assert len(list(read(place))) == 3


def test_how_each_leg_sounded_is_a_row_beside_its_call(place: Place) -> None:
    bad = Quality("G722", True, 400, 0.2, 0.030, 2.4, far_loss=0.1, far_jitter_s=0.02, round_trip_s=0.25)
    legs = [
        LegRecord("3-1", "3-1.0", "caller", None, None, Quality("PCMU", False, 500, 0.0, 0.001, 4.4)),
        LegRecord("3-1", "3-1.1", "agent", "1001", "desk-17", bad),
        LegRecord("3-2", "3-2.0", "caller", None, None, bad),
    ]

    async def story() -> None:
        store = await open_store(place, Told())
        store.put(record(1))
        for leg in (*legs, legs[1]):
            store.put_leg(leg)
        await store.close()

    asyncio.run(story())
    assert [heard.leg for heard in read_legs(place, call="3-1")] == legs[:2]
    assert [(heard.started_at, heard.source) for heard in read_legs(place, call="3-1")] == [
        (1.75e9 + 1, "trunk:carrier")
    ] * 2
    assert [heard.source for heard in read_legs(place)][2:] == [""]  # still up: its record comes later
    assert [heard.leg for heard in read_legs(place, since=1.75e9 + 1, until=1.75e9 + 2)] == legs[:2]
    assert list(read_legs(place, since=1.75e9 + 2)) == []


def test_tables_of_an_earlier_version_get_the_columns_they_have_not(place: Place) -> None:
    async def story() -> None:
        store = await open_store(place, Told())
        await store.close()
        for column in ("talk_s", "reason"):
            await alter(place, f"alter table calls drop column {column}")
        store = await open_store(place, Told())
        store.put(record(1, talk_s=51.5, reason="Q.850;cause=34"))
        await store.close()

    asyncio.run(story())
    assert [(r.talk_s, r.reason) for r in read(place)] == [(51.5, "Q.850;cause=34")]


def test_segments_of_an_earlier_version_have_no_reason(place: Place) -> None:
    async def story() -> None:
        store = await open_store(place, Told())
        store.put(record(1))
        await store.close()
        segment = '[{"kind":"queue","name":"loans","started_at":1.0,"ended_at":2.0,"result":"abandoned"}]'
        await alter(place, f"update calls set segments = '{segment}'")

    asyncio.run(story())
    assert [r.segments for r in read(place)] == [[Segment("queue", "loans", 1.0, 2.0, "abandoned")]]


def test_records_of_a_later_version_are_left_alone(place: Place) -> None:
    async def story() -> None:
        await (await open_store(place, Told())).close()
        at_99 = (
            "pragma user_version = 99" if isinstance(place, Path) else "comment on table calls is 'hotline records 99'"
        )
        await alter(place, at_99)
        with pytest.raises(RecordsError, match=r"records of a later version \(99; this one knows 1\)"):
            await open_store(place, Told())

    asyncio.run(story())


async def alter(place: Place, statement: str) -> None:
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, isolation_level=None)) as database:
            database.execute(statement)
        return
    connection = await asyncpg.connect(place.url)
    await connection.execute(statement)
    await connection.close()


# --------------------------------------------------------------------------------------- what happens to a file


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


@pytest.mark.parametrize("room_beside_it", [True, False])
def test_a_full_disk_keeps_records_waiting_until_there_is_room(tmp_path: Path, room_beside_it: bool) -> None:
    async def story() -> None:
        told = Told()
        store = await open_store(tmp_path / "r", told)
        if not room_beside_it:
            (tmp_path / "r.waiting").mkdir()
        assert isinstance(store._database, Sqlite)
        assert store._database._connection is not None
        await store._database._connection.execute("pragma max_page_count = 1")  # SQLite's own way to be full
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


def test_an_engine_that_ends_without_closing_leaves_no_thread(tmp_path: Path) -> None:
    asyncio.run(open_store(tmp_path / "r", Told()))
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "connection_worker" in thread.name:
            thread.join(30.0)
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


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
seconds = st.floats(0, 1e11)
kinds = st.sampled_from(["flow", "queue", "agent"])
segments = st.lists(st.builds(Segment, kinds, names, started_at=seconds, ended_at=seconds, hold_s=seconds), max_size=3)


@given(st.builds(Record, *[names] * 4, started_at=seconds, talk_s=seconds, segments=segments))
def test_every_record_comes_back_from_its_row(given: Record) -> None:
    row = to_row(given)
    assert len(row) == len(COLUMNS)
    with closing(sqlite3.connect(":memory:")) as database:
        (back,) = database.execute(f"select {', '.join('?' * len(row))}", row)
    assert to_record(back) == given


def test_what_no_database_holds_is_replaced_and_does_not_stop_the_others(place: Place) -> None:
    nasty = record(1, caller="\udc80evil\0'); drop table calls; --", segments=[Segment("agent", "\ud800\0", 0.0)])

    async def story() -> None:
        store = await open_store(place, Told())
        store.put(nasty)
        store.put(record(2))
        await store.close()

    asyncio.run(story())
    back, other = read(place)
    assert (back.caller, back.segments[0].name) == ("?evil?'); drop table calls; --", "?\0")  # in JSON NUL is escaped
    assert other == record(2)
