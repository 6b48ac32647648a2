"""Our requests and responses as bytes, from the lines that later messages of the same transaction or dialog repeat."""

from __future__ import annotations

from collections.abc import Sequence

from sip.message import REASONS, Request

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER\r\n"
SDP = "Content-Type: application/sdp\r\n"


class Outline:
    """What the ACK and the CANCEL of a request of ours repeat (RFC 3261 §9.1, §17.1.1.3)."""

    __slots__ = ("branch", "call_id", "cseq", "from_", "routes", "to", "uri", "via")

    def __init__(
        self, uri: str, via: str, branch: str, routes: str, from_: str, to: str, call_id: str, cseq: int
    ) -> None:
        self.uri = uri
        self.via = via  # the whole value
        self.branch = branch
        self.routes = routes  # whole lines, and that of the Session-ID
        self.from_ = from_
        self.to = to
        self.call_id = call_id
        self.cseq = cseq


def route_lines(routes: Sequence[str]) -> str:
    return "".join([f"Route: {route}\r\n" for route in routes]) if routes else ""


def request_of(outline: Outline, method: str, lines: str = "", body: bytes = b"") -> bytes:
    """`lines` are whole header lines, each with its CR LF."""
    return (
        f"{method} {outline.uri} SIP/2.0\r\nVia: {outline.via}\r\n{outline.routes}Max-Forwards: 70\r\n"
        f"From: {outline.from_}\r\nTo: {outline.to}\r\nCall-ID: {outline.call_id}\r\nCSeq: {outline.cseq} {method}\r\n"
        f"{lines}Content-Length: {len(body)}\r\n\r\n"
    ).encode("utf-8", "surrogateescape") + body


def ack_of(outline: Outline, to: str) -> bytes:
    """The ACK of a refusal: the INVITE's Via, the response's To (§17.1.1.3)."""
    return (
        f"ACK {outline.uri} SIP/2.0\r\nVia: {outline.via}\r\n{outline.routes}Max-Forwards: 70\r\n"
        f"From: {outline.from_}\r\nTo: {to}\r\nCall-ID: {outline.call_id}\r\nCSeq: {outline.cseq} ACK\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode("utf-8", "surrogateescape")


class Reply:
    """The lines that every response to one request repeats (§8.2.6.2)."""

    __slots__ = ("_head", "to")

    def __init__(self, request: Request, stamped: str, to: str) -> None:
        """`stamped` is the topmost Via as we saw it; `to` is the To value with our tag."""
        self.to = to
        vias = f"Via: {stamped}\r\n"
        for via in request.all("via")[1:]:
            vias += f"Via: {via}\r\n"
        self._head = (
            f"{vias}From: {request.first.get('from')}\r\nTo: {to}\r\nCall-ID: {request.first.get('call-id')}\r\n"
            f"CSeq: {request.first.get('cseq')}\r\n"
        )

    def add(self, lines: str) -> None:
        """Whole header lines, for all of them."""
        self._head += lines

    def keep_route(self, request: Request) -> None:
        """What makes a dialog repeats the Record-Route too (§12.1.1)."""
        if "record-route" in request.first:
            self._head += "".join([f"Record-Route: {route}\r\n" for route in request.all("Record-Route")])

    def to_bytes(self, status: int, lines: str = "", body: bytes = b"", reason: str = "") -> bytes:
        return (
            f"SIP/2.0 {status} {reason or REASONS.get(status, 'Unknown')}\r\n{self._head}{lines}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("utf-8", "surrogateescape") + body


def one_line(value: str) -> str:
    """A value from our own side that must not break out of its header line."""
    return value.replace("\r", " ").replace("\n", " ").replace("\0", " ")
