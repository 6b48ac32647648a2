"""The torture messages of RFC 4475 and 5118: what the parsing layer alone says to each.

The manifest says what an endpoint may answer. Four messages are well-formed and wrong for a reason the endpoint knows
(an extension, a body type, a credential, an Accept): here they must pass, there they must not.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sip.message import Request, Response, SipError
from sip.parsing import parse

FOLDER = Path(__file__).parent.parent / "torture"
MANIFEST: list[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
FOR_THE_ENDPOINT = {"bext01": 420, "invut": 415, "regaut01": 401, "sdp01": 406}

# What this layer says where the manifest leaves a choice.
OURS = {
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "quotbal": 400, "ltgtruri": 400, "lwsruri": 400,
    "lwsstart": 400, "trws": 400, "escruri": 400, "regbadct": 400, "badaspec": 400, "baddn": 400, "badvers": 505,
    "mismatch01": 400, "mismatch02": 501, "badbranch": 400, "insuf": 400, "unkscm": 416, "novelsc": 416,
    "unksm2": 400, "multi01": 400, "mcl01": 400, "inv2543": 400, "ipv6-bad": 400,
    "scalarlg": 400, "bigcode": 400, "bcast": 400,  # responses: dropped
}  # fmt: skip


def read(case: dict[str, Any]) -> bytes:
    return (FOLDER / str(case["file"])).read_bytes()


def status_of(data: bytes) -> int | None:
    """None: well-formed."""
    try:
        parse(data).validate()
    except SipError as error:
        return error.status
    return None


def message(name: str) -> Request | Response:
    return parse(read(next(case for case in MANIFEST if case["name"] == name)))


def request(name: str) -> Request:
    read_ = message(name)
    assert isinstance(read_, Request)
    return read_


def test_the_set_is_whole_and_bit_exact() -> None:
    assert len(MANIFEST) == 61
    for case in MANIFEST:
        assert hashlib.sha256(read(case)).hexdigest() == case["sha256"], case["name"]


@pytest.mark.parametrize("case", MANIFEST, ids=lambda case: case["name"])
def test_each_gets_its_status(case: dict[str, Any]) -> None:
    status = status_of(read(case))
    assert status == OURS.get(case["name"])
    if case["cls"] == "valid":
        assert status is None
    elif case["kind"] == "request" and status is not None:
        assert str(status) in case["accept"]
    elif case["cls"] != "response" and case["name"] not in FOR_THE_ENDPOINT:
        assert "200" in case["accept"], "accepted although the manifest wants it refused"


def test_wsinv_every_form_is_read() -> None:
    invite = request("wsinv")
    assert str(invite.via) == "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw"
    assert len(invite.all("Via")) == 3
    assert invite.to.tag == "1918181833n"
    assert invite.from_.display == 'J Rosenberg \\"'
    assert invite.from_.tag == "98asjd8"
    assert str(invite.cseq) == "9 INVITE"
    assert invite.get("Max-Forwards") == "0068"
    assert invite.get("Subject") == ""
    assert invite.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert invite.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert str(invite.routes[0].uri) == "sip:services.example.com;lr;unknownwith=value;unknown-no-value"
    contact = invite.contacts[0]
    assert contact.display == 'Quoted string ""'
    assert (contact.param("newparam"), contact.param("secondparam"), contact.param("q")) == ("newvalue", "", "0.33")


def test_intmeth_keeps_every_octet() -> None:
    asked = request("intmeth")
    assert asked.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert asked.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert asked.from_.display == "token1~` token2'+_ token3*%!.-"
    assert asked.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert asked.from_.tag == "_token~1'+`*%!-."
    data = read(next(case for case in MANIFEST if case["name"] == "intmeth"))
    for name in ("To", "From", "Call-ID", "Max-Forwards"):
        assert (asked.get(name) or "absent").encode("utf-8", "surrogateescape") in data


def test_escapes_are_decoded_at_most_once_and_null_does_not_cut() -> None:
    asked = request("esc01")
    assert asked.parsed_uri.user == "sips%3Auser%40example.com"
    assert asked.parsed_uri.number == "sips:user@example.com"
    assert asked.contacts[0].uri.params == (("lr", None), ("name", "v%61lue%25%34%31"))
    null = request("escnull")
    first, second = [contact.uri for contact in null.contacts]
    assert not first.same_as(second)
    assert null.to.uri.aor == "sip:null-%00-null@example.com"


def test_a_percent_in_a_method_is_no_escape() -> None:
    assert request("esc02").method == "RE%47IST%45R"


def test_semiuri_is_a_user_part() -> None:
    uri = request("semiuri").parsed_uri
    assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", ())


def test_octets_after_content_length_are_ignored_in_a_datagram() -> None:
    assert request("dblreq").body == b""
    assert len(request("mpart01").body) == 553


def test_whose_parameter_it_is() -> None:
    assert request("cparam01").contacts[0].params == (("unknownparam", None),)
    assert request("cparam02").contacts[0].uri.params == (("unknownparam", None),)
    assert request("regescrt").contacts[0].uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_ipv6() -> None:
    assert request("port-ambiguous").parsed_uri.port is None
    assert request("port-unambiguous").parsed_uri.port == 5070
    assert request("via-received-param-with-delim").via.param("received") == "[2001:db8::9:255]"
    assert request("via-received-param-no-delim").via.param("received") == "2001:db8::9:255"
