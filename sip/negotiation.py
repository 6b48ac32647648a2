"""Offer/answer (RFC 3264) for one audio stream.

The engine negotiates here; a media worker is only told the outcome: where to send, which payload types, which way.
"""

from __future__ import annotations

from typing import NamedTuple

from sip import sdes
from sip.sdes import Crypto, Keys
from sip.sdp import DEFAULT_PTIME_MS, TELEPHONE_EVENT, Codec, Description, Direction, SdpError

_FLAGS: dict[Direction, tuple[bool, bool]] = {  # direction → (sends, receives), of whoever wrote it
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_DIRECTIONS = {flags: word for word, flags in _FLAGS.items()}


class Agreed(NamedTuple):
    """The outcome of an exchange, seen from us: what a media worker is told."""

    address: str
    port: int
    codec: Codec  # what we send, with the payload number the peer wants
    events: int | None  # the peer's telephone-event payload number
    sends: bool  # we may send
    receives: bool  # we will receive
    ptime_ms: int
    receive_payloads: tuple[tuple[int, str], ...]  # payload number → codec name, in what reaches us
    keys: Keys | None = None  # None: RTP in clear
    rtcp_port: int = 0  # 0: the one above
    rtcp_mux: bool = False


def offer(
    address: str,
    port: int,
    codecs: tuple[Codec, ...],
    *,
    session_id: int,
    version: int = 1,
    direction: Direction = "sendrecv",
    crypto: tuple[Crypto, ...] = (),
) -> bytes:
    """Our offer: one audio stream, codecs in order of preference, telephone-event last. With `crypto` it is SRTP."""
    audio = _audio(port, _with_events(codecs), direction, crypto)
    return _write(address, session_id, version, [audio])


def answer(
    theirs: Description,
    address: str,
    port: int,
    codecs: tuple[Codec, ...],
    *,
    session_id: int,
    version: int = 1,
    direction: Direction = "sendrecv",
    key: bytes = b"",
) -> tuple[bytes, Agreed]:
    """Our answer and what it means. Raises `SdpError` (488) when nothing fits. `key`: ours, if they offered SRTP.

    One codec only is answered, the first of theirs that is among ours, under their number, and telephone-event if they
    offered it: what reaches us can then be nothing else.
    """
    if theirs.port == 0:
        raise SdpError("the audio stream is refused")
    codec = _first_common(theirs.codecs, codecs)
    events = _events(theirs.codecs, codec.rate)
    chosen = (codec,) if events is None else (codec, events)
    direction = _allowed(direction, theirs.direction)
    lines = [_refusal(stream) for stream in theirs.streams] or [""]
    written = codec, *(Codec(e.name, e.rate, e.payload, TELEPHONE_EVENT.fmtp) for e in chosen[1:])
    crypto = theirs.crypto[:1]  # their first (RFC 4568 §7.1.2), under its tag
    ours = tuple([Crypto(one.tag, one.suite, key) for one in crypto])
    lines[theirs.index] = _audio(port, written, direction, ours, theirs.rtcp_mux)
    sends, receives = _FLAGS[direction]
    outcome = Agreed(
        theirs.address,
        theirs.port,
        codec,
        None if events is None else events.payload,
        sends,
        receives,
        theirs.ptime_ms,
        tuple([(one.payload, one.name) for one in chosen]),
        Keys(crypto[0].suite, key, crypto[0].key) if crypto else None,
        theirs.rtcp_port,
        theirs.rtcp_mux,
    )
    return _write(address, session_id, version, lines), outcome


def agreed(
    ours: tuple[Codec, ...], direction: Direction, theirs: Description, crypto: tuple[Crypto, ...] = ()
) -> Agreed:
    """What their answer to our offer (with this `crypto`) means. Raises `SdpError`."""
    if theirs.port == 0:
        raise SdpError("the audio stream is refused")
    codec = _first_common(theirs.codecs, ours)
    events = _events(theirs.codecs, codec.rate)
    answered = {(one.name, one.rate) for one in theirs.codecs}
    sends, receives = _FLAGS[_allowed(direction, theirs.direction)]
    return Agreed(
        theirs.address,
        theirs.port,
        codec,
        None if events is None else events.payload,
        sends,
        receives,
        theirs.ptime_ms,
        tuple([(one.payload, one.name) for one in _with_events(ours) if (one.name, one.rate) in answered]),
        _keys(crypto, theirs),
        theirs.rtcp_port,
    )


def _keys(ours: tuple[Crypto, ...], theirs: Description) -> Keys | None:
    """None where neither we nor they speak of keys."""
    if not ours and not theirs.crypto:
        return None
    keys = sdes.agreed(ours, theirs.crypto)
    if keys is None:
        raise SdpError("the answer takes none of our a=crypto")
    return keys


def _first_common(theirs: tuple[Codec, ...], ours: tuple[Codec, ...]) -> Codec:
    """Theirs, in their order, as RFC 3264 §6.1 recommends."""
    known = {(codec.name, codec.rate) for codec in ours if codec.name != TELEPHONE_EVENT.name}
    for codec in theirs:
        if (codec.name, codec.rate) in known:
            return codec
    raise SdpError("no codec in common")


def _events(codecs: tuple[Codec, ...], rate: int) -> Codec | None:
    """telephone-event at the clock of the codec it interrupts (RFC 4733 §2.1)."""
    for codec in codecs:
        if codec.name == TELEPHONE_EVENT.name and codec.rate == rate:
            return codec
    return None


def _with_events(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """The codecs with telephone-event at the end: the one among them, or ours under a free number."""
    speech = tuple([codec for codec in codecs if codec.name != TELEPHONE_EVENT.name])
    events = [codec for codec in codecs if codec.name == TELEPHONE_EVENT.name]
    if not events:
        taken = {codec.payload for codec in speech}
        number = next(number for number in (101, *range(96, 128)) if number not in taken)
        events = [Codec(TELEPHONE_EVENT.name, TELEPHONE_EVENT.rate, number, TELEPHONE_EVENT.fmtp)]
    return (*speech, *events)


def _allowed(wanted: Direction, theirs: Direction) -> Direction:
    """Our direction, given what the peer sends and receives."""
    send, receive = _FLAGS[wanted]
    they_send, they_receive = _FLAGS[theirs]
    return _DIRECTIONS[send and they_receive, receive and they_send]


def _audio(
    port: int,
    codecs: tuple[Codec, ...],
    direction: Direction,
    crypto: tuple[Crypto, ...] = (),
    rtcp_mux: bool = False,
) -> str:
    profile = "RTP/SAVP" if crypto else "RTP/AVP"
    lines = [f"m=audio {port} {profile} {' '.join([str(codec.payload) for codec in codecs])}"]
    lines += [sdes.write(one) for one in crypto]
    if rtcp_mux:
        lines.append("a=rtcp-mux")
    for codec in codecs:
        lines.append(f"a=rtpmap:{codec.payload} {codec.name}/{codec.rate}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload} {codec.fmtp}")
    lines += (f"a=ptime:{DEFAULT_PTIME_MS}", f"a={direction}")
    return "\r\n".join(lines)


def _refusal(stream: str) -> str:
    """The same m-line with port 0 (RFC 3264 §6)."""
    kind, _, rest = stream.partition(" ")
    _, _, formats = rest.partition(" ")
    return f"m={kind} 0 {formats}"


def _write(address: str, session_id: int, version: int, streams: list[str]) -> bytes:
    kind = "IP6" if ":" in address else "IP4"
    head = f"v=0\r\no=- {session_id} {version} IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0"
    return "\r\n".join([head, *streams, ""]).encode("utf-8", "surrogateescape")
