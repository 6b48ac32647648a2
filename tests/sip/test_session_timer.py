"""Session timers (RFC 4028): who refreshes, how, and what happens when nobody does."""

from __future__ import annotations

from collections import deque

import pytest

from sip.endpoint import Ended, Endpoint, Hop, Incoming, Offered, Reanswered, Session, SipEvent
from sip.message import Request, Response
from tests.sip.world import ANSWER, OFFER, Wire, World


def ours(lines: str) -> tuple[Wire, Session]:
    """A call of ours, answered with these lines in the 200."""
    wire = Wire()
    session, invite = wire.call()
    assert (invite.get("Session-Expires"), invite.get("Min-SE")) == ("1800", "90")
    assert "timer" in invite.tokens("Supported")
    wire.answer(invite, 200, lines=lines, body=ANSWER)
    wire.sent()
    return wire, session


def theirs(lines: str) -> tuple[Wire, Session, Response]:
    """A call of theirs with these lines in the INVITE; our 200."""
    wire = Wire()
    wire.give(wire.request("INVITE", lines=lines, body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    answer = wire.sent()[-1]
    assert isinstance(answer, Response)
    wire.give(wire.within(event.session, "ACK", 1))
    return wire, event.session, answer


def test_we_refresh_by_update_where_they_take_it() -> None:
    wire, _ = ours("Session-Expires: 1800;refresher=uac\r\nAllow: INVITE, UPDATE\r\n")
    wire.pass_time(899)
    assert wire.sent() == []
    wire.pass_time(1)
    (update,) = wire.sent()
    assert isinstance(update, Request)
    assert (update.method, update.body, update.get("Session-Expires")) == ("UPDATE", b"", "1800;refresher=uac")
    wire.answer(update, 200)
    wire.pass_time(900)
    assert wire.lines() == ["UPDATE"]


def test_we_refresh_by_reinvite_where_they_do_not() -> None:
    wire, session = ours("Session-Expires: 200\r\n")
    wire.pass_time(100)
    (invite,) = wire.sent()
    assert isinstance(invite, Request)
    assert (invite.method, invite.body) == ("INVITE", OFFER)
    wire.answer(invite, 200, body=ANSWER)
    assert wire.lines() == ["ACK"]
    assert wire.events[-1] == Reanswered(session, 200, ANSWER)


@pytest.mark.parametrize("answer", [None, 481, 408])
def test_a_peer_that_is_gone_is_found_out(answer: int | None) -> None:
    wire, _ = ours("Session-Expires: 200\r\nAllow: UPDATE\r\n")
    wire.pass_time(100)
    (update,) = wire.sent()
    assert isinstance(update, Request)
    if answer:
        wire.answer(update, answer)
    wire.pass_time(40)
    ended = wire.events[-1]
    assert isinstance(ended, Ended)
    assert (ended.by, ended.status) == ("network", answer or 408)
    assert wire.endpoint.stats()["timers"] == 0


def test_they_were_to_refresh_and_did_not() -> None:
    wire, session = ours("Session-Expires: 300;refresher=uas\r\n")
    wire.pass_time(267)
    assert wire.sent() == []
    wire.pass_time(1)
    (bye,) = wire.sent()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    wire.answer(bye, 200)
    assert wire.events[-1] == Ended(session, "network", "unreachable", 408)


def test_they_refresh_and_the_session_goes_on() -> None:
    wire, session, answer = theirs("Supported: timer\r\nSession-Expires: 300\r\n")
    assert (answer.get("Session-Expires"), answer.get("Require")) == ("300;refresher=uac", "timer")
    for cseq in range(2, 6):
        wire.pass_time(150)
        wire.give(wire.within(session, "UPDATE", cseq))
        (ok,) = wire.sent()
        assert ok.get("Session-Expires") == "300;refresher=uac"
    assert not any(isinstance(event, Offered) for event in wire.events)
    wire.pass_time(269)
    assert wire.lines() == ["BYE", "BYE"]


def test_they_want_us_to_refresh() -> None:
    wire, _, answer = theirs("Supported: timer\r\nSession-Expires: 300;refresher=uas\r\nAllow: UPDATE\r\n")
    assert (answer.get("Session-Expires"), answer.get("Require")) == ("300;refresher=uas", None)
    wire.pass_time(150)
    (update,) = wire.sent()
    assert update.get("Session-Expires") == "300;refresher=uac"  # in this transaction we are the client


def test_we_ask_a_caller_who_can() -> None:
    _, _, answer = theirs("Supported: timer\r\n")
    assert answer.get("Session-Expires") == "1800;refresher=uac"


def test_no_timer_for_those_who_do_not_know_it() -> None:
    wire, _, answer = theirs("")
    assert answer.get("Session-Expires") is None
    assert wire.endpoint.stats()["timers"] == 1  # timer L alone
    wire, _ = ours("")
    wire.pass_time(33)
    assert wire.endpoint.stats()["timers"] == 0


@pytest.mark.parametrize(("value", "status"), [("89", 422), ("x", 400), ("-1", 400)])
def test_too_small_or_unreadable(value: str, status: int) -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", lines=f"Supported: timer\r\nSession-Expires: {value}\r\n", body=OFFER))
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    assert answer.status == status
    assert answer.get("Min-SE") == ("90" if status == 422 else None)
    assert (wire.events, wire.endpoint.stats()["sessions"]) == ([], 0)


def test_422_raises_what_we_ask_for() -> None:
    wire = Wire()
    _, invite = wire.call()
    wire.answer(invite, 422, lines="Min-SE: 3600\r\n")
    ack, again = wire.sent()
    assert isinstance(again, Request)
    assert (ack.cseq.method, again.get("Session-Expires"), again.cseq.number) == ("ACK", "3600", 2)
    wire.answer(again, 422, lines="Min-SE: 3600\r\n")
    assert isinstance(wire.events[-1], Ended)


def test_two_of_us_keep_a_long_call_alive() -> None:
    def hear(endpoint: Endpoint, event: SipEvent) -> None:
        if isinstance(event, Incoming):
            event.session.answer(ANSWER)

    world = World()
    world.add("192.0.2.1", hear)
    world.add("192.0.2.2", hear)
    session = world.call("192.0.2.1", "192.0.2.2")
    world.run(10_000)
    assert world.ends("192.0.2.1") == []
    assert [line for line in world.transcript if "UPDATE" in line].count("192.0.2.1 UPDATE") == 11
    session.end()
    world.run()
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


def test_a_loop_and_spent_hops_are_refused() -> None:
    wire = Wire()
    trace = wire.endpoint.trace = deque[tuple[float, bool, bytes, Hop]]()
    _, invite = wire.call()
    [(_, _, looped, _)] = trace
    wire.give(looped.replace(invite.via.branch.encode(), b"z9hG4bKback"))
    wire.give(wire.request("INVITE", lines="").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
    assert wire.lines() == ["482 INVITE", "483 INVITE"]
