"""An engine that is none: it answers on a control socket what a test wants to see."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acd.live.control import ControlServer

WALL_OFFSET_S = 1_772_409_600.0  # 2026-03-02T00:00:00Z

VIEW: dict[str, Any] = {
    "now": 100.0,
    "wall_offset_s": WALL_OFFSET_S,
    "draining": False,
    "legs": 3,
    "timers": 4,
    "agents_busy": 1,
    "calls": [
        {
            "id": "3-1", "source": "trunk:carrier", "caller": "13800000001", "called": "95588", "state": "talking",
            "since": 30.0, "legs": ["3-1.0", "3-1.1"], "queue": "loans", "position": None, "wait_s": 6.5,
            "agent": "1001",
        },
        {
            "id": "3-2", "source": "trunk:carrier", "caller": "\x1b[31m[red]evil\n", "called": "95588",
            "state": "waiting", "since": 95.0, "legs": ["3-2.0"], "queue": "loans", "position": 1, "wait_s": 4.0,
            "agent": None,
        },
    ],
    "agents": [
        {
            "id": "1001", "name": "李雷", "presence": "ready", "reason": "", "work": [["3-1", "talking"]],
            "device": "home-3", "device_up": True, "since": 36.5, "calls": 12, "line_ends_at": 1772500000.0,
        },
        {
            "id": "1002", "name": "韩梅梅", "presence": "break", "reason": "lunch", "work": [], "device": "desk-18",
            "device_up": False, "since": 0.0, "calls": 3, "line_ends_at": None,
        },
    ],
    "queues": [
        {
            "id": "loans", "waiting": 1, "longest_wait_s": 4.0, "signed_on": 2, "idle": 0, "offered": 20,
            "answered": 18, "abandoned": 1, "in_service_level": 17, "blocked": False,
            "open": None, "surges": [],
        },
    ],
    "calendars": [],
    "surges": [],
}  # fmt: skip
STATUS = {"name": "bank", "calls": 2, "legs": 3, "ports": 6, "timers": 4, "agents_busy": 1, "started_at": WALL_OFFSET_S}


class FakeEngine:
    """`asked` is what it was asked; `answers` holds what it says to a verb if not what VIEW and STATUS say."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = {}

    async def handle(self, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((verb, args))
        if verb in self.answers:
            return self.answers[verb]
        if verb == "view":
            return {"ok": True, "data": VIEW}
        if verb == "status":
            return {"ok": True, "data": STATUS}
        if verb in VIEW:
            part = {"now": VIEW["now"], "wall_offset_s": VIEW["wall_offset_s"], verb: VIEW[verb]}
            return {"ok": True, "data": part}
        return {"ok": True, "data": {}}


@contextmanager
def serving(path: Path, engine: FakeEngine) -> Iterator[None]:
    """The engine answers at `path`, from a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    server = ControlServer(path, engine.handle)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30.0)
        yield
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(30.0)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30.0)
        loop.close()
