"""SIP messages as they are read (RFC 3261 §7): from bytes by `sip.parsing`. Ours are written by `sip.building`.

A header is read only when asked for: routing an INVITE needs five of its twenty. `Message.validate` is the strict
reading at the edge. What is read is kept, so that nothing is read twice. Octets that are not UTF-8 survive as surrogate
escapes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from sip.grammar import SipError, integer, split_list
from sip.headers import LONGEST_TAG, MAGIC_COOKIE, PLAIN_VIA, CSeq, MediaType, NameAddr, Via
from sip.names import KEYS, METHODS, NOT_LISTS, ONCE, REASONS
from sip.uri import Uri

__all__ = ["METHODS", "REASONS", "Message", "Request", "Response", "SipError"]

_MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))

_T = TypeVar("_T")


class Message:
    """Common to requests and responses. Header names are case-insensitive, compact forms are known."""

    __slots__ = ("_read", "_repeated", "body", "first")

    first: dict[str, str]
    """Name in lower case, long form → the value of its first line, unfolded: `get` without looking the name up."""
    body: bytes

    def __init__(self) -> None:
        self.first = {}
        self.body = b""
        self._repeated: dict[str, list[str]] = {}  # of names with several lines: all of their values
        self._read: dict[str, object] = {}

    def add(self, key: str, value: str) -> None:
        """Another line of the header with this name (in lower case, long form)."""
        if key in self.first:
            self._repeated.setdefault(key, [self.first[key]]).append(value)
        else:
            self.first[key] = value

    # ---------------------------------------------------------------------------------------------- reading

    def get(self, name: str) -> str | None:
        """The first value of the header, unfolded, or None. A list in one line is not split."""
        return self.first.get(KEYS[name])

    def all(self, name: str) -> list[str]:
        """Every value of the header in order; comma-separated lists are split outside quotes and brackets. Empty
        elements of a list are left out."""
        key = KEYS[name]
        value = self.first.get(key)
        if value is None:
            return []
        if value and "," not in value and key not in self._repeated:
            return [value]
        values = self._repeated.get(key) or [value]
        return values.copy() if key in NOT_LISTS else [part for one in values for part in split_list(one) if part]

    def tokens(self, name: str) -> tuple[str, ...]:
        """The list's elements in lower case, without parameters: Supported, Require, Allow-Events …"""
        key = KEYS[name]
        value = self.first.get(key)
        if value is None:
            return ()
        if key in self._repeated:
            return tuple([token for value in self._repeated[key] for token in _tokens(value)])
        return _known_tokens(value) if len(value) <= 256 else _tokens(value)

    def _typed(self, name: str, read: Callable[[str], _T]) -> _T:
        known = self._read.get(name)
        if known is None:
            value = self.first.get(name)
            if value is None:
                raise SipError(400, f"Missing {name} header")
            known = self._read[name] = read(value)
        return known  # type: ignore[return-value]  # what `read` gave for this name

    @property
    def call_id(self) -> str:
        """Raises `SipError` (400) if there is none, like all below."""
        value = self.first.get("call-id")
        if value is None:
            raise SipError(400, "Missing call-id header")
        return value

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
        return self._typed("content-type", MediaType.parse) if "content-type" in self.first else None

    def _addresses(self, name: str) -> list[NameAddr]:
        known = self._read.get(name)
        if known is None:
            known = self._read[name] = [NameAddr.parse(value) for value in self.all(name) if value != "*"]
        return known  # type: ignore[return-value]  # only addresses are kept under these names

    # --------------------------------------------------------------------------------------------- checking

    def validate(self) -> None:
        """The strict reading. Raises `SipError`."""
        index = self.first
        if not index.keys() >= _MANDATORY:
            raise SipError(400, f"Missing {' '.join(sorted(_MANDATORY.difference(index)))} header")
        for key in self._repeated:
            if key in ONCE:
                raise SipError(400, f"More than one {key} header")
        call_id = self.call_id
        if not call_id or len(call_id) > LONGEST_TAG or " " in call_id or "\t" in call_id:
            raise SipError(400, "Bad Call-ID")
        if not PLAIN_VIA(index["via"]) and self.via.branch == MAGIC_COOKIE:
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


class Request(Message):
    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str) -> None:
        Message.__init__(self)
        self.method = method
        self.uri = uri

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri}>"

    @property
    def parsed_uri(self) -> Uri:
        """The Request-URI in its parts. Raises `SipError` (400)."""
        known = self._read.get(" uri")
        if known is None:
            known = self._read[" uri"] = Uri.parse(self.uri)
        return known  # type: ignore[return-value]  # nothing else is kept under this name

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
        if self.body and "content-type" not in self.first:
            raise SipError(400, "Missing Content-Type header")
        if self.method == "INVITE":
            # Without Contact there is nowhere to send the BYE; a re-INVITE may leave the target as it is.
            if "contact" not in self.first and self.to.tag is None:
                raise SipError(400, "Missing Contact header")
            if len(self.contacts) > 1:
                raise SipError(400, "More than one Contact")
        elif self.method == "REGISTER" and self.to.uri.scheme not in ("sip", "sips", "tel"):
            raise SipError(400, "Unsupported address of record")


class Response(Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str) -> None:
        Message.__init__(self)
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason}>"

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
