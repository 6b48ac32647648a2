"""Bindings: RFC 3261 §10.3, one REGISTER after another."""

from __future__ import annotations

import pytest

from sip.message import Request, SipError
from sip.parsing import parse
from sip.registrar import Bounds, Registrar, TooBrief, reach
from sip.settings import Hop
from sip.uri import Uri

PHONE = Hop("l", "192.0.2.7", 5066)
BOUNDS = Bounds(60, 3600, 3)


def register(*contacts: str, expires: str | None = None, cseq: int = 1, call_id: str = "boot-1") -> Request:
    lines = "".join([f"Contact: {contact}\r\n" for contact in contacts])
    lines += f"Expires: {expires}\r\n" if expires is not None else ""
    message = parse(
        f"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:1001@x>;tag=1\r\n"
        f"To: <sip:1001@x>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


class Desk:
    """A registrar with one account, asked at a given second."""

    def __init__(self) -> None:
        self.registrar = Registrar()

    def ask(self, request: Request, now: float = 0.0) -> bool:
        return self.registrar.register("1001", request, PHONE, now, BOUNDS)

    def bound(self, now: float = 0.0) -> list[tuple[str, float]]:
        return [(binding.contact, binding.expires_at) for binding in self.registrar.current("1001", now)]


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("<sip:a@192.0.2.7>", None, 3600),
        ("<sip:a@192.0.2.7>", "120", 120),
        ("<sip:a@192.0.2.7>;expires=300", "120", 300),
        ("<sip:a@192.0.2.7>", "4294967295", 3600),
        ("sip:a@192.0.2.7;expires=90", None, 90),
    ],
)
def test_how_long(contact: str, expires: str | None, granted: float) -> None:
    desk = Desk()
    assert desk.ask(register(contact, expires=expires))
    assert desk.bound() == [("sip:a@192.0.2.7", granted)]
    assert desk.bound(granted - 0.1)
    assert not desk.bound(granted)
    assert desk.registrar.next_expiry("1001") == granted


@pytest.mark.parametrize(
    ("contacts", "expires"),
    [
        (["<sip:a@192.0.2.7>"], "-1"),
        (["<sip:a@192.0.2.7>;expires=x"], None),
        (["<sip:a@192.0.2.7>"], "99999999999999"),
        (["<tel:+8613800000000>"], None),
        (["*"], None),
        (["*"], "60"),
        (["*", "<sip:a@192.0.2.7>"], "0"),
        (["<sip:a@192.0.2.7>", "<mailto:a@b>"], None),
    ],
)
def test_what_is_wrong_changes_nothing(contacts: list[str], expires: str | None) -> None:
    desk = Desk()
    desk.ask(register("<sip:old@192.0.2.7>"))
    with pytest.raises(SipError) as caught:
        desk.ask(register(*contacts, expires=expires, cseq=2))
    assert caught.value.status == 400
    assert [contact for contact, _ in desk.bound()] == ["sip:old@192.0.2.7"]


def test_too_brief_and_zero_are_different() -> None:
    desk = Desk()
    with pytest.raises(TooBrief):
        desk.ask(register("<sip:a@192.0.2.7>", expires="59"))
    desk.ask(register("<sip:a@192.0.2.7>", "<sip:b@192.0.2.7>"))
    assert desk.ask(register("<sip:a@192.0.2.7>;expires=0", cseq=2))
    assert [contact for contact, _ in desk.bound()] == ["sip:b@192.0.2.7"]


def test_a_refresh_keeps_one_binding_and_makes_it_the_newest() -> None:
    desk = Desk()
    desk.ask(register("<sip:a@192.0.2.7:5060>"))
    desk.ask(register("<sip:b@192.0.2.7>", call_id="other"))
    desk.ask(register("<sip:a@192.0.2.7:5060>", cseq=2), now=10)
    assert desk.bound(10) == [("sip:b@192.0.2.7", 3600), ("sip:a@192.0.2.7:5060", 3610)]


def test_asking_changes_nothing() -> None:
    desk = Desk()
    desk.ask(register("<sip:a@192.0.2.7>"))
    assert not desk.ask(register(cseq=2))
    assert len(desk.bound()) == 1


def test_an_old_register_cannot_undo_a_newer_one() -> None:
    desk = Desk()
    desk.ask(register("<sip:a@192.0.2.7>", cseq=5))
    for late in (register("<sip:a@192.0.2.7>", expires="0", cseq=4), register("*", expires="0", cseq=5)):
        with pytest.raises(SipError) as caught:
            desk.ask(late)
        assert caught.value.status == 400
    assert len(desk.bound()) == 1
    assert desk.ask(register("<sip:a@192.0.2.7>", expires="0", cseq=1, call_id="boot-2"))
    assert desk.bound() == []


def test_star_removes_all() -> None:
    desk = Desk()
    desk.ask(register("<sip:a@192.0.2.7>", "<sip:b@192.0.2.7>"))
    assert desk.ask(register("*", expires="0", cseq=2))
    assert (desk.bound(), len(desk.registrar)) == ([], 0)


def test_too_many_contacts_push_out_the_oldest() -> None:
    desk = Desk()
    for number in range(5):
        desk.ask(register(f"<sip:a@192.0.2.{number + 1}>", cseq=number + 1))
    assert [contact for contact, _ in desk.bound()] == [f"sip:a@192.0.2.{number}" for number in (3, 4, 5)]


def test_expired_ones_are_dropped_when_asked() -> None:
    desk = Desk()
    desk.ask(register("<sip:a@192.0.2.7>", expires="60"))
    desk.ask(register("<sip:b@192.0.2.7>", expires="90", cseq=2))
    assert not desk.registrar.expire("1001", 59)
    assert desk.registrar.expire("1001", 60)
    assert [contact for contact, _ in desk.bound()] == ["sip:b@192.0.2.7"]
    assert desk.registrar.expire("1001", 90)
    assert desk.registrar.users() == ()


@pytest.mark.parametrize(
    ("contact", "hop", "expected"),
    [
        ("sip:a@192.0.2.7", PHONE, ("192.0.2.7", 5060)),  # a phone that listens where it says
        ("sip:a@192.0.2.7:5080", PHONE, ("192.0.2.7", 5080)),
        ("sip:a@192.168.1.5:5060", PHONE, ("192.0.2.7", 5066)),  # behind a NAT
        ("sip:a@desk-17.bank.example", PHONE, ("192.0.2.7", 5066)),
        ("sip:a@192.0.2.7:5080", Hop("l", "192.0.2.7", 40000, "tcp", 3), ("192.0.2.7", 40000)),
    ],
)
def test_where_a_contact_is_reached(contact: str, hop: Hop, expected: tuple[str, int]) -> None:
    found = reach(Uri.parse(contact), hop)
    assert (found.host, found.port, found.connection) == (*expected, hop.connection)


def test_a_connection_that_is_gone_takes_its_bindings_and_names_who_had_registered_there() -> None:
    desk, bounds = Registrar(), Bounds(60, 3600, 3)
    one, two = Hop("l", "192.0.2.7", 40_001, "tcp", 1), Hop("l", "192.0.2.7", 40_002, "tcp", 2)
    assert desk.register("1001", register("<sip:a@192.0.2.7>"), one, 0.0, bounds)
    assert desk.register("1001", register("<sip:a@192.0.2.7>", cseq=2), two, 1.0, bounds)
    assert desk.unbind({one}) == {"1001": {one}}, "it had moved on before we knew"
    assert [binding.hop for binding in desk.current("1001", 2.0)] == [two]
    assert desk.register("1002", register("<sip:b@192.0.2.7>"), two, 1.0, bounds)
    assert desk.unbind({one, two}) == {"1001": {two}, "1002": {two}}
    assert desk.current("1001", 2.0) == ()
    assert desk.unbind({two}) == {}
