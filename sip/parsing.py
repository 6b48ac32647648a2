"""Bytes in, a message or `SipError` out (RFC 3261 §7, §25.1): split, and what cannot be split safely refused. What the
headers say is read later, when somebody asks (`sip.message`)."""

from __future__ import annotations

from functools import lru_cache

from sip.grammar import IS_TOKEN, SipError, integer
from sip.message import Message, Request, Response
from sip.names import KEYS, METHODS

MAX_MESSAGE = 65_536  # octets
MAX_LINES = 256  # header lines
MAX_LINE = 8_192  # characters in one, unfolded
MAX_METHOD = 64

_BLANKS = (" ", "\t")


class MalformedRequest(SipError):
    """A request that can be answered although it cannot be read: `request` holds the header lines that were whole."""

    def __init__(self, error: SipError, request: Request) -> None:
        super().__init__(error.status, error.reason)
        self.request = request


def parse(data: bytes) -> Request | Response:
    """One datagram or one framed message. Raises `SipError`; `MalformedRequest` if there is enough of a request to be
    answered. Time linear in len(data).

    Octets after Content-Length are cut off (RFC 3261 §18.3); too few are an error.
    """
    if len(data) > MAX_MESSAGE:
        raise SipError(513, "Message Too Large")
    if data.startswith(b"\r\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 §7.5
    end = data.find(b"\r\n\r\n")
    head = (data if end < 0 else data[:end]).decode("utf-8", "surrogateescape")
    lines = head.split("\r\n")
    message, version = _start(lines.pop(0))
    text = "".join(lines)
    if "\r" in text or "\n" in text:
        _index_slowly(message, [line for line in lines if "\r" not in line and "\n" not in line])
        fault: SipError | None = SipError(400, "CR or LF by itself")
    else:
        plain = len(head) <= MAX_LINE and _index(message.first, lines)
        fault = None if plain else _index_slowly(message, lines)
        if end < 0:
            fault = SipError(400, "The headers do not end")
        elif fault is None:
            fault = _body(message, data[end + 4 :])
    if version != "SIP/2.0":
        fault = _bad_version(version)
    if fault is None:
        return message
    raise MalformedRequest(fault, message) if isinstance(message, Request) else fault


def _start(line: str) -> tuple[Request | Response, str]:
    """The message by its first line, and its version. Raises `SipError` if the line is neither a request's nor a
    response's."""
    if "\r" in line or "\n" in line:
        raise SipError(400, "CR or LF by itself")
    method, _, rest = line.partition(" ")
    message: Request | Response
    if method == "SIP/2.0":
        message, version = Response(*_status(rest)), method
    else:
        uri, blank, version = rest.rpartition(" ")
        if (method not in METHODS and (not IS_TOKEN(method) or len(method) > MAX_METHOD)) or not blank:
            raise SipError(400, "Neither a request nor a response")
        message = Request(method, uri)
    return message, version


@lru_cache(maxsize=128)
def _status(text: str) -> tuple[int, str]:
    code, _, reason = text.partition(" ")
    return integer(code, 100, 699, "status code"), reason


def _bad_version(version: str) -> SipError:
    """Of a request: another version, or none."""
    name, _, number = version.upper().partition("/")
    if name == "SIP" and number.replace(".", "", 1).isdigit():
        return SipError(505, "Version Not Supported")
    return SipError(400, "Bad request line")


def _index(first: dict[str, str], lines: list[str]) -> bool:
    """The values by name. False if the lines need a closer look than nearly all do."""
    try:
        for line in lines:
            name, _, value = line.partition(":")
            first[KEYS[name]] = value.strip(" \t")
    except SipError:
        return False
    # Each name once, and each with its colon.
    return len(first) == len(lines) <= MAX_LINES and "" not in first.values()


def _index_slowly(message: Message, lines: list[str]) -> SipError | None:
    """The same for lines that are repeated, folded, empty, too long, too many or none of a header; what is wrong with
    them is returned, the whole ones stay."""
    fault = SipError(400, "Too many headers") if len(lines) > MAX_LINES else None
    message.first.clear()
    for line in _unfold(lines[:MAX_LINES]):
        name, colon, value = line.partition(":")
        try:
            key = KEYS[name]
        except SipError as error:
            fault = error
            continue
        if not colon or len(line) > MAX_LINE:
            fault = SipError(400, "Bad header line")
            continue
        message.add(key, value.strip(" \t"))
    return fault


def _unfold(lines: list[str]) -> list[str]:
    """A line that begins with a blank goes on with the one before it, if that has its colon (§7.3.1)."""
    if not any(line[:1] in _BLANKS for line in lines):
        return lines
    unfolded: list[list[str]] = []
    for line in lines:
        if line[:1] in _BLANKS and unfolded and ":" in unfolded[-1][0]:
            unfolded[-1].append(line.strip(" \t"))
        else:
            unfolded.append([line])
    return [" ".join(parts) for parts in unfolded]


def _body(message: Message, body: bytes) -> SipError | None:
    """Cut the body to Content-Length."""
    message.body = body
    text = message.first.get("content-length")
    if text is None:
        return None
    if "content-length" in message._repeated:
        return SipError(400, "More than one Content-Length header")
    if text == str(len(body)):
        return None
    try:
        length = integer(text, 0, 2**31, "Content-Length")
    except SipError as error:
        return error
    if length > len(body):
        return SipError(400, "Content-Length is more than came")
    message.body = body[:length]
    return None
