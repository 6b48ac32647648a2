"""Reliable provisionals (RFC 3262), ours and theirs."""

from __future__ import annotations

from sip.endpoint import Answered, Confirmed, Ended, Endpoint, Incoming, Progress, Reanswered, Session, SipEvent
from sip.message import Request, Response
from tests.sip.world import ANSWER, OFFER, Wire, World

REQUIRED = "Require: 100rel\r\n"


def required() -> tuple[Wire, Session]:
    wire = Wire()
    wire.give(wire.request("INVITE", lines=REQUIRED, body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    wire.sent()
    return wire, event.session


def prack(wire: Wire, session: Session, rseq: int, cseq: int) -> None:
    data = wire.within(session, "PRACK", cseq)
    wire.give(data.replace(b"Max-Forwards", b"RAck: %d 1 INVITE\r\nMax-Forwards" % rseq))


def test_ours_is_repeated_until_its_prack() -> None:
    wire, session = required()
    session.ring()
    wire.pass_time(4)
    sent = wire.sent()
    assert [(message.get("RSeq"), message.get("Require")) for message in sent] == [("1", "100rel")] * 4
    prack(wire, session, 1, 2)
    assert wire.lines() == ["200 PRACK"]
    prack(wire, session, 1, 3)
    assert wire.lines() == ["481 PRACK"]
    wire.pass_time(20)
    assert wire.sent() == []
    session.answer(ANSWER)
    wire.give(wire.within(session, "ACK", 1))
    assert wire.lines() == ["200 INVITE"]
    assert wire.events[-1] == Confirmed(session, b"")


def test_the_next_waits_and_so_does_an_answer_after_early_media() -> None:
    wire, session = required()
    session.ring(180)
    session.ring(183, ANSWER)
    assert wire.lines() == ["180 INVITE"]
    prack(wire, session, 1, 2)
    _, progress = wire.sent()
    assert isinstance(progress, Response)
    assert (progress.status, progress.get("RSeq"), progress.body) == (183, "2", ANSWER)
    session.answer(ANSWER)
    assert wire.sent() == []
    prack(wire, session, 2, 3)
    assert wire.lines() == ["200 PRACK", "200 INVITE"]


def test_a_prack_that_never_comes_refuses_the_call() -> None:
    wire, session = required()
    session.ring()
    wire.pass_time(32)
    assert wire.lines()[-1] == "500 INVITE"
    assert wire.events[-1] == Ended(session, "network", "not_acknowledged", 500)


def test_without_a_demand_nothing_is_reliable() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", lines="Supported: 100rel\r\n", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.ring()
    assert wire.sent()[-1].get("RSeq") is None


def test_theirs_are_acknowledged_once_each_in_order() -> None:
    wire = Wire()
    session, invite = wire.call(reliable=True)
    assert "100rel" in invite.tokens("Supported")
    wire.answer(invite, 180, lines=f"{REQUIRED}RSeq: 7\r\n")
    wire.answer(invite, 180, lines=f"{REQUIRED}RSeq: 7\r\n")
    wire.answer(invite, 183, lines=f"{REQUIRED}RSeq: 9\r\n", body=OFFER)
    wire.answer(invite, 183, lines=f"{REQUIRED}RSeq: 8\r\n", body=ANSWER)
    sent = wire.sent()
    assert [(message.cseq.number, message.get("RAck")) for message in sent] == [(2, "7 1 INVITE"), (3, "8 1 INVITE")]
    assert wire.events == [Progress(session, 180, b""), Progress(session, 183, ANSWER)]
    wire.answer(invite, 200)  # the answer was in the 183
    (ack,) = wire.sent()
    assert isinstance(ack, Request)
    assert (ack.method, ack.cseq.number) == ("ACK", 1)
    assert wire.events[-1] == Answered(session, ANSWER)
    session.end()
    (bye,) = wire.sent()
    assert bye.cseq.number == 4


def test_other_requests_before_the_answer_do_not_confuse_its_ack() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    wire.give(wire.within(event.session, "OPTIONS", 2))
    event.session.answer(ANSWER)
    wire.give(wire.within(event.session, "ACK", 1))
    assert wire.events[-1] == Confirmed(event.session, b"")


def test_both_ways_over_a_bad_network() -> None:
    def hear(endpoint: Endpoint, event: SipEvent) -> None:
        match event:
            case Incoming(session):
                session.ring(180)
                session.ring(183, ANSWER)
                world.at(world.now + 3, lambda: session.answer(ANSWER))
            case Answered(session):
                world.at(world.now + 1, session.end)

    world = World(9, loss=0.2, double=0.1, jitter_s=0.1)
    world.add("192.0.2.1", hear)
    world.add("192.0.2.2", hear)
    for number in range(30):
        world.call("192.0.2.1", "192.0.2.2", f"call-{number}", headers=(("Require", "100rel"),), reliable=True)
        world.run(world.now + 1)
    world.run()
    assert [(end.by, end.cause) for end in world.ends("192.0.2.1")] == [("us", "hangup")] * 30
    for host in world.endpoints:
        assert len(world.ends(host)) == 30
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


def wants_our_offer(lines: str) -> tuple[Wire, Session]:
    wire = Wire()
    wire.give(wire.request("INVITE", lines=lines))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    wire.sent()
    return wire, event.session


def test_our_offer_stands_in_the_first_reliable_provisional_and_their_prack_answers_it() -> None:
    wire, session = wants_our_offer(REQUIRED)
    session.ring(180, OFFER)
    session.ring(183, OFFER)
    session.answer(OFFER)
    (first,) = wire.sent()
    assert isinstance(first, Response)
    assert (first.status, first.body) == (180, OFFER)
    data = wire.within(session, "PRACK", 2, body=ANSWER)
    wire.give(data.replace(b"Max-Forwards", b"RAck: 1 1 INVITE\r\nMax-Forwards"))
    sent = [message for message in wire.sent() if isinstance(message, Response)]
    assert [(message.status, message.cseq.method, message.body) for message in sent] == [
        (200, "PRACK", b""), (183, "INVITE", b""), (200, "INVITE", b""),
    ]  # fmt: skip
    assert wire.events[-1] == Reanswered(session, 200, ANSWER)


def test_our_offer_never_stands_in_a_provisional_that_may_be_lost() -> None:
    wire, session = wants_our_offer("Supported: 100rel\r\n")
    session.ring(183, OFFER)
    (progress,) = wire.sent()
    assert isinstance(progress, Response)
    assert (progress.status, progress.body) == (183, b"")
    session.answer(OFFER)
    assert [message.body for message in wire.sent() if isinstance(message, Response)] == [OFFER]
    wire.give(wire.within(session, "ACK", 1, body=ANSWER))
    assert wire.events[-1] == Confirmed(session, ANSWER)
