"""Messages out of a byte stream (RFC 3261 §18.3): by Content-Length, within limits; keep-alives (RFC 5626 §3.5.1)."""

from __future__ import annotations

import re

from sip.grammar import SipError
from sip.parsing import MAX_MESSAGE

MAX_HEAD = 16_384  # octets before the blank line
PING = b"\r\n\r\n"
PONG = b"\r\n"

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:[ \t]*+(?:\r\n[ \t]++)*([^\r\n]*+)(?=\r\n)", re.IGNORECASE)


class Framer:
    """Feed it what arrives, take whole messages out. After a `SipError` the stream has no more frames: answer if one
    likes, and close it. It holds at most one message; the time a half message may take is for the owner to limit."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = 0  # length of the message at the front, once its head is known
        self._searched = 0
        self.pings = 0  # keep-alives to be answered with PONG

    @property
    def waiting(self) -> bool:
        """True while part of a message is here; ends of lines are none."""
        return bool(self._buffer.strip(PONG))

    @property
    def head(self) -> bytes:
        """What is here of the first message's head: after an error all that may be read of it."""
        end = self._buffer.find(PING)
        return bytes(self._buffer[: end + 4] if 0 <= end <= MAX_HEAD else b"")

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are now whole. Raises `SipError`: 400 without one sound Content-Length, 513 too large. What
        stands before the error is given first, and the next call raises."""
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except SipError:
            if not messages:
                raise
        return messages

    def _next(self) -> bytes | None:
        if not self._wanted:
            self._skip_keep_alives()
            self._wanted = self._measure()
        if not self._wanted or len(self._buffer) < self._wanted:
            return None
        message = bytes(self._buffer[: self._wanted])
        del self._buffer[: self._wanted]
        self._wanted = self._searched = 0
        return message

    def _skip_keep_alives(self) -> None:
        while self._buffer.startswith(PING):
            del self._buffer[: len(PING)]
            self.pings += 1
        if self._buffer[:2] == PONG and len(self._buffer) > 2 and self._buffer[2:3] != b"\r":
            del self._buffer[:2]

    def _measure(self) -> int:
        """The length of the message at the front; 0 while its head is not whole."""
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end > MAX_HEAD or (end < 0 and len(self._buffer) > MAX_HEAD):
            raise SipError(513, "Message Too Large")
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
            return 0
        lengths = _LENGTH.findall(self._buffer, 0, end + 2)
        text = lengths[0].strip(b" \t") if len(lengths) == 1 else b""
        if not (text.isdigit() and len(text) <= 10):
            raise SipError(400, "No sound Content-Length")
        wanted = end + 4 + int(text)
        if wanted > MAX_MESSAGE:
            raise SipError(513, "Message Too Large")
        return wanted
