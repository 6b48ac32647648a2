"""Messages: split lazily, read strictly, written back as they came."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.building import Reply, one_line
from sip.message import Message, Request, Response, SipError
from sip.parsing import MAX_LINE, MAX_LINES, MAX_MESSAGE, MalformedRequest, parse
from sip.settings import Hop
from sip.vias import top_via

REPEATED = ("From", "To", "Call-ID", "CSeq")

INVITE = (
    "INVITE sip:95588@203.0.113.10 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776;rport\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Zhang; Wei" <sip:13800000000@192.0.2.7>;tag=1928\r\n'
    "To: <sip:95588@203.0.113.10>\r\n"
    "Call-ID: a84b4c76@192.0.2.7\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:13800000000@192.0.2.7:5060>\r\n"
    "Supported: timer, 100rel\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 4\r\n"
    "\r\n"
    "v=0\n"
)


def invite(*changes: tuple[str, str]) -> bytes:
    text = INVITE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode("utf-8", "surrogateescape")


def request(*changes: tuple[str, str]) -> Request:
    message = parse(invite(*changes))
    assert isinstance(message, Request)
    return message


def refusal(*changes: tuple[str, str]) -> int:
    with pytest.raises(SipError) as caught:
        parse(invite(*changes)).validate()
    return caught.value.status


def test_a_request_is_read() -> None:
    message = request()
    message.validate()
    assert (message.method, message.uri, message.body) == ("INVITE", "sip:95588@203.0.113.10", b"v=0\n")
    assert message.get("call-id") == message.get("i") == message.call_id == "a84b4c76@192.0.2.7"
    assert (message.cseq.number, message.cseq.method) == (314159, "INVITE")
    assert message.from_.display == "Zhang; Wei"
    assert message.from_.tag == "1928"
    assert message.to.tag is None
    assert message.via.branch == "z9hG4bK776"
    assert message.all("Supported") == ["timer", "100rel"]
    assert message.tokens("k") == ("timer", "100rel")
    assert message.get("Route") is None
    assert message.routes == []
    assert message.get("MAX-FORWARDS") == message.first["max-forwards"] == "70"
    assert str(message.content_type) == "application/sdp"


def test_no_octet_of_a_value_is_lost() -> None:
    odd = request(("Supported: timer, 100rel", "sUPPORTED  :timer,  100rel \udcff\udc80"))
    assert odd.get("Supported") == "timer,  100rel \udcff\udc80"


def test_a_response_is_read_and_its_reason_may_be_missing() -> None:
    for line, reason in (("SIP/2.0 180 Ringing", "Ringing"), ("SIP/2.0 180 ", ""), ("SIP/2.0 180", "")):
        message = parse(invite(("INVITE sip:95588@203.0.113.10 SIP/2.0", line)))
        assert isinstance(message, Response)
        assert (message.status, message.reason) == (180, reason)


@pytest.mark.parametrize(
    "line",
    ["SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 1000 x", "SIP/2.0 +20 x", "SIP/2.0 ２００ x", "SIP/2.0", "",
     "GET / HTTP/1.1", "INVITE", "INVITE sip:a@b",
     "INV\u0130TE sip:a@b SIP/2.0", "I\0 sip:a@b SIP/2.0", "INVITE  sip:a@b SIP/2.0"],
)  # fmt: skip
def test_a_bad_first_line_is_refused(line: str) -> None:
    assert refusal(("INVITE sip:95588@203.0.113.10 SIP/2.0", line)) == 400


@pytest.mark.parametrize(("version", "status"), [("SIP/7.0", 505), ("sip/3.0", 505), ("SIP/x", 400), ("HTTP/1.1", 400)])
def test_versions(version: str, status: int) -> None:
    assert refusal(("@203.0.113.10 SIP/2.0\r\nVia", f"@203.0.113.10 {version}\r\nVia")) == status


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("Call-ID: a84b4c76@192.0.2.7\r\n", "", 400),
        ("CSeq: 314159 INVITE\r\n", "", 400),
        ("From:", "X-From:", 400),
        ("To:", "X-To:", 400),
        ("Via:", "X-Via:", 400),
        ("To:", "To: <sip:x@y>\r\nt:", 400),  # twins by their compact form
        ("CSeq: 314159", "CSeq: 2147483648", 400),
        ("CSeq: 314159", "CSeq: " + "9" * 5000, 400),
        ("CSeq: 314159", "CSeq: 1_0", 400),
        ("CSeq: 314159", "CSeq: +5", 400),
        ("CSeq: 314159", "CSeq: ٣", 400),
        ("CSeq: 314159 INVITE", "CSeq: 314159", 400),
        ("CSeq: 314159 INVITE", "CSeq: 314159 BYE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400),
        ("Max-Forwards: 70", "Max-Forwards: -1", 400),
        (";rport", ";rport=70000", 400),
        (";rport", ";rport=0", 400),
        ("192.0.2.7:5060;branch", "192.0.2.7:65536;branch", 400),
        ("branch=z9hG4bK776", "branch=" + "b" * 600, 400),
        ("tag=1928", "tag=" + "t" * 600, 400),
        ("tag=1928", "tag", 400),
        ("a84b4c76@192.0.2.7", "c" * 600, 400),
        ("a84b4c76@192.0.2.7", "a b", 400),
        ("Contact: <sip:13800000000@192.0.2.7:5060>\r\n", "", 400),
        ("Contact: ", "Contact: <sip:a@b>, ", 400),
        ("Content-Type: application/sdp\r\n", "", 400),
        ("Content-Type: application/sdp", "Content-Type: sdp", 400),
        ("INVITE sip:95588", "INVITE isbn:95588", 416),
        ("sip:95588@203.0.113.10 SIP", "sip:95588@203.0.113.10?Route=x SIP", 400),
        ("Content-Length: 4", "Content-Length: 5", 400),
        ("Content-Length: 4", "Content-Length: -4", 400),
        ("Content-Length: 4", "Content-Length: 4\r\nl: 4", 400),
        ("Max-Forwards: 70", "Max\x01-Forwards: 70", 400),
        ("Max-Forwards: 70", ": 70", 400),
        ("Max-Forwards: 70", "70", 400),
        ("Max-Forwards: 70", "Max-Forwards", 400),
        ("Max-Forwards: 70", "Max-Forwards\r\n : 70", 400),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nSupported: a\r\nSupported: b\r\nSubject", 400),
        ("Max-Forwards: 70", "Max-Forwards: 70\nRoute: <sip:evil>", 400),
        ("Max-Forwards: 70", "Max-Forwards: 70\rRoute: <sip:evil>", 400),
        ("SIP/2.0\r\nVia", "SIP/2.0\r\n folded: x\r\nVia", 400),
        ("Max-Forwards: 70", "X: " + "x" * MAX_LINE, 400),
        ("Max-Forwards: 70", "\r\n".join(["X: x"] * MAX_LINES), 400),
        ("\r\n\r\nv=0\n", "\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_refused_at_the_edge(old: str, new: str, status: int) -> None:
    assert refusal((old, new)) == status


def test_a_message_may_not_be_larger_than_a_datagram() -> None:
    with pytest.raises(SipError) as caught:
        parse(invite() + b"x" * MAX_MESSAGE)
    assert caught.value.status == 513


def test_a_malformed_request_brings_what_its_answer_needs() -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(invite(("Content-Length: 4", "Content-Length: 400")))
    assert (caught.value.status, caught.value.reason) == (400, "Content-Length is more than came")
    asked = caught.value.request
    assert [bool(asked.get(name)) for name in ("Via", "From", "To", "Call-ID", "CSeq")] == [True] * 5


def test_octets_beyond_content_length_and_leading_line_ends_are_dropped() -> None:
    assert parse(b"\r\n\r\n" + invite() + b"INVITE sip:x SIP/2.0\r\n").body == b"v=0\n"
    assert parse(invite(("Content-Length: 4\r\n", ""))).body == b"v=0\n"


def test_folded_lines_are_one() -> None:
    message = request(("Supported: timer, 100rel", "Supported: timer,\r\n\t 100rel\r\n ,replaces"))
    assert message.all("Supported") == ["timer", "100rel", "replaces"]
    assert message.get("Supported") == "timer, 100rel ,replaces"


def test_lists_are_split_outside_quotes_and_brackets_only() -> None:
    message = request(("Supported: timer, 100rel", 'Route: "a, \\"b" <sip:a,b@c>,<sip:d>\r\nRoute: <sip:e>, ,'))
    assert message.all("Route") == ['"a, \\"b" <sip:a,b@c>', "<sip:d>", "<sip:e>"]
    assert request(("Supported:", "Date:")).all("Date") == ["timer, 100rel"]


def test_a_response_through_somebody_else_is_not_ours() -> None:
    ours = invite(("INVITE sip:95588@203.0.113.10 SIP/2.0", "SIP/2.0 200 OK"))
    parse(ours).validate()
    with pytest.raises(SipError):
        parse(ours.replace(b"Max-Forwards: 70", b"Via: SIP/2.0/UDP far;branch=z9hG4bK1")).validate()


@pytest.mark.parametrize("text", ["a\r\nRoute: <sip:evil>", "a\nb", "a\rb", "\r\n\r\n", "a\r\n", "a\0"])
def test_nothing_of_ours_breaks_out_of_its_line(text: str) -> None:
    written = one_line(text)
    assert len(written) == len(text)
    assert not {"\r", "\n", "\0"}.intersection(written)


# ------------------------------------------------------------------------------------------------------- fuzzing

PIECES = st.sampled_from(
    [b"INVITE ", b"sip:a@b", b" SIP/2.0", b"SIP/2.0 ", b"200", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"Via: ", b"v:",
     b"SIP/2.0/UDP h;branch=z9hG4bK1", b"From: <sip:a@b>;tag=1", b"To: <sip:b@c>", b"CSeq: 1 INVITE", b"Call-ID: x",
     b"Contact: <sip:a@b>", b"Content-Length: ", b"0", b"5", b"99999999999", b" ", b"\t", b",", b";", b'"', b"<", b">",
     b"\\", b"%", b"%00", b":", b"=", b"[::1]", b"\x00", b"\xff", b"\xc3\xa4", b"rport=70000", b"m: *", b"Expires: "]
)  # fmt: skip
SOUP = st.lists(PIECES | st.binary(max_size=6), max_size=60).map(b"".join)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """The good INVITE with a few places overwritten."""
    data = bytearray(invite())
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data) - 1))
        data[start : start + draw(st.integers(0, 20))] = draw(PIECES | st.binary(max_size=8))
    return bytes(data)


def is_valid(message: Message) -> bool:
    try:
        message.validate()
    except SipError as error:
        return error.status < 400  # every error has a status that refuses
    return True


@settings(max_examples=400, deadline=None)
@given(SOUP | mutilated() | st.binary(max_size=300))
def test_a_message_or_a_sip_error_and_never_another(data: bytes) -> None:
    try:
        message = parse(data)
    except MalformedRequest as error:
        message = error.request
    except SipError:
        return
    if is_valid(message) and isinstance(message, Request):
        stamped = top_via(message, Hop("l", "192.0.2.1", 5060)).stamped
        answer = parse(Reply(message, stamped, message.get("To") or "").to_bytes(400))
        assert isinstance(answer, Response)
        assert [answer.get(name) for name in REPEATED] == [message.get(name) for name in REPEATED]
