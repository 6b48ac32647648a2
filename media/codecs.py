"""G.711 (ITU-T G.711): its tables computed once, translation between the laws, 16-bit linear to and from both. G.722
where the extra `[g722]` is installed.

No numpy: a translation is one `bytes.translate`, and what is read from files is encoded a second at a time. G.722 is
coded from and to 8 kHz: what we mix, play and translate is narrow band; its RTP clock is 8 kHz too (RFC 3551 §4.5.2),
so that a frame of 20 ms has 160 bytes and 160 units of time in every codec here.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from typing import Final, Literal, TypeAlias

Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]

STATIC: Final[dict[str, int]] = {"PCMU": 0, "PCMA": 8, "G722": 9}  # payload types of RFC 3551 §6


def _mu_linear(code: int) -> int:
    code ^= 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_linear(code: int) -> int:
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = step + 8 if segment == 0 else (step + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


LINEAR: Final[dict[str, tuple[int, ...]]] = {
    "PCMU": tuple(map(_mu_linear, range(256))),
    "PCMA": tuple(map(_a_linear, range(256))),
}


def _encoder(linear: tuple[int, ...]) -> bytes:
    """For each 16-bit sample, as an unsigned index, the code whose value is nearest."""
    codes = sorted({linear[code]: code for code in range(256)}.items())  # of µ-law's two zeros the last, +0, stays
    table = bytearray()
    for (value, code), (above, _) in pairwise(codes):
        table += bytes([code]) * ((value + above) // 2 + 32768 - len(table))
    table += bytes([codes[-1][1]]) * (65536 - len(table))
    return bytes(table[32768:] + table[:32768])


ENCODE: Final[dict[str, bytes]] = {codec: _encoder(linear) for codec, linear in LINEAR.items()}
SILENCE: Final[dict[str, bytes]] = {codec: table[:1] for codec, table in ENCODE.items()}


def _translation(source: str, target: str) -> bytes:
    return bytes(ENCODE[target][sample & 0xFFFF] for sample in LINEAR[source])


TRANSLATE: Final[dict[tuple[str, str], bytes]] = {
    ("PCMU", "PCMA"): _translation("PCMU", "PCMA"),
    ("PCMA", "PCMU"): _translation("PCMA", "PCMU"),
}


def encode(codec: str, pcm: bytes | memoryview) -> bytes:
    """16-bit little-endian samples → G.711. About 30 ns a sample."""
    samples = array("H", bytes(pcm))
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(ENCODE[codec].__getitem__, samples))


def decode(codec: str, law: bytes) -> bytes:
    """G.711 → 16-bit little-endian samples."""
    samples = array("h", map(LINEAR[codec].__getitem__, law))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


# -------------------------------------------------------------------------------------------------------- G.722

G722_INSTALLED: Final = find_spec("G722") is not None
MADE: Final = frozenset(LINEAR) | ({"G722"} if G722_INSTALLED else set())
"""The codecs we can decode and encode; any other is passed on as it is between two parties who both speak it."""


def encoder(codec: str) -> Callable[[bytes], bytes]:
    """16-bit samples of one stream, in order → its payloads. About 9 µs a frame of G.722."""
    if codec != "G722":
        return lambda pcm: encode(codec, pcm)
    from G722 import G722

    state = G722(8000, 64000)

    def say(pcm: bytes) -> bytes:
        samples = array("h", pcm)
        if sys.byteorder == "big":
            samples.byteswap()
        return bytes(state.encode(samples))

    return say


def decoder(codec: str) -> Callable[[bytes], bytes]:
    """The payloads of one stream, in order → 16-bit samples. About 6 µs a frame of G.722."""
    if codec != "G722":
        return lambda payload: decode(codec, payload)
    from G722 import G722

    state = G722(8000, 64000)

    def hear(payload: bytes) -> bytes:
        samples = state.decode(payload)
        if sys.byteorder == "big":
            samples.byteswap()
        return bytes(samples.tobytes())

    return hear


def translation(source: str, target: str) -> bytes | Callable[[bytes], bytes] | None:
    """From one codec to the other: a table between the laws, else a decoder and an encoder of its own for each stream;
    None where we cannot."""
    table = TRANSLATE.get((source, target))
    if table is not None or not {source, target} <= MADE:
        return table
    hear, say = decoder(source), encoder(target)
    return lambda payload: say(hear(payload))
