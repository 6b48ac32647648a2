"""Offers before the answer: in the PRACK of a caller (RFC 3262 §5), in the UPDATE of a callee (RFC 3311 §5)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.endpoint import Answered, Ended, Incoming, Offered, Session
from sip.message import Request, Response
from tests.sip.world import ANSWER, OFFER, Wire

NEW, NEWER, HELD = b"v=0\r\no=new\r\n", b"v=0\r\no=newer\r\n", b"v=0\r\na=recvonly\r\n"

# ------------------------------------------------------------------------------------------------- theirs, by PRACK


def arrived(first: bytes = ANSWER) -> tuple[Wire, Session]:
    """An INVITE that wants its provisionals reliable; the first, with this SDP, is out."""
    wire = Wire()
    wire.give(wire.request("INVITE", lines="Require: 100rel\r\n", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.ring(183, first)
    wire.sent()
    wire.events.clear()
    return wire, event.session


def prack(wire: Wire, session: Session, cseq: int, body: bytes, rseq: int = 1) -> bytes:
    data = wire.within(session, "PRACK", cseq, body=body)
    data = data.replace(b"Max-Forwards", b"RAck: %d 1 INVITE\r\nMax-Forwards" % rseq)
    wire.give(data)
    return data


def bodies(wire: Wire) -> list[tuple[int, str, bytes]]:
    return [(m.status, m.cseq.method, m.body) for m in wire.sent() if isinstance(m, Response)]


def test_an_offer_in_a_prack_is_answered_in_its_200() -> None:
    wire, session = arrived()
    data = prack(wire, session, 2, NEW)
    assert wire.events == [Offered(session, NEW)]
    session.accept(HELD)
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    assert (answer.status, answer.cseq.method, answer.body, answer.get("Contact")) == (200, "PRACK", HELD, None)
    wire.give(data)
    assert bodies(wire) == [(200, "PRACK", HELD)], "repeated, it is the same one"
    session.answer(b"")
    wire.give(wire.within(session, "ACK", 1))
    assert bodies(wire) == [(200, "INVITE", b"")]
    assert session.confirmed
    assert session.remote_sdp == NEW


def test_an_answer_that_waited_for_such_a_prack_takes_nothing_back() -> None:
    wire, session = arrived()
    session.answer(ANSWER)
    assert wire.sent() == []
    prack(wire, session, 2, NEW)
    session.accept(HELD)
    assert bodies(wire) == [(200, "INVITE", b""), (200, "PRACK", HELD)]


def test_an_offer_in_a_prack_that_cannot_be_is_refused_and_the_call_goes_on() -> None:
    wire, session = arrived()
    prack(wire, session, 2, NEW)
    session.refuse(488)
    assert wire.lines() == ["488 PRACK"]
    wire.pass_time(40)
    assert wire.sent() == [], "what it acknowledged is acknowledged"
    session.answer(b"")
    assert wire.lines() == ["200 INVITE"]
    assert session.remote_sdp == OFFER


def test_what_a_prack_offers_while_its_first_offer_is_open_is_not_read() -> None:
    wire, session = arrived(b"")
    prack(wire, session, 2, NEW)
    assert bodies(wire) == [(200, "PRACK", b"")]
    assert wire.events == []
    session.answer(ANSWER)
    assert bodies(wire) == [(200, "INVITE", ANSWER)]


def test_a_later_prack_may_offer_again_and_a_call_that_ends_meanwhile_says_so() -> None:
    wire, session = arrived()
    prack(wire, session, 2, b"")
    session.ring(180)
    wire.sent()
    prack(wire, session, 3, NEW, rseq=2)
    assert wire.events == [Offered(session, NEW)]
    session.end(486)
    assert wire.lines() == ["486 INVITE", "487 PRACK"]


# ------------------------------------------------------------------------------------------- of a callee, by UPDATE


def called(*provisionals: tuple[int, bytes]) -> tuple[Wire, Session, Request]:
    """Our call, and reliable provisionals of the callee, acknowledged."""
    wire = Wire()
    session, invite = wire.call(reliable=True)
    for rseq, (status, body) in enumerate(provisionals, 7):
        wire.answer(invite, status, lines=f"Require: 100rel\r\nRSeq: {rseq}\r\n", body=body)
    assert wire.lines() == ["PRACK"] * len(provisionals)
    wire.events.clear()
    return wire, session, invite


def from_callee(wire: Wire, invite: Request, method: str, cseq: int, body: bytes = b"", tag: str = "peer") -> None:
    to, from_ = invite.get("From") or "", f"{invite.get('To')};tag={tag}"
    call_id = invite.get("Call-ID") or ""
    data = wire.request(method, to=to, from_=from_, call_id=call_id, cseq=cseq, body=body)
    wire.give(data.replace(b"<sip:c@192.0.2.9:5060>", b"<sip:moved@192.0.2.9:5999>"))


def test_a_callee_that_has_answered_reliably_may_offer_before_it_picks_up() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 5, NEW)
    assert wire.events == [Offered(session, NEW)]
    session.accept(HELD)
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    assert (answer.status, answer.cseq.method, answer.body) == (200, "UPDATE", HELD)
    assert "192.0.2.1" in (answer.get("Contact") or "")
    from_callee(wire, invite, "UPDATE", 5, NEWER)
    assert wire.lines() == ["500 UPDATE"], "out of order"
    wire.answer(invite, 200, body=ANSWER)
    assert wire.lines() == ["ACK"]
    assert wire.events[-1] == Answered(session, b""), "their offer holds, not what they answered before it"
    assert session.remote_sdp == NEW
    from_callee(wire, invite, "INFO", 5)
    assert wire.lines() == ["500 INFO"], "the dialog is the same"
    session.reinvite(HELD)
    assert wire.lines() == ["INVITE"], "nothing is open any more"


@pytest.mark.parametrize("provisionals", [[], [(180, b"")]])
def test_an_offer_of_a_callee_that_owes_us_an_answer_is_491(provisionals: list[tuple[int, bytes]]) -> None:
    wire, session, invite = called(*provisionals)
    if not provisionals:
        wire.answer(invite, 183, body=ANSWER)  # may be lost: it is no answer yet
    wire.events.clear()
    from_callee(wire, invite, "UPDATE", 1, NEW)
    assert wire.lines() == ["491 UPDATE"]
    assert wire.events == []
    wire.answer(invite, 200, body=ANSWER)
    assert wire.events == [Answered(session, ANSWER)]


def test_a_callee_does_not_call_us_in_before_it_has_answered() -> None:
    wire, _, invite = called((183, ANSWER))
    from_callee(wire, invite, "INVITE", 1, NEW)
    assert wire.lines()[-1] == "491 INVITE"
    assert wire.events == []


def test_of_two_offers_the_second_is_to_come_again() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 1, NEW)
    from_callee(wire, invite, "UPDATE", 2, NEWER)
    (refusal,) = wire.sent()
    assert isinstance(refusal, Response)
    assert (refusal.status, 0 <= int(refusal.get("Retry-After") or -1) <= 10) == (500, True)
    session.accept(HELD)
    assert wire.lines() == ["200 UPDATE"]


def test_what_we_refuse_changes_nothing() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 1, NEW)
    session.refuse(488)
    wire.answer(invite, 200)
    assert wire.lines() == ["488 UPDATE", "ACK"]
    assert wire.events[-1] == Answered(session, ANSWER)


def test_who_picks_up_while_its_offer_waits() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 1, NEW)
    wire.answer(invite, 200)
    session.accept(HELD)
    assert wire.lines() == ["ACK", "200 UPDATE"]
    assert session.remote_sdp == NEW
    session.reinvite(HELD)
    assert wire.lines() == ["INVITE"]


def test_an_offer_ends_with_its_call() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 1, NEW)
    session.end()
    assert wire.lines() == ["487 UPDATE", "CANCEL"]
    from_callee(wire, invite, "UPDATE", 2, NEWER)
    assert wire.lines() == ["491 UPDATE"]
    wire.answer(invite, 487)
    assert wire.events[-1] == Ended(session, "us", "cancelled", 487)


def test_another_callee_of_the_same_call_is_another_dialog() -> None:
    wire, session, invite = called((183, ANSWER))
    from_callee(wire, invite, "UPDATE", 1, NEW)
    session.accept(HELD)
    from_callee(wire, invite, "UPDATE", 1, NEWER, tag="other")
    assert wire.lines() == ["200 UPDATE", "491 UPDATE"]
    wire.answer(invite, 200, tag="other", body=NEWER)
    assert wire.events[-1] == Answered(session, NEWER)


def test_a_callee_that_only_moves_is_acknowledged_where_it_is() -> None:
    wire, _, invite = called((180, b""))
    from_callee(wire, invite, "UPDATE", 1)
    assert wire.lines() == ["200 UPDATE"]
    wire.answer(invite, 183, lines="Require: 100rel\r\nRSeq: 8\r\n", body=ANSWER)
    ((data, hop),) = wire.endpoint.outgoing
    assert data.startswith(b"PRACK sip:moved@192.0.2.9:5999 ")
    assert hop.port == 5999


# --------------------------------------------------------------------------------------------- whatever the order


class Talk:
    """A call, ours or theirs, and the numbers by which the peer goes on."""

    def __init__(self, ours: bool, body: bytes) -> None:
        self.wire, self.cseq, self.rseq, self.acknowledged = Wire(), count(2), count(7), count(1)
        self.invite: Request | None = None
        if ours:
            self.session, self.invite = self.wire.call(reliable=True)
        else:
            self.wire.give(self.wire.request("INVITE", lines="Require: 100rel\r\n", body=body))
            (event,) = self.wire.events
            assert isinstance(event, Incoming)
            self.session = event.session

    def says(self, method: str, body: bytes = b"", tag: str = "peer") -> None:
        cseq = next(self.cseq)
        if self.invite is not None:
            from_callee(self.wire, self.invite, method, cseq, body, tag)
        elif method == "PRACK":
            prack(self.wire, self.session, cseq, body, next(self.acknowledged))
        else:
            self.wire.give(self.wire.within(self.session, method, 1 if method == "ACK" else cseq, body=body))

    def answers(self, status: int, body: bytes = b"", tag: str = "peer") -> None:
        if self.invite is not None:
            lines = f"Require: 100rel\r\nRSeq: {next(self.rseq)}\r\n" if status < 200 else ""
            self.wire.answer(self.invite, status, tag=tag, lines=lines, body=body)


STEPS: Final[dict[str, Callable[[Talk], None]]] = {
    "he rings": lambda talk: talk.answers(180),
    "he answers early": lambda talk: talk.answers(183, ANSWER),
    "another answers early": lambda talk: talk.answers(183, ANSWER, "other"),
    "he picks up": lambda talk: talk.answers(200),
    "another picks up": lambda talk: talk.answers(200, ANSWER, "other"),
    "he refuses": lambda talk: talk.answers(486),
    "UPDATE": lambda talk: talk.says("UPDATE", NEW),
    "UPDATE of another": lambda talk: talk.says("UPDATE", NEW, "other"),
    "he moves": lambda talk: talk.says("UPDATE"),
    "re-INVITE": lambda talk: talk.says("INVITE", NEW),
    "PRACK": lambda talk: talk.says("PRACK"),
    "PRACK with SDP": lambda talk: talk.says("PRACK", NEW),
    "ACK": lambda talk: talk.says("ACK"),
    "ACK with SDP": lambda talk: talk.says("ACK", ANSWER),
    "BYE": lambda talk: talk.says("BYE"),
    "we ring": lambda talk: talk.session.ring(180),
    "we answer early": lambda talk: talk.session.ring(183, ANSWER),
    "we answer": lambda talk: talk.session.answer(ANSWER),
    "we accept": lambda talk: talk.session.accept(HELD),
    "we refuse": lambda talk: talk.session.refuse(),
    "we offer": lambda talk: talk.session.reinvite(OFFER),
    "a second goes by": lambda talk: talk.wire.pass_time(1),
}


@given(st.booleans(), st.sampled_from([OFFER, b""]), st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_whatever_comes_before_the_answer_the_call_ends_once_and_nothing_is_left(
    ours: bool, body: bytes, steps: list[str]
) -> None:
    talk = Talk(ours, body)
    for step in steps:
        STEPS[step](talk)
    talk.session.end()
    talk.wire.pass_time(400)
    assert sum(isinstance(event, Ended) for event in talk.wire.events) == 1
    assert (talk.wire.endpoint.sessions, talk.wire.endpoint.layer.servers) == ({}, {})
