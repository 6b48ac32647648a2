"""Header values: `parse` is strict, `str` gives back what was meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.grammar import SipError, find_param, parse_params, quote, split_list, unquote
from sip.headers import (
    CSeq,
    MediaType,
    NameAddr,
    Parameterised,
    RAck,
    Reason,
    Replaces,
    Via,
    delta_seconds,
    retry_after,
    tag_of,
)

PARSERS: dict[str, Callable[[str], Any]] = {
    "name-addr": NameAddr.parse,
    "via": Via.parse,
    "cseq": CSeq.parse,
    "media type": MediaType.parse,
    "parameterised": Parameterised.parse,
    "reason": Reason.parse,
    "replaces": Replaces.parse,
    "rack": RAck.parse,
    "tag": tag_of,
    "params": parse_params,
    "delta": delta_seconds,
    "retry-after": retry_after,
}


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", ()),
        ("sip:a@b", "", "sip:a@b", ()),
        ("sip:a@b;tag=1", "", "sip:a@b", (("tag", "1"),)),
        ("<sip:a@b;lr>;x;TAG=2", "", "sip:a@b;lr", (("x", None), ("tag", "2"))),
        ("Alice B. <sip:a@b>", "Alice B.", "sip:a@b", ()),
        ("caller<sip:a@b>", "caller", "sip:a@b", ()),
        ('"a\\"b\\\\, <c>; tag=9" <sip:a@b> ; tag = 1', 'a"b\\, <c>; tag=9', "sip:a@b", (("tag", "1"),)),
        ("张伟 <sip:a@b>", "张伟", "sip:a@b", ()),
        ('""<sip:a@b>', "", "sip:a@b", ()),
        ('<sip:a@b>;expires=3600;+sip.instance="<urn:uuid:1>"', "", "sip:a@b",
         (("expires", "3600"), ("+sip.instance", '"<urn:uuid:1>"'))),
    ],
)  # fmt: skip
def test_name_addr(text: str, display: str, uri: str, params: tuple[tuple[str, str | None], ...]) -> None:
    read = NameAddr.parse(text)
    assert (read.display, str(read.uri), read.params) == (display, uri, params)
    assert NameAddr.parse(str(read)) == read
    assert tag_of(text) == read.tag


@pytest.mark.parametrize(
    "text",
    ["", "<>", "<sip:a@b", "sip:a@b>", "< sip:a@b>", "<sip:a@b >", '"x <sip:a@b>', 'x" <sip:a@b>', "a, b <sip:a@b>",
     "<sip:a@b>;", "<sip:a@b>;;x", "<sip:a@b>;=1", "<sip:a@b> x", "<sip:a@b>,<sip:c@d>", "sip:a@b?x=y", "sip:a@b,c",
     "<sip:a@b><sip:c@d>", "a\x00 <sip:a@b>", '<sip:a@b>;x="', "<sip:a@b>;tag=a b", "*"],
)  # fmt: skip
def test_what_is_no_name_addr(text: str) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(text)


def test_with_tag() -> None:
    party = NameAddr.parse('"A" <sip:a@b>;x=1')
    assert str(party.with_tag("t")) == '"A" <sip:a@b>;x=1;tag=t'
    assert str(party.with_tag("t").with_tag("u")) == '"A" <sip:a@b>;x=1;tag=u'


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:a@b>;tag=x.y", "x.y"),
        ("<sip:a@b>;x=1;tag=abc;y", "abc"),
        ("<sip:a@b;tag=not>", None),
        ('";tag=not" <sip:a@b>', None),
        ('"> ;tag=not" <sip:a@b>;tag=yes', "yes"),
        ('<sip:a@b>;x=";tag=not";tag=yes', "yes"),
        ('<sip:a@b>;tag=yes;p=">"', "yes"),
        ("sip:a@b ; Tag = yes", "yes"),
    ],
)
def test_the_tag_without_the_rest(text: str, tag: str | None) -> None:
    assert tag_of(text) == tag == NameAddr.parse(text).tag


def test_via() -> None:
    via = Via.parse("SIP / 2.0 / udp  [2001:db8::1]:5070 ; branch = z9hG4bKx;received=[::2];ttl=1")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "[2001:db8::1]", 5070, "z9hG4bKx")
    assert via.sent_by == "[2001:db8::1]:5070"
    assert Via.parse("SIP/2.0/TLS H").sent_by == "h:5061"
    assert str(Via.parse("SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport")) == "SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport"
    assert Via.parse("SIP/2.0/UDP h").branch == ""


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/3.0/UDP h", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536", "SIP/2.0/UDP h:",
     "SIP/2.0/UDP h;rport=70000", "SIP/2.0/UDP h;rport=-1", "SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;branch",
     'SIP/2.0/UDP h;branch=""x', "SIP/2.0/UDP h;;", "SIP/2.0/UDP h i", "SIP/2.0/UDP [::1", "SIP/2.0/UDP ::1",
     "SIP/2.0/UDP " + "h" * 600, "SIP/2.0/UDP h;branch=" + "b" * 600],
)  # fmt: skip
def test_what_is_no_via(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("text", "source", "stamped", "reply"),
    [
        ("h;branch=b", ("192.0.2.1", 99), "h;branch=b;received=192.0.2.1", ("192.0.2.1", 5060)),
        ("192.0.2.1:7;branch=b", ("192.0.2.1", 99), "192.0.2.1:7;branch=b", ("192.0.2.1", 7)),
        ("h:7;rport;branch=b", ("192.0.2.1", 99), "h:7;rport=99;branch=b;received=192.0.2.1", ("192.0.2.1", 99)),
        ("h;rport=5;received=x", ("192.0.2.1", 99), "h;rport=99;received=192.0.2.1", ("192.0.2.1", 99)),
        ("[::1];branch=b", ("::1", 99), "[::1];branch=b", ("::1", 5060)),
    ],
)
def test_where_a_response_goes(text: str, source: tuple[str, int], stamped: str, reply: tuple[str, int]) -> None:
    via = Via.parse(f"SIP/2.0/UDP {text}").seen_from(*source)
    assert str(via) == f"SIP/2.0/UDP {stamped}"
    assert via.reply_to() == reply


def test_cseq() -> None:
    assert CSeq.parse("0009   INVITE") == CSeq(9, "INVITE")
    assert str(CSeq.parse("2147483647 X-y")) == "2147483647 X-y"
    for text in ("", "1", "INVITE", "1INVITE", "2147483648 A", "-1 A", "1_0 A", "٣ A", "1 A B", "9" * 5000 + " A"):
        with pytest.raises(SipError):
            CSeq.parse(text)


def test_media_type() -> None:
    assert MediaType.parse("Application/SDP ; charset=utf-8") == MediaType(
        "application", "sdp", (("charset", "utf-8"),)
    )
    assert str(MediaType.parse('multipart/mixed;boundary="a b"')) == 'multipart/mixed;boundary="a b"'
    for text in ("", "sdp", "/sdp", "a/", "a/b/c", "a b/c"):
        with pytest.raises(SipError):
            MediaType.parse(text)


def test_reason() -> None:
    elsewhere = Reason.parse('SIP ;cause=200 ;text="Call completed elsewhere"')
    assert elsewhere == Reason("SIP", 200, "Call completed elsewhere")
    assert str(elsewhere) == 'SIP;cause=200;text="Call completed elsewhere"'
    assert str(Reason.parse("Q.850;cause=16")) == "Q.850;cause=16"
    with pytest.raises(SipError):
        Reason.parse("SIP;cause=x")


def test_replaces() -> None:
    replaces = Replaces.parse("a@b;from-tag=f;to-tag=t;early-only")
    assert replaces == Replaces("a@b", "t", "f", early_only=True)
    assert Replaces.parse(str(replaces)) == replaces
    for text in ("", "a", "a;to-tag=1", "a;to-tag=1;from-tag=2;to-tag=3", ";to-tag=1;from-tag=2"):
        with pytest.raises(SipError):
            Replaces.parse(text)


def test_the_rest() -> None:
    assert RAck.parse("776656 1 INVITE") == RAck(776656, 1, "INVITE")
    assert str(RAck(1, 2, "INVITE")) == "1 2 INVITE"
    expires = Parameterised.parse("1800;refresher=uac")
    assert (expires.value, expires.param("refresher"), str(expires)) == ("1800", "uac", "1800;refresher=uac")
    assert retry_after("18 (in a meeting);duration=3600") == 18
    assert delta_seconds("0") == 0
    for bad in ("", "x", "-1", "1.5", "4294967296", "949302838503028349304023988"):
        with pytest.raises(SipError):
            delta_seconds(bad)


def test_quoting() -> None:
    assert quote('a"b\\c\r\nd\0') == '"a\\"b\\\\c  d "'
    assert unquote('"a\\"b"') == 'a"b'
    assert unquote("plain") == "plain"
    assert find_param((("a", '"x y"'),), "a") == "x y"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a , b,,c", ["a", "b", "", "c"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("<a,b>,c", ["<a,b>", "c"]),
        ('"<",b,">"', ['"<"', "b", '">"']),
        ('a,"b,c', ["a", '"b,c']),
        ("a,<b,c", ["a", "<b,c"]),
    ],
)
def test_lists(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


TEXT = st.text(alphabet='aZ09 \t,;=:<>"\\@./%[]*()+_-\x00ä\udc80', max_size=60)
STARTS = st.sampled_from(["", "<sip:a@b>", "SIP/2.0/UDP h", '"', "SIP;cause=", "1 INVITE", "sip:", "a/b"])


def outcome(parse: Callable[[str], Any], text: str) -> Any:
    """The value, or the SipError; any other exception fails the test."""
    try:
        return parse(text)
    except SipError as error:
        return error


@settings(max_examples=500, deadline=None)
@given(STARTS, TEXT)
def test_a_value_or_a_sip_error(start: str, rest: str) -> None:
    for parse in PARSERS.values():
        value = outcome(parse, start + rest)
        if isinstance(value, SipError):
            assert value.status == 400
        elif parse not in (parse_params, tag_of, delta_seconds, retry_after):
            assert parse(str(value)) == value
    assert isinstance(split_list(start + rest), list)


HOSTILE = ['"', ",", " ", "<", ">", "\\", ";", "=", ":", "%", "[", "\t", "(", "a", '\\"', '","', "< ", "; ", ' "', ",<"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear(piece: str) -> None:
    """Without a clock: 300 kB of one piece, which a quadratic parser would not finish within the run's own limit. The
    milliseconds are in benchmarks/sip."""
    text = piece * (300_000 // len(piece))
    for start in ("", "<sip:a@b>", "SIP/2.0/UDP h;", '"x" <sip:a@b>;x=', "sip:"):
        assert len(split_list(start + text)) <= len(text) + 1
        for parse in PARSERS.values():
            value = outcome(parse, start + text)
            assert getattr(value, "status", 400) == 400
