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


NEW, NEWER = b"v=0\r\no=new\r\n", b"v=0\r\no=newer\r\n"


def arrived(body: bytes = OFFER) -> tuple[Wire, Session]:
    """An INVITE that wants its provisionals reliable; the one with our SDP is out."""
    wire = Wire()
    wire.give(wire.request("INVITE", lines="Require: 100rel\r\n", body=body))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.ring(183, ANSWER if body else OFFER)
    wire.sent()
    wire.events.clear()
    return wire, event.session


def prack(wire: Wire, session: Session, cseq: int, body: bytes = b"") -> None:
    data = wire.within(session, "PRACK", cseq, body=body)
    wire.give(data.replace(b"Max-Forwards", b"RAck: 1 1 INVITE\r\nMax-Forwards"))
    assert wire.lines() == ["200 PRACK"]


@pytest.mark.parametrize("late", [False, True])
def test_an_early_update_after_a_reliable_answer_is_answered(late: bool) -> None:
    wire, session = arrived(b"" if late else OFFER)
    prack(wire, session, 2, ANSWER if late else b"")
    wire.events.clear()
    wire.give(wire.within(session, "UPDATE", 3, body=NEW))
    assert wire.events == [Offered(session, NEW)]
    session.accept(HELD)
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    assert (answer.status, answer.cseq.method, answer.body) == (200, "UPDATE", HELD)
    wire.give(wire.within(session, "UPDATE", 4, body=NEWER))
    session.refuse(488)
    assert wire.lines() == ["488 UPDATE"]
    session.answer(b"")
    session.reinvite(HOLD)
    assert wire.lines() == ["200 INVITE"], "our own offer waits for the ACK as ever"
    wire.give(wire.within(session, "ACK", 1))
    assert wire.lines() == ["INVITE"]
    assert session.confirmed


def test_who_is_answered_while_his_early_update_waits() -> None:
    wire, session = arrived()
    prack(wire, session, 2)
    wire.give(wire.within(session, "UPDATE", 3, body=NEW))
    session.answer(b"")
    wire.give(wire.within(session, "ACK", 1))
    session.accept(HELD)
    assert wire.lines() == ["200 INVITE", "200 UPDATE"]
    assert ask(wire, session).body == HOLD


def test_an_early_update_ends_with_its_call() -> None:
    wire, session = arrived()
    prack(wire, session, 2)
    wire.give(wire.within(session, "UPDATE", 3, body=NEW))
    session.end(486)
    assert wire.lines() == ["486 INVITE", "487 UPDATE"]


def retry_after(wire: Wire) -> int:
    """The one answer is 500, to be tried again in so many seconds; -1: it is 491."""
    (answer,) = [message for message in wire.sent() if isinstance(message, Response) and message.status > 100]
    assert answer.status == (491 if answer.get("Retry-After") is None else 500)
    return int(answer.get("Retry-After") or -1)


def test_an_early_update_meets_our_unanswered_offer() -> None:
    wire, session = arrived(b"")
    wire.give(wire.within(session, "UPDATE", 2, body=NEW))
    assert retry_after(wire) == -1
    assert wire.events == []


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_an_early_offer_before_theirs_is_answered_reliably_is_to_come_again(method: str) -> None:
    wire, session = arrived()
    wire.give(wire.within(session, method, 2, body=NEW))
    assert 0 <= retry_after(wire) <= 10
    assert wire.events == []
    session.end(486)
    assert wire.lines() == ["486 INVITE"]


def test_of_two_early_updates_the_second_is_to_come_again() -> None:
    wire, session = arrived()
    prack(wire, session, 2)
    wire.give(wire.within(session, "UPDATE", 3, body=NEW))
    wire.give(wire.within(session, "UPDATE", 4, body=NEWER))
    assert 0 <= retry_after(wire) <= 10
    session.accept(HELD)
    assert wire.lines() == ["200 UPDATE"]


def test_an_early_update_without_an_offer_moves_the_dialog() -> None:
    wire, session = arrived()
    data = wire.within(session, "UPDATE", 2).replace(b"<sip:c@192.0.2.9:5060>", b"<sip:c@192.0.2.9:5999>")
    wire.give(data)
    assert wire.lines() == ["200 UPDATE"]
    assert session.dialog is not None
    assert session.dialog.target == "sip:c@192.0.2.9:5999"


def test_an_update_that_overtakes_the_ack_of_our_200_is_answered() -> None:
    wire, session = arrived()
    prack(wire, session, 2)
    session.answer(ANSWER)
    wire.give(wire.within(session, "UPDATE", 3, body=NEW))
    assert wire.events[-1] == Offered(session, NEW)
    session.accept(HELD)
    session.reinvite(HOLD)
    assert wire.lines() == ["200 INVITE", "200 UPDATE"]
    wire.pass_time(1)
    assert wire.lines() == ["200 INVITE"], "its ACK is still owed"
    wire.give(wire.within(session, "ACK", 1))
    assert wire.lines() == ["INVITE"]


def test_an_update_that_overtakes_the_answer_to_the_offer_in_our_200_is_too_early() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE"))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(OFFER)
    wire.give(wire.within(event.session, "UPDATE", 2, body=NEW))
    assert wire.lines()[-1] == "491 UPDATE"
    wire.give(wire.within(event.session, "ACK", 1, body=ANSWER))
    assert wire.events[-1] == Confirmed(event.session, ANSWER)


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
