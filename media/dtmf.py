"""DTMF as telephone-events (RFC 4733): told once each on the way in, spelt out on the way out. Pure; time is given."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from media.rtp import CLOCK_HZ, FRAME, WORD, later

EVENT: Final = Struct(">BBH")  # event | E R volume | duration in samples (§2.3)
EVENT_BYTES: Final = 4
DIGITS: Final = "0123456789*#ABCD"
END: Final = 0x80
VOLUME: Final = 10  # −10 dBm0, what phones send
LONGEST: Final = 0xFFFF  # a longer event goes on in another segment (§2.5.1.3)
LOST_END_S: Final = 0.2  # updates come every 20–50 ms: after this the end is taken as lost
TONE_FRAMES: Final = 5  # we send 100 ms …
PAUSE_FRAMES: Final = 4  # … and 80 ms of nothing (both well above the 40 ms of ITU-T Q.24)
END_REPEATS: Final = 3
LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
KEYPAD: Final = "123A456B789C*0#D"


@dataclass(slots=True)
class Pressed:
    """A key as its packets come in."""

    digit: str
    start: int  # RTP timestamp of its first segment
    segment: int  # RTP timestamp of the segment it is in
    duration: int  # of that segment, samples
    heard_at: float

    def duration_s(self) -> float:
        return (((self.segment - self.start) & WORD) + self.duration) / CLOCK_HZ


class Receiver:
    """The telephone-events of one leg. Each key press is told once: at its end, or when the end is lost, at the
    next press or `LOST_END_S` after its last packet. Repeats, duplicates and stragglers tell nothing."""

    __slots__ = ("_ended", "_pressed")

    def __init__(self) -> None:
        self._pressed: Pressed | None = None
        self._ended: int | None = None  # timestamp of the segment last told of

    def packet(self, timestamp: int, payload: bytes | bytearray, now: float) -> tuple[bool, list[Pressed]]:
        """Whether a key went down with this packet, and the key presses that ended with it."""
        if len(payload) < EVENT_BYTES:
            return False, []
        event, flags, duration = EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return False, []  # flash and fax tones are not digits
        pressed = self._pressed
        if pressed is None:
            if self._ended is not None and later(timestamp, self._ended) <= 0:
                return False, []
        elif timestamp != pressed.segment:
            if later(timestamp, pressed.segment) < 0:
                return False, []
            if DIGITS[event] == pressed.digit and later(timestamp, pressed.segment) == LONGEST:
                pressed.segment, pressed.duration = timestamp, 0  # held down beyond 8 s
        done = []
        down = pressed is None or timestamp != pressed.segment
        if down:
            if pressed is not None:
                done.append(self._end(pressed))
            pressed = self._pressed = Pressed(DIGITS[event], timestamp, timestamp, 0, now)
        assert pressed is not None
        pressed.duration = max(pressed.duration, duration)
        pressed.heard_at = now
        if flags & END:
            done.append(self._end(pressed))
        return down, done

    def overdue(self, now: float) -> Pressed | None:
        """The key whose end was lost, if `LOST_END_S` has passed since its last packet."""
        pressed = self._pressed
        if pressed is None or now - pressed.heard_at < LOST_END_S:
            return None
        return self._end(pressed)

    def down(self) -> bool:
        return self._pressed is not None

    def _end(self, pressed: Pressed) -> Pressed:
        self._ended, self._pressed = pressed.segment, None
        return pressed


@dataclass(slots=True, frozen=True)
class Step:
    """What goes out in one 20 ms tick of sending: `payload` once or, at the end, three times; None: a pause."""

    payload: bytes | None
    first: bool = False
    repeats: int = 1


PAUSE: Final = Step(None)


def spell(digits: str) -> Iterator[Step]:
    """The ticks of sending `digits` as telephone-events: updates every 20 ms, three ends, a pause; `,` waits 1 s.

    Raises ValueError for anything that is no DTMF digit.
    """
    check(digits)
    return _spell(digits.upper())


def check(digits: str) -> None:
    """Raises ValueError unless all of `digits` can be sent."""
    wrong = set(digits.upper()) - set(DIGITS) - {","}
    if wrong:
        raise ValueError(f"not DTMF digits: {''.join(sorted(wrong))!r}; 0-9 * # A-D and , (1 s) are")


def _spell(digits: str) -> Iterator[Step]:
    for digit in digits:
        if digit == ",":
            yield from (PAUSE,) * (CLOCK_HZ // FRAME)
            continue
        event = DIGITS.index(digit)
        for frame in range(1, TONE_FRAMES + 1):
            yield Step(EVENT.pack(event, VOLUME, frame * FRAME), first=frame == 1)
        yield Step(EVENT.pack(event, VOLUME | END, TONE_FRAMES * FRAME), repeats=END_REPEATS)
        yield from (PAUSE,) * (PAUSE_FRAMES - 1)


def tones(digits: str) -> bytes:
    """The same in band, 16-bit samples at 8 kHz, for a peer that knows no telephone-events. ValueError as `spell`."""
    check(digits)
    pcm = array("h")
    for digit in digits.upper():
        if digit == ",":
            pcm.extend(bytes(CLOCK_HZ))
            continue
        row, column = divmod(KEYPAD.index(digit), 4)
        pcm.extend(_tone(LOW_HZ[row], HIGH_HZ[column]))
        pcm.extend([0] * (PAUSE_FRAMES * FRAME))
    return pcm.tobytes()


def _tone(low_hz: int, high_hz: int) -> list[int]:
    turn = 2 * math.pi / CLOCK_HZ
    return [
        round(7000 * math.sin(turn * low_hz * n) + 8000 * math.sin(turn * high_hz * n))
        for n in range(TONE_FRAMES * FRAME)
    ]
