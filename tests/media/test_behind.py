"""A worker that cannot keep up with its tick."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from media import protocol
from media.feeds import Feeds
from media.protocol import Ping, Pong
from media.worker import Worker


def test_a_worker_that_is_behind_still_hears_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be taken for dead, and its calls with it."""
    ticks = 0

    def slow(feeds: Feeds, number: int, now: float) -> None:
        nonlocal ticks
        ticks += 1
        time.sleep(0.021)  # longer than a tick may take

    monkeypatch.setattr(Feeds, "tick", slow)
    monkeypatch.setattr(Feeds, "active", lambda feeds: True)
    ours, theirs = socket.socketpair()
    ours.settimeout(30.0)
    with ours, theirs:
        worker = Worker(theirs)
        worker._start_ticking()
        running = threading.Thread(target=worker.run, daemon=True)
        running.start()
        while ticks < 3:
            time.sleep(0.01)
        before = ticks
        ours.sendall(protocol.pack(Ping(7)))
        answer = bytearray(ours.recv(1000))
        after = ticks
        ours.close()
        running.join()
    assert [protocol.from_worker(body) for body in protocol.unpack(answer)] == [Pong(7)]
    assert after - before < 30, "one look at what has come between two ticks"
