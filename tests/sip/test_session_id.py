"""Session-ID (RFC 7989): in every message of a session, each half in its place."""

from __future__ import annotations

from random import Random

import pytest

from sip.endpoint import Incoming
from sip.identifiers import Identifiers
from sip.message import Request
from sip.parsing import parse
from sip.session_id import NIL, sender_of
from tests.sip.world import ANSWER, OFFER, Wire

A, B, C = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2", "c" * 32


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"{A};remote={NIL}", A),
        (f"{A} ; remote={B} ; other", A),
        (A, A),  # of RFC 7329
        (A.upper(), A),
        (f"{NIL};remote={A}", ""),
        (A[1:], ""),
        (f"{A}0", ""),
        ("x" * 32, ""),
        ("", ""),
        (f"{A}, {B}", ""),
    ],
)
def test_who_sends_is_read_or_left_out(value: str, found: str) -> None:
    message = parse(Wire().request("INVITE", lines=f"Session-ID: {value}\r\n"))
    assert isinstance(message, Request)
    assert sender_of(message) == found


def test_ours_is_a_random_uuid() -> None:
    identifiers = Identifiers(Random(1))
    made = {identifiers.uuid() for _ in range(100)}
    assert len(made) == 100
    assert all(len(id) == 32 and id[12] == "4" and id[16] in "89ab" for id in made)


def ids(wire: Wire) -> set[str]:
    """What all that was sent says, but the 100."""
    return {message.get("Session-ID") or "" for message in wire.sent() if getattr(message, "status", 0) != 100}


@pytest.mark.parametrize("given", [f"Session-ID: {A};remote={NIL}\r\n", f"Session-ID: {A}\r\n"])
def test_a_call_of_theirs(given: str) -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER, lines=given))
    event = wire.events[-1]
    assert isinstance(event, Incoming)
    session = event.session
    assert session.ids is not None
    assert session.ids.theirs == A
    session.ring()
    session.answer(ANSWER)
    wire.give(wire.within(session, "ACK", 1))
    session.reinvite(OFFER)
    assert ids(wire) == {f"{session.ids.ours};remote={A}"}
    wire.give(wire.within(session, "INFO", 2).replace(b"Max-Forwards", f"Session-ID: {C}\r\nMax-Forwards".encode()))
    session.end()
    assert ids(wire) == {f"{session.ids.ours};remote={C}"}, "the peer's side is another now"


@pytest.mark.parametrize("given", ["", "Session-ID: rubbish\r\n"])
def test_who_has_none_is_given_one(given: str) -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER, lines=given))
    event = wire.events[-1]
    assert isinstance(event, Incoming)
    assert event.session.ids is not None
    assert len(event.session.ids.theirs) == 32
    assert event.session.ids.theirs != NIL


def test_a_call_of_ours_carries_the_first_party_on() -> None:
    wire = Wire()
    session, invite = wire.call(session_id=A)
    assert invite.get("Session-ID") == f"{A};remote={NIL}"
    wire.answer(invite, 180, lines=f"Session-ID: {B};remote={A}\r\n")
    wire.answer(invite, 200, lines=f"Session-ID: {B};remote={A}\r\n", body=ANSWER)
    session.end()
    assert ids(wire) == {f"{A};remote={B}"}


def test_its_cancel_and_the_ack_of_its_refusal_too() -> None:
    wire = Wire()
    session, invite = wire.call(session_id=A)
    wire.answer(invite, 180)
    session.end()
    wire.answer(invite, 487)
    assert ids(wire) == {f"{A};remote={NIL}"}
