"""SIP messages, and back to bytes (RFC 3261 §7, §25); from bytes they come by `sip.parsing`.

A message keeps its header lines as they came, in order, and reads one only when asked: routing an INVITE needs five of
its twenty. `Message.validate` is the strict reading at the edge. What is read is kept, so that nothing is read twice.

Octets that are not UTF-8 survive as surrogate escapes: a message that was not touched and not folded goes out as it
came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from sip.grammar import IS_TOKEN, SipError, integer, split_list
from sip.headers import LONGEST_TAG, MAGIC_COOKIE, CSeq, MediaType, NameAddr, Via
from sip.names import KEYS, METHODS, NOT_LISTS, ONCE, REASONS
from sip.uri import Uri

__all__ = [
    "METHODS",
    "REASONS",
    "Message",
    "Request",
    "Response",
    "SipError",
    "build_request",
    "response_to",
]

_MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))

_T = TypeVar("_T")


class Message:
    """Common to requests and responses. Header names are case-insensitive, compact forms are known."""

    __slots__ = ("_index", "_lines", "_read", "_repeated", "body")

    body: bytes

    def __init__(self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self._lines: list[str] = []  # as they are written
        self._index: dict[str, str] = {}  # name in lower case → the value of its first line
        self._repeated: dict[str, list[str]] = {}  # the same of those with several lines → all of their values
        self._read: dict[str, object] = {}
        self.body = body
        for name, value in headers:
            self.add(name, value)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """(name as written, value) in order: a copy, changed by `add`, `set` and `remove` only."""
        pairs = [line.partition(":") for line in self._lines]
        return [(name.rstrip(" \t"), value.strip(" \t")) for name, _, value in pairs]

    # ---------------------------------------------------------------------------------------------- reading

    def get(self, name: str) -> str | None:
        """The first value of the header, unfolded, or None. A list in one line is not split."""
        return self._index.get(KEYS[name])

    def all(self, name: str) -> list[str]:
        """Every value of the header in order; comma-separated lists are split outside quotes and brackets. Empty
        elements of a list are left out."""
        key = KEYS[name]
        value = self._index.get(key)
        if value is None:
            return []
        values = self._repeated.get(key) or [value]
        if key in NOT_LISTS:
            return values.copy()
        if values == [value] and "," not in value:
            return [value] if value else []
        return [part for value in values for part in split_list(value) if part]

    def tokens(self, name: str) -> tuple[str, ...]:
        """The list's elements in lower case, without parameters: Supported, Require, Allow-Events …"""
        key = KEYS[name]
        if key in self._repeated:
            return tuple([token for value in self._repeated[key] for token in _tokens(value)])
        value = self._index.get(key)
        if value is None:
            return ()
        return _known_tokens(value) if len(value) <= 256 else _tokens(value)

    def _typed(self, name: str, read: Callable[[str], _T]) -> _T:
        known = self._read.get(name)
        if known is None:
            value = self._index.get(name)
            if value is None:
                raise SipError(400, f"Missing {name} header")
            known = self._read[name] = read(value)
        return known  # type: ignore[return-value]  # what `read` gave for this name

    @property
    def call_id(self) -> str:
        """Raises `SipError` (400) if there is none, like all below."""
        return self._typed("call-id", str)

    @property
    def via(self) -> Via:
        """The topmost Via."""
        return self._typed("via", _first_via)

    @property
    def cseq(self) -> CSeq:
        return self._typed("cseq", CSeq.parse)

    @property
    def from_(self) -> NameAddr:
        return self._typed("from", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        return self._typed("to", NameAddr.parse)

    @property
    def contacts(self) -> list[NameAddr]:
        """Every Contact; empty if there is none, or if it is ``*`` (ask `get`)."""
        return self._addresses("contact")

    @property
    def routes(self) -> list[NameAddr]:
        return self._addresses("route")

    @property
    def record_routes(self) -> list[NameAddr]:
        return self._addresses("record-route")

    @property
    def content_type(self) -> MediaType | None:
        return self._typed("content-type", MediaType.parse) if "content-type" in self._index else None

    def _addresses(self, name: str) -> list[NameAddr]:
        known = self._read.get(name)
        if known is None:
            known = self._read[name] = [NameAddr.parse(value) for value in self.all(name) if value != "*"]
        return known  # type: ignore[return-value]  # only addresses are kept under these names

    # --------------------------------------------------------------------------------------------- changing

    def add(self, name: str, value: str) -> None:
        """Append a header line. What would break out of its line fails in `to_bytes`."""
        self._lines.append(f"{name}: {value}")
        self._append(KEYS[name], value.strip(" \t"))

    def _append(self, key: str, value: str) -> None:
        if key in self._index:
            self._repeated.setdefault(key, [self._index[key]]).append(value)
        else:
            self._index[key] = value
        self._read.pop(key, None)

    def set(self, name: str, value: str) -> None:
        """Replace the header's first line, or append one; other lines of that header go."""
        key = KEYS[name]
        if key not in self._index:
            self.add(name, value)
            return
        position = self._positions(key)[0]
        self.remove(name)
        self._lines.insert(position, f"{name}: {value}")
        self._index[key] = value.strip(" \t")

    def remove(self, name: str) -> None:
        """Every line of the header goes."""
        key = KEYS[name]
        if key in self._index:
            for position in reversed(self._positions(key)):
                del self._lines[position]
            del self._index[key]
            self._repeated.pop(key, None)
            self._read.pop(key, None)

    def copy(self, source: Message, name: str) -> None:
        """Append the other message's lines of that header exactly as they are there."""
        key = KEYS[name]
        for position in source._positions(key):
            line = source._lines[position]
            self._lines.append(line)
            self._append(key, line.partition(":")[2].strip(" \t"))

    def _positions(self, key: str) -> list[int]:
        """Where the lines of that header stand."""
        names = [line.partition(":")[0] for line in self._lines]
        return [position for position, name in enumerate(names) if KEYS[name] == key]

    # --------------------------------------------------------------------------------------------- checking

    def validate(self) -> None:
        """The strict reading. Raises `SipError`."""
        index = self._index
        if not index.keys() >= _MANDATORY:
            raise SipError(400, f"Missing {' '.join(sorted(_MANDATORY - index.keys()))} header")
        for key in self._repeated:
            if key in ONCE:
                raise SipError(400, f"More than one {key} header")
        call_id = self.call_id
        if not call_id or len(call_id) > LONGEST_TAG or " " in call_id or "\t" in call_id:
            raise SipError(400, "Bad Call-ID")
        if self.via.branch == MAGIC_COOKIE:
            raise SipError(400, "Bad Via branch")
        for party in (self.from_, self.to):
            tag = party.tag
            if tag is not None and not 0 < len(tag) <= LONGEST_TAG:
                raise SipError(400, "Bad tag")
        self._typed("cseq", CSeq.parse)
        if "max-forwards" in index:
            integer(self.get("max-forwards") or "", 0, 255, "Max-Forwards")
        if "expires" in index:
            integer(self.get("expires") or "", 0, 2**32 - 1, "Expires")
        for name in ("contact", "route", "record-route"):
            if name in index:
                self._addresses(name)
        if "content-type" in index:
            self._typed("content-type", MediaType.parse)

    # ---------------------------------------------------------------------------------------------- writing

    def start_line(self) -> str:
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message with the right Content-Length. Raises `ValueError` if CR or LF stands in a header."""
        length = str(len(self.body))
        if self.get("content-length") != length:
            self.set("Content-Length", length)
        return _join(self.start_line(), self._lines, self.body)

    def __repr__(self) -> str:
        return f"<{self.start_line()}>"


class Request(Message):
    __slots__ = ("method", "uri")

    method: str
    uri: str

    def __init__(self, method: str, uri: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri

    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def parsed_uri(self) -> Uri:
        """The Request-URI in its parts. Raises `SipError` (400)."""
        known = self._read.get(" uri")
        if known is None:
            known = self._read[" uri"] = Uri.parse(self.uri)
        return known  # type: ignore[return-value]  # nothing else is kept under this name

    def stamp(self, host: str, port: int) -> None:
        """Write into the topmost Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
        via = self.via
        stamped = via.seen_from(host, port)
        if stamped == via:
            return
        new = ", ".join([str(stamped), *split_list(self._index["via"])[1:]])
        self._lines[self._positions("via")[0]] = f"Via: {new}"
        self._index["via"] = new
        if "via" in self._repeated:
            self._repeated["via"][0] = new
        self._read["via"] = stamped

    def validate(self) -> None:
        """The strict reading. Raises `SipError`: 400, 416 for the scheme of the Request-URI, 501 for an unknown
        method whose CSeq names another."""
        scheme = self.parsed_uri.scheme
        if scheme not in ("sip", "sips", "tel"):
            raise SipError(416, "Unsupported URI Scheme")
        if self.parsed_uri.headers:
            raise SipError(400, "Headers in the Request-URI")
        super().validate()
        if self.cseq.method != self.method:
            if self.method not in METHODS:
                raise SipError(501, "Not Implemented")
            raise SipError(400, "CSeq method does not match")
        if self.body and "content-type" not in self._index:
            raise SipError(400, "Missing Content-Type header")
        if self.method == "INVITE":
            # Without Contact there is nowhere to send the BYE; a re-INVITE may leave the target as it is.
            if "contact" not in self._index and self.to.tag is None:
                raise SipError(400, "Missing Contact header")
            if len(self.contacts) > 1:
                raise SipError(400, "More than one Contact")
        elif self.method == "REGISTER" and self.to.uri.scheme not in ("sip", "sips", "tel"):
            raise SipError(400, "Unsupported address of record")


class Response(Message):
    __slots__ = ("reason", "status")

    status: int
    reason: str

    def __init__(
        self, status: int, reason: str | None = None, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = REASONS.get(status, "Unknown") if reason is None else reason

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def validate(self) -> None:
        """The strict reading; what fails is dropped. A response for us has one Via only (RFC 3261 §8.1.3.3)."""
        super().validate()
        if "via" in self._repeated or len(self.all("via")) > 1:
            raise SipError(400, "Response for somebody else")


def _tokens(value: str) -> tuple[str, ...]:
    return tuple([part.partition(";")[0].rstrip(" \t").lower() for part in split_list(value) if part])


_known_tokens = lru_cache(maxsize=256)(_tokens)  # a telephone says the same of itself in every message


def _first_via(value: str) -> Via:
    return Via.parse(split_list(value)[0] if "," in value else value)


def _join(start: str, lines: list[str], body: bytes) -> bytes:
    head = "\r\n".join([start, *lines])
    # Every CR and LF in the text must be one of ours: nothing that came in a value makes a line of its own.
    if not head.count("\r") == head.count("\n") == len(lines):
        raise ValueError("CR or LF within a header")
    return f"{head}\r\n\r\n".encode("utf-8", "surrogateescape") + body


def response_to(request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None) -> Response:
    """A response with the request's Via, From, To, Call-ID and CSeq, line by line as they came (RFC 3261 §8.2.6.2), and
    its Timestamp in a 100. What a malformed request lacks is lacking here. `to_tag` is used if To has no tag yet."""
    response = Response(status, reason)
    for name in ("via", "from", "to", "call-id", "cseq"):
        response.copy(request, name)
    if status == 100:
        response.copy(request, "timestamp")
    to = request.get("to")
    if to_tag is not None and to is not None and not _has_tag(to):
        response.set("To", f"{to};tag={to_tag}")
    return response


def _has_tag(value: str) -> bool:
    try:
        return NameAddr.parse(value).tag is not None
    except SipError:
        return ";tag=" in value


def build_request(method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request on the wire; Content-Length is added. Raises `ValueError` for a header or a URI that would break out
    of its line, and for a Content-Length."""
    lines = []
    for name, value in headers:
        if KEYS[name] == "content-length":
            raise ValueError("Content-Length is added, not given")
        lines.append(f"{name}: {value}")
    if " " in uri or not uri or not IS_TOKEN(method):
        raise ValueError(f"bad request line: {method} {uri!r}")
    lines.append(f"Content-Length: {len(body)}")
    return _join(f"{method} {uri} SIP/2.0", lines, body)
