"""URIs: read strictly, compared by RFC 3261 §19.1.4, escapes decoded once at most."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.grammar import SipError
from sip.uri import Uri, normal_escapes


def test_every_part() -> None:
    uri = Uri.parse("SIPS:alice:secret@Example.COM:5061;transport=TCP;lr;x=?subject=a&to=b")
    assert uri == Uri(
        "sips",
        "alice",
        "Example.COM",
        5061,
        (("transport", "TCP"), ("lr", None), ("x", "")),
        "subject=a&to=b",
        "secret",
    )
    assert str(uri) == "sips:alice:secret@Example.COM:5061;transport=TCP;lr;x=?subject=a&to=b"
    assert (uri.param("transport"), uri.param("lr"), uri.param("nothing")) == ("TCP", "", None)


def test_telephone_numbers_and_other_schemes() -> None:
    assert Uri.parse("tel:+86-10-95588;phone-context=x") == Uri(
        "tel", "+86-10-95588", "", None, (("phone-context", "x"),)
    )
    assert str(Uri.parse("tel:95588;ext=1")) == "tel:95588;ext=1"
    assert Uri.parse("isbn:2983792873") == Uri("isbn", "2983792873", "")
    assert str(Uri.parse("http://www.example.com")) == "http://www.example.com"


def test_what_was_dialled() -> None:
    assert Uri.parse("sip:%2a72%23@h").number == "*72#"
    assert Uri.parse("sip:#31#123;cpc=x@h").number == "#31#123"
    assert Uri.parse("sip:100%2525@h").number == "100%25"
    assert Uri.parse("sip:h").number == ""
    assert Uri.parse("sip:%ff@h").number == "\ufffd"


def test_ipv6() -> None:
    uri = Uri.parse("sip:a@[2001:db8::10]:5070")
    assert (uri.host, uri.address, uri.port) == ("[2001:db8::10]", "2001:db8::10", 5070)


@pytest.mark.parametrize(
    "text",
    ["", "sip", "sip:", "sip:@h", "sip:a@", "sip:a@b@c", "sip:a b@h", "sip:h:0", "sip:h:65536", "sip:h:+5", "sip:h:٣",
     "sip:h:", "sip:h:99999999999999999999", "sip:2001:db8::10", "sip:[::1", "sip:[g]", "sip:a@h;", "sip:a@h;;lr",
     "sip:a@h;=x", "sip:a%4@h", "sip:a%zz@h", "sip:a@h?", "<sip:a@h>", "sip:a@h\r\nX: y", "sip:a@h\0", 'sip:"a"@h',
     "tel:", "tel:95588@h", ":x", "1x:y", "sip:ä@h", "sip:a@-h"],
)  # fmt: skip
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(SipError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
        ("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
    ],
)  # fmt: skip
def test_the_rfcs_equal_uris(one: str, other: str) -> None:
    assert Uri.parse(one).same_as(Uri.parse(other))
    assert Uri.parse(other).same_as(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:h", "sip:a@h"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a:x@h", "sip:a@h"),
        ("sip:%00@h", "sip:%00%00@h"),
        ("sip:a%40b@h", "sip:a%2540b@h"),
    ],
)
def test_the_rfcs_unequal_uris(one: str, other: str) -> None:
    assert not Uri.parse(one).same_as(Uri.parse(other))


def test_the_address_of_record() -> None:
    assert Uri.parse("sip:%61l%3bce@Example.COM:5070;transport=tcp").aor == "sip:al%3Bce@example.com"


TEXT = st.text(alphabet='sip:tel@;=?%&<>"\\[]., aB09+\x00ä\udc80', max_size=60)


@settings(max_examples=400, deadline=None)
@given(TEXT | TEXT.map(lambda rest: f"sip:{rest}"))
def test_a_uri_or_a_sip_error(text: str) -> None:
    try:
        uri = Uri.parse(text)
    except SipError:
        return
    assert Uri.parse(str(uri)) == uri
    assert uri.same_as(uri)
    assert normal_escapes(normal_escapes(uri.aor)) == normal_escapes(uri.aor)
    assert isinstance(uri.number, str)
