"""Session-ID (RFC 7989): a name for a call that everybody it passes writes into his log, whatever Call-ID he sees."""

from __future__ import annotations

import re

from sip.message import Request, Response

NIL = "0" * 32
_VALUE = re.compile(r"([0-9a-f]{32})[ \t]*(?:;.*)?", re.IGNORECASE | re.DOTALL).fullmatch


class SessionIds:
    """The two halves of one session's identifier: what we are called, and what the peer is."""

    __slots__ = ("_said", "ours", "theirs")

    def __init__(self, ours: str, theirs: str = NIL) -> None:
        self.ours = ours
        self.theirs = theirs
        self._said: str | None = None  # by the message before, which nearly every one repeats

    @property
    def line(self) -> str:
        """The header line that each of our messages carries."""
        return f"Session-ID: {self.ours};remote={self.theirs}\r\n"

    def heard(self, message: Request | Response) -> None:
        """A message of the session has come: the peer may be another than before (§5)."""
        said = message.first.get("session-id")
        if said != self._said:
            self._said = said
            self.theirs = sender_of(message) or self.theirs


def sender_of(message: Request | Response) -> str:
    """The identifier its sender gives himself, in the form of RFC 7329 too; "" if there is none that can be read."""
    value = message.first.get("session-id")
    match = _VALUE(value) if value else None
    return "" if match is None or match[1] == NIL else match[1].lower()
