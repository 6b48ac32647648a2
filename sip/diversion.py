"""Who sent a call on before it came here: Diversion (RFC 5806) or History-Info (RFC 7044), as far as they can be read.

What cannot is left out: a call is never refused for how it came.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

from sip.headers import NameAddr
from sip.message import Request, SipError

MOST: Final = 20  # entries that are looked at
REASONS: Final = {
    "302": "unconditional", "404": "unknown", "408": "no-answer", "480": "deflection", "486": "user-busy",
    "487": "deflection", "503": "unavailable",
}  # fmt: skip
"""Words of RFC 5806 by the cause of RFC 4458 (RFC 7544 §7)."""
WORDS: Final = frozenset({
    *REASONS.values(), "time-of-day", "do-not-disturb", "follow-me", "out-of-service", "away",
})  # fmt: skip


class Diverted(NamedTuple):
    number: str  # the last that sent it on; "" if it is not to be known
    reason: str  # a word of `WORDS`


def diverted(request: Request) -> Diverted | None:
    """The last diversion, or None if there was none."""
    return _by_diversion(request) or _by_history(request)


def _by_diversion(request: Request) -> Diverted | None:
    """The topmost is the latest."""
    for value in request.all("Diversion")[:MOST]:
        entry = _entry(value)
        if entry is not None:
            word = (entry.param("reason") or "").lower()
            private = (entry.param("privacy") or "off").lower() not in ("off", "")
            return Diverted("" if private else entry.uri.number, word if word in WORDS else "unknown")
    return None


def _by_history(request: Request) -> Diverted | None:
    """The last entry that came of another one by a change of the user: ``mp``, or a cause in its URI (RFC 4458)."""
    entries = [entry for value in request.all("History-Info")[:MOST] if (entry := _entry(value)) is not None]
    by_index = {entry.param("index") or "": entry for entry in entries}
    for position in range(len(entries) - 1, 0, -1):
        entry = entries[position]
        cause = entry.uri.param("cause") or ""
        mapped = entry.param("mp")
        if mapped is None and cause not in REASONS:
            continue
        source = by_index.get(mapped or "", entries[position - 1])
        private = "privacy=history" in unquote(source.uri.headers).lower()
        return Diverted("" if private else source.uri.number, REASONS.get(cause or _cause(source), "unknown"))
    return None


def _cause(entry: NameAddr) -> str:
    """Of the Reason that stands in its URI: why this target was left."""
    for header in unquote(entry.uri.headers).split("&"):
        name, _, value = header.partition("=")
        if name.strip().lower() == "reason":
            params = [param.strip().lower() for param in value.split(";")]
            return next((param[6:] for param in params if param.startswith("cause=")), "")
    return ""


def _entry(value: str) -> NameAddr | None:
    try:
        return NameAddr.parse(value)
    except SipError:
        return None
