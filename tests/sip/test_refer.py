"""REFER within a call."""

from __future__ import annotations

import pytest

from sip.endpoint import Incoming, Referred, Session
from sip.message import Request
from tests.sip.world import ANSWER, OFFER, Wire


class Talk(Wire):
    """A call of theirs that is up."""

    def __init__(self) -> None:
        super().__init__()
        self.session = self.up("theirs")
        self.cseq = 1

    def up(self, call_id: str) -> Session:
        self.give(self.request("INVITE", body=OFFER, call_id=call_id))
        event = self.events[-1]
        assert isinstance(event, Incoming)
        event.session.name = f"leg of {call_id}"
        event.session.answer(ANSWER)
        self.give(self.within(event.session, "ACK", 1))
        self.sent()
        self.events.clear()
        return event.session

    def refer(self, lines: str) -> None:
        self.cseq += 1
        data = self.within(self.session, "REFER", self.cseq)
        self.give(data.replace(b"Max-Forwards: 70\r\n", f"Max-Forwards: 70\r\n{lines}".encode()))


def test_it_is_asked_accepted_and_told_of_to_its_end() -> None:
    talk = Talk()
    talk.refer("Refer-To: <sip:1002@192.0.2.1>\r\n")
    assert talk.events == [Referred(talk.session, "sip:1002@192.0.2.1", None)]
    talk.session.answer_refer(202)
    answer, trying = talk.sent()
    assert answer.cseq.method == "REFER"
    for status, body, state in ((0, b"SIP/2.0 100 Trying\r\n", "active;expires=60"),
                                (200, b"SIP/2.0 200 OK\r\n", "terminated;reason=noresource")):  # fmt: skip
        if status:
            talk.session.answer_refer(status)
            (trying,) = talk.sent()
        assert isinstance(trying, Request)
        assert (trying.method, trying.body, trying.get("Subscription-State")) == ("NOTIFY", body, state)
        assert trying.get("Event") == "refer;id=2"
        talk.answer(trying, 200)
    talk.session.answer_refer(200)
    assert talk.sent() == []


def test_it_may_be_refused_and_asked_again() -> None:
    talk = Talk()
    for _ in range(2):
        talk.refer("Refer-To: sip:1002@192.0.2.1\r\n")
        talk.session.answer_refer(603)
        assert talk.lines() == ["603 REFER"]


def test_only_one_at_a_time() -> None:
    talk = Talk()
    talk.refer("Refer-To: <sip:1002@192.0.2.1>\r\n")
    talk.refer("Refer-To: <sip:1003@192.0.2.1>\r\n")
    assert talk.lines() == ["491 REFER"]


@pytest.mark.parametrize("ours", [False, True])
def test_who_hangs_up_before_the_outcome_is_told_that_nothing_more_comes(ours: bool) -> None:
    talk = Talk()
    talk.refer("Refer-To: <sip:1002@192.0.2.1>\r\n")
    talk.session.answer_refer(202)
    talk.sent()
    if ours:
        talk.session.end()
        last, bye = talk.sent()
    else:
        talk.give(talk.within(talk.session, "BYE", 3))
        bye, last = talk.sent()
    assert bye.cseq.method == "BYE"
    assert isinstance(last, Request)
    assert (last.method, last.body) == ("NOTIFY", b"SIP/2.0 100 Trying\r\n")
    assert last.get("Subscription-State") == "terminated;reason=noresource"
    talk.answer(last, 481)
    talk.session.answer_refer(200)
    assert talk.sent() == []
    if ours:
        assert isinstance(bye, Request)
        talk.answer(bye, 200)
    talk.pass_time(40)
    assert talk.endpoint.stats()["transactions"] == talk.endpoint.stats()["sessions"] == 0


@pytest.mark.parametrize("lines", ["", "Refer-Sub: false\r\n"])
def test_who_hangs_up_before_the_answer_has_one(lines: str) -> None:
    talk = Talk()
    talk.refer(f"Refer-To: <sip:1002@192.0.2.1>\r\n{lines}")
    talk.give(talk.within(talk.session, "BYE", 3))
    assert talk.lines() == ["200 BYE", "481 REFER"]


def test_who_wants_no_notify_gets_none() -> None:
    talk = Talk()
    talk.refer("Refer-To: <sip:1002@192.0.2.1>\r\nRefer-Sub: false\r\n")
    talk.session.answer_refer(202)
    talk.session.answer_refer(200)
    assert talk.lines() == ["202 REFER"]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", 400),
        ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n", 400),
        ("Refer-To: <http://169.254.169.254/latest>\r\n", 416),
        ("Refer-To: <file:///etc/passwd>\r\n", 416),
        (f"Refer-To: <sip:{'9' * 300}@b>\r\n", 400),
        ("Refer-To: <sip:\r\n", 400),
    ],
)
def test_what_is_no_telephone_is_not_called(lines: str, status: int) -> None:
    talk = Talk()
    talk.refer(lines)
    assert talk.lines() == [f"{status} REFER"]
    assert talk.events == []


def test_the_session_to_be_replaced_is_ours_or_it_is_not_named() -> None:
    talk = Talk()
    other = talk.up("other")
    assert other.dialog is not None
    for tag, name in ((other.dialog.remote_tag, "leg of other"), ("guessed", "")):
        replaces = f"other%3Bto-tag%3D{other.local_tag}%3Bfrom-tag%3D{tag}"
        talk.refer(f"Refer-To: <sip:1002@192.0.2.1?Replaces={replaces}>\r\n")
        assert talk.events.pop() == Referred(talk.session, "sip:1002@192.0.2.1", name)
        talk.session.answer_refer(603)


def test_outside_a_call_it_does_nothing() -> None:
    wire = Wire()
    wire.give(wire.request("REFER", lines="Refer-To: <sip:1@2>\r\n"))
    assert wire.lines() == ["405 REFER"]
    assert wire.events == []
