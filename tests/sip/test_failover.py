"""A call of ours that may go to several places: each in turn, until one takes it (RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.attempt import MOST_PLACES, NEXT_S
from sip.endpoint import Answered, Ended, FailedOver, Hop, Progress, Session, Way
from sip.message import Request
from sip.parsing import parse
from tests.sip.world import ANSWER, Wire


def place(n: int) -> Way:
    return Way(f"sip:agent@192.0.2.{n}", Hop("l", f"192.0.2.{n}", 5060))


def several(*numbers: int) -> tuple[Wire, Session, Request]:
    """A call that goes to 192.0.2.9, then to these."""
    wire = Wire()
    session, invite = wire.call(others=[place(n) for n in numbers])
    return wire, session, invite


def next_invite(wire: Wire) -> Request:
    """The INVITE that went out last; what else went out is of other places."""
    data, hop = [(data, hop) for data, hop in wire.endpoint.outgoing if data.startswith(b"INVITE")][-1]
    wire.endpoint.outgoing.clear()
    wire.peer = hop
    invite = parse(data)
    assert isinstance(invite, Request)
    assert invite.uri == f"sip:agent@{hop.host}"
    return invite


def tries_then_refuses(wire: Wire, invite: Request) -> None:
    wire.answer(invite, 100)
    wire.answer(invite, 503)


FAILS: dict[str, tuple[int, Callable[[Wire, Request], None]]] = {
    "it is silent": (408, lambda wire, invite: wire.pass_time(NEXT_S)),
    "it says 503": (503, lambda wire, invite: wire.answer(invite, 503)),
    "it says 503 behind a 100": (503, lambda wire, invite: tries_then_refuses(wire, invite)),
    "it cannot be reached": (503, lambda wire, invite: wire.endpoint.lost(wire.peer, wire.now)),
    "its connection is gone": (503, lambda wire, invite: wire.endpoint.connections_lost({wire.peer}, wire.now)),
}


@pytest.mark.parametrize("how", FAILS)
def test_the_next_place_takes_the_call(how: str) -> None:
    status, fail = FAILS[how]
    wire, session, invite = several(8)
    first = wire.peer
    fail(wire, invite)
    wire.happened()
    again = next_invite(wire)
    assert wire.events == [FailedOver(session, first, status)]
    assert (wire.peer.host, session.hop) == ("192.0.2.8", wire.peer)
    assert (again.call_id, again.get("From"), again.body) == (invite.call_id, invite.get("From"), invite.body)
    assert again.via.branch != invite.via.branch
    wire.answer(again, 200, body=ANSWER)
    assert wire.events[1:] == [Answered(session, ANSWER)]
    assert wire.lines() == ["ACK"]


def test_each_place_is_reached_through_its_own_proxies() -> None:
    wire = Wire()
    by_proxy = place(8)._replace(routes=("<sip:192.0.2.8;lr>",))
    _, invite = wire.call(others=[by_proxy, place(7)], routes=("<sip:192.0.2.9;lr>",))
    assert invite.all("Route") == ["<sip:192.0.2.9;lr>"]
    wire.pass_time(NEXT_S)
    second = next_invite(wire)
    assert second.all("Route") == ["<sip:192.0.2.8;lr>"]
    wire.pass_time(NEXT_S)
    assert next_invite(wire).all("Route") == []


@pytest.mark.parametrize("how", FAILS)
def test_when_nobody_takes_it_the_last_failure_is_the_calls(how: str) -> None:
    status, fail = FAILS[how]
    wire, session, invite = several(8, 7)
    for host in ("192.0.2.9", "192.0.2.8"):
        assert wire.peer.host == host
        fail(wire, invite)
        wire.happened()
        invite = next_invite(wire)
    fail(wire, invite)
    wire.happened()
    wire.pass_time(32)
    assert [type(event) for event in wire.events] == [FailedOver, FailedOver, Ended]
    ended = wire.events[-1]
    assert isinstance(ended, Ended)
    assert (ended.session, ended.status) == (session, status)
    wire.pass_time(40)
    stats = wire.endpoint.stats()
    assert (stats["sessions"], stats["transactions"], stats["timers"]) == (0, 0, 0)


def test_who_wants_to_be_left_alone_says_for_how_long() -> None:
    wire, session, invite = several(8)
    first = wire.peer
    wire.answer(invite, 503, lines="Retry-After: 30\r\n")
    assert wire.events == [FailedOver(session, first, 503, 30.0)]
    wire.answer(next_invite(wire), 503, lines="Retry-After: nonsense\r\n")
    assert wire.events[1:] == [Ended(session, "peer", "failed", 503)]


@pytest.mark.parametrize("status", [100, 180, 404, 486, 500, 603])
def test_a_place_that_says_anything_else_keeps_the_call(status: int) -> None:
    wire, session, invite = several(8)
    wire.answer(invite, status)
    wire.pass_time(NEXT_S + 1)
    assert FailedOver not in [type(event) for event in wire.events]
    assert session.hop.host == "192.0.2.9"
    assert "INVITE" not in wire.lines()


def test_all_places_together_are_given_no_longer_than_one() -> None:
    wire, _, _ = several(*range(10, 20))
    wire.pass_time(32)
    asked = {hop.host for data, hop in wire.endpoint.outgoing if data.startswith(b"INVITE")}
    assert len(asked | {"192.0.2.9"}) == MOST_PLACES
    assert [type(event) for event in wire.events] == [FailedOver] * (MOST_PLACES - 1) + [Ended]
    assert wire.now == 32


def test_a_place_that_was_given_up_is_not_asked_again_and_is_cancelled_when_it_rings() -> None:
    wire, session, invite = several(8)
    silent = wire.peer
    wire.pass_time(NEXT_S)
    other = next_invite(wire)
    wire.answer(other, 180)
    wire.pass_time(10)
    assert wire.endpoint.outgoing == []
    wire.peer = silent
    for _ in range(2):
        wire.answer(invite, 180, tag="late")
    [(data, hop)] = wire.endpoint.outgoing
    assert (data.partition(b" ")[0], hop) == (b"CANCEL", silent)
    wire.endpoint.outgoing.clear()
    wire.answer(invite, 487, tag="late")
    assert wire.lines() == ["ACK"]
    wire.answer(other, 200, body=ANSWER)
    assert [type(event) for event in wire.events] == [FailedOver, Progress, Answered]
    assert session.dialog is not None


@pytest.mark.parametrize("over", [False, True])
def test_a_place_that_was_given_up_and_answers_is_hung_up_on(over: bool) -> None:
    wire, session, invite = several(8)
    silent = wire.peer
    wire.pass_time(NEXT_S)
    other = next_invite(wire)
    wire.answer(other, 486 if over else 180)
    wire.sent()
    wire.peer = silent
    wire.answer(invite, 200, tag="late", body=ANSWER)
    assert [(data.partition(b" ")[0], hop.host) for data, hop in wire.endpoint.outgoing] == [
        (b"ACK", "192.0.2.9"),
        (b"BYE", "192.0.2.9"),
    ]
    assert (Ended in [type(event) for event in wire.events]) == over
    assert session.dialog is None


def test_a_call_that_nobody_wants_any_more_goes_nowhere_else() -> None:
    wire, session, _ = several(8)
    session.end()
    wire.pass_time(40)
    assert {hop.host for _, hop in wire.endpoint.outgoing} <= {"192.0.2.9"}
    assert [type(event) for event in wire.events] == [Ended]
