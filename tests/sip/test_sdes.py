"""SRTP keys in offers and answers: what is taken, what is refused, and that nothing is taken back quietly."""

from __future__ import annotations

import gc
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip import sdes, sdp
from sip.negotiation import agreed, answer, offer
from sip.sdes import KEY_BYTES, SUITES, Crypto, Keys
from sip.sdp import PCMA, PCMU, SdpError, Security, parse

THEIRS, OURS = bytes(range(30)), bytes(range(30, 60))
KEY = b64encode(THEIRS).decode()
STRONG, SHORT = SUITES
FIRST, SECOND = Crypto(1, STRONG, OURS), Crypto(2, SHORT, OURS[::-1])

HEAD = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n"
CLEAR = "m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
SECURE = f"m=audio 30002 RTP/SAVP 8\r\na=crypto:7 {STRONG} inline:{KEY}|2^31\r\n"


def body(*streams: str) -> bytes:
    return (HEAD + "".join(streams)).encode()


@pytest.mark.parametrize(
    ("streams", "security", "found"),
    [
        ((CLEAR,), "off", 30000),
        ((CLEAR,), "preferred", 30000),
        ((CLEAR,), "required", None),
        ((SECURE,), "off", None),
        ((SECURE,), "preferred", 30002),
        ((SECURE,), "required", 30002),
        ((CLEAR, SECURE), "off", 30000),
        ((CLEAR, SECURE), "preferred", 30002),
        ((CLEAR, SECURE), "required", 30002),
        ((SECURE.replace("30002", "0"), CLEAR), "preferred", 30000),
        ((SECURE.replace(KEY, KEY[:-4]),), "preferred", None),
        ((SECURE.replace("a=crypto", "a=krypto"),), "required", None),
    ],
)
def test_which_stream_is_taken(streams: tuple[str, ...], security: Security, found: int | None) -> None:
    if found is None:
        with pytest.raises(SdpError) as caught:
            parse(body(*streams), security)
        assert caught.value.status == 488
    else:
        theirs = parse(body(*streams), security)
        assert theirs.port == found
        assert bool(theirs.crypto) == (found == 30002)


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (f"1 {STRONG} inline:{KEY}", True),
        (f"1 {SHORT} inline:{KEY}|2^20", True),
        (f"1 {STRONG} inline:{KEY}|2^20 WSH=128 -EXTRA", True),
        (f"1 {STRONG} inline:{KEY}|2^20|1:4", False),  # an MKI
        (f"1 {STRONG} inline:{KEY}|1:4", False),
        (f"1 {STRONG} inline:{KEY};inline:{KEY}|2:4", False),
        (f"1 {STRONG} inline:{KEY} UNENCRYPTED_SRTP", False),
        (f"1 {STRONG} inline:{KEY} KDR=1", False),
        (f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}", False),
        (f"x {STRONG} inline:{KEY}", False),
        (f"1 {STRONG} uri:{KEY}", False),
        (f"1 {STRONG} inline:***", False),
        (f"1 {STRONG}", False),
        ("", False),
    ],
)
def test_which_lines_are_taken(line: str, taken: bool) -> None:
    assert bool(sdes.read(line)) == taken


@given(st.text())
def test_any_text_is_a_line_or_none(text: str) -> None:
    assert len(sdes.read(text)) <= 1


@given(st.integers(0, 999_999_999), st.sampled_from(SUITES), st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_a_line_is_read_as_it_was_written(tag: int, suite: str, key: bytes) -> None:
    crypto = Crypto(tag, suite, key)
    assert sdes.read(sdes.write(crypto).removeprefix("a=crypto:")) == [crypto]


def test_an_answer_takes_their_first_line_under_its_tag_with_our_key() -> None:
    theirs = parse(body(CLEAR, SECURE), "preferred")
    text, outcome = answer(theirs, "192.0.2.1", 40000, (PCMA,), session_id=1, key=OURS)
    assert outcome.keys == Keys(STRONG, OURS, THEIRS)
    lines = text.decode().split("\r\n")
    assert lines[5:8] == [
        "m=audio 0 RTP/AVP 8 101",
        "m=audio 40000 RTP/SAVP 8",
        f"a=crypto:7 {STRONG} inline:{b64encode(OURS).decode()}",
    ]


def test_an_offer_in_clear_is_answered_in_clear() -> None:
    text, outcome = answer(parse(body(CLEAR), "preferred"), "192.0.2.1", 40000, (PCMA,), session_id=1, key=OURS)
    assert outcome.keys is None
    assert b"crypto" not in text


def test_offer_and_answer_come_to_the_same_keys_crosswise() -> None:
    offered = offer("192.0.2.1", 40000, (PCMA, PCMU), session_id=1, crypto=(FIRST, SECOND))
    assert offered.count(b"a=crypto") == 2
    theirs, at_peer = answer(parse(offered, "required"), "198.51.100.9", 30000, (PCMU,), session_id=2, key=THEIRS)
    ours = agreed((PCMA, PCMU), "sendrecv", parse(theirs, "required"), (FIRST, SECOND))
    assert ours.keys == Keys(STRONG, OURS, THEIRS)
    assert at_peer.keys == Keys(STRONG, THEIRS, OURS)


@pytest.mark.parametrize(
    "answered",
    [
        (Crypto(1, SHORT, THEIRS),),  # another suite under that tag
        (Crypto(3, STRONG, THEIRS),),  # a tag we did not offer
        (Crypto(1, STRONG, THEIRS), Crypto(2, SHORT, THEIRS)),  # more than one
        (),
    ],
)
def test_an_answer_that_is_none_of_our_lines_is_refused(answered: tuple[Crypto, ...]) -> None:
    theirs = replace(parse(body(SECURE), "required"), crypto=answered)
    with pytest.raises(SdpError):
        agreed((PCMA,), "sendrecv", theirs, (FIRST, SECOND))


def test_an_answer_in_clear_to_an_offer_of_srtp_is_refused() -> None:
    with pytest.raises(SdpError):
        parse(body(CLEAR), "required")


def test_a_key_is_shown_and_remembered_nowhere() -> None:
    remembered = (sdp._known_audio, sdp._known_session, sdp._address)
    before = sdp._known_audio.cache_info().currsize
    with_line = CLEAR + f"a=crypto:7 {STRONG} inline:{KEY}\r\n"
    above = body(CLEAR).replace(b"t=0 0\r\n", f"t=0 0\r\na=crypto:7 {STRONG} inline:{KEY}\r\n".encode())
    for text in (body(SECURE), body(with_line), above, body(CLEAR, SECURE)):
        theirs = parse(text, "preferred")
        assert KEY not in repr(theirs)
        assert repr(THEIRS) not in repr(theirs)
        _, outcome = answer(theirs, "192.0.2.1", 40000, (PCMA,), session_id=1, key=OURS)
        assert repr(OURS) not in repr(outcome)
    assert sdp._known_audio.cache_info().currsize <= before + 1, "the clear one of the last alone"
    kept = [thing for thing in gc.get_referents(*remembered) if isinstance(thing, dict)]
    assert KEY not in repr(kept)


def test_where_reports_go() -> None:
    assert parse(body(CLEAR, "a=rtcp:30007\r\n")).rtcp_port == 30007
    for text in ("30007 IN IP4 203.0.113.1", "x", "99999", "", "٣"):
        assert parse(body(CLEAR, f"a=rtcp:{text}\r\n")).rtcp_port == 0, text
    theirs = parse(body(CLEAR, "a=rtcp-mux\r\n"))
    data, outcome = answer(theirs, "192.0.2.1", 40000, (PCMA,), session_id=1)
    assert outcome.rtcp_mux
    assert b"a=rtcp-mux\r\n" in data
    data, outcome = answer(parse(body(CLEAR)), "192.0.2.1", 40000, (PCMA,), session_id=1)
    assert not outcome.rtcp_mux
    assert b"rtcp-mux" not in data
