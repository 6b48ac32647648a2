"""A worker that cannot keep up with its tick, or stood still."""

from __future__ import annotations

import select
import socket
import time

import pytest

from media import protocol
from media.feeds import Feeds
from media.plane import LostFact, Peer
from media.protocol import Bind, Create, FromWorker, Hello, Ping, Pong, Set, ToWorker
from media.worker import Worker
from tests.media.phones import span


def test_a_worker_that_is_behind_still_hears_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be taken for dead, and its calls with it."""
    ours, theirs = socket.socketpair()
    ticks = 0
    answers: list[tuple[int, bytes]] = []

    def slow(feeds: Feeds, number: int, now: float) -> None:
        nonlocal ticks
        ticks += 1
        time.sleep(0.021)  # longer than a tick may take
        if ticks == 3:
            ours.sendall(protocol.pack([Ping(7)]))
        if select.select([ours], [], [], 0)[0]:
            answers.append((ticks, ours.recv(1000)))
        if answers or ticks == 30:
            ours.close()

    monkeypatch.setattr(Feeds, "tick", slow)
    monkeypatch.setattr(Feeds, "active", lambda feeds: True)
    with ours, theirs:
        worker = Worker(theirs)
        worker._start_ticking()
        worker.run()
    [(tick, answer)] = answers
    assert [protocol.from_worker(body) for body in protocol.unpack(bytearray(answer))] == [[Pong(7)]]
    assert tick == 4, "one look at what has come between two ticks"


@pytest.mark.parametrize(("stood_s", "told_after_s"), [(1, 31), (20, 52), (300, 332)])
def test_the_time_a_worker_stood_still_is_no_silence_of_its_peers(stood_s: int, told_after_s: int) -> None:
    first, last = span(10)
    home = "127.0.0.1", first
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker = Worker(theirs)

        def told(*messages: ToWorker) -> list[FromWorker]:
            if messages:
                ours.sendall(protocol.pack(messages))
                worker._control_ready(select.EPOLLIN)
            worker._pipe.flush()
            ready = select.select([ours], [], [], 0)[0]
            batches = protocol.unpack(bytearray(ours.recv(10_000) if ready else b""))
            return [message for body in batches for message in protocol.from_worker(body)]

        told(Hello(protocol.VERSION, (), (first, last), 2, 30.5), Bind(home[0], 1))
        told(Create("leg", *home), Set("leg", Peer("127.0.0.1", 9, "PCMA", 8, 101)))
        start, second = time.monotonic(), 1
        worker._on_time(start + second)
        second += stood_s
        worker._on_time(start + second)
        while LostFact("leg", "silent") not in told():
            second += 1
            worker._on_time(start + second)
        assert second == told_after_s
