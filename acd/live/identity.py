"""Who calls whom, in SIP headers: read from what a peer sent, written into what we send (RFC 3261 §20, RFC 3323,
RFC 3325)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from acd.core.events import Attribute
from sip import diversion
from sip.headers import NameAddr
from sip.message import Request, SipError
from sip.uri import Uri

LONGEST: Final = 128
ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'
_PRIVATE: Final = re.compile(r"(?:^|[;,\s])(?:id|user)(?=$|[;,\s])", re.IGNORECASE)
_UNWANTED: Final = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")
_NOT_IN_USER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,]")


@dataclass(slots=True, frozen=True)
class Identity:
    """The two ends of a call as the core wants them: what was dialled, bounded, without control characters."""

    called: str
    caller: str
    caller_name: str
    asserted: bool
    private: bool = False  # he does not want whom he calls to see who he is


def clean(text: str) -> str:
    """A peer's text, bounded and without what a terminal, a log or a header could mistake for its own."""
    return _UNWANTED.sub("", text)[:LONGEST]


def _asserted(request: Request) -> NameAddr | None:
    """The first P-Asserted-Identity that can be read."""
    for value in request.all("P-Asserted-Identity"):
        try:
            return NameAddr.parse(value)
        except SipError:
            continue
    return None


def read(request: Request, *, trusted: bool) -> Identity:
    """Called and calling party of an INVITE. A number is asserted when a trusted trunk gave it; such a trunk's
    P-Asserted-Identity goes before its From, anybody else's is not looked at. A wish for privacy is anybody's. Raises
    `SipError`."""
    called = request.parsed_uri.number
    sender = request.from_
    party = (_asserted(request) if trusted else None) or sender
    return Identity(
        clean(called), clean(party.uri.number), clean(party.display or sender.display), trusted, _private(request)
    )


def _private(request: Request) -> bool:
    """He wants it by Privacy: id (RFC 3325 §9.3) or user (RFC 3323 §4.2)."""
    return any(_PRIVATE.search(value) for value in request.all("Privacy"))


def dialled(uri: str) -> str:
    """The number or name in a URI, its host left aside: whom a REFER means is looked up in our own dial plan."""
    return clean(Uri.parse(uri).number)


def diverted(request: Request) -> tuple[str | None, str | None]:
    """The number that sent the call on to us last, and why: of a trusted trunk's Diversion or History-Info."""
    found = diversion.diverted(request)
    return (None, None) if found is None else (clean(found.number) or None, found.reason)


def attributes(request: Request, headers: Mapping[str, str | None], *, trusted: bool) -> dict[str, Attribute]:
    """What the configuration lets a trusted trunk tell of a caller, each under its name; None where it is not told.
    A number in digits is a number."""
    found: dict[str, Attribute] = {}
    for name, header in headers.items():
        text = clean(request.get(header) or "").strip() if trusted and header else ""
        found[name] = (int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text) or None
    return found


def name_addr(user: str, name: str, host: str) -> str:
    """``"Ann" <sip:4711@host>``, quoted and escaped, safe for whatever a caller called himself."""
    escaped = _NOT_IN_USER.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), clean(user))
    uri = f"<sip:{escaped}@{host}>" if escaped else "<sip:anonymous@anonymous.invalid>"
    if not name:
        return uri
    quoted = clean(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" {uri}'
