"""Whatever crosses whatever: {CANCEL, 200, 4xx, BYE, time-out} in every state of a session has one outcome.

Run with ``-s`` to read the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from sip.endpoint import Ended, Incoming, Session
from sip.message import Request
from sip.states import State
from tests.sip.world import ANSWER, OFFER, Wire


class Stage:
    """A session in a state, and the messages that could cross it there."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.session: Session
        self.invite: Request  # ours
        self.branch = "z9hG4bK-their-invite"

    def ours(self) -> Stage:
        self.session, self.invite = self.wire.call()
        return self

    def theirs(self) -> Stage:
        self.wire.give(self.wire.request("INVITE", branch=self.branch, body=OFFER))
        (event,) = self.wire.events
        assert isinstance(event, Incoming)
        self.session = event.session
        self.wire.events.clear()
        return self

    def acked(self) -> Stage:
        self.wire.give(self.wire.within(self.session, "ACK", 1))
        return self

    def answered(self, status: int) -> Stage:
        self.wire.answer(self.invite, status, body=ANSWER if status == 200 else b"")
        return self

    def end(self) -> Stage:
        self.session.end()
        return self

    def answer(self) -> Stage:
        self.session.answer(ANSWER)
        return self

    def ring(self) -> Stage:
        self.session.ring()
        return self


STAGES: dict[str, tuple[State, Callable[[], Stage]]] = {
    "calling": (State.CALLING, lambda: Stage().ours()),
    "proceeding": (State.PROCEEDING, lambda: Stage().ours().answered(180)),
    "quitting": (State.QUITTING, lambda: Stage().ours().end()),
    "cancelling": (State.CANCELLING, lambda: Stage().ours().answered(180).end()),
    "ours confirmed": (State.CONFIRMED, lambda: Stage().ours().answered(200)),
    "ours leaving": (State.LEAVING, lambda: Stage().ours().answered(200).end()),
    "ours ended": (State.ENDED, lambda: Stage().ours().answered(486)),
    "arrived": (State.ARRIVED, lambda: Stage().theirs()),
    "ringing": (State.ARRIVED, lambda: Stage().theirs().ring()),
    "answered": (State.ANSWERED, lambda: Stage().theirs().answer()),
    "hanging": (State.HANGING, lambda: Stage().theirs().answer().end()),
    "theirs confirmed": (State.CONFIRMED, lambda: Stage().theirs().answer().acked()),
    "theirs leaving": (State.LEAVING, lambda: Stage().theirs().answer().acked().end()),
    "theirs ended": (State.ENDED, lambda: Stage().theirs().end()),
}


def cancel(stage: Stage) -> None:
    stage.wire.give(stage.wire.request("CANCEL", branch=stage.branch))


def final(status: int) -> Callable[[Stage], None]:
    def give(stage: Stage) -> None:
        if stage.session.outgoing:
            stage.wire.answer(stage.invite, status, body=ANSWER if status == 200 else b"")

    return give


def bye(stage: Stage) -> None:
    session = stage.session
    if session.dialog is not None:
        stage.wire.give(stage.wire.within(session, "BYE", 2))
    else:
        to = f"<sip:95588@192.0.2.1>;tag={session.local_tag}"
        stage.wire.give(stage.wire.request("BYE", to=to, call_id=session.call_id))


def time_out(stage: Stage) -> None:
    stage.wire.pass_time(64)


CROSSINGS: dict[str, Callable[[Stage], None]] = {
    "CANCEL": cancel,
    "200": final(200),
    "4xx": final(486),
    "BYE": bye,
    "time-out": time_out,
}

Outcome: TypeAlias = tuple[str, str]  # what we sent at once, how it ended ("" : not by this)
NONE = "-"
EXPECTED: dict[str, dict[str, Outcome]] = {
    "calling": {
        "CANCEL": ("481 CANCEL", ""),  # of nothing: an INVITE of ours cannot be cancelled by them
        "200": ("ACK", ""),
        "4xx": ("ACK", "peer busy 486"),
        "BYE": ("481 BYE", ""),
        "time-out": ("INVITE ×6", "network unreachable 408"),
    },
    "proceeding": {
        "CANCEL": ("481 CANCEL", ""),
        "200": ("ACK", ""),
        "4xx": ("ACK", "peer busy 486"),
        "BYE": ("200 BYE, CANCEL", ""),
        "time-out": (NONE, ""),  # it rings; RING_LIMIT and the owner bound it
    },
    "quitting": {
        "CANCEL": ("481 CANCEL", ""),
        "200": ("ACK, BYE", ""),
        "4xx": ("ACK", "us cancelled 486"),
        "BYE": ("481 BYE", ""),
        "time-out": ("INVITE ×6", "us cancelled 0"),
    },
    "cancelling": {
        "CANCEL": ("481 CANCEL", ""),
        "200": ("ACK, BYE", ""),
        "4xx": ("ACK", "us cancelled 486"),
        "BYE": ("200 BYE", ""),
        "time-out": ("CANCEL ×10", "us cancelled 0"),
    },
    "ours confirmed": {
        "CANCEL": ("481 CANCEL", ""),
        "200": ("ACK", ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", "peer hangup 0"),
        "time-out": (NONE, ""),
    },
    "ours leaving": {
        "CANCEL": ("481 CANCEL", ""),
        "200": ("ACK", ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", ""),
        "time-out": ("BYE ×10", "us hangup 0"),
    },
    "ours ended": {
        "CANCEL": ("481 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": ("ACK", ""),
        "BYE": ("481 BYE", ""),
        "time-out": (NONE, ""),
    },
    "arrived": {
        "CANCEL": ("200 CANCEL, 487 INVITE", "peer cancelled 487"),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE, 487 INVITE", "peer hangup 0"),
        "time-out": (NONE, ""),  # the owner decides how long it may wait
    },
    "ringing": {
        "CANCEL": ("200 CANCEL, 487 INVITE", "peer cancelled 487"),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE, 487 INVITE", "peer hangup 0"),
        "time-out": ("180 INVITE", ""),
    },
    "answered": {
        "CANCEL": ("200 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", "peer hangup 0"),
        "time-out": ("200 INVITE ×10, BYE ×11", "network not_acknowledged 0"),
    },
    "hanging": {
        "CANCEL": ("200 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", "us hangup 0"),
        "time-out": ("200 INVITE ×10, BYE ×11", "us hangup 0"),
    },
    "theirs confirmed": {
        "CANCEL": ("200 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", "peer hangup 0"),
        "time-out": (NONE, ""),
    },
    "theirs leaving": {
        "CANCEL": ("200 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("200 BYE", ""),
        "time-out": ("BYE ×10", "us hangup 0"),
    },
    "theirs ended": {
        "CANCEL": ("200 CANCEL", ""),
        "200": (NONE, ""),
        "4xx": (NONE, ""),
        "BYE": ("481 BYE", ""),
        "time-out": ("480 INVITE ×10", ""),
    },
}


def words(lines: list[str]) -> str:
    """``["BYE", "BYE"]`` → ``BYE ×2``."""
    counted: list[tuple[str, int]] = []
    for line in lines:
        if counted and counted[-1][0] == line:
            counted[-1] = (line, counted[-1][1] + 1)
        else:
            counted.append((line, 1))
    return ", ".join([line if count == 1 else f"{line} ×{count}" for line, count in counted]) or NONE


@pytest.mark.parametrize("crossing", CROSSINGS)
@pytest.mark.parametrize("name", STAGES)
def test_one_outcome_and_nobody_stuck(name: str, crossing: str) -> None:
    state, build = STAGES[name]
    stage = build()
    wire = stage.wire
    assert stage.session.state is state
    wire.sent()
    wire.happened()
    ended_before = sum(isinstance(event, Ended) for event in wire.events)
    before = len(wire.events)

    CROSSINGS[crossing](stage)

    sent = words(wire.lines())
    ends = [event for event in wire.events[before:] if isinstance(event, Ended)]
    outcome = f"{ends[0].by} {ends[0].cause} {ends[0].status}" if ends else ""
    print(f"\n{name:17} {crossing:9} sends {sent:26} {outcome or 'goes on as ' + stage.session.state.name}", end="")
    assert (sent, outcome) == EXPECTED[name][crossing]

    stage.session.end()  # always right; and the peer never says another word
    wire.pass_time(400)
    wire.happened()
    assert ended_before + sum(isinstance(event, Ended) for event in wire.events[before:]) == 1
    assert stage.session.state is State.ENDED
    stats = wire.endpoint.stats()
    assert (stats["sessions"], stats["transactions"], stats["timers"]) == (0, 0, 0)


def test_every_state_is_crossed() -> None:
    assert {state for state, _ in STAGES.values()} == set(State)
