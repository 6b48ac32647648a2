"""The SIP messages of the last calls, from a bounded ring: for `acd trace` (DESIGN §7).

Messages are kept as they are, since that costs nothing; what nobody may see is masked when they are shown, octet for
octet, so that lengths stay right.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from acd.core.ids import CallId, LegId, call_of
from sip.endpoint import Hop, Listener

MESSAGES: Final = 20_000
CALLS: Final = 5_000

Kept: TypeAlias = tuple[float, bool, bytes, Hop]
"""Endpoint time in seconds, whether we sent it, the message, the far end."""

_CREDENTIALS: Final = re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)")
_KEYS: Final = re.compile(rb"(?im)(^a=crypto:.*?inline:|^k=)([^\r\n]*)")
_SIGNAL: Final = re.compile(rb"(?im)^([ \t]*signal[ \t]*=[ \t]*)([^\r\n]*)")
_OURS: Final = re.compile(r"[0-9]+-[0-9]+")
_INFO: Final = re.compile(rb"(?im)^(?:INFO |CSeq[ \t]*:[ \t]*[0-9]+[ \t]+INFO)")


def masked(data: bytes) -> bytes:
    """The message without credentials, keys of audio and digits."""
    data = _CREDENTIALS.sub(_crossed, data)
    head, blank, body = data.partition(b"\r\n\r\n")
    if body and _INFO.search(head):
        signals = _SIGNAL.subn(_crossed, body)
        body = signals[0] if signals[1] else b"x" * len(body)
    return head + blank + _KEYS.sub(_crossed, body)


def _crossed(found: re.Match[bytes]) -> bytes:
    return found[1] + re.sub(rb"[^\r\n\t ]", b"x", found[2])


class Trace:
    """Give `ring` to the endpoint, and tell of each session that a leg gets."""

    def __init__(self) -> None:
        self.ring: deque[Kept] = deque(maxlen=MESSAGES)
        self._calls: OrderedDict[CallId, list[tuple[LegId, str]]] = OrderedDict()
        self._named: OrderedDict[str, CallId] = OrderedDict()  # by Session-ID

    def began(self, leg: LegId, call_id: str, session_id: str = "") -> None:
        """The leg has a session of that Call-ID; the caller's gives its Session-ID too."""
        if session_id:
            self._named[session_id] = call_of(leg)
            if len(self._named) > CALLS:
                self._named.popitem(last=False)
        self._calls.setdefault(call_of(leg), []).append((leg, call_id))
        if len(self._calls) > CALLS:
            self._calls.popitem(last=False)

    def legs(self, call: str) -> list[tuple[LegId, str]]:
        """The sessions of a call, by leg; a Session-ID or Call-ID may be given too. Empty if nothing is known of it."""
        call = self._named.get(call, call)
        return self._calls.get(call) or ([] if _OURS.fullmatch(call) else [("", call)])

    @staticmethod
    def messages(
        kept: Iterable[Kept], legs: list[tuple[LegId, str]], listeners: dict[str, Listener], wall_offset_s: float
    ) -> list[dict[str, Any]]:
        """Those of the sessions, oldest first, masked. Each octet is one character of `text`. Safe in a thread."""
        found = []
        wanted = [(leg, re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*" + re.escape(call_id.encode()) + rb"[ \t]*\r"))
                  for leg, call_id in legs]  # fmt: skip
        plain = [call_id.encode() for _, call_id in legs]
        for now, sent, data, hop in kept:
            if not any(text in data for text in plain):
                continue
            leg = next((leg for leg, pattern in wanted if pattern.search(data)), None)
            if leg is None:
                continue
            listener = listeners[hop.listener]
            ends = [_end(listener.advertise, listener.port), _end(hop.host, hop.port)]
            source, target = ends if sent else reversed(ends)
            found.append({
                "at": now + wall_offset_s, "leg": leg, "sent": sent, "transport": hop.transport,
                "from": source, "to": target, "text": masked(data).decode("latin-1"),
            })  # fmt: skip
        return found


def _end(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
