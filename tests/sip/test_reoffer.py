"""Hold, resume and new addresses: re-INVITE and UPDATE both ways, and what happens when they meet."""

from __future__ import annotations

import pytest

from sip.endpoint import Confirmed, Ended, Endpoint, Incoming, Offered, Reanswered, Session, SipEvent
from sip.message import Request, Response
from sip.reoffer import TABLE, Input, State
from tests.sip.world import ANSWER, OFFER, Wire, World

HOLD = b"v=0\r\na=sendonly\r\n"
HELD = b"v=0\r\na=recvonly\r\n"


def confirmed(*, ours: bool = True) -> tuple[Wire, Session]:
    wire = Wire()
    if ours:
        session, invite = wire.call()
        wire.answer(invite, 200, body=ANSWER)
    else:
        wire.give(wire.request("INVITE", body=OFFER))
        (event,) = wire.events
        assert isinstance(event, Incoming)
        session = event.session
        session.answer(ANSWER)
        wire.give(wire.within(session, "ACK", 1))
    wire.sent()
    wire.events.clear()
    return wire, session


def ask(wire: Wire, session: Session, sdp: bytes = HOLD) -> Request:
    session.reinvite(sdp)
    (invite,) = wire.sent()
    assert isinstance(invite, Request)
    assert invite.method == "INVITE"
    return invite


def test_we_hold_and_they_answer() -> None:
    wire, session = confirmed()
    invite = ask(wire, session)
    assert invite.body == HOLD
    wire.answer(invite, 100)
    wire.answer(invite, 200, body=HELD)
    assert wire.lines() == ["ACK"]
    assert wire.events == [Reanswered(session, 200, HELD)]
    wire.answer(invite, 200, body=HELD)  # repeated: the ACK was lost
    assert (wire.lines(), len(wire.events)) == (["ACK"], 1)


def test_they_hold_and_the_owner_accepts() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, body=HOLD))
    assert wire.events == [Offered(session, HOLD)]
    session.accept(HELD)
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, HELD)
    wire.pass_time(1)
    assert wire.lines() == ["200 INVITE"]
    wire.give(wire.within(session, "ACK", 2))
    wire.pass_time(40)
    assert wire.lines() == []
    assert wire.endpoint.stats()["timers"] == 0


def test_they_ask_without_an_offer() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2))
    assert wire.events == [Offered(session, b"")]
    session.accept(OFFER)
    wire.give(wire.within(session, "ACK", 2, body=ANSWER))
    assert wire.events[1:] == [Confirmed(session, ANSWER)]


def test_an_update_is_answered_without_an_ack() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "UPDATE", 2, body=HOLD))
    session.accept(HELD)
    assert wire.lines() == ["200 UPDATE"]
    wire.give(wire.within(session, "UPDATE", 3))  # only a refresh: nobody is asked
    assert wire.lines() == ["200 UPDATE"]
    assert wire.events == [Offered(session, HOLD)]


def test_refused_and_the_session_goes_on() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, body=HOLD))
    session.refuse()
    assert wire.lines() == ["488 INVITE"]
    wire.give(wire.within(session, "INVITE", 3, body=HOLD))
    session.accept(HELD)
    assert wire.lines() == ["200 INVITE"]


@pytest.mark.parametrize(("status", "events"), [(488, [488]), (500, [500])])
def test_ours_refused_and_the_session_goes_on(status: int, events: list[int]) -> None:
    wire, session = confirmed()
    wire.answer(ask(wire, session), status)
    assert wire.lines() == ["ACK"]
    assert [event.status for event in wire.events if isinstance(event, Reanswered)] == events
    session.end()
    assert wire.lines() == ["BYE"]


@pytest.mark.parametrize(("status", "cause"), [(481, "failed"), (408, "unreachable")])
def test_the_peer_has_forgotten_the_dialog(status: int, cause: str) -> None:
    wire, session = confirmed()
    wire.answer(ask(wire, session), status)
    (ended,) = wire.events
    assert isinstance(ended, Ended)
    assert (ended.by, ended.cause, ended.status) == ("network", cause, status)
    assert wire.endpoint.stats()["sessions"] == 0
    assert session.call_id


@pytest.mark.parametrize(("ours", "least", "most"), [(True, 2.1, 4.0), (False, 0.0, 2.0)])
def test_glare_is_backed_off(ours: bool, least: float, most: float) -> None:
    wire, session = confirmed(ours=ours)
    invite = ask(wire, session)
    wire.give(wire.within(session, "INVITE", 2, branch="z9hG4bKre", body=HOLD))
    assert wire.lines() == ["491 INVITE"]  # theirs meets ours
    wire.give(wire.within(session, "ACK", 2, branch="z9hG4bKre"))
    wire.answer(invite, 491)  # ours met theirs
    assert wire.lines() == ["ACK"]
    assert wire.events == []
    when = wire.endpoint.deadline()
    began = wire.now
    while wire.now < began + 5 and not (sent := wire.lines()):
        when = wire.endpoint.deadline()
        assert when is not None
        wire.pass_time(when - wire.now)
    assert sent == ["INVITE"]
    assert least <= wire.now - began <= most + 1e-9


def test_a_second_offer_of_theirs_waits_for_the_first() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, body=HOLD))
    wire.give(wire.within(session, "INVITE", 3, body=HOLD))
    assert wire.lines() == ["100 INVITE", "500 INVITE"]
    session.accept(HELD)
    assert wire.lines() == ["200 INVITE"]


def test_only_our_last_wish_counts() -> None:
    wire, session = confirmed()
    invite = ask(wire, session, b"first")
    session.reinvite(b"second")
    session.reinvite(b"third")
    assert wire.sent() == []
    wire.answer(invite, 200, body=HELD)
    ack, last = wire.sent()
    assert isinstance(last, Request)
    assert (ack.cseq.method, last.body, last.cseq.number) == ("ACK", b"third", 3)


def test_a_wish_before_the_ack_waits_for_it() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    event.session.reinvite(HOLD)
    assert wire.lines() == ["200 INVITE"]
    wire.give(wire.within(event.session, "ACK", 1))
    assert wire.lines() == ["INVITE"]


def test_their_reinvite_is_cancelled() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, branch="z9hG4bKre", body=HOLD))
    wire.give(wire.within(session, "CANCEL", 2, branch="z9hG4bKre"))
    session.accept(HELD)
    assert wire.lines() == ["100 INVITE", "200 CANCEL", "487 INVITE"]
    assert wire.endpoint.stats()["sessions"] == 1


def test_an_ack_that_never_comes_ends_the_session() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, body=HOLD))
    session.accept(HELD)
    wire.pass_time(33)
    assert wire.lines().count("BYE") == 2
    wire.pass_time(40)
    (_, ended) = wire.events
    assert isinstance(ended, Ended)
    assert ended.cause == "not_acknowledged"


def test_bye_in_mid_offer_answers_both() -> None:
    wire, session = confirmed()
    wire.give(wire.within(session, "INVITE", 2, body=HOLD))
    wire.give(wire.within(session, "BYE", 3))
    assert wire.lines() == ["100 INVITE", "200 BYE", "487 INVITE"]
    assert isinstance(wire.events[-1], Ended)


def test_our_end_in_mid_offer_still_acks_their_answer() -> None:
    wire, session = confirmed()
    invite = ask(wire, session)
    session.end()
    assert wire.lines() == ["BYE"]
    wire.answer(invite, 200, body=HELD)
    assert wire.lines() == ["ACK"]
    assert wire.events == []


def test_old_requests_are_out_of_order() -> None:
    wire, session = confirmed(ours=False)
    wire.give(wire.within(session, "UPDATE", 5))
    wire.give(wire.within(session, "INVITE", 4, body=HOLD))
    assert wire.lines() == ["200 UPDATE", "500 INVITE"]
    assert wire.events == []


def test_a_target_refresh_moves_the_dialog() -> None:
    wire, session = confirmed()
    data = wire.within(session, "INVITE", 2, body=HOLD).replace(b"<sip:c@192.0.2.9:5060>", b"<sip:c@192.0.2.9:5999>")
    wire.give(data)
    session.refuse()
    wire.endpoint.outgoing.clear()
    session.end()
    ((bye, hop),) = wire.endpoint.outgoing
    assert bye.startswith(b"BYE sip:c@192.0.2.9:5999 SIP/2.0")
    assert hop.port == 5999


def test_two_endpoints_hold_at_the_same_instant() -> None:
    """Real glare over a network: both offers get through in the end, one after the other."""

    def hear(endpoint: Endpoint, event: SipEvent) -> None:
        match event:
            case Incoming(session):
                session.answer(ANSWER)
            case Offered(session):
                session.accept(HELD)

    world = World(3)
    world.add("192.0.2.1", hear)
    world.add("192.0.2.2", hear)
    session = world.call("192.0.2.1", "192.0.2.2")
    world.run(1)
    (theirs,) = [event.session for event in world.heard["192.0.2.2"] if isinstance(event, Incoming)]
    session.reinvite(HOLD)
    theirs.reinvite(HOLD)
    world.run(20)
    for host in world.endpoints:
        assert [event.status for event in world.heard[host] if isinstance(event, Reanswered)] == [200]
        assert sum(isinstance(event, Offered) for event in world.heard[host]) == 1
    assert sum("491" in line for line in world.transcript) >= 1


def test_the_table_is_whole() -> None:
    """Every state takes what the wire or the owner may bring at any time; the rest is guarded by the state."""
    for state in State:
        assert (state, Input.ASK) in TABLE
        assert (state, Input.STOP) in TABLE or state is State.STOPPED
    assert {state for state, _ in TABLE.values()} == {state for state, _ in TABLE}
