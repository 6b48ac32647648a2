"""How well a stream comes in: what is lost and how unevenly it arrives (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure."""

from __future__ import annotations

from typing import Final

from media.native import Inward
from media.rtp import CLOCK_HZ, SEQ

JUMP: Final = 3000  # packets: a sequence further ahead is a new one (MAX_DROPOUT of A.1) …
STRAGGLER: Final = 100  # … and one further behind (MAX_MISORDER)
PAUSE: Final = CLOCK_HZ  # samples: a change of transit time by more is another clock, not jitter


class Reception(Inward):
    """One leg's incoming stream, over all its SSRCs. `packets` is all that came."""

    __slots__ = ("_base", "_before", "_last_expected", "_last_packets")

    def __init__(self) -> None:
        self.packets = 0
        self.highest = self.ssrc = -1
        self.heard_at = self.jitter = self.transit = 0.0
        self._base = 0
        self._before = 0  # expected of sequences that ended
        self._last_expected = self._last_packets = 0

    def begin(self, sequence: int) -> None:
        """Another sequence starts with this packet."""
        self._before = self.expected()
        self._base = self.highest = sequence
        self.transit = float("inf")

    def packet(self, sequence: int, timestamp: int, now: float) -> None:
        """A packet of audio came."""
        self.packets += 1
        step = (sequence - self.highest) & SEQ
        if step < JUMP:
            self.highest += step
        elif step <= SEQ - STRAGGLER:
            self.begin(sequence)
        transit = now * CLOCK_HZ - timestamp
        change = abs(transit - self.transit)
        self.transit = transit
        if change < PAUSE:
            self.jitter += (change - self.jitter) * 0.0625

    def event(self, sequence: int) -> None:
        """A packet whose timestamp says nothing of when it was sent (RFC 4733)."""
        self.packets += 1
        step = (sequence - self.highest) & SEQ
        if step < JUMP:
            self.highest += step

    def expected(self) -> int:
        """How many packets were sent to us, as far as we know."""
        return self._before + (self.highest - self._base + 1 if self.highest >= 0 else 0)

    def lost(self) -> int:
        return self.expected() - self.packets

    def fraction(self) -> float:
        """Lost since this was last asked, 0 to 1."""
        expected, packets = self.expected(), self.packets
        due, came = expected - self._last_expected, packets - self._last_packets
        self._last_expected, self._last_packets = expected, packets
        return max(0.0, (due - came) / due) if due > 0 else 0.0
