"""3xx to a call of ours: followed where it may lead, with a limit; and how long a call of theirs may wait."""

from __future__ import annotations

import pytest

from sip.endpoint import Answered, Confirmed, Ended, FailedOver, Hop, Incoming, Peer, Redirected, Session
from sip.message import Request
from sip.redirect import MAX_REDIRECTS, MOST_CONTACTS
from tests.sip.world import ANSWER, OFFER, Wire

TRUNK = (Peer("carrier", (("192.0.2.9", 0), ("192.0.2.8", 0))), Peer("other", (("192.0.2.7", 0),)))


def moved(wire: Wire, invite: Request, contacts: str) -> Request | None:
    """The INVITE that follows a 302, if one does; the refusal is acknowledged in any case."""
    wire.answer(invite, 302, lines=f"Contact: {contacts}\r\n")
    ack, *rest = wire.sent()
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri) == ("ACK", invite.uri)
    if not rest:
        return None
    (again,) = rest
    assert isinstance(again, Request)
    return again


def test_the_best_contact_is_called_and_answers() -> None:
    wire = Wire(peers=TRUNK)
    session, invite = wire.call()
    again = moved(wire, invite, "<sip:a@192.0.2.9:5070>;q=0.2, <sip:b@192.0.2.8:5080>;q=0.9")
    assert again is not None
    assert (again.uri, again.cseq.number, again.call_id) == ("sip:b@192.0.2.8:5080", 2, invite.call_id)
    assert (again.get("From"), again.get("To"), again.body) == (invite.get("From"), invite.get("To"), OFFER)
    assert (session.hop.host, session.hop.port) == ("192.0.2.8", 5080)
    wire.answer(again, 200, body=ANSWER)
    assert wire.events == [Answered(session, ANSWER)]
    assert wire.lines() == ["ACK"]


@pytest.mark.parametrize(
    "contacts",
    [
        "<sip:premium@198.51.100.1>",  # a stranger
        "<sip:premium@192.0.2.7>",  # another trunk
        "<sip:premium@192.0.2.1>",  # ourselves
        "<sip:b@carrier.example>",  # a name
        "<sip:agent@192.0.2.9>",  # where it came from
        "<tel:+900123456>",
        "<sip:b@192.0.2.9;transport=tcp>",  # not listened on
        "nonsense <",
    ],
)
def test_nobody_is_called_elsewhere(contacts: str) -> None:
    wire = Wire(peers=TRUNK)
    session, invite = wire.call()
    assert moved(wire, invite, contacts) is None
    assert wire.events == [Ended(session, "peer", "failed", 302)]


def test_a_chain_of_redirects_has_an_end() -> None:
    wire = Wire(peers=TRUNK)
    session, invite = wire.call()
    for n in range(MAX_REDIRECTS):
        again = moved(wire, invite, f"<sip:n{n}@192.0.2.9>")
        assert again is not None
        invite = again
    assert moved(wire, invite, "<sip:last@192.0.2.9>") is None
    assert wire.events == [Ended(session, "peer", "failed", 302)]
    wire.pass_time(40)
    assert wire.endpoint.stats()["transactions"] == 0


def test_a_call_that_was_cancelled_is_not_redirected() -> None:
    wire = Wire(peers=TRUNK)
    session, invite = wire.call()
    wire.answer(invite, 180)
    session.end()
    wire.sent()
    assert moved(wire, invite, "<sip:b@192.0.2.9>") is None


def test_a_cancel_goes_where_the_call_went() -> None:
    wire = Wire(peers=TRUNK)
    session, invite = wire.call()
    again = moved(wire, invite, "<sip:b@192.0.2.8>")
    assert again is not None
    wire.answer(again, 180)
    session.end()
    [(data, hop)] = wire.endpoint.outgoing
    assert data.startswith(b"CANCEL sip:b@192.0.2.8 ")
    assert hop.host == "192.0.2.8"


# ------------------------------------------------------------------------------------------------------------ names

NAMED = "<sip:b@gw.example>;q=0.5, <sip:c@192.0.2.8:5080>;q=0.1"


def looking_up(contacts: str = NAMED, **how: object) -> tuple[Wire, Session, Request]:
    """A call that was sent to a host by name; somebody is to say where that is."""
    wire = Wire(peers=TRUNK, looks_up=True)
    session, invite = wire.call(**how)
    assert moved(wire, invite, contacts) is None
    [event] = wire.events
    assert isinstance(event, Redirected)
    assert (event.session, str(event.uri)) == (session, "sip:b@gw.example")
    wire.events.clear()
    return wire, session, invite


def invited(wire: Wire) -> tuple[str, Hop]:
    [(data, hop)] = wire.endpoint.outgoing
    wire.endpoint.outgoing = []
    return data.split(b" SIP/2.0", 1)[0].decode(), hop


@pytest.mark.parametrize("place", [Hop("l", "192.0.2.9", 5070), Hop("l", "192.0.2.8", 5060)])
def test_a_host_is_called_where_it_was_found(place: Hop) -> None:
    wire, session, invite = looking_up()
    session.follow([Hop("l", "198.51.100.1", 5060), place])
    assert session.hop == place
    (again,) = wire.sent()
    assert isinstance(again, Request)
    assert (again.uri, again.cseq.number, again.call_id) == ("sip:b@gw.example", 2, invite.call_id)
    wire.answer(again, 200, body=ANSWER)
    assert wire.events == [Answered(session, ANSWER)]
    session.follow([place])
    assert wire.lines() == ["ACK"]
    wire.pass_time(40)
    assert wire.endpoint.stats()["timers"] == 0


def test_the_second_place_of_a_host_is_asked_where_the_first_is_silent() -> None:
    wire, session, _ = looking_up()
    first, second = Hop("l", "192.0.2.9", 5070), Hop("l", "192.0.2.8", 5060)
    session.follow([first, second])
    assert invited(wire) == ("INVITE sip:b@gw.example", first)
    wire.pass_time(5)
    assert FailedOver(session, first, 408) in wire.events
    assert (b"INVITE sip:b@gw.example SIP/2.0", second) in [
        (data.split(b"\r\n")[0], hop) for data, hop in wire.endpoint.outgoing
    ]


@pytest.mark.parametrize("hops", [[], [Hop("l", "198.51.100.1", 5060)], [Hop("l", "192.0.2.7", 5060)]])
def test_a_host_that_is_elsewhere_is_left_for_the_next_contact(hops: list[Hop]) -> None:
    wire, session, _ = looking_up()
    session.follow(hops)
    assert invited(wire) == ("INVITE sip:c@192.0.2.8:5080", Hop("l", "192.0.2.8", 5080))


def test_two_hosts_are_looked_up_one_by_one() -> None:
    wire, session, _ = looking_up("<sip:b@gw.example>, <sip:d@other.example>")
    session.follow([])
    [event] = wire.happened()
    assert isinstance(event, Redirected)
    assert str(event.uri) == "sip:d@other.example"
    session.follow([])
    assert wire.happened() == [Ended(session, "peer", "failed", 302)]
    wire.pass_time(40)
    assert wire.endpoint.stats()["timers"] == wire.endpoint.stats()["transactions"] == 0


def test_nobody_waits_for_a_name_for_ever() -> None:
    wire, session, _ = looking_up("<sip:b@gw.example>")
    wire.pass_time(5.9)
    assert wire.events == []
    wire.pass_time(0.2)
    assert wire.events == [Ended(session, "peer", "failed", 302)]
    session.follow([Hop("l", "192.0.2.9", 5070)])
    assert wire.sent() == []


def test_a_call_that_is_given_up_meanwhile_goes_nowhere() -> None:
    wire, session, _ = looking_up()
    session.end()
    assert wire.happened() == [Ended(session, "us", "cancelled", 0)]
    session.follow([Hop("l", "192.0.2.9", 5070)])
    assert wire.sent() == []
    wire.pass_time(40)
    assert wire.endpoint.stats()["timers"] == wire.endpoint.stats()["transactions"] == 0


def test_not_all_contacts_of_a_3xx_are_looked_at() -> None:
    many = ", ".join([f"<sip:n{n}@gw.example>" for n in range(MOST_CONTACTS)])
    wire = Wire(peers=TRUNK, looks_up=True)
    session, invite = wire.call()
    assert moved(wire, invite, f"{many}, <sip:last@192.0.2.9>") is None
    for _ in range(MOST_CONTACTS):
        session.follow([])
    assert wire.happened()[-1] == Ended(session, "peer", "failed", 302)


def test_names_count_among_the_redirects() -> None:
    wire = Wire(peers=TRUNK, looks_up=True)
    session, invite = wire.call()
    for n in range(MAX_REDIRECTS):
        assert moved(wire, invite, f"<sip:n{n}@gw.example>") is None
        session.follow([wire.peer])
        (again,) = wire.sent()
        assert isinstance(again, Request)
        invite = again
    assert moved(wire, invite, "<sip:last@gw.example>") is None
    assert wire.happened() == []
    assert wire.events[-1] == Ended(session, "peer", "failed", 302)


def test_the_owner_says_who_may_be_called() -> None:
    wire = Wire(peers=TRUNK, looks_up=True)
    session, invite = wire.call(may_redirect=lambda uri: uri.user == "c")
    again = moved(wire, invite, NAMED)
    assert again is not None
    assert again.uri == "sip:c@192.0.2.8:5080"
    assert moved(wire, again, "<sip:0900@192.0.2.9>, <sip:0900@gw.example>") is None
    assert wire.events == [Ended(session, "peer", "failed", 302)]


@pytest.mark.parametrize(("lines", "after_s", "status"), [("Expires: 20\r\n", 20, 487), ("", 300, 480),
                                                           ("Expires: 4000\r\n", 300, 480)])  # fmt: skip
def test_a_call_that_nobody_answers_ends(lines: str, after_s: float, status: int) -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", lines=lines, body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.ring()
    wire.pass_time(after_s - 1)
    assert len(wire.events) == 1
    wire.sent()
    wire.pass_time(1)
    assert wire.lines()[0] == f"{status} INVITE"
    assert wire.events[1:] == [Ended(event.session, "network", {487: "cancelled", 480: "no_answer"}[status], status)]
    wire.pass_time(40)
    assert wire.endpoint.stats()["timers"] == 0


def test_an_answered_call_does_not_expire() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", lines="Expires: 5\r\n", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    wire.give(wire.within(event.session, "ACK", 1))
    wire.pass_time(400)
    assert [type(event) for event in wire.events] == [Incoming, Confirmed]
