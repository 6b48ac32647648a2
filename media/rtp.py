"""RTP packets (RFC 3550 §5.1): the fixed header, its arithmetic, and where the payload lies. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

HEADER: Final = Struct(">BBHII")  # V P X CC | M PT | sequence | timestamp | SSRC
PLAIN: Final = 0x80  # version 2; no padding, extension or CSRC
MARKER: Final = 0x80
HEADER_BYTES: Final = 12
CLOCK_HZ: Final = 8000
FRAME_S: Final = 0.020
FRAME: Final = 160  # samples, and bytes of G.711, in 20 ms
SEQ: Final = 0xFFFF
WORD: Final = 0xFFFF_FFFF


@dataclass(slots=True, frozen=True)
class Packet:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def __bytes__(self) -> bytes:
        second = self.payload_type | (MARKER if self.marker else 0)
        return HEADER.pack(PLAIN, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def parse(data: bytes) -> Packet | None:
    """The packet, without padding, CSRC list and header extension; None if this is not RTP version 2."""
    bounds = payload_bounds(data, len(data))
    if bounds is None:
        return None
    _, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    return Packet(second & 0x7F, sequence, timestamp, ssrc, bytes(data[bounds[0] : bounds[1]]), second >= MARKER)


def payload_bounds(data: bytes | bytearray, size: int) -> tuple[int, int] | None:
    """First byte of the payload and the one after its last in the first `size` bytes; None if it does not fit."""
    if size < HEADER_BYTES or data[0] & 0xC0 != PLAIN:
        return None
    first = data[0]
    start, end = HEADER_BYTES + 4 * (first & 0x0F), size
    if first & 0x10:  # extension: 16 bits of profile, 16 bits of length in words (§5.3.1)
        if start + 4 > size:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:  # padding: its length is the last byte, which counts itself
        padding = data[size - 1]
        if padding == 0:
            return None
        end -= padding
    return (start, end) if start <= end else None


def ahead(new: int, old: int) -> int:
    """How far sequence number `new` is ahead of `old`, −32768 … 32767."""
    return ((new - old + 0x8000) & SEQ) - 0x8000


def later(new: int, old: int) -> int:
    """How far timestamp `new` is after `old` in samples, negative if it is before."""
    return ((new - old + 0x8000_0000) & WORD) - 0x8000_0000
