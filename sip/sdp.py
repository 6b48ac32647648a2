"""Session descriptions (RFC 8866) and offer/answer (RFC 3264) for one audio stream.

The engine negotiates here; a media worker is only told the outcome: where to send, which payload types, which way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

MAX_BODY = 16_384  # octets
MAX_STREAMS = 16
MAX_FORMATS = 64  # in the audio stream
MAX_LINES = 256  # in the session part, and in the audio stream's
DEFAULT_PTIME_MS = 20


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

# Payload numbers that need no rtpmap (RFC 3551 §6, audio with one channel).
_STATIC = {
    "0": "PCMU/8000",
    "3": "GSM/8000",
    "4": "G723/8000",
    "8": "PCMA/8000",
    "9": "G722/8000",
    "12": "QCELP/8000",
    "13": "CN/8000",
    "15": "G728/8000",
    "18": "G729/8000",
}
# Names are compared without case; these are written as their RFCs write them.
_SPELLING = {name.lower(): name for name in ("PCMU", "PCMA", "G722", "G729", "GSM", "CN", "opus", "telephone-event")}

_FLAGS: dict[str, tuple[bool, bool]] = {  # direction → (sends, receives), of whoever wrote it
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_DIRECTIONS: dict[tuple[bool, bool], Direction] = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch
_MEDIA = re.compile(r"audio ([0-9]{1,5})(?:/[0-9]{1,3})? RTP/AVP((?: [0-9]{1,3})+) *").fullmatch
_ORIGIN = re.compile(r"[^ ]+ ([0-9]{1,20}) ([0-9]{1,20}) IN IP[46] [^ ]+ *").fullmatch
_RTPMAP = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`{|}~\-]{1,64})/([0-9]{1,6})(?:/([0-9]{1,3}))? *").fullmatch


class SdpError(ValueError):
    """The description cannot be read or used: 400 or 488 (see `status`)."""

    status: int = 488

    def __init__(self, reason: str, status: int = 488) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Description:
    """What we need of a description. `streams` counts all m-lines; the audio stream is at `index`, the others are
    refused with port 0 in an answer."""

    address: str  # an IP address, never a host name
    port: int  # 0: refused
    codecs: tuple[Codec, ...]
    direction: Direction = "sendrecv"
    ptime_ms: int = DEFAULT_PTIME_MS
    session_id: int = 0
    session_version: int = 0
    streams: list[str] = field(default_factory=list)  # each m-line's text after "m=", in order, for the answer
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


# ------------------------------------------------------------------------------------------------------- reading


def parse(body: bytes) -> Description:
    """Raises `SdpError`: malformed, host name, no audio, too large, too many formats."""
    if len(body) > MAX_BODY:
        raise SdpError("description too large")
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise SdpError("CR or NUL within a line", 400)
    if text[:4] != "v=0\n":
        raise SdpError("no version line", 400)
    session, *media = text.rstrip("\n").split("\nm=")
    if not media:
        raise SdpError("no media", 400)
    if len(media) > MAX_STREAMS:
        raise SdpError("too many streams")
    streams = [stream.partition("\n")[0] for stream in media]
    index, port, formats = _choose(streams)
    origin, address, direction, _, _, _ = _read(session.split("\n"))
    _, own_address, own_direction, ptime, maps, parameters = _read(media[index].split("\n")[1:])
    if own_address or address:
        address = _address(own_address or address)
    elif port:
        raise SdpError("no connection line", 400)
    direction = own_direction or direction or "sendrecv"
    if address in ("0.0.0.0", "::"):  # the old way to hold: send nothing there (RFC 3264 §8.4)
        direction = "sendonly" if direction in ("sendrecv", "sendonly") else "inactive"
    return Description(
        address,
        port,
        _codecs(formats, maps, parameters),
        direction,  # type: ignore[arg-type]  # `_read` takes the four words only
        ptime,
        *_origin(origin),
        streams,
        index,
    )


def _choose(streams: list[str]) -> tuple[int, int, list[str]]:
    """The first audio stream we can use that is not refused; else the first refused one."""
    refused = None
    for index, stream in enumerate(streams):
        match = _MEDIA(stream)
        if match is None:
            if stream.startswith("audio ") and " RTP/AVP " in stream:
                raise SdpError("bad media line", 400)
            continue
        formats = match[2].split()
        if len(formats) > MAX_FORMATS:
            raise SdpError("too many formats")
        port = int(match[1])
        if port > 65535:
            raise SdpError("bad port", 400)
        if port:
            return index, port, formats
        refused = refused or (index, 0, formats)
    if refused is None:
        raise SdpError("no audio over RTP/AVP")
    return refused


_Part: TypeAlias = tuple[str, str, str, int, dict[str, str], dict[str, str]]


def _read(lines: list[str]) -> _Part:
    """Of one part's lines: origin, connection, direction, ptime, rtpmaps and fmtps by payload number."""
    if len(lines) > MAX_LINES:
        raise SdpError("too many lines")
    origin = connection = direction = ""
    ptime = DEFAULT_PTIME_MS
    maps: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for line in lines:
        kind = line[:2]
        if kind == "a=":
            name, _, value = line[2:].partition(":")
            if name == "rtpmap":
                payload, _, coding = value.partition(" ")
                maps[payload] = coding.strip()
            elif name == "fmtp":
                payload, _, parameter = value.partition(" ")
                parameters[payload] = parameter.strip()
            elif name in _FLAGS:
                direction = name
            elif name == "ptime":
                ptime = _ptime(value)
        elif kind == "c=":
            connection = connection or line[2:]
        elif kind == "o=":
            origin = line[2:]
        elif kind[1:] != "=" or not "a" <= kind[0] <= "z":
            raise SdpError("bad line", 400)
    return origin, connection, direction, ptime, maps, parameters


def _ptime(text: str) -> int:
    """A packet time nobody can mean is no packet time."""
    text = text.strip()
    if len(text) <= 3 and text.isascii() and text.isdigit() and 1 <= int(text) <= 200:
        return int(text)
    return DEFAULT_PTIME_MS


def _origin(text: str) -> tuple[int, int]:
    match = _ORIGIN(text)
    if match is None:
        raise SdpError("bad origin line", 400)
    return int(match[1]), int(match[2])


def _address(connection: str) -> str:
    """The address of a c= line: unicast, or the unspecified one. Nobody can make us send to a group or a broadcast."""
    kind, _, address = connection.rstrip(" ").rpartition(" ")
    if kind == "IN IP4":
        if _IPV4(address):
            if int(address.partition(".")[0]) < 224 and (address == "0.0.0.0" or not address.startswith("0.")):
                return address
            raise SdpError("not a unicast address")
        if "/" in address and _IPV4(address.partition("/")[0]):
            raise SdpError("not a unicast address")
    elif kind == "IN IP6":
        return _address6(address)
    else:
        raise SdpError("bad connection line", 400)
    raise SdpError("an IP address is needed, not a host name")


def _address6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise SdpError("an IP address is needed, not a host name") from error
    mapped = address.ipv4_mapped
    if address.is_multicast or address.scope_id or (mapped and int(mapped) >= 0xE0000000):
        raise SdpError("not a unicast address")
    return text


def _codecs(formats: list[str], maps: dict[str, str], parameters: dict[str, str]) -> tuple[Codec, ...]:
    codecs = []
    for payload in dict.fromkeys(formats):
        coding = maps.get(payload) or _STATIC.get(payload)
        if payload in maps and not maps[payload]:
            raise SdpError("bad rtpmap", 400)
        codec = _codec(payload, coding, parameters.get(payload, "")) if coding else None
        if codec is not None:
            codecs.append(codec)
    return tuple(codecs)


@lru_cache(maxsize=512)  # a site's phones and trunks write the same dozen lines in every call
def _codec(payload: str, coding: str, parameter: str) -> Codec | None:
    """None for one that is not ours to use (several channels)."""
    match = _RTPMAP(coding)
    number = int(payload)
    if match is None or number > 127 or int(match[2]) == 0:
        raise SdpError("bad payload type", 400)
    name = match[1]
    if match[3] not in (None, "1") and name.lower() != "opus":
        return None
    return Codec(_SPELLING.get(name.lower(), name), int(match[2]), number, parameter)


# --------------------------------------------------------------------------------------------------- offer/answer


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
    audio = _audio(port, _with_events(codecs), direction)
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
) -> tuple[bytes, Agreed]:
    """Our answer and what it means. Raises `SdpError` (488) when nothing fits.

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
    lines[theirs.index] = _audio(port, written, direction)
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
    )
    return _write(address, session_id, version, lines), outcome


def agreed(ours: tuple[Codec, ...], direction: Direction, theirs: Description) -> Agreed:
    """What their answer to our offer means. Raises `SdpError`."""
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
    )


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


def _audio(port: int, codecs: tuple[Codec, ...], direction: Direction) -> str:
    lines = [f"m=audio {port} RTP/AVP {' '.join([str(codec.payload) for codec in codecs])}"]
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
