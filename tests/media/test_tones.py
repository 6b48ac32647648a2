"""Keys in band: heard as Q.24 wants, and not heard in speech, music or noise."""

from __future__ import annotations

import math
import random
from array import array

import numpy as np
import pytest

from media.codecs import encode
from media.dtmf import HIGH_HZ, KEYPAD, LOW_HZ
from media.rtp import CLOCK_HZ, FRAME
from media.tap import CODECS
from media.tones import HOP, Key, keys, windows


def sound(digit: str, seconds: float, *, low: float = 4000, high: float = 4000, drift: float = 1.0) -> list[float]:
    row, column = divmod(KEYPAD.index(digit), 4)
    turn = 2 * math.pi * drift / CLOCK_HZ
    return [
        low * math.sin(turn * LOW_HZ[row] * n) + high * math.sin(turn * HIGH_HZ[column] * n)
        for n in range(round(seconds * CLOCK_HZ))
    ]


def heard(samples: list[float]) -> str:
    """The keys told of this audio, through µ-law, frame by frame."""
    samples = [*samples, *[0.0] * (4 * FRAME - len(samples) % FRAME)]
    law = encode("PCMU", array("h", (max(-32768, min(32767, round(s))) for s in samples)).tobytes())
    key, told, tail = Key(), "", law[:HOP]
    for at in range(0, len(law), FRAME):
        row = np.frombuffer(tail + law[at : at + FRAME], dtype=np.uint8).reshape(1, -1)
        for one in keys(windows(row, np.array([CODECS.index("PCMU")]))):
            _, ended = key.window(one)
            told += ended[0] if ended is not None else ""
        tail = law[at + HOP : at + FRAME]
    return told


@pytest.mark.parametrize("digit", KEYPAD)
@pytest.mark.parametrize("offset", [0, 37, 80, 121])
def test_every_key_of_40_ms_is_heard_once_wherever_it_begins(digit: str, offset: int) -> None:
    assert heard([0.0] * offset + sound(digit, 0.04)) == digit


@pytest.mark.parametrize("level", [300, 1000, 10_000])
def test_loud_and_low(level: float) -> None:
    assert heard(sound("5", 0.1, low=level, high=level)) == "5"


def test_with_twist_and_off_tune_as_q24_allows() -> None:
    assert heard(sound("7", 0.1, low=3000, high=6000)) == "7"
    assert heard(sound("7", 0.1, low=5000, high=3000)) == "7"
    assert heard(sound("7", 0.1, drift=1.015)) == "7"
    assert heard(sound("7", 0.1, drift=0.985)) == "7"


def test_what_is_too_short_too_twisted_or_too_far_off_is_no_key() -> None:
    assert heard(sound("7", 0.015)) == ""
    assert heard(sound("7", 0.1, low=500, high=8000)) == ""
    assert heard(sound("7", 0.1, drift=1.06)) == ""


def test_keys_in_a_row_are_told_apart_and_a_long_one_is_one() -> None:
    pause = [0.0] * round(0.05 * CLOCK_HZ)
    assert heard(sound("1", 0.07) + pause + sound("1", 0.07) + pause + sound("2", 0.07)) == "112"
    assert heard(sound("9", 2.0)) == "9"
    assert heard(sound("1", 0.1) + sound("2", 0.1)) == "12"


def test_a_gap_of_20_ms_does_not_make_two() -> None:
    pressed = sound("4", 0.06)
    assert heard(pressed + [0.0] * FRAME + pressed) == "4"


def test_noise_music_and_something_like_speech_press_nothing() -> None:
    chance = random.Random(4)
    noise = [chance.gauss(0, 3000) for _ in range(CLOCK_HZ * 5)]
    assert heard(noise) == ""
    chord = [sum(3000 * math.sin(2 * math.pi * hz * n / CLOCK_HZ) for hz in (440, 554, 659)) for n in range(CLOCK_HZ)]
    assert heard(chord) == ""
    speech, phase = [], 0.0
    for n in range(CLOCK_HZ * 5):  # a voice that glides through its pitches, with overtones
        phase += 2 * math.pi * (150 + 70 * math.sin(2 * math.pi * 0.7 * n / CLOCK_HZ)) / CLOCK_HZ
        speech.append(sum(4000 / k**0.5 * math.sin(phase * k) for k in range(1, 12)))
    assert heard(speech) == ""


def test_many_legs_at_once_each_its_own() -> None:
    rows = np.array([sound(digit, 0.02) for digit in KEYPAD] + [[0.0] * FRAME], dtype=np.float32)
    assert keys(rows) == [*KEYPAD, ""]
