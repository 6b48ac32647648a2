"""RTCP (RFC 3550 §6): sender and receiver reports written and read, always in a compound packet with a CNAME. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from media.rtp import WORD

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
TYPES: Final = range(192, 224)  # what the second byte of RTCP may be where RTP shares the port (RFC 5761 §4)
NTP_EPOCH: Final = 2_208_988_800  # seconds from 1900 to 1970
SHORT: Final = 65536  # units of a compact NTP time or delay in a second (§6.4.1)

_HEAD: Final = Struct(">BBHI")  # V P count | type | length in words less one | SSRC
_SENDER: Final = Struct(">IIIII")  # NTP seconds | fraction | RTP timestamp | packets | octets
_BLOCK: Final = Struct(">IIIIII")  # SSRC | fraction and lost | highest sequence | jitter | LSR | DLSR


@dataclass(slots=True, frozen=True)
class Block:
    """What one party says of a stream it receives. `jitter` in units of the stream's clock; `last_report` and `delay`
    in 1/65536 s."""

    ssrc: int
    fraction: float  # lost since the report before, 0 to 1
    lost: int  # since the beginning, less what came twice
    highest: int  # sequence number, cycles above
    jitter: int
    last_report: int = 0  # middle of the NTP time of the last SR received, 0: none
    delay: int = 0  # since then


@dataclass(slots=True, frozen=True)
class Sender:
    """What a sender says of its stream. `wall` is seconds since 1970."""

    wall: float
    timestamp: int
    packets: int
    octets: int


@dataclass(slots=True, frozen=True)
class Report:
    """A compound packet as far as we use it. `sent` is the middle of a sender report's NTP time, 0 without one."""

    ssrc: int
    sent: int
    blocks: tuple[Block, ...]
    bye: bool


def middle(wall: float) -> int:
    """The middle 32 bits of an NTP time."""
    return round((wall + NTP_EPOCH) * SHORT) & WORD


def build(ssrc: int, cname: bytes, sender: Sender | None, block: Block | None, bye: bool = False) -> bytes:
    """A report of `ssrc`: SR if it sent since the last one, else RR; then its CNAME (§6.5.1), then BYE if it ends."""
    blocks = _block(block) if block is not None else b""
    count = 1 if blocks else 0
    if sender is not None:
        whole = int(sender.wall)
        told = _SENDER.pack(
            (whole + NTP_EPOCH) & WORD,
            int((sender.wall - whole) * 2**32) & WORD,
            sender.timestamp,
            sender.packets & WORD,
            sender.octets & WORD,
        )
        packet = _HEAD.pack(0x80 | count, SR, (8 + len(told) + len(blocks)) // 4 - 1, ssrc) + told + blocks
    else:
        packet = _HEAD.pack(0x80 | count, RR, (8 + len(blocks)) // 4 - 1, ssrc) + blocks
    item = b"\x01" + bytes([len(cname)]) + cname + b"\0"
    item += bytes(-len(item) % 4)
    packet += _HEAD.pack(0x81, SDES, (8 + len(item)) // 4 - 1, ssrc) + item
    if bye:
        packet += _HEAD.pack(0x81, BYE, 1, ssrc)
    return packet


def _block(block: Block) -> bytes:
    fraction = min(255, int(block.fraction * 256))
    lost = max(-0x80_0000, min(0x7F_FFFF, block.lost)) & 0xFF_FFFF
    return _BLOCK.pack(
        block.ssrc, fraction << 24 | lost, block.highest & WORD, block.jitter & WORD, block.last_report, block.delay
    )


def parse(data: bytes) -> Report | None:
    """Read a compound packet; None if it is none (§A.2): not beginning with a report, or lengths that do not add up."""
    if len(data) < 8 or data[1] not in (SR, RR) or data[0] & 0x20:
        return None
    at, sent, blocks, bye = 0, 0, [], False
    while at < len(data):
        if len(data) - at < 4:
            return None
        first, kind = data[at], data[at + 1]
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if first & 0xC0 != 0x80 or end > len(data):
            return None
        if kind in (SR, RR):
            body = at + 8
            if kind == SR:
                if end - body < _SENDER.size:
                    return None
                sent = int.from_bytes(data[body + 2 : body + 6], "big")
                body += _SENDER.size
            if end - body < (first & 0x1F) * _BLOCK.size:
                return None
            blocks += [_read(data, body + n * _BLOCK.size) for n in range(first & 0x1F)]
        elif kind == BYE:
            bye = True
        at = end
    return Report(int.from_bytes(data[4:8], "big"), sent, tuple(blocks), bye)


def _read(data: bytes, at: int) -> Block:
    ssrc, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(data, at)
    lost = losses & 0xFF_FFFF
    return Block(ssrc, (losses >> 24) / 256, lost - (lost >> 23 << 24), highest, jitter, last_report, delay)
