"""Session descriptions (RFC 8866) of one audio stream, as they are read. What is made of them is `sip.negotiation`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Literal, TypeAlias, get_args

from sip import sdes
from sip.sdes import Crypto

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Security: TypeAlias = Literal["off", "preferred", "required"]  # what we take of SRTP (RFC 4568)

MAX_BODY = 16_384  # octets
MAX_STREAMS = 16
MAX_FORMATS = 64  # in the audio stream
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
G722 = Codec("G722", 8000, 9)  # 16 kHz, whatever its clock says (RFC 3551 §4.5.2)
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

_WORDS: dict[str, Direction] = {word: word for word in get_args(Direction)}

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch
_OPENING = re.compile(r"v=0\no=[^ \n]+ [0-9]{1,20} [0-9]{1,20} IN IP[46] [^ \n]+ *(?=\n)").match
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
    streams: list[str] = field(default_factory=list)  # each m-line's text after "m=", in order, for the answer
    index: int = 0
    crypto: tuple[Crypto, ...] = ()  # those we can use; of RTP/SAVP only, where there is at least one
    rtcp_port: int = 0  # where it takes RTCP (RFC 3605); 0: the port above RTP's
    rtcp_mux: bool = False  # RTCP beside RTP on one port (RFC 5761): offered, or agreed to in an answer


def parse(body: bytes, security: Security = "off") -> Description:
    """Raises `SdpError`: malformed, host name, no audio, too large, too many formats.

    Of several audio streams `security` tells which is ours: without SRTP, with it if there is one, or only with it.
    """
    if len(body) > MAX_BODY:
        raise SdpError("description too large")
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise SdpError("CR or NUL within a line", 400)
    session, *media = text.rstrip("\n").split("\nm=")
    streams = [stream.partition("\n")[0] for stream in media]
    opening = _OPENING(session)
    if opening is None:
        raise SdpError("bad version or origin line", 400)
    rest = session[opening.end() + 1 :]
    memorable = len(rest) <= 256 and "inline:" not in rest  # a key is remembered nowhere
    address, direction = _known_session(rest) if memorable else _session_part(rest)
    index, port, formats, secure = _choose(streams, _PROFILES[security])
    _, _, rest = media[index].partition("\n")
    memorable = len(rest) <= 1024 and "inline:" not in rest
    audio = _known_audio(formats, rest) if memorable else _audio_part(formats, rest)
    if secure and port and not audio.crypto:
        raise SdpError("no usable a=crypto")
    direction = audio.direction or direction or "sendrecv"
    if address := audio.address or address:
        address = _address(address) if len(address) <= 64 else _check_address(address)
    elif port:
        raise SdpError("no connection line", 400)
    if address in ("0.0.0.0", "::"):  # the old way to hold: send nothing there (RFC 3264 §8.4)
        direction = "sendonly" if direction in ("sendrecv", "sendonly") else "inactive"
    crypto = audio.crypto if secure else ()
    return Description(
        address,
        port,
        audio.codecs,
        direction,
        audio.ptime_ms,
        streams,
        index,
        crypto,
        audio.rtcp_port,
        audio.rtcp_mux,
    )


def _session_part(text: str) -> tuple[str, Direction | None]:
    """Of what stands between the origin and the first stream: the connection, the direction."""
    connection = ""
    direction: Direction | None = None
    for line in text.split("\n"):
        if line[:2] == "c=":
            connection = line[2:]
        elif line[:2] == "a=":
            direction = _WORDS.get(line[2:], direction)
        elif line[1:2] != "=":
            raise SdpError("bad line", 400)
    return connection, direction


_PROFILES: dict[Security, tuple[str, ...]] = {
    "off": ("RTP/AVP",),
    "preferred": ("RTP/SAVP", "RTP/AVP"),
    "required": ("RTP/SAVP",),
}


def _choose(streams: list[str], profiles: tuple[str, ...]) -> tuple[int, int, str, bool]:
    """Index, port, formats and whether by SRTP, of the audio stream we can use: the first of the best profile. Of the
    first refused one if there is no other."""
    if len(streams) > MAX_STREAMS:
        raise SdpError("too many streams")
    found: tuple[int, int, str, bool] | None = None
    best = len(profiles)
    for index, stream in enumerate(streams):
        fields = stream.split(" ", 3)
        if fields[0] != "audio" or len(fields) < 3 or fields[2] not in profiles:
            continue
        port, protocol, formats = _port(fields[1]), fields[2], fields[3] if len(fields) > 3 else ""
        rank = profiles.index(protocol)
        if port and rank < best:
            found, best = (index, port, formats, protocol == "RTP/SAVP"), rank
        found = found or (index, 0, formats, protocol == "RTP/SAVP")
    if found is None:
        raise SdpError(f"no audio over {' or '.join(profiles)}")
    return found


def _port(text: str) -> int:
    """Of an m-line: perhaps with how many there are."""
    text = text.partition("/")[0]
    if len(text) > 5 or not (text.isascii() and text.isdigit()) or (port := int(text)) > 65535:
        raise SdpError("bad port", 400)
    return port


@dataclass(slots=True, frozen=True)
class _Audio:
    """What the audio stream says besides its port."""

    codecs: tuple[Codec, ...]
    address: str
    direction: Direction | None
    ptime_ms: int
    crypto: tuple[Crypto, ...]
    rtcp_port: int
    rtcp_mux: bool


def _audio_part(formats: str, text: str) -> _Audio:
    address = ""
    direction: Direction | None = None
    ptime = DEFAULT_PTIME_MS
    maps: dict[str, str] = {}
    parameters: dict[str, str] = {}
    crypto: list[Crypto] = []
    rtcp_port, rtcp_mux = 0, False
    for line in text.split("\n") if text else ():
        name, _, value = line.partition(":")
        if name == "a=rtpmap":
            payload, _, maps[payload] = value.partition(" ")
        elif name == "a=fmtp":
            payload, _, parameters[payload] = value.partition(" ")
        elif name == "a=ptime":
            ptime = _ptime(value)
        elif name == "a=crypto":
            crypto += sdes.read(value)
        elif name == "a=rtcp":
            rtcp_port = _rtcp_port(value)
        elif line == "a=rtcp-mux":
            rtcp_mux = True
        elif line[:2] == "c=":
            address = address or line[2:]
        elif line[:2] == "a=":
            direction = _WORDS.get(line[2:], direction)
        elif line[1:2] != "=":
            raise SdpError("bad line", 400)
    codecs = _codecs(formats.split(), maps, parameters)
    return _Audio(codecs, address, direction, ptime, tuple(crypto), rtcp_port, rtcp_mux)


# But for ports, crypto keys and the numbers of the origin a trunk and a phone write the same text in every call.
_known_session = lru_cache(maxsize=2048)(_session_part)
_known_audio = lru_cache(maxsize=256)(_audio_part)


def _rtcp_port(text: str) -> int:
    """0 for one that nobody can mean, or that names another address: reports go where the audio goes."""
    port, _, elsewhere = text.strip().partition(" ")
    fits = not elsewhere and len(port) <= 5 and port.isascii() and port.isdigit() and int(port) <= 65535
    return int(port) if fits else 0


def _ptime(text: str) -> int:
    """A packet time nobody can mean is no packet time."""
    text = text.strip()
    if len(text) <= 3 and text.isascii() and text.isdigit() and 1 <= int(text) <= 200:
        return int(text)
    return DEFAULT_PTIME_MS


def _check_address(connection: str) -> str:
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


_address = lru_cache(maxsize=2048)(_check_address)


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
    if len(formats) > MAX_FORMATS:
        raise SdpError("too many formats")
    codecs = []
    for payload in dict.fromkeys(formats):
        coding = maps.get(payload, _STATIC.get(payload))
        if not (len(payload) <= 3 and payload.isascii() and payload.isdigit()) or int(payload) > 127:
            raise SdpError("bad payload type", 400)
        if coding is not None and (codec := _codec(int(payload), coding, parameters.get(payload, ""))):
            codecs.append(codec)
    return tuple(codecs)


def _codec(payload: int, coding: str, parameters: str) -> Codec | None:
    """None for one that is not ours to use (several channels)."""
    match = _RTPMAP(coding)
    if match is None or not int(match[2]):
        raise SdpError("bad rtpmap", 400)
    name, rate, channels = match.groups()
    if channels not in (None, "1") and name.lower() != "opus":
        return None
    return Codec(_SPELLING.get(name.lower(), name), int(rate), payload, parameters.strip(" "))
