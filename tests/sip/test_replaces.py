"""INVITE with Replaces (RFC 3891): which call it means, and every answer to those that mean none."""

from __future__ import annotations

import pytest

from sip.endpoint import Ended, Incoming, Session
from tests.sip.world import ANSWER, OFFER, Wire


class Talk(Wire):
    """A call of theirs that is up, whose place another may take."""

    def __init__(self) -> None:
        super().__init__()
        self.session = self.arrives()
        self.session.answer(ANSWER)
        self.give(self.within(self.session, "ACK", 1))
        self.sent()
        self.events.clear()

    def arrives(self) -> Session:
        self.give(self.request("INVITE", body=OFFER))
        event = self.events[-1]
        assert isinstance(event, Incoming)
        assert event.replaces is None
        return event.session

    def asks(self, replaces: str, method: str = "INVITE", lines: str = "") -> list[str]:
        lines = f"Replaces: {replaces}\r\n{lines}"
        self.give(self.request(method, call_id="newcomer", lines=lines, body=OFFER if method == "INVITE" else b""))
        return self.lines()


def named(session: Session, call_id: str = "", ours: str = "", theirs: str = "", more: str = "") -> str:
    return f"{call_id or session.call_id};to-tag={ours or session.local_tag};from-tag={theirs or 'peer'}{more}"


@pytest.mark.parametrize("lines", ["", "Require: replaces\r\n", "Supported: replaces\r\n"])
def test_the_owner_is_told_whose_place_it_is_to_take(lines: str) -> None:
    talk = Talk()
    assert talk.asks(named(talk.session), lines=lines) == ["100 INVITE"]
    [event] = talk.events
    assert isinstance(event, Incoming)
    assert event.replaces is talk.session
    event.session.answer(ANSWER)
    talk.session.end()
    answer, bye = talk.sent()
    assert (answer.cseq.method, bye.cseq.method) == ("INVITE", "BYE")
    assert bye.call_id == "theirs"


def test_a_call_of_ours_may_be_meant_too() -> None:
    wire = Wire()
    session, invite = wire.call()
    wire.answer(invite, 200, body=ANSWER)
    wire.sent()
    wire.give(wire.request("INVITE", call_id="newcomer", lines=f"Replaces: {named(session)}\r\n", body=OFFER))
    event = wire.events[-1]
    assert isinstance(event, Incoming)
    assert event.replaces is session


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"call_id": "other"}, 481),
        ({"ours": "guess"}, 481),
        ({"theirs": "guess"}, 481),
        ({"more": ";early-only"}, 486),
        ({"more": ";to-tag=again"}, 400),
        ({"more": "\r\nJoin: a;to-tag=b;from-tag=c"}, 400),
    ],
)
def test_what_it_cannot_replace(changed: dict[str, str], status: int) -> None:
    talk = Talk()
    assert talk.asks(named(talk.session, **changed)) == [f"{status} INVITE"]
    assert talk.events == []
    assert talk.session.confirmed


@pytest.mark.parametrize("value", ["", "x", "x;to-tag=a", "x;from-tag=a", ";to-tag=a;from-tag=b"])
def test_what_is_no_replaces(value: str) -> None:
    assert Talk().asks(value) == ["400 INVITE"]


def test_it_stands_in_an_invite_only_and_once() -> None:
    talk = Talk()
    assert talk.asks(named(talk.session), "OPTIONS") == ["400 OPTIONS"]
    twice = f"Replaces: {named(talk.session)}\r\n"
    assert talk.asks(named(talk.session), lines=twice) == ["400 INVITE"]


def test_nobody_takes_a_call_that_is_not_answered_or_one_that_ends() -> None:
    wire = Talk()
    ringing, invite = wire.call()
    wire.answer(invite, 180)
    wire.sent()
    assert wire.asks(named(ringing)) == ["481 INVITE"]
    wire.session.end()
    wire.sent()
    assert wire.asks(named(wire.session)) == ["603 INVITE"]


def test_who_is_told_no_has_changed_nothing() -> None:
    talk = Talk()
    talk.asks(named(talk.session))
    [event] = talk.events
    assert isinstance(event, Incoming)
    event.session.end(481)
    assert talk.lines() == ["481 INVITE"]
    assert talk.happened() == [Ended(event.session, "us", "failed", 481)]
    assert talk.session.confirmed
