"""Reports written and read; what is counted of a stream; what it sounds like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import quality
from media.reception import Reception
from media.rtcp import BYE, SDES, SR, Block, Report, Sender, build, middle, parse
from media.rtp import CLOCK_HZ, FRAME, WORD

WORDS = st.integers(0, WORD)
BLOCKS = st.builds(
    Block, WORDS, st.integers(0, 255).map(lambda n: n / 256), st.integers(-0x80_0000, 0x7F_FFFF), WORDS, WORDS, WORDS,
    WORDS,
)  # fmt: skip
SENDERS = st.builds(Sender, st.floats(0, 4e9), WORDS, WORDS, WORDS)


@given(WORDS, st.binary(min_size=1, max_size=40), st.none() | SENDERS, st.none() | BLOCKS, st.booleans())
def test_a_report_is_read_as_it_was_written(
    ssrc: int, cname: bytes, sender: Sender | None, block: Block | None, bye: bool
) -> None:
    data = build(ssrc, cname, sender, block, bye)
    assert len(data) % 4 == 0
    found = parse(data)
    assert found is not None
    assert (found.ssrc, found.bye, found.blocks) == (ssrc, bye, () if block is None else (block,))
    if sender is not None:
        assert abs(found.sent - middle(sender.wall)) in (0, 1, WORD)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"\x80\xc8" + data))
def test_any_bytes_are_a_report_or_none(data: bytes) -> None:
    assert isinstance(parse(data), Report | None)


def test_a_sender_report_by_its_bytes() -> None:
    data = build(0x11223344, b"x", Sender(0.5, 160, 3, 480), Block(0x55667788, 0.5, -1, 0x1_0002, 7, 9, 65536))
    assert data[:8].hex() == "81c8000c11223344"
    assert data[8:28].hex() == "83aa7e8080000000" + "000000a0" + "00000003" + "000001e0"
    assert data[28:52].hex() == "55667788" + "80ffffff" + "00010002" + "00000007" + "00000009" + "00010000"
    assert data[52:].hex() == "81ca0002" + "11223344" + "01017800"
    assert data[53] == SDES


def test_it_ends_with_a_bye() -> None:
    assert build(1, b"x", None, None, bye=True)[-8:].hex() == "81cb000100000001"
    assert parse(b"\x81" + bytes([BYE]) + b"\0\1\0\0\0\1") is None, "not alone (A.2)"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes([0x80, SR, 0, 6]) + bytes(20),  # shorter than it says
        bytes([0x81, SR, 0, 6]) + bytes(24),  # no room for its block
        bytes([0x40, SR, 0, 6]) + bytes(24),  # version 1
        bytes([0xA0, SR, 0, 6]) + bytes(24),  # the first may not be padded
    ],
)
def test_what_is_no_report(data: bytes) -> None:
    assert parse(data) is None


def arrivals(reception: Reception, *packets: tuple[int, float]) -> None:
    """(place in the stream, lateness in seconds)"""
    for place, late in packets:
        reception.packet((65530 + place) & 0xFFFF, place * FRAME, place * 0.02 + late)


def test_loss_is_what_did_not_come_whatever_came_twice_or_late() -> None:
    reception = Reception()
    reception.begin(65530)
    arrivals(reception, *((n, 0.0) for n in range(20) if n not in (5, 6)))
    assert (reception.expected(), reception.lost()) == (20, 2)
    assert reception.fraction() == pytest.approx(0.1)
    arrivals(reception, (6, 0.4), (19, 0.0), *((n, 0.0) for n in range(20, 30)))
    assert (reception.expected(), reception.lost()) == (30, 0)
    assert reception.fraction() == 0.0, "a straggler and a duplicate make up for it (A.3)"
    assert reception.fraction() == 0.0


def test_a_source_that_begins_anew_loses_nothing() -> None:
    reception = Reception()
    reception.begin(100)
    for sequence in (100, 101, 40_000, 40_001, 7, 8):
        reception.packet(sequence, 0, 0.0)
    assert (reception.expected(), reception.lost()) == (6, 0)


def test_jitter_is_that_of_the_rfc() -> None:
    even, uneven = Reception(), Reception()
    for reception in (even, uneven):
        reception.begin(65530)
    arrivals(even, *((n, 0.005) for n in range(400)))
    arrivals(uneven, *((n, 0.010 * (n % 2)) for n in range(400)))
    assert even.jitter < 0.01
    assert uneven.jitter / CLOCK_HZ == pytest.approx(0.010, rel=0.01), "|D| is 10 ms each time (§6.4.1)"


def test_keys_held_down_are_no_jitter() -> None:
    reception = Reception()
    reception.begin(0)
    for n in range(50):
        reception.event(n)
    assert (reception.jitter, reception.expected(), reception.lost()) == (0.0, 50, 0)


def test_a_mean_opinion() -> None:
    assert quality.mos(0.0, 0.0) == pytest.approx(4.41, abs=0.01), "R = 93.2: the best of G.107's defaults"
    assert quality.mos(0.0, 0.4) < 3.7 < quality.mos(0.0, 0.15)
    assert quality.rating(0.01, 0.0) == pytest.approx(93.2 - 95 / 26.1)
    assert quality.mos(1.0, 5.0) == 1.0


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2))
def test_more_loss_or_delay_is_never_better(loss: float, more: float, delay_s: float) -> None:
    worse = quality.mos(min(1.0, loss + more), delay_s)
    assert 1.0 <= worse <= quality.mos(loss, delay_s) <= 4.5
    assert quality.mos(loss, delay_s + more) <= quality.mos(loss, delay_s) + 1e-9
