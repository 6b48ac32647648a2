"""A database that goes away, takes nothing, or takes its time: records wait, and each is there once when it is back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from acd.records import postgres
from acd.records.database import RecordsError
from acd.records.place import DatabaseAt
from acd.records.read import read
from acd.secret import Secret
from tests.records.cluster import HOST, Cluster
from tests.records.test_store import Told, drained, open_store, record

pytestmark = pytest.mark.peer


@pytest.fixture
def at(cluster: Cluster, tmp_path: Path) -> DatabaseAt:
    return DatabaseAt(cluster.database(), None, tmp_path / "waiting")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """One that may be stopped."""
    with Cluster() as cluster:
        yield cluster


def calls(at: DatabaseAt) -> list[str]:
    return [record.call for record in read(at)]


async def set_aside(at: DatabaseAt, rows: int) -> None:
    async with asyncio.timeout(30.0):
        while not at.waiting.exists() or at.waiting.read_bytes().count(b"\n") < rows:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_while_the_database_is_gone_records_wait_on_disk_and_then_each_is_there_once(
    own: Cluster, tmp_path: Path
) -> None:
    at = DatabaseAt(own.database(), None, tmp_path / "waiting")

    async def story() -> None:
        told = Told()
        store = await open_store(at, told)
        store.put(record(1))
        await drained(store)
        own.stop()
        store.put(record(2))
        on, detail = await told.next()
        assert on
        assert detail.startswith(f"{at.url}: ")
        await set_aside(at, 1)
        for number in range(3, 1000):
            store.put(record(number))
        await set_aside(at, 998)
        assert store.waiting == 998
        own.start()
        async with asyncio.timeout(30.0):
            while told.said[-1][0]:
                await told.next()
        await drained(store)
        store.put(record(1000))
        await store.close()
        assert store.lost == 0

    asyncio.run(story())
    assert sorted(calls(at)) == sorted(f"3-{number}" for number in range(1, 1001))
    assert not at.waiting.exists()


def test_an_engine_may_start_and_end_without_its_database(own: Cluster, tmp_path: Path) -> None:
    at = DatabaseAt(own.database(), None, tmp_path / "waiting")
    own.stop()

    async def without() -> None:
        told = Told()
        store = await open_store(at, told)
        assert "Connect" in told.said[0][1] or "refused" in told.said[0][1]
        store.put(record(1))
        await store.close()

    async def with_it() -> None:
        told = Told()
        store = await open_store(at, told)
        store.put(record(1))  # the journal gives it once more
        await drained(store)
        await store.close()
        assert told.said == []

    asyncio.run(without())
    assert at.waiting.exists()
    own.start()
    asyncio.run(with_it())
    assert calls(at) == ["3-1"]


def test_a_database_that_may_only_be_read_keeps_records_waiting(cluster: Cluster, at: DatabaseAt) -> None:
    name = at.url.rpartition("/")[2]

    async def story() -> None:
        told = Told()
        store = await open_store(at, told)
        cluster.sql(at.url, f"alter database {name} set default_transaction_read_only = on")
        ours = "from pg_stat_activity where application_name = 'hotline'"
        cluster.sql(at.url, f"select pg_terminate_backend(pid, 30000) {ours}")  # it waits until they have ended
        store.put(record(1))
        async with asyncio.timeout(30.0):
            while "read-only" not in told.said[-1][1] if told.said else True:
                await told.next()
        cluster.sql(
            at.url,
            "set default_transaction_read_only = off",
            f"alter database {name} reset default_transaction_read_only",
        )
        await drained(store)
        await store.close()
        assert told.said[-1][0] is False

    asyncio.run(story())
    assert calls(at) == ["3-1"]


def test_a_database_that_does_not_answer_is_given_up_and_asked_again(
    cluster: Cluster, at: DatabaseAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        told = Told()
        store = await open_store(at, told)
        monkeypatch.setattr(postgres, "COMMAND_S", 0.3)
        busy = await asyncpg.connect(at.url)
        locked = busy.transaction()
        await locked.start()
        await busy.execute("lock table calls in exclusive mode")
        store.put(record(1))
        assert await told.next() == (True, f"{at.url}: no answer")
        store.put(record(2))
        await set_aside(at, 2)
        monkeypatch.undo()
        await locked.rollback()
        await busy.close()
        while told.said[-1][0]:
            await told.next()
        await store.close()

    asyncio.run(story())
    assert calls(at) == ["3-1", "3-2"]


def test_what_does_not_pass_by_itself_is_told_at_the_start_and_never_with_the_password(
    cluster: Cluster, at: DatabaseAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.sql(at.url, "drop role if exists guarded", "create role guarded login password 'geheim'")
    name = at.url.rpartition("/")[2]
    place = DatabaseAt(f"postgresql://guarded@{HOST}:{cluster.port}/{name}", Secret(env="RECORDS_PASSWORD"), at.waiting)

    def refused(place: DatabaseAt) -> str:
        with pytest.raises(RecordsError) as caught:
            asyncio.run(open_store(place, Told()))
        return str(caught.value)

    monkeypatch.setenv("RECORDS_PASSWORD", "falsch")
    assert refused(place) == f'{place.url}: password authentication failed for user "guarded"'
    monkeypatch.setenv("RECORDS_PASSWORD", "geheim")
    assert refused(place) == f"{place.url}: permission denied for schema public"
    cluster.sql(at.url, "grant all on schema public to guarded")
    asyncio.run(_opened_and_closed(place))
    assert calls(place) == []
    assert refused(DatabaseAt(f"{at.url}x", None, at.waiting)).endswith(f'database "{name}x" does not exist')
    monkeypatch.delenv("RECORDS_PASSWORD")
    said = Told()
    asyncio.run(_opened_and_closed(place, said))
    assert said.said == [(True, f"{place.url}: the environment variable RECORDS_PASSWORD is not set")]


async def _opened_and_closed(place: DatabaseAt, told: Told | None = None) -> None:
    await (await open_store(place, told or Told())).close()


def test_an_account_that_may_but_insert_is_enough_once_the_tables_are_there(
    cluster: Cluster, at: DatabaseAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_opened_and_closed(at))
    cluster.sql(at.url, "drop role if exists clerk", "create role clerk login password 'amt'")
    cluster.sql(at.url, "grant insert, select on calls, legs to clerk")
    monkeypatch.setenv("PGPASSWORD", "amt")  # libpq's own way
    place = DatabaseAt(at.url.replace("//hotline@", "//clerk@"), None, at.waiting)

    async def story() -> None:
        store = await open_store(place, Told())
        store.put(record(1))
        await store.close()

    asyncio.run(story())
    assert calls(at) == ["3-1"]
