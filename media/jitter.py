"""A jitter buffer: packets in as they come, 20 ms out at every tick, in order, with what was lost concealed. Pure.

It is used only where we decode (mixes, tones in band): what is relayed keeps its own timing, and its listener has a
buffer of his own. Everything is G.711, where a byte is a sample and a unit of the RTP clock.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

from media.codecs import ENCODE, LINEAR, SILENCE
from media.rtp import CLOCK_HZ, FRAME, WORD, later

DEPTH: Final = 2 * FRAME  # waited for before the first frame is played, and after the buffer ran dry
DEEPEST: Final = 5 * FRAME  # waiting: more is cut to DEPTH, so that a listener lags at most 100 ms behind
CONCEALED: Final = 3  # frames repeated, each at half the level of the one before; then silence
_HALF: Final[dict[str, bytes]] = {
    codec: bytes(ENCODE[codec][(linear // 2) & 0xFFFF] for linear in table) for codec, table in LINEAR.items()
}


class JitterBuffer:
    """`codec` is PCMU or PCMA."""

    __slots__ = ("_codec", "_held", "_last", "_missed", "_place")

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._place: int | None = None  # timestamp to be played next, cycles counted; None: nothing is playing
        self._held: list[tuple[int, bytes]] = []  # at which place, what; in order
        self._last = SILENCE[codec] * FRAME
        self._missed = 0

    def put(self, timestamp: int, payload: bytes) -> None:
        """A packet came. One that is late, or came before, is dropped."""
        ahead = later(timestamp, self._place & WORD) if self._place is not None else CLOCK_HZ
        if self._place is None or not -CLOCK_HZ < ahead < CLOCK_HZ:  # the first, or by another clock
            self._place = timestamp - DEPTH
            self._held.clear()
            ahead = DEPTH
        at = self._place + ahead
        if ahead + len(payload) > 0 and all(held != at for held, _ in self._held):
            insort(self._held, (at, payload))
            if self._held[-1][0] + len(self._held[-1][1]) - self._place > DEEPEST + DEPTH:
                self._place = self._held[-1][0] - DEPTH

    def take(self) -> bytes:
        """The next 20 ms."""
        if self._place is None:
            return SILENCE[self._codec] * FRAME
        held, start = self._held, self._place
        frame = bytearray()
        while len(frame) < FRAME:
            place = start + len(frame)
            while held and held[0][0] + len(held[0][1]) <= place:
                held.pop(0)
            if not held:
                break
            at, payload = held[0]
            if at > place:
                frame += self._conceal(min(at - place, FRAME - len(frame)))
            else:
                frame += payload[place - at : place - at + FRAME - len(frame)]
                self._missed = 0
        self._place = start + FRAME
        if len(frame) < FRAME:
            frame += self._conceal(FRAME - len(frame))
        self._last = bytes(frame)
        if not held and self._missed > CONCEALED:
            self._place = None
        return self._last

    def _conceal(self, samples: int) -> bytes:
        self._missed += 1
        if self._missed > CONCEALED:
            return SILENCE[self._codec] * samples
        return self._last[-samples:].translate(_HALF[self._codec])
