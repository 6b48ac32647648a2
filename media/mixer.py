"""Mixes of a few legs each, all of a worker's at once: linear, with gains, vectorised over legs and samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import ENCODE, LINEAR
from media.rtp import FRAME
from media.tap import CODECS, Tap

if TYPE_CHECKING:
    from media.leg import Leg

_LINEAR: Final = np.array([LINEAR[codec] for codec in CODECS], dtype=np.float32)
_ENCODE: Final = np.array([np.frombuffer(ENCODE[codec], dtype=np.uint8) for codec in CODECS])


class Mixer:
    """The legs that hear a mix. `legs` maps each to its sources and their gains."""

    __slots__ = ("_gains", "_hearing", "_taps", "legs")

    def __init__(self) -> None:
        self.legs: dict[Leg, tuple[tuple[Leg, float], ...]] = {}
        self._hearing: list[Leg] = []
        self._taps: list[Tap] = []
        self._gains: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    def join(self, leg: Leg, sources: tuple[tuple[Leg, float], ...]) -> None:
        for source, _ in sources:
            source.tapped()
        self.legs[leg] = sources
        self._arrange()

    def leave(self, leg: Leg) -> None:
        for source, _ in self.legs.pop(leg):
            source.untapped()
        self._arrange()

    def _arrange(self) -> None:
        """Gains as a matrix (legs that hear × sources), until somebody joins or leaves."""
        taps: dict[int, Tap] = {}
        for sources in self.legs.values():
            taps.update((id(source.tap), source.tap) for source, _ in sources if source.tap is not None)
        places = {key: place for place, key in enumerate(taps)}
        self._hearing = list(self.legs)
        self._taps = list(taps.values())
        self._gains = np.zeros((len(self._hearing), len(self._taps)), dtype=np.float32)
        for row, sources in enumerate(self.legs.values()):
            for source, gain in sources:
                if source.tap is not None:
                    self._gains[row, places[id(source.tap)]] += gain

    def frames(self, tick: int) -> Iterator[tuple[Leg, bytes]]:
        """The next 20 ms for every leg that hears a mix and may be sent to, in its codec."""
        if not self._hearing:
            return
        law = np.frombuffer(b"".join(tap.take(tick) for tap in self._taps), dtype=np.uint8).reshape(-1, FRAME)
        said = _LINEAR[np.array([tap.codec for tap in self._taps], dtype=np.intp)[:, None], law]
        mixed = (self._gains @ said).clip(-32768, 32767).astype(np.int16).view(np.uint16)
        codecs = [CODECS.index(leg.peer.codec) if leg.peer and leg.peer.codec in CODECS else 0 for leg in self._hearing]
        coded = _ENCODE[np.array(codecs, dtype=np.intp)[:, None], mixed]
        for leg, row, samples in zip(self._hearing, coded, mixed, strict=True):
            if leg.may_speak() and leg.peer is not None:
                yield leg, row.tobytes() if leg.peer.codec in CODECS else leg.say(samples.tobytes())
            else:
                leg.stream.switched = True
