"""Digits in INFO, as telephones send them without an Info-Package (RFC 6086 §3 calls these legacy uses)."""

from __future__ import annotations

import re

from sip.message import Request, SipError

DURATION_S = 0.1  # where the telephone does not say
_SIGNAL = re.compile(r"signal[ \t]*=[ \t]*([0-9*#A-D]|1[0-5])[ \t]*", re.IGNORECASE)
_DURATION = re.compile(r"duration[ \t]*=[ \t]*([0-9]{1,5})[ \t]*", re.IGNORECASE)
_PLAIN = re.compile(r"([0-9*#A-D]|1[0-5])[ \t\r\n]*", re.IGNORECASE)
_BY_EVENT = "0123456789*#ABCD"


def digit_of(request: Request) -> tuple[str, float] | None:
    """The digit and its length in seconds of an application/dtmf-relay or application/dtmf body; None if it tells of
    something else (a flash). Raises `SipError`: 415 another kind of body, 469 an Info-Package, 400 two signals."""
    if request.get("Info-Package"):
        raise SipError(469, "Bad Info Package")
    kind = request.content_type
    if kind is None:
        return None
    text = request.body[:256].decode("ascii", "replace")
    if (kind.type, kind.subtype) == ("application", "dtmf"):
        found = _PLAIN.fullmatch(text)
        return (_digit(found[1]), DURATION_S) if found else None
    if (kind.type, kind.subtype) != ("application", "dtmf-relay"):
        raise SipError(415, "Unsupported Media Type")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signals = [found for line in lines if (found := _SIGNAL.fullmatch(line))]
    if len(signals) > 1:
        raise SipError(400, "Two signals in one INFO")
    durations = [int(found[1]) / 1000 for line in lines if (found := _DURATION.fullmatch(line))]
    return (_digit(signals[0][1]), durations[0] if durations else DURATION_S) if signals else None


def _digit(text: str) -> str:
    return _BY_EVENT[int(text)] if text.isdigit() else text.upper()
