"""sips: every hop by TLS, and our Contact says so too (RFC 3261 §12.1.1, §26.2.2; RFC 5630)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.endpoint import Hop, Incoming, Listener, Peer, Way
from sip.message import Request, Response, SipError
from sip.parsing import parse
from sip.registrar import Bounds, Registrar
from tests.sip.world import ANSWER, OFFER, Wire

PLAIN = "Contact: <sip:192.0.2.1:5061;transport=tls>"
SECURE = "Contact: <sips:192.0.2.1:5061>"


def secure_wire() -> Wire:
    wire = Wire(listeners=(Listener("l", "192.0.2.1", 5061, "tls", algorithms=()),), looks_up=True)
    wire.peer = Hop("l", "192.0.2.9", 5061, "tls", 1)
    return wire


def invite(wire: Wire, *changes: tuple[str, str]) -> bytes:
    data = wire.request("INVITE", body=OFFER).decode()
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    return data.encode()


URI = ("INVITE sip:", "INVITE sips:")
CONTACT = ("Contact: <sip:", "Contact: <sips:")
ROUTED = ("Contact: ", "Record-Route: <sips:192.0.2.9;lr>\r\nContact: ")
PLAINLY = ("Contact: <sip:", "Record-Route: <sip:192.0.2.9;lr>\r\nContact: <sips:")


@pytest.mark.parametrize("changes", [[URI], [CONTACT], [ROUTED]])
def test_who_names_sips_without_tls_is_refused(changes: list[tuple[str, str]]) -> None:
    wire = Wire()
    wire.give(invite(wire, *changes))
    [answer] = wire.sent()
    assert isinstance(answer, Response)
    assert answer.status == 480
    assert answer.get("Warning") == '380 hotline "SIPS Not Allowed"'
    assert wire.events == []


def test_a_registration_of_a_sips_contact_without_tls_is_refused() -> None:
    wire = Wire()
    wire.give(wire.request("REGISTER").replace(b"Contact: <sip:", b"Contact: <sips:"))
    assert wire.lines() == ["480 REGISTER"]


def test_nor_is_it_taken_behind_another() -> None:
    request = Wire().request("REGISTER").replace(b"Contact: <sip:", b"Contact: <sip:1@192.0.2.9>, <sips:")
    message = parse(request)
    assert isinstance(message, Request)
    registrar = Registrar()
    with pytest.raises(SipError, match="SIPS Not Allowed"):
        registrar.register("desk", message, Hop("l", "192.0.2.9", 5060, "udp"), 0.0, Bounds(60, 3600, 3))
    assert registrar.current("desk", 0.0) == ()


@pytest.mark.parametrize(
    ("changes", "contact"),
    [
        ([], PLAIN),
        ([URI], SECURE),
        ([CONTACT], SECURE),
        ([ROUTED], SECURE),
        ([PLAINLY], PLAIN),
        ([PLAINLY, URI], SECURE),
    ],
)
def test_over_tls_our_contact_is_as_theirs(changes: list[tuple[str, str]], contact: str) -> None:
    wire = secure_wire()
    wire.give(invite(wire, *changes))
    [event] = wire.events
    assert isinstance(event, Incoming)
    event.session.ring()
    event.session.answer(ANSWER)
    ringing, answer = wire.sent()
    assert f"Contact: {ringing.get('Contact')}" == f"Contact: {answer.get('Contact')}" == contact
    wire.give(wire.within(event.session, "ACK", 1))
    event.session.reinvite(OFFER)
    [again] = wire.sent()
    assert f"Contact: {again.get('Contact')}" == contact


@pytest.mark.parametrize(("uri", "contact"), [("sip:a@192.0.2.9", PLAIN), ("sips:a@192.0.2.9", SECURE)])
def test_our_call_to_sips_has_a_sips_contact(uri: str, contact: str) -> None:
    wire = secure_wire()
    session = wire.endpoint.invite("ours", uri, wire.peer, OFFER, 0.0, from_="<sip:95588@192.0.2.1>")
    [asked] = wire.sent()
    assert isinstance(asked, Request)
    assert f"Contact: {asked.get('Contact')}" == contact
    wire.answer(asked, 200, body=ANSWER)
    wire.sent()
    session.reinvite(OFFER)
    [again] = wire.sent()
    assert f"Contact: {again.get('Contact')}" == contact


def test_sips_is_not_called_in_clear() -> None:
    wire = Wire()
    for others in ((), (Way("sips:a@192.0.2.9", wire.peer),)):
        uri = "sip:a@192.0.2.9" if others else "sips:a@192.0.2.9"
        with pytest.raises(ValueError, match="in clear"):
            wire.endpoint.invite("ours", uri, wire.peer, OFFER, 0.0, from_="<sip:u@h>", others=others)
    assert wire.endpoint.stats()["sessions"] == 0


def to_name(wire: Wire) -> Callable[[str], list[str]]:
    """Our call to sips:a at the peer, which redirects it: where it goes then."""

    def moved(contacts: str) -> list[str]:
        session = wire.endpoint.invite("ours", "sips:a@192.0.2.9", wire.peer, OFFER, 0.0, from_="<sip:u@h>")
        [asked] = wire.sent()
        assert isinstance(asked, Request)
        wire.answer(asked, 302, lines=f"Contact: {contacts}\r\n")
        session.follow([Hop("l", "192.0.2.9", 5070), Hop("l", "192.0.2.9", 5071, "tls")])
        _, *went = [(data.split(b" ", 2)[1].decode(), hop.port) for data, hop in wire.endpoint.outgoing]
        wire.endpoint.outgoing.clear()
        return [f"{uri} at {port}" for uri, port in went]

    return moved


def test_a_redirect_never_leads_from_sips_into_the_clear() -> None:
    moved = to_name(secure_wire())
    assert moved("<sips:b@192.0.2.9>") == ["sips:b@192.0.2.9 at 5061"]
    assert moved("<sips:b@192.0.2.9:5071>") == ["sips:b@192.0.2.9:5071 at 5071"]
    assert moved("<sips:b@gw.example>") == ["sips:b@gw.example at 5071"]
    assert moved("<sip:b@192.0.2.9;transport=tls>") == []


def test_a_redirect_from_sip_to_sips_is_followed_over_tls() -> None:
    wire = Wire(
        listeners=(Listener("net:0", "192.0.2.1", 5060, algorithms=()), Listener("net:1", "192.0.2.1", 5061, "tls")),
        peers=(Peer("carrier", (("192.0.2.9", 0),)),),
    )
    wire.peer = Hop("net:0", "192.0.2.9", 5060)
    _, asked = wire.call()
    wire.answer(asked, 302, lines="Contact: <sips:b@192.0.2.9>\r\n")
    _, (data, hop) = wire.endpoint.outgoing
    assert data.startswith(b"INVITE sips:b@192.0.2.9 ")
    assert SECURE.encode() in data
    assert hop == Hop("net:1", "192.0.2.9", 5061, "tls")
