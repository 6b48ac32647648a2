"""Path (RFC 3327): a telephone behind a proxy is called through it, if its account says that this is believed."""

from __future__ import annotations

import pytest

from sip.endpoint import Account, Ended, Listener
from sip.message import Request, Response
from tests.sip.world import OFFER, Wire

EDGE = "<sip:edge@192.0.2.9:5070;lr>"
INNER = "<sip:10.0.0.1;lr>"
CONTACT = "sip:c@10.0.0.7:5060"


def registrar(*, path: bool = True) -> Wire:
    return Wire(accounts={"1001": Account("1001", "word", path=path)})


def register(wire: Wire, *paths: str, lines: str = "Supported: path\r\n", cseq: int = 1) -> Response:
    """The answer to a REGISTER that came through these proxies."""
    lines += "".join(f"Path: {path}\r\n" for path in paths)
    text = wire.request("REGISTER", to="<sip:1001@192.0.2.1>", cseq=cseq, uri="sip:192.0.2.1", lines=lines)
    wire.give(text.replace(b"Contact: <sip:c@192.0.2.9:5060>", f"Contact: <{CONTACT}>".encode()))
    (answer,) = wire.sent()
    assert isinstance(answer, Response)
    return answer


def called(wire: Wire) -> tuple[Request, str]:
    """The INVITE to the telephone, and where it went."""
    [(contact, hop, routes)] = wire.endpoint.contacts("1001", wire.now)
    wire.endpoint.invite("x", contact, hop, OFFER, wire.now, from_="<sip:9@192.0.2.1>", routes=routes)
    [(_, sent_to)] = wire.endpoint.outgoing
    (invite,) = wire.sent()
    assert isinstance(invite, Request)
    return invite, f"{sent_to.host}:{sent_to.port}"


def test_it_is_kept_repeated_and_called_through() -> None:
    wire = registrar()
    answer = register(wire, EDGE, INNER)
    assert answer.status == 200
    assert (answer.all("Path"), answer.get("Supported")) == ([EDGE, INNER], "path")
    invite, where = called(wire)
    assert (invite.uri, invite.all("Route"), where) == (CONTACT, [EDGE, INNER], "192.0.2.9:5070")


def test_its_ack_of_a_refusal_and_its_cancel_go_the_same_way() -> None:
    wire = registrar()
    register(wire, EDGE)
    invite, _ = called(wire)
    wire.answer(invite, 180)
    [session] = wire.endpoint.sessions.values()
    session.end()
    (cancel,) = wire.sent()
    assert (cancel.all("Route"), isinstance(cancel, Request) and cancel.uri) == ([EDGE], CONTACT)
    wire.answer(invite, 487)
    (ack,) = wire.sent()
    assert ack.all("Route") == [EDGE]
    assert [type(event) for event in wire.events][-1] is Ended


def test_options_go_that_way_too() -> None:
    wire = registrar()
    register(wire, EDGE)
    [(contact, hop, routes)] = wire.endpoint.contacts("1001", wire.now)
    wire.endpoint.probe("1001", contact, hop, wire.now, routes=routes)
    wire.pass_time(0)
    (options,) = wire.sent()
    assert options.all("Route") == [EDGE]


def test_a_path_that_names_another_address_is_reached_where_it_was_seen() -> None:
    wire = registrar()
    register(wire, INNER)
    assert called(wire)[1] == "192.0.2.9:5060"


def test_a_new_registration_brings_a_new_path() -> None:
    wire = registrar()
    register(wire, EDGE)
    register(wire, INNER, cseq=2)
    assert wire.endpoint.contacts("1001", wire.now)[0].routes == (INNER,)
    register(wire, cseq=3)
    assert wire.endpoint.contacts("1001", wire.now)[0].routes == ()


@pytest.mark.parametrize("paths", [["nonsense <"], ["<sip:192.0.2.9>"], [EDGE] * 9])
def test_a_path_that_cannot_be_used_is_refused(paths: list[str]) -> None:
    wire = registrar()
    assert register(wire, *paths).status == 400
    assert wire.endpoint.contacts("1001", wire.now) == ()


def test_of_others_it_is_not_looked_at() -> None:
    wire = registrar(path=False)
    answer = register(wire, EDGE, "nonsense <")
    assert (answer.status, answer.get("Path")) == (200, None)
    invite, where = called(wire)
    assert (invite.get("Route"), where) == (None, "192.0.2.9:5060")


@pytest.mark.parametrize(("path", "status"), [(True, 200), (False, 420)])
def test_to_require_it_takes_an_account_that_has_it(path: bool, status: int) -> None:
    answer = register(registrar(path=path), EDGE, lines="Require: path\r\n")
    assert (answer.status, answer.get("Unsupported")) == (status, None if path else "path")


def test_of_a_call_it_is_never_understood() -> None:
    wire = registrar()
    wire.give(wire.request("INVITE", lines="Require: path\r\n", body=OFFER))
    assert wire.lines() == ["420 INVITE"]


def test_it_outlives_a_restart() -> None:
    wire, other = registrar(), registrar()
    register(wire, EDGE, INNER)
    saved = wire.endpoint.save_bindings(wire.now)
    other.endpoint.restore_bindings(saved, 7.0)
    assert other.endpoint.contacts("1001", 7.0)[0].routes == (EDGE, INNER)
    rows = [row[:-1] for row in saved["1001"]]
    other.endpoint.restore_bindings({"1001": rows}, 7.0)
    assert other.endpoint.contacts("1001", 7.0)[0].routes == (), "of an engine that did not know of it"


def test_who_must_prove_who_he_is_is_asked_first() -> None:
    wire = Wire(accounts={"1001": Account("1001", "word", path=True)}, listeners=(Listener("l", "192.0.2.1", 5060),))
    assert register(wire, EDGE).status == 401
