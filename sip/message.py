"""SIP messages: bytes in, a message or `SipError` out; and back (RFC 3261 §7, §25).

A message keeps its headers as they came, in order, and reads one only when asked: routing an INVITE needs five of its
twenty. `parse` splits; `Message.validate` is the strict reading at the edge.
"""

from __future__ import annotations

from collections.abc import Iterable


class SipError(ValueError):
    """The peer's mistake. `status` is the answer it deserves (400, 413, 416, 420, 505 …)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Message:
    """Common to requests and responses. Header names are case-insensitive, compact forms are known."""

    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """The first value of the header, unfolded, or None."""
        raise NotImplementedError

    def all(self, name: str) -> list[str]:
        """Every value of the header in order; comma-separated lists are split outside quotes and brackets."""
        raise NotImplementedError

    def add(self, name: str, value: str) -> None: ...

    def validate(self) -> None:
        """The strict reading. Raises `SipError`."""

    def to_bytes(self) -> bytes:
        raise NotImplementedError


class Request(Message):
    method: str
    uri: str


class Response(Message):
    status: int
    reason: str


def parse(data: bytes) -> Request | Response:
    """One datagram or one framed message. Raises `SipError`. Time linear in len(data)."""
    raise NotImplementedError


def response_to(request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None) -> Response:
    """A response with the request's Via, From, To, Call-ID and CSeq (RFC 3261 §8.2.6.2)."""
    raise NotImplementedError


def build_request(method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    raise NotImplementedError
