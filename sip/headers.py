"""Header values as frozen values: `parse` reads one value strictly, `str` writes it (RFC 3261 §20, §25).

Parsers raise `SipError` (400). A parser takes one value: lists are split before, by `Message.all`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sip.grammar import (
    HOST,
    IS_TOKEN,
    QUOTED,
    Params,
    SipError,
    find_param,
    format_params,
    integer,
    parse_params,
    port_number,
    quote,
    unquote,
    with_param,
)
from sip.names import METHODS
from sip.uri import Uri

MAGIC_COOKIE = "z9hG4bK"
CSEQ_LIMIT = 2**31 - 1
LONGEST_TAG = 512  # tags, branches and Call-IDs are kept in tables: a peer may not fill them with kilobytes

_NAME_ADDR = re.compile(
    rf'(?:({QUOTED})[ \t]*+|([^"<>,;\\\x00-\x08\x0a-\x1f\x7f]*+))<([^<>"]++)>(.*)', re.DOTALL
).fullmatch
_ADDR_SPEC = re.compile(r"([^<>\";?,\s]++)(.*)", re.DOTALL).fullmatch
PLAIN_VIA = re.compile(
    r"SIP/2\.0/[A-Z]{2,3} ((?=[0-9A-Za-z])([0-9A-Za-z.\-]{1,255}+)(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?)(;rport)?"
    rf";branch=({MAGIC_COOKIE}[A-Za-z0-9\-.!%*_+`'~]{{1,400}}+)(;rport)?"
).fullmatch
"""What nearly every Via looks like: sent-by, host, port, ``;rport``, branch, ``;rport``. One that matches is sound; the
others are read in full."""

_VIA = re.compile(
    rf"SIP[ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++({HOST})"
    r"[ \t]*+(?::[ \t]*+([0-9]++)[ \t]*+)?",
    re.IGNORECASE,
).fullmatch


class NameAddr(NamedTuple):
    """From, To, Contact, Route, Refer-To, P-Asserted-Identity …: ``"Name" <uri>;params`` or ``uri;params``."""

    uri: Uri
    display: str = ""  # without quotes and escapes
    params: Params = ()

    @classmethod
    def parse(cls, value: str) -> NameAddr:
        if value[:1] == "<":  # without a name, as most are
            text, bracket, params = value[1:].partition(">")
            if not bracket:
                raise SipError(400, "Bad name-addr")
            return cls(Uri.parse(text), "", parse_params(params))
        if "<" in value:
            match = _NAME_ADDR(value)
            if match is None:
                raise SipError(400, "Bad name-addr")
            quoted, token, uri, params = match.groups()
            display = unquote(quoted) if quoted else token.rstrip(" \t")
            return cls(Uri.parse(uri), display, parse_params(params))
        # Without brackets what follows ";" belongs to the header, and "?" or "," cannot be in the URI (§20.10).
        match = _ADDR_SPEC(value)
        if match is None:
            raise SipError(400, "Bad addr-spec")
        return cls(Uri.parse(match[1]), "", parse_params(match[2]))

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Its value without quotes; "" for a parameter without one; None if it is not there."""
        return find_param(self.params, name)

    @property
    def tag(self) -> str | None:
        return find_param(self.params, "tag")

    def with_tag(self, tag: str) -> NameAddr:
        return self._replace(params=with_param(self.params, "tag", tag))


@lru_cache(maxsize=1024)  # a peer writes the same in every message
def _sent_by(text: str) -> tuple[str, str, int | None]:
    """Transport, host and port of a Via."""
    match = _VIA(text)
    if match is None or len(match[2]) > LONGEST_TAG:
        raise SipError(400, "Bad Via")
    return match[1].upper(), match[2], None if match[3] is None else port_number(match[3])


class Via(NamedTuple):
    """RFC 3261 §20.42 and, for rport, RFC 3581."""

    transport: str  # UDP, TCP, TLS, WS …, in upper case
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, value: str) -> Via:
        head, semicolon, rest = value.partition(";")
        transport, host, port = _sent_by(head)
        params = parse_params(semicolon + rest)
        for name, text in params:
            if name == "branch":
                if not text or len(text) > LONGEST_TAG:
                    raise SipError(400, "Bad Via branch")
            elif name == "rport" and text is not None:
                port_number(text)
        return cls(transport, host, port, params)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Its value without quotes; "" for a parameter without one; None if it is not there."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str:
        """ "" if there is none (RFC 2543)."""
        return find_param(self.params, "branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as they identify a transaction (§17.2.3)."""
        return f"{self.host.lower()}:{self.port or (5061 if self.transport in ('TLS', 'WSS') else 5060)}"

    def seen_from(self, host: str, port: int) -> Via:
        """As a server stamps it: `received` if the source is not what the Via says, and `rport` if it was asked for
        (RFC 3261 §18.2.1, RFC 3581 §4). A `received` or `rport` the peer filled in himself is overwritten."""
        params = self.params
        asked = any(name == "rport" for name, _ in params)
        if asked:
            params = with_param(params, "rport", str(port))
        if asked or host != self.host.strip("[]") or find_param(params, "received") is not None:
            params = with_param(params, "received", host)
        return self._replace(params=params)

    def reply_to(self) -> tuple[str, int]:
        """Where a response over UDP goes (RFC 3261 §18.2.2, RFC 3581 §4): an address only if `received` was stamped."""
        host = find_param(self.params, "received") or self.host
        rport = find_param(self.params, "rport")
        return host.strip("[]"), int(rport) if rport else self.port or 5060


class CSeq(NamedTuple):
    """RFC 3261 §20.16: the number is below 2**31."""

    number: int
    method: str

    @classmethod
    def parse(cls, value: str) -> CSeq:
        number, _, method = value.partition(" ")
        if method in METHODS and len(number) < 10 and number.isascii() and number.isdigit():
            return cls(int(number), method)
        method = method.strip(" \t")
        if method not in METHODS and not IS_TOKEN(method):
            raise SipError(400, "Bad CSeq")
        return cls(integer(number.rstrip("\t"), 0, CSEQ_LIMIT, "CSeq"), method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class Parameterised(NamedTuple):
    """A token and its parameters: Event, Content-Disposition, Session-Expires, Retry-After (without its comment),
    Subscription-State, an Accept range …"""

    value: str
    params: Params = ()

    @classmethod
    def parse(cls, value: str) -> Parameterised:
        head, semicolon, rest = value.partition(";")
        head = head.strip(" \t")
        if not head or " " in head or '"' in head:
            raise SipError(400, "Bad header value")
        return cls(head, parse_params(semicolon + rest))

    def __str__(self) -> str:
        return f"{self.value}{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Its value without quotes; "" for a parameter without one; None if it is not there."""
        return find_param(self.params, name)


@lru_cache(maxsize=64)
def _media(text: str) -> tuple[str, str]:
    kind, slash, subtype = text.partition("/")
    kind, subtype = kind.strip(" \t").lower(), subtype.strip(" \t").lower()
    if not (slash and IS_TOKEN(kind) and IS_TOKEN(subtype)):
        raise SipError(400, "Bad Content-Type")
    return kind, subtype


class MediaType(NamedTuple):
    """Content-Type (§20.15): type and subtype in lower case."""

    type: str
    subtype: str
    params: Params = ()

    @classmethod
    def parse(cls, value: str) -> MediaType:
        head, semicolon, rest = value.partition(";")
        kind, subtype = _media(head)
        return cls(kind, subtype, parse_params(semicolon + rest))

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{format_params(self.params)}"


@dataclass(slots=True, frozen=True)
class Reason:
    """Why a request is sent (RFC 3326): ``SIP;cause=200;text="Call completed elsewhere"``, ``Q.850;cause=16``."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, value: str) -> Reason:
        read = Parameterised.parse(value)
        cause = read.param("cause")
        number = None if cause is None else integer(cause, 0, 999, "cause")
        return cls(read.value, number, read.param("text") or "")

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        text = f";text={quote(self.text)}" if self.text else ""
        return f"{self.protocol}{cause}{text}"


@dataclass(slots=True, frozen=True)
class Replaces:
    """The dialog to be replaced (RFC 3891), its tags as seen by who receives the header."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, value: str) -> Replaces:
        call_id, semicolon, rest = value.partition(";")
        params = parse_params(semicolon + rest)
        names = [name for name, _ in params]
        to_tag, from_tag = find_param(params, "to-tag"), find_param(params, "from-tag")
        once = names.count("to-tag") == names.count("from-tag") == 1
        if not call_id.strip() or not to_tag or not from_tag or not once:
            raise SipError(400, "Bad Replaces")
        return cls(call_id.strip(), to_tag, from_tag, "early-only" in names)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


@dataclass(slots=True, frozen=True)
class RAck:
    """What a PRACK acknowledges (RFC 3262 §7.2)."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, value: str) -> RAck:
        parts = value.split()
        if len(parts) != 3 or not IS_TOKEN(parts[2]):
            raise SipError(400, "Bad RAck")
        return cls(integer(parts[0], 1, 2**32 - 1, "RAck"), integer(parts[1], 0, CSEQ_LIMIT, "RAck"), parts[2])

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def tag_of(value: str) -> str | None:
    """The tag of a From or To without reading the rest of it: what the finding of a dialog needs. For a value whose
    display name could hide one, the whole is read. Raises `SipError`."""
    _, bracket, tag = value.rpartition(">;tag=")
    if bracket and tag.isalnum():
        return tag
    if not bracket and "tag" not in value.lower():
        return None
    return NameAddr.parse(value).tag


def delta_seconds(value: str, what: str = "seconds") -> int:
    """Expires, Min-Expires, Min-SE, Max-Forwards …: digits only; more than 2**32-1 is malformed."""
    return integer(value.strip(" \t"), 0, 2**32 - 1, what)


def retry_after(value: str) -> int:
    """The seconds of a Retry-After (§20.33), without its comment and parameters."""
    return delta_seconds(value.partition(";")[0].partition("(")[0], "Retry-After")


__all__ = [
    "CSEQ_LIMIT",
    "LONGEST_TAG",
    "MAGIC_COOKIE",
    "CSeq",
    "MediaType",
    "NameAddr",
    "Parameterised",
    "RAck",
    "Reason",
    "Replaces",
    "Via",
    "delta_seconds",
    "retry_after",
    "tag_of",
    "unquote",
]
