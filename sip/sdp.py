"""Session descriptions (RFC 8866) and offer/answer (RFC 3264) for one audio stream.

The engine negotiates here; a media worker is only told the outcome: where to send, which payload types, which way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


@dataclass(slots=True, frozen=True)
class Codec:
    """One payload format: ``Codec("PCMA", 8000, 8)``. `payload` is the number in use on this leg."""

    name: str
    rate: int  # Hz, as in rtpmap
    payload: int
    fmtp: str = ""


PCMU = Codec("PCMU", 8000, 0)
PCMA = Codec("PCMA", 8000, 8)
TELEPHONE_EVENT = Codec("telephone-event", 8000, 101, "0-16")


class SdpError(ValueError):
    """The description cannot be read or used: 400 or 488 (see `status`)."""

    status: int = 488


@dataclass(slots=True)
class Description:
    """What we need of a description. `streams` counts all m-lines; the audio stream is at `index`, the others are
    refused with port 0 in an answer."""

    address: str  # an IP address, never a host name
    port: int  # 0: refused
    codecs: tuple[Codec, ...]
    direction: Direction = "sendrecv"
    ptime_ms: int = 20
    session_id: int = 0
    session_version: int = 0
    streams: list[str] = field(default_factory=list)  # each m-line's text, in order, for the answer
    index: int = 0


@dataclass(slots=True, frozen=True)
class Agreed:
    """The outcome of an exchange, seen from us: what a media worker is told."""

    address: str
    port: int
    codec: Codec  # what we send, with the payload number the peer wants
    events: int | None  # the peer's telephone-event payload number
    sends: bool  # we may send
    receives: bool  # we will receive
    ptime_ms: int
    receive_payloads: tuple[tuple[int, str], ...]  # payload number → codec name, in what reaches us


def parse(body: bytes) -> Description:
    """Raises `SdpError`: malformed, host name, no audio, too large, too many formats."""
    raise NotImplementedError


def offer(
    address: str,
    port: int,
    codecs: tuple[Codec, ...],
    *,
    session_id: int,
    version: int = 1,
    direction: Direction = "sendrecv",
) -> bytes:
    """Our offer: one audio stream, codecs in order of preference, telephone-event last."""
    raise NotImplementedError


def answer(
    theirs: Description,
    address: str,
    port: int,
    codecs: tuple[Codec, ...],
    *,
    session_id: int,
    version: int = 1,
    direction: Direction = "sendrecv",
) -> tuple[bytes, Agreed]:
    """Our answer and what it means. Raises `SdpError` (488) when nothing fits."""
    raise NotImplementedError


def agreed(ours: tuple[Codec, ...], direction: Direction, theirs: Description) -> Agreed:
    """What their answer to our offer means. Raises `SdpError`."""
    raise NotImplementedError
