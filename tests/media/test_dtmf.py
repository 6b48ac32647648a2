"""Telephone-events in and out, under virtual time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.dtmf import DIGITS, END, EVENT, LONGEST, LOST_END_S, PAUSE, Receiver, Step, spell, tones
from media.rtp import FRAME
from tests.media.phones import loudest


class Line:
    """A receiver and what it told: ('down' or digit, duration in seconds)."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.now = 0.0
        self.told: list[tuple[str, float]] = []

    def packet(self, digit: str, start: int, duration: int, end: bool = False) -> None:
        payload = EVENT.pack(DIGITS.index(digit), (END if end else 0) | 10, duration)
        down, pressed = self.receiver.packet(start, payload, self.now)
        self.told += [(one.digit, one.duration_s()) for one in pressed]
        if down:
            self.told.append(("down", 0.0))
        self.now += 0.02

    def wait(self, seconds: float) -> None:
        self.now += seconds
        pressed = self.receiver.overdue(self.now)
        if pressed is not None:
            self.told.append((pressed.digit, pressed.duration_s()))

    def digits(self) -> str:
        return "".join(word for word, _ in self.told if word != "down")


def test_a_key_is_told_at_its_end_with_how_long_it_was_held() -> None:
    line = Line()
    for n in range(1, 5):
        line.packet("5", 1000, n * FRAME)
    for _ in range(3):
        line.packet("5", 1000, 800, end=True)
    line.wait(1)
    assert line.told == [("down", 0.0), ("5", 0.1)]


def test_the_same_key_twice_is_two() -> None:
    line = Line()
    for start in (1000, 3000):
        line.packet("5", start, 160)
        line.packet("5", start, 800, end=True)
    assert line.told == [("down", 0.0), ("5", 0.1)] * 2


def test_a_lost_end_is_taken_after_a_while_and_a_straggling_end_is_not_another_key() -> None:
    line = Line()
    line.packet("7", 1000, 160)
    line.packet("7", 1000, 320)
    line.wait(LOST_END_S / 2)
    assert line.digits() == ""
    line.wait(LOST_END_S)
    line.packet("7", 1000, 480, end=True)
    line.wait(1)
    assert line.told == [("down", 0.0), ("7", 0.04)]


def test_a_lost_end_is_taken_at_the_next_key() -> None:
    line = Line()
    line.packet("7", 1000, 160)
    line.packet("8", 5000, 160)
    line.packet("7", 1000, 800, end=True)  # too late
    line.packet("8", 5000, 800, end=True)
    assert line.digits() == "78"


def test_only_the_end_came_through() -> None:
    line = Line()
    line.packet("*", 1000, 800, end=True)
    line.packet("*", 1000, 800, end=True)
    assert line.told == [("*", 0.1), ("down", 0.0)]


def test_a_key_held_for_twenty_seconds_is_one() -> None:
    line = Line()
    start, held = 1000, 0
    for _ in range(1000):
        held += FRAME
        if held > LONGEST:
            start, held = start + LONGEST, held - LONGEST
        line.packet("0", start, held)
    line.packet("0", start, held, end=True)
    assert line.told == [("down", 0.0), ("0", pytest.approx(20.0, abs=0.001))]


def test_other_events_and_stumps_are_no_digits() -> None:
    receiver = Receiver()
    assert receiver.packet(1, EVENT.pack(16, END, 800), 0.0) == (False, [])
    assert receiver.packet(1, b"\x01\x80\x01", 0.0) == (False, [])
    assert receiver.overdue(9.0) is None


@given(st.text(DIGITS, min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 0xFFFF_FFFF))
def test_digits_sent_arrive_once_each_through_loss_duplicates_and_small_disorder(
    digits: str, chance: random.Random, start: int
) -> None:
    line = Line()
    timestamp = start
    for digit in digits:
        packets = [(n * FRAME, False) for n in range(1, 6)] + [(800, True)] * 3
        arrived = [packet for packet in packets for _ in range(chance.choice((0, 1, 1, 1, 2)))] or [(800, True)]
        chance.shuffle(arrived)
        for duration, end in arrived:
            line.packet(digit, timestamp & 0xFFFF_FFFF, duration, end)
        timestamp += 1600
        line.wait(0.04)
    line.wait(1)
    assert line.digits() == digits


def test_spelling_a_digit() -> None:
    steps = list(spell("5"))
    assert [EVENT.unpack(step.payload) for step in steps if step.payload] == [
        (5, 10, 160),
        (5, 10, 320),
        (5, 10, 480),
        (5, 10, 640),
        (5, 10, 800),
        (5, 10 | END, 800),
    ]
    assert [step.first for step in steps] == [True] + [False] * 8
    assert steps[5].repeats == 3
    assert steps[6:] == [PAUSE] * 3


def test_a_comma_waits_a_second() -> None:
    assert list(spell(",")) == [Step(None)] * 50


@pytest.mark.parametrize("send", [spell, tones])
def test_what_is_no_digit_is_refused(send: object) -> None:
    assert callable(send)
    with pytest.raises(ValueError, match=r"not DTMF digits: 'XZ'"):
        send("1xz2")


@pytest.mark.parametrize(
    ("digit", "low", "high"), [("1", 697, 1209), ("6", 770, 1477), ("#", 941, 1477), ("d", 941, 1633)]
)
def test_tones_in_band(digit: str, low: float, high: float) -> None:
    pcm = tones(digit)[: 5 * 2 * FRAME]
    assert loudest(pcm, (697, 770, 852, 941)) == low
    assert loudest(pcm, (1209, 1336, 1477, 1633)) == high
