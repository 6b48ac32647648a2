"""Two endpoints over a network that loses, doubles and reorders: every session ends exactly once, nothing is left."""

from __future__ import annotations

import gc
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.dialog import Dialog
from sip.endpoint import Answered, Confirmed, Ended, Endpoint, Incoming, Offered, Session, SipEvent
from sip.message import Message
from sip.reoffer import Reoffer
from sip.timers import Timer
from tests.sip.world import ANSWER, OFFER, World

A, B = "192.0.2.1", "192.0.2.2"


class Whims:
    """An owner that does with each session whatever the seed says, whenever it says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.random.random())

    def hear(self, endpoint: Endpoint, event: SipEvent) -> None:
        match event:
            case Incoming(session):
                self._later(session, self.random.choice([0.0, 0.1, 2.0, 70.0]), "answer")
                self._later(session, self.random.choice([0.0, 0.05, 1.0]), "ring")
                self._later(session, self.random.uniform(0, 100), "end")
            case Answered(session) | Confirmed(session):
                if self.random.random() < 0.5:
                    self._later(session, self.random.uniform(0, 3), "reinvite")
                self._later(session, self.random.choice([0.0, 0.2, 30.0]), "end")
            case Offered(session):
                self._later(session, self.random.choice([0.0, 0.3, 8.0]), self.random.choice(["accept", "refuse"]))

    def _later(self, session: Session, seconds: float, verb: str) -> None:
        def act() -> None:
            if verb in ("answer", "reinvite", "accept"):
                getattr(session, verb)(ANSWER)
            else:
                getattr(session, verb)()

        self.world.at(self.world.now + seconds, act)


def play(world: World, calls: int) -> None:
    whims = Whims(world)
    for host in (A, B):
        world.add(host, whims.hear)
    for number in range(calls):
        caller, callee = world.random.choice([(A, B), (B, A)])
        session = world.call(caller, callee, f"call-{number}")
        world.at(world.now + world.random.uniform(0, 110), session.end)
        world.run(world.now + world.random.uniform(0, 5))
    world.run()


def check(world: World) -> None:
    for host in (A, B):
        begun = {id(event.session) for event in world.heard[host] if isinstance(event, Incoming)}
        ends = Counter(id(event.session) for event in world.ends(host))
        assert set(ends.values()) <= {1}
        assert begun <= set(ends)
        last: dict[int, SipEvent] = {}
        for event in world.heard[host]:
            session = getattr(event, "session", None)
            assert not isinstance(last.get(id(session)), Ended), "an event after the end"
            last[id(session)] = event
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.1, 0.3]), jitter=st.sampled_from([0.0, 0.05, 1.0]))
def test_every_session_ends_exactly_once(seed: int, loss: float, jitter: float) -> None:
    world = World(seed, loss=loss, double=0.2, jitter_s=jitter)
    play(world, 6)
    check(world)
    outgoing = sum(len(world.ends(host)) for host in (A, B))
    assert outgoing >= 6


@pytest.mark.parametrize("loss", [0.1, 0.2])
def test_calls_complete_despite_loss(loss: float) -> None:
    """10 % and 20 % loss with duplicates and reordering: 200 of 200 calls are answered, talked and hung up."""

    def callee(endpoint: Endpoint, event: SipEvent) -> None:
        if isinstance(event, Incoming):
            event.session.ring()
            event.session.answer(ANSWER)

    def caller(endpoint: Endpoint, event: SipEvent) -> None:
        if isinstance(event, Answered):
            world.at(world.now + 10, event.session.end)

    world = World(4711, loss=loss, double=0.1, jitter_s=0.3)
    world.add(A, caller)
    world.add(B, callee)
    for number in range(200):
        world.call(A, B, f"call-{number}")
        world.run(world.now + 0.5)
    world.run()
    check(world)
    assert sum(isinstance(event, Incoming) for event in world.heard[B]) == 200
    assert [(end.by, end.cause) for end in world.ends(A)] == [("us", "hangup")] * 200
    assert Counter((end.by, end.cause) for end in world.ends(B)) == {("peer", "hangup"): 200}


def test_a_dead_network_ends_every_session() -> None:
    world = World(1, loss=1.0)
    world.add(A)
    world.add(B)
    for number in range(5):
        world.call(A, B, f"call-{number}")
    world.run()
    assert [(end.by, end.cause, end.status) for end in world.ends(A)] == [("network", "unreachable", 408)] * 5
    assert world.now == pytest.approx(32)
    check(world)


def test_the_network_dies_in_mid_call() -> None:
    world = World(1)
    world.add(A)
    world.add(B, lambda endpoint, event: event.session.answer(OFFER) if isinstance(event, Incoming) else None)
    session = world.call(A, B)
    world.run(1)
    assert session.remote_sdp == OFFER
    world.loss = 1.0
    session.end()
    for event in world.heard[B]:
        if isinstance(event, Incoming):
            event.session.end()
    world.run()
    check(world)
    assert [(end.by, end.cause) for end in (*world.ends(A), *world.ends(B))] == [("us", "hangup")] * 2


def test_nothing_is_left_for_the_garbage_collector() -> None:
    """Sessions, timers and transactions go when the last of them goes: nothing points in a circle."""

    def hear(endpoint: Endpoint, event: SipEvent) -> None:
        match event:
            case Incoming(session):
                session.ring()
                if world.random.random() < 0.8:
                    session.answer(ANSWER)
            case Answered(session):
                session.reinvite(OFFER)
            case Confirmed(session):
                session.reinvite(ANSWER)  # glare
            case Offered(session):
                session.accept(ANSWER)

    def alive() -> int:
        return sum(issubclass(type(thing), (Session, Reoffer, Dialog, Timer, Message)) for thing in gc.get_objects())

    world = World(5, loss=0.1, double=0.1)
    for host in (A, B):
        world.add(host, hear)
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for number in range(40):
            session = world.call(A, B, f"call-{number}")
            world.at(world.now + world.random.uniform(0, 10), session.end)
        world.run(100)
        for event in world.heard[B]:
            if isinstance(event, Incoming):
                event.session.end()
        world.run()
        check(world)
        del session, event
        for heard in world.heard.values():
            heard.clear()
        assert alive() <= before
    finally:
        gc.enable()
