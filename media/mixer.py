"""Mixes of a few legs each, all of a worker's at once: linear, with gains, vectorised over legs and samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import ENCODE, LINEAR, SILENCE
from media.rtp import FRAME

if TYPE_CHECKING:
    from media.leg import Leg

CODECS: Final = tuple(LINEAR)
_LINEAR: Final = np.array([LINEAR[codec] for codec in CODECS], dtype=np.float32)
_ENCODE: Final = np.array([np.frombuffer(ENCODE[codec], dtype=np.uint8) for codec in CODECS])
DEEPEST: Final = 4 * FRAME  # bytes waiting of a source: more is cut to …
KEPT: Final = 2 * FRAME  # … this: a mix lags at most 80 ms behind


class Tap:
    """What a leg said and no tick has taken yet."""

    __slots__ = ("_waiting", "codec", "users")

    def __init__(self) -> None:
        self.codec = 0
        self.users = 0  # mixes that hear it
        self._waiting = bytearray()

    def put(self, codec: str, payload: bytes | bytearray) -> None:
        if codec not in CODECS:
            return
        self.codec = CODECS.index(codec)
        self._waiting += payload
        if len(self._waiting) > DEEPEST:
            del self._waiting[:-KEPT]

    def take(self) -> bytes:
        """The next 20 ms; silence where nothing came."""
        frame = bytes(self._waiting[:FRAME])
        del self._waiting[:FRAME]
        return frame.ljust(FRAME, SILENCE[CODECS[self.codec]])


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
            if source.tap is None:
                source.tap = Tap()
            source.tap.users += 1
        self.legs[leg] = sources
        self._arrange()

    def leave(self, leg: Leg) -> None:
        for source, _ in self.legs.pop(leg):
            if source.tap is not None:
                source.tap.users -= 1
                if source.tap.users == 0:
                    source.tap = None
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

    def frames(self) -> Iterator[tuple[Leg, bytes]]:
        """The next 20 ms for every leg that hears a mix and may be sent to, in its codec."""
        if not self._hearing:
            return
        law = np.frombuffer(b"".join(tap.take() for tap in self._taps), dtype=np.uint8).reshape(-1, FRAME)
        said = _LINEAR[np.array([tap.codec for tap in self._taps], dtype=np.intp)[:, None], law]
        mixed = (self._gains @ said).clip(-32768, 32767).astype(np.int16).view(np.uint16)
        codecs = [CODECS.index(leg.peer.codec) if leg.peer and leg.peer.codec in CODECS else 0 for leg in self._hearing]
        coded = _ENCODE[np.array(codecs, dtype=np.intp)[:, None], mixed]
        for leg, row in zip(self._hearing, coded, strict=True):
            if leg.may_speak():
                yield leg, row.tobytes()
            else:
                leg.stream.switched = True
