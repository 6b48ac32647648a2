"""`acd top`, played with by keys against a view that is made up."""

import asyncio
from typing import Any

import pytest
from textual.widgets import DataTable, Static

from acd.cli.client import NoEngine
from acd.cli.top import Top
from tests.cli.engine import VIEW


class Engine:
    """Gives a view, or is not there."""

    def __init__(self) -> None:
        self.view: dict[str, Any] = {**VIEW, "alarms": []}
        self.gone = False
        self.looks = 0

    def look(self) -> dict[str, Any]:
        self.looks += 1
        if self.gone:
            raise NoEngine("run/acd.sock: no engine runs here")
        return self.view


def cells(app: Top, table: str) -> list[list[str]]:
    found = app.query_one(f"#{table}", DataTable)
    return [[str(cell) for cell in found.get_row_at(row)] for row in range(found.row_count)]


def text(app: Top, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).render())


async def looked(app: Top) -> None:
    """Look again, and let what was seen be drawn."""
    await app.workers.wait_for_complete()
    app.refresh_view()
    await app.workers.wait_for_complete()


def test_top_shows_queues_agents_and_calls_and_follows_them() -> None:
    async def story() -> None:
        engine = Engine()
        app = Top(engine.look, every_s=3600.0)
        async with app.run_test(size=(120, 40)) as pilot:
            await looked(app)
            await pilot.pause()
            assert cells(app, "queues") == [["loans", "1", "4 s", "2", "0", "20", "18", "17", "1"]]
            assert cells(app, "agents")[1] == ["1002", "韩梅梅", "break (lunch)", "–", "desk-18 (down)", "1:40", "3"]
            assert [row[0] for row in cells(app, "calls")] == ["3-1", "3-2"]
            assert cells(app, "calls")[1][3] == r"\x1b[31m[red]evil\n"
            assert "calls 2   legs 3   waiting 1   agents busy 1/2" in text(app, "head")
            assert "DRAINING" not in text(app, "head")

            engine.view = {**engine.view, "calls": VIEW["calls"][:1], "draining": True, "alarms": [{"name": "journal"}]}
            await looked(app)
            await pilot.pause()
            assert [row[0] for row in cells(app, "calls")] == ["3-1"]
            assert "DRAINING" in text(app, "head")
            assert text(app, "trouble") == "Alarms: journal"
            assert text(app, "calls-title") == "Calls (1)"

    asyncio.run(story())


def test_top_says_what_is_closed_and_which_surges_are_on() -> None:
    async def story() -> None:
        engine = Engine()
        calendars = [{"id": "office", "open": False}, {"id": "always", "open": True}]
        surges = [{"id": "storm", "on": True}, {"id": "upgrade", "on": False}]
        loans = {**VIEW["queues"][0], "open": False, "surges": ["storm"]}
        engine.view |= {"calendars": calendars, "surges": surges, "queues": [loans]}
        app = Top(engine.look, every_s=3600.0)
        async with app.run_test(size=(140, 40)) as pilot:
            await looked(app)
            await pilot.pause()
            assert cells(app, "queues")[0][0] == "loans (closed, storm)"
            assert text(app, "head").endswith("surge storm   closed office")

    asyncio.run(story())


def test_an_engine_that_is_gone_is_said_and_its_return_seen() -> None:
    async def story() -> None:
        engine = Engine()
        app = Top(engine.look, every_s=3600.0)
        async with app.run_test(size=(120, 40)) as pilot:
            await looked(app)
            engine.gone = True
            await looked(app)
            await pilot.pause()
            assert text(app, "trouble") == "run/acd.sock: no engine runs here – what you see is old"
            assert len(cells(app, "calls")) == 2
            engine.gone = False
            await looked(app)
            await pilot.pause()
            assert not app.query_one("#trouble").display

    asyncio.run(story())


def test_the_keys() -> None:
    async def story() -> None:
        engine = Engine()
        app = Top(engine.look, every_s=3600.0)
        async with app.run_test(size=(120, 40)) as pilot:
            await looked(app)
            for key, table in (("1", "queues"), ("2", "agents"), ("3", "calls")):
                await pilot.press(key)
                assert app.focused is app.query_one(f"#{table}")
            await pilot.press("down")
            await looked(app)
            await pilot.pause()
            assert app.query_one("#calls", DataTable).cursor_row == 1, "a refresh keeps the cursor"
            await pilot.press("p")
            assert text(app, "trouble").startswith("paused")
            before = engine.looks
            await looked(app)
            assert engine.looks == before
            await pilot.press("p")
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert engine.looks == before + 1
            await pilot.press("q")
        assert app.return_code == 0

    asyncio.run(story())


@pytest.mark.parametrize("size", [(40, 10), (200, 60)])
def test_small_and_large_terminals(size: tuple[int, int]) -> None:
    async def story() -> None:
        app = Top(Engine().look, every_s=3600.0)
        async with app.run_test(size=size) as pilot:
            await looked(app)
            await pilot.pause()
            assert len(cells(app, "calls")) == 2

    asyncio.run(story())
