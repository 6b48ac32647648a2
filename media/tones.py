"""DTMF in band: a Goertzel for each of the eight tones over all listening legs at once, every 10 ms.

Only legs whose peer has agreed to no telephone-event are listened to: whoever can send a key in two ways is believed
in one of them. What counts as a key is ITU-T Q.24's: both tones there, neither much stronger, little else beside them,
for at least 40 ms and with 40 ms of silence or another key between two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import LINEAR
from media.dtmf import HIGH_HZ, KEYPAD, LOW_HZ
from media.rtp import CLOCK_HZ, FRAME
from media.tap import CODECS, Tap

if TYPE_CHECKING:
    from media.leg import Leg

LEAST: Final = 250.0  # amplitude of each tone in 16-bit samples, about −42 dBm0
PURE: Final = 0.68  # of the window's energy that must be in the two tones: speech and music have more beside them
TWIST: Final = 10 ** (8 / 20)  # the high tone at most 8 dB above the low one …
REVERSE: Final = 10 ** (6 / 20)  # … and at most 6 dB below
OFF_TUNE: Final = (0.985, 1.0, 1.015)  # a window of 20 ms is too narrow for what Q.24 allows: each tone is tried thrice
WINDOW: Final = FRAME  # samples …
HOP: Final = FRAME // 2  # … every 10 ms
HOP_S: Final = HOP / CLOCK_HZ
BEGIN: Final = 2  # windows in a row with the same key before it is one: 30 ms at least
END: Final = 4  # windows without it before it is over: a gap of 20 ms is bridged, one of 40 ms is not
_LINEAR: Final = np.array([LINEAR[codec] for codec in CODECS], dtype=np.float32)
_TONES: Final = np.outer(OFF_TUNE, LOW_HZ + HIGH_HZ).ravel()
_WAVES: Final = np.exp(-2j * np.pi * np.outer(np.arange(WINDOW), _TONES) / CLOCK_HZ)
_BASIS: Final = (np.concatenate([_WAVES.real, _WAVES.imag], axis=1) * (2 / WINDOW)).astype(np.float32)


def keys(samples: NDArray[np.float32]) -> list[str]:
    """For each row of 160 samples the key that sounds in it, "" for none."""
    energy = 2 * np.einsum("ij,ij->i", samples, samples) / WINDOW  # in squares of amplitudes, as all here
    loud = np.flatnonzero(energy > 2 * LEAST**2)
    found = [""] * len(samples)
    if not len(loud):
        return found
    parts = samples[loud] @ _BASIS
    each = parts[:, : len(_TONES)] ** 2 + parts[:, len(_TONES) :] ** 2
    power = each.reshape(-1, len(OFF_TUNE), 8).max(axis=1)
    low, high = power[:, :4], power[:, 4:]
    rows, columns = low.max(axis=1), high.max(axis=1)
    sound = (
        (np.minimum(rows, columns) > LEAST**2)
        & (rows + columns > PURE * energy[loud])
        & (columns < rows * TWIST**2)
        & (rows < columns * REVERSE**2)
    )
    for n in np.flatnonzero(sound):
        found[loud[n]] = KEYPAD[4 * int(low[n].argmax()) + int(high[n].argmax())]
    return found


def windows(law: NDArray[np.uint8], codecs: NDArray[np.intp]) -> NDArray[np.float32]:
    """Of each row of 30 ms the first and the last 20 ms, linear, one after the other."""
    linear = _LINEAR[codecs[:, None], law]
    return np.stack([linear[:, :WINDOW], linear[:, HOP:]], axis=1).reshape(-1, WINDOW)


class Key:
    """The keys of one leg, window by window: a key needs `BEGIN` of them, and is told when it ends."""

    __slots__ = ("_length", "_missed", "_run", "_windows", "down", "tail")

    def __init__(self) -> None:
        self.down = ""
        self.tail = b""  # the latest 10 ms
        self._run = ""  # what the latest windows have in common …
        self._length = 0  # … and how many they are
        self._windows = 0  # of the key that is down
        self._missed = 0

    def window(self, key: str) -> tuple[bool, tuple[str, float] | None]:
        """Whether a key went down with this window, and the key that ended, with its seconds."""
        self._length = self._length + 1 if key == self._run else 1
        self._run = key
        ended = None
        if self.down:
            if key == self.down:
                self._windows += 1 + self._missed
                self._missed = 0
                return False, None
            self._missed += 1
            if self._missed < END:
                return False, None
            ended = (self.down, (self._windows + 1) * HOP_S)
            self.down = ""
        if key and self._length >= BEGIN:
            self.down, self._windows, self._missed = key, self._length, 0
        return bool(self.down), ended


class Ears:
    """The legs listened to. `on_down(leg)` hears of a key going down, `on_key(leg, key, seconds)` of one that ended."""

    __slots__ = ("_on_down", "_on_key", "legs")

    def __init__(self, on_down: Callable[[Leg], None], on_key: Callable[[Leg, str, float], None]) -> None:
        self.legs: dict[Leg, tuple[Tap, Key]] = {}
        self._on_down = on_down
        self._on_key = on_key

    def join(self, leg: Leg) -> None:
        if leg not in self.legs:
            self.legs[leg] = leg.tapped(), Key()

    def leave(self, leg: Leg) -> None:
        if self.legs.pop(leg, None) is not None:
            leg.untapped()

    def tick(self, number: int) -> None:
        """Listen to the 20 ms of this tick."""
        if not self.legs:
            return
        law = bytearray()
        for tap, key in self.legs.values():
            frame = tap.take(number)
            law += (key.tail or frame[:HOP]) + frame
            key.tail = frame[HOP:]
        codecs = np.array([tap.codec for tap, _ in self.legs.values()], dtype=np.intp)
        heard = keys(windows(np.frombuffer(law, dtype=np.uint8).reshape(-1, HOP + FRAME), codecs))
        for n, (leg, (_, key)) in enumerate(list(self.legs.items())):
            for sound in heard[2 * n : 2 * n + 2]:
                down, ended = key.window(sound)
                if ended is not None:
                    self._on_key(leg, *ended)
                if down:
                    self._on_down(leg)
