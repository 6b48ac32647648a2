"""Session descriptions, and what an exchange of them means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.negotiation import agreed, answer, offer
from sip.sdp import (
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Direction,
    SdpError,
    parse,
)

PHONE = (
    "v=0\r\n"
    "o=- 20518 7 IN IP4 198.51.100.9\r\n"
    "s=-\r\n"
    "c=IN IP4 198.51.100.9\r\n"
    "t=0 0\r\n"
    "m=audio 30000 RTP/AVP 9 8 0 101\r\n"
    "a=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\n"
    "a=ptime:30\r\n"
)
G722 = Codec("G722", 8000, 9)
DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")


def phone(*changes: tuple[str, str]) -> bytes:
    text = PHONE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode("utf-8", "surrogateescape")


def refusal(*changes: tuple[str, str]) -> int:
    with pytest.raises(SdpError) as caught:
        parse(phone(*changes))
    return caught.value.status


def test_a_description_is_read() -> None:
    theirs = parse(phone())
    assert (theirs.address, theirs.port, theirs.direction, theirs.ptime_ms) == ("198.51.100.9", 30000, "sendrecv", 30)
    assert theirs.codecs == (G722, PCMA, PCMU, Codec("telephone-event", 8000, 101, "0-15"))
    assert theirs.streams == ["audio 30000 RTP/AVP 9 8 0 101"]
    assert parse(phone(("\r\n", "\n"))) == theirs


def test_the_stream_overrides_the_session() -> None:
    theirs = parse(phone(("t=0 0", "t=0 0\r\na=recvonly"), ("a=ptime:30", "c=IN IP4 198.51.100.10\r\na=sendonly")))
    assert (theirs.address, theirs.direction, theirs.ptime_ms) == ("198.51.100.10", "sendonly", 20)
    assert parse(phone(("t=0 0", "t=0 0\r\na=recvonly"))).direction == "recvonly"


def test_the_old_way_to_hold() -> None:
    assert parse(phone(("c=IN IP4 198.51.100.9", "c=IN IP4 0.0.0.0"))).direction == "sendonly"
    held = parse(phone(("c=IN IP4 198.51.100.9", "c=IN IP4 0.0.0.0"), ("a=ptime:30", "a=recvonly")))
    assert held.direction == "inactive"


def test_dynamic_numbers_and_odd_spellings() -> None:
    theirs = parse(phone(("RTP/AVP 9 8 0", "RTP/AVP 96 97 98 8 8"), ("a=rtpmap:9 G722", "a=rtpmap:96 pcma"),
                         ("a=ptime:30", "a=rtpmap:97 L16/8000/2\r\na=rtpmap:98 opus/48000/2 ")))  # fmt: skip
    assert theirs.codecs[:-1] == (Codec("PCMA", 8000, 96), Codec("opus", 48000, 98), PCMA)


@pytest.mark.parametrize("ptime", ["0", "-1", "x", "", "9999", "２０"])
def test_a_senseless_packet_time_is_none(ptime: str) -> None:
    assert parse(phone(("ptime:30", f"ptime:{ptime}"))).ptime_ms == 20


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("v=0\r\n", "", 400),
        ("v=0", "v=1", 400),
        ("o=- 20518 7 IN IP4 198.51.100.9\r\n", "", 400),
        ("20518", "x", 400),
        ("20518", "9" * 5000, 400),
        ("c=IN IP4 198.51.100.9\r\n", "", 400),
        ("c=IN IP4", "c=ATM", 400),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 media.example.com", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 198.51.100.256", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 1", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 224.2.1.1/127", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 224.2.1.1", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 255.255.255.255", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP4 0.0.0.1", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP6 ff15::101", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP6 fe80::1%eth0", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP6 ::ffff:224.0.0.1", 488),
        ("c=IN IP4 198.51.100.9", "c=IN IP6 host", 488),
        ("m=audio 30000 RTP/AVP 9 8 0 101", "m=video 30000 RTP/AVP 31", 488),
        ("RTP/AVP", "RTP/SAVP", 488),
        ("audio 30000", "audio 65536", 400),
        ("audio 30000", "audio -1", 400),
        ("audio 30000", "audio ٣", 400),
        ("9 8 0 101", "9 8 0 4294967296", 400),
        ("9 8 0 101", "9 8 0 128", 400),
        ("9 8 0 101", "9 8 x", 400),
        ("9 8 0 101", " ".join(str(n % 128) for n in range(5000)), 488),
        ("rtpmap:9 G722/8000", "rtpmap:9 G722/0", 400),
        ("rtpmap:9 G722/8000", "rtpmap:9", 400),
        ("rtpmap:9 G722/8000", "rtpmap:9 G722", 400),
        ("fmtp:101 0-15", "fmtp:101 0\x0015", 400),
        ("a=ptime:30", "a=ptime:30\rx", 400),
        ("a=ptime:30", "ptime", 400),
        ("t=0 0", "time", 400),
        ("a=ptime:30\r\n", "m=video 1 RTP/AVP 31\r\n" * 256, 488),
        ("a=ptime:30\r\n", "a=x\r\n" * 10_000, 488),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, status: int) -> None:
    assert refusal((old, new)) == status


@pytest.mark.parametrize(
    "line", ["a=", "a=rtpmap:", "a=fmtp:", "a=x:y:z", "b=AS:64", "a=candidate:1 1 UDP 1 h 1 typ host"]
)
def test_what_is_passed_over(line: str) -> None:
    assert parse(phone(("a=ptime:30", f"a=ptime:30\r\n{line}"))) == parse(phone())


def test_empty_body() -> None:
    with pytest.raises(SdpError) as caught:
        parse(b"")
    assert caught.value.status == 400


# --------------------------------------------------------------------------------------------------- offer/answer


def test_our_offer_is_written() -> None:
    assert offer("10.0.0.1", 40000, (PCMA, PCMU), session_id=5, version=2, direction="sendonly").decode() == (
        "v=0\r\no=- 5 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
        "a=ptime:20\r\na=sendonly\r\n"
    )
    assert b"IP6 ::1" in offer("::1", 4, (PCMA,), session_id=1)


def test_our_telephone_event_takes_a_free_number() -> None:
    opus = Codec("opus", 48000, 101)
    assert parse(offer("10.0.0.1", 4, (opus, PCMA), session_id=1)).codecs[-1].payload == 96
    chosen = Codec("telephone-event", 8000, 110, "0-15")
    assert parse(offer("10.0.0.1", 4, (chosen, PCMA), session_id=1)).codecs == (PCMA, chosen)


def test_the_answer_takes_their_first_that_is_ours() -> None:
    text, outcome = answer(parse(phone()), "10.0.0.1", 40000, (PCMU, PCMA), session_id=5)
    ours = parse(text)
    assert ours.codecs == (PCMA, TELEPHONE_EVENT)
    assert (ours.address, ours.port) == ("10.0.0.1", 40000)
    assert (outcome.address, outcome.port, outcome.codec, outcome.events) == ("198.51.100.9", 30000, PCMA, 101)
    assert (outcome.sends, outcome.receives, outcome.ptime_ms) == (True, True, 30)
    assert outcome.receive_payloads == ((8, "PCMA"), (101, "telephone-event"))


def test_their_numbers_are_kept_in_the_answer() -> None:
    theirs = parse(phone(("9 8 0 101", "97 120"), ("rtpmap:9 G722", "rtpmap:97 PCMU"), (":101 t", ":120 t")))
    text, outcome = answer(theirs, "10.0.0.1", 4, (PCMA, PCMU), session_id=5)
    assert b"m=audio 4 RTP/AVP 97 120\r\n" in text
    assert outcome.receive_payloads == ((97, "PCMU"), (120, "telephone-event"))


def test_no_events_no_codec_no_stream() -> None:
    _, outcome = answer(parse(phone((" 101\r\n", "\r\n"))), "10.0.0.1", 4, (PCMA,), session_id=5)
    assert outcome.events is None
    for codecs in ((Codec("opus", 48000, 96),), (TELEPHONE_EVENT,), ()):
        with pytest.raises(SdpError) as caught:
            answer(parse(phone()), "10.0.0.1", 4, codecs, session_id=5)
        assert caught.value.status == 488
    with pytest.raises(SdpError):
        answer(parse(phone(("30000", "0"))), "10.0.0.1", 4, (PCMA,), session_id=5)


def test_other_streams_are_refused_in_their_places() -> None:
    theirs = parse(phone(
        ("m=audio", "m=video 5000 RTP/AVP 31 32\r\na=x\r\nm=audio 0 RTP/AVP 0\r\nm=audio"),
        ("a=ptime:30\r\n", "m=image 6 udptl t38\r\nc=IN IP6 ::1\r\nm=audio 7 RTP/AVP 8\r\n"),
    ))  # fmt: skip
    assert theirs.index == 2
    text, _ = answer(theirs, "10.0.0.1", 4, (PCMA,), session_id=5)
    assert [line for line in text.decode().split("\r\n") if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31 32",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4 RTP/AVP 8 101",
        "m=image 0 udptl t38",
        "m=audio 0 RTP/AVP 8",
    ]


@pytest.mark.parametrize("ours", DIRECTIONS)
@pytest.mark.parametrize("theirs", DIRECTIONS)
def test_directions(ours: Direction, theirs: Direction) -> None:
    """RFC 3264 §6.1: we send only what they receive, and the reverse."""
    sends = ours in ("sendrecv", "sendonly") and theirs in ("sendrecv", "recvonly")
    receives = ours in ("sendrecv", "recvonly") and theirs in ("sendrecv", "sendonly")
    described = parse(phone(("a=ptime:30", f"a={theirs}")))
    text, outcome = answer(described, "10.0.0.1", 4, (PCMA,), session_id=5, direction=ours)
    assert (outcome.sends, outcome.receives) == (sends, receives)
    written = parse(text).direction
    assert (written in ("sendrecv", "sendonly"), written in ("sendrecv", "recvonly")) == (sends, receives)
    offered = agreed((PCMA,), ours, described)
    assert (offered.sends, offered.receives) == (sends, receives)


def test_their_answer_to_our_offer() -> None:
    ours = (PCMA, PCMU)
    theirs = parse(phone(("9 8 0 101", "0 8 96"), ("rtpmap:9 G722/8000", "rtpmap:96 telephone-event/8000"),
                         ("a=rtpmap:101 telephone-event/8000\r\n", "")))  # fmt: skip
    outcome = agreed(ours, "sendrecv", theirs)
    assert (outcome.codec, outcome.events) == (PCMU, 96)
    assert outcome.receive_payloads == ((8, "PCMA"), (0, "PCMU"), (101, "telephone-event"))
    for change in (("30000", "0"), ("9 8 0 101", "18")):
        with pytest.raises(SdpError):
            agreed(ours, "sendrecv", parse(phone(change)))


def test_offer_and_answer_agree_on_both_sides() -> None:
    our_offer = offer("10.0.0.1", 4000, (PCMU, PCMA), session_id=1)
    text, theirs = answer(parse(our_offer), "10.0.0.2", 5000, (PCMA,), session_id=2)
    ours = agreed((PCMU, PCMA), "sendrecv", parse(text))
    assert (ours.codec, theirs.codec, ours.events, theirs.events) == (PCMA, PCMA, 101, 101)
    assert (ours.address, ours.port, theirs.address, theirs.port) == ("10.0.0.2", 5000, "10.0.0.1", 4000)
    assert ours.receive_payloads == theirs.receive_payloads


PIECES = st.sampled_from(
    [b"v=0\r\n", b"o=- 1 1 IN IP4 h\r\n", b"c=IN IP4 10.0.0.1\r\n", b"m=audio 4 RTP/AVP 0 8\r\n", b"\r\n", b"\n",
     b"a=rtpmap:0 X/8000\r\n", b"a=rtpmap:", b"a=fmtp:", b"a=ptime:0\r\n", b"a=sendonly\r\n", b"\r", b"=", b"m=",
     b"a=", b"\x00", b"4294967296", b"/", b":", b" ", b"\xff", b"c=IN IP6 ::1\r\n", b"c=IN IP4 h\r\n",
     b"m=video 1 RTP/AVP 31\r\n", b"-1"]
)  # fmt: skip


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    data = bytearray(phone())
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data) - 1))
        data[start : start + draw(st.integers(0, 20))] = draw(PIECES | st.binary(max_size=8))
    return bytes(data)


@settings(max_examples=500, deadline=None)
@given(mutilated() | st.lists(PIECES | st.binary(max_size=4), max_size=30).map(b"".join))
def test_a_description_or_an_sdp_error(data: bytes) -> None:
    try:
        theirs = parse(data)
        text, outcome = answer(theirs, "10.0.0.1", 4, (PCMA, PCMU), session_id=5)
    except SdpError:
        return
    assert 0 < outcome.port < 65536
    assert len(parse(text).streams) == len(theirs.streams)
    assert agreed((PCMA, PCMU), "sendrecv", theirs).codec == outcome.codec
