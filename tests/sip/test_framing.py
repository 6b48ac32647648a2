"""A byte stream cut into messages, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.framing import MAX_HEAD, Framer
from sip.message import SipError
from sip.parsing import MAX_MESSAGE, parse

ONE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"OPTIONS sip:a@b SIP/2.0\r\nl :\r\n 0\r\nCall-ID: 2\r\n\r\n"


def test_pipelined_messages_are_framed_exactly() -> None:
    assert Framer().feed(ONE + TWO + ONE) == [ONE, TWO, ONE]


@settings(max_examples=100)
@given(st.lists(st.sampled_from([ONE, TWO, b"\r\n\r\n"]), max_size=6), st.integers(1, 40))
def test_the_cuts_of_the_transport_do_not_matter(parts: list[bytes], size: int) -> None:
    stream = b"".join(parts)
    framer = Framer()
    messages = []
    for start in range(0, len(stream), size):
        messages += framer.feed(stream[start : start + size])
    assert messages == [part for part in parts if part != b"\r\n\r\n"]
    assert framer.pings == parts.count(b"\r\n\r\n")
    assert not framer.waiting


def test_a_message_that_never_comes_holds_little() -> None:
    framer = Framer()
    assert framer.feed(ONE[:-1]) == []
    assert framer.waiting
    assert framer.feed(ONE[-1:]) == [ONE]


def test_a_pong_is_passed_over() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n" + ONE) == [ONE]
    assert framer.pings == 0


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Content-Length: 5\r\n", b"", 400),
        (b"Content-Length: 5", b"Content-Length: 5\r\nl: 5", 400),
        (b"Content-Length: 5", b"Content-Length: -5", 400),
        (b"Content-Length: 5", b"Content-Length: 5, 6", 400),
        (b"Content-Length: 5", b"Content-Length:", 400),
        (b"Content-Length: 5", b"Content-Length:\r\n5", 400),
        (b"Content-Length: 5", b"Content-Length: " + b"9" * 5000, 400),
        (b"Content-Length: 5", b"Content-Length: %d" % MAX_MESSAGE, 513),
        (b"Call-ID: 1", b"Call-ID: " + b"1" * MAX_HEAD, 513),
    ],
)
def test_a_stream_that_cannot_be_cut_ends(old: bytes, new: bytes, status: int) -> None:
    with pytest.raises(SipError) as caught:
        Framer().feed(ONE.replace(old, new))
    assert caught.value.status == status


def test_octets_without_end_are_refused() -> None:
    framer = Framer()
    framer.feed(b"x" * MAX_HEAD)
    with pytest.raises(SipError):
        framer.feed(b"x")


def test_what_the_framer_gives_the_parser_takes_whole() -> None:
    for message in Framer().feed(ONE + TWO):
        assert parse(message).body == message.partition(b"\r\n\r\n")[2]
