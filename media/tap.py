"""What a leg says, for whoever decodes it on the tick: mixes and the ears for tones in band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.codecs import LINEAR, MADE, translation
from media.jitter import JitterBuffer

CODECS: Final = tuple(LINEAR)


class Tap:
    """One leg's audio as G.711 frames; `codec` is the place in `CODECS` of what `take` gives."""

    __slots__ = ("_buffer", "_heard", "_tick", "_took", "_translate", "codec", "users")

    def __init__(self) -> None:
        self.codec = 0
        self.users = 0
        self._heard = ""
        self._buffer = JitterBuffer(CODECS[0])
        self._translate: Callable[[bytes], bytes] | None = None
        self._tick = -1
        self._took = b""

    def put(self, codec: str, timestamp: int, payload: bytes) -> None:
        """A packet of the leg; one in a codec that we cannot decode is silence."""
        if codec != self._heard:
            self._begin(codec)
        if codec in MADE:
            self._buffer.put(timestamp, payload if self._translate is None else self._translate(payload))

    def take(self, tick: int) -> bytes:
        """The 20 ms of this tick, the same for all users."""
        if tick != self._tick:
            self._tick, self._took = tick, self._buffer.take()
        return self._took

    def _begin(self, codec: str) -> None:
        law = codec if codec in CODECS else CODECS[0]
        self._heard, self.codec, self._translate = codec, CODECS.index(law), None
        self._buffer = JitterBuffer(law)
        if codec not in CODECS and codec in MADE:
            found = translation(codec, law)
            assert callable(found)
            self._translate = found
