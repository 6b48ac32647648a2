"""Reliable provisional answers (RFC 3262): ours to a caller who requires them, and the PRACKs we owe a callee."""

from __future__ import annotations

from collections.abc import Callable

from sip.building import Outline, Reply, request_of
from sip.dialog import Dialog
from sip.headers import RAck, tag_of
from sip.message import Request, Response, SipError
from sip.settings import Hop
from sip.timers import LONG, T1, Timer
from sip.transaction import ClientRequest, Layer, ServerInvite, unheard

FIRST_RSEQ = 1


class Provisionals(Timer):
    """Ours, to one INVITE: each is repeated until its PRACK comes, and the next waits until then (§3)."""

    __slots__ = (
        "_data", "_ends", "_interval", "_invite", "_invite_cseq", "_lost", "_next", "_reply", "_rseq", "carries_sdp",
    )  # fmt: skip

    def __init__(self, invite: ServerInvite, reply: Reply, cseq: int, lost: Callable[[], None]) -> None:
        super().__init__()
        self._invite = invite
        self._reply = reply
        self._invite_cseq = cseq
        self._lost = lost
        self._rseq = FIRST_RSEQ - 1
        self._data = b""  # of the one that waits for its PRACK
        self._interval = self._ends = 0.0
        self._next: tuple[int, str, bytes] | None = None
        self.carries_sdp = False  # the one that waits

    @property
    def waiting(self) -> bool:
        return bool(self._data)

    def send(self, status: int, lines: str, sdp: bytes) -> None:
        if self.waiting:
            self._next = (status, lines, sdp)
            return
        self._rseq += 1
        self._data = self._reply.to_bytes(status, f"Require: 100rel\r\nRSeq: {self._rseq}\r\n{lines}", sdp)
        self.carries_sdp = bool(sdp)
        layer = self._invite.layer
        self._interval, self._ends = T1, layer.now + LONG
        self._invite.respond(status, self._data)
        layer.timers.set(self, layer.now + T1)

    def matches(self, request: Request) -> bool:
        """A PRACK for the one that waits."""
        try:
            rack = RAck.parse(request.get("RAck") or "")
        except SipError:
            return False
        return self.waiting and (rack.rseq, rack.cseq, rack.method) == (self._rseq, self._invite_cseq, "INVITE")

    def acknowledged(self) -> None:
        self.stop()
        if self._next is not None:
            (status, lines, sdp), self._next = self._next, None
            self.send(status, lines, sdp)

    def stop(self) -> None:
        self._data = b""
        self._invite.layer.timers.cancel(self)

    def fire(self, now: float) -> None:
        if now >= self._ends:
            self._data = b""
            self._lost()
            return
        layer = self._invite.layer
        layer.send(self._data, self._invite.hop)
        self._interval *= 2
        layer.timers.set(self, min(now + self._interval, self._ends))


class Early:
    """A dialog with a callee who has not answered yet, but whose provisionals are reliable."""

    __slots__ = ("answered", "dialog", "offered", "rseq")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.rseq = 0  # of the last provisional
        self.answered = False  # one of them brought the answer to our offer
        self.offered = False  # since then an offer of theirs was answered


class Pracks:
    """Theirs, to one INVITE of ours: each is acknowledged once, in order, per early dialog (§4)."""

    __slots__ = ("_dialogs",)

    def __init__(self) -> None:
        self._dialogs: dict[str, Early] = {}  # by their tag

    def owed(self, response: Response, outline: Outline, local_tag: str, hop: Hop) -> Dialog | None:
        """The early dialog in which to send the PRACK; None if none is owed. Raises `SipError` (RSeq)."""
        tag = tag_of(response.get("To") or "")
        if not tag or "100rel" not in response.tokens("Require") or len(self._dialogs) > 20:
            return None
        rseq = rseq_of(response)
        early = self._dialogs.get(tag)
        if early is not None and rseq != early.rseq + 1:
            return None  # repeated, or one before it was lost: that will come again
        if early is None:
            early = self._dialogs[tag] = Early(Dialog.of_response(outline, local_tag, response, hop))
        early.rseq = rseq
        early.answered = early.answered or bool(response.body)
        return early.dialog

    def early(self, tag: str) -> Early | None:
        return self._dialogs.get(tag)


def rseq_of(response: Response) -> int:
    value = response.get("RSeq") or ""
    if not (value.isascii() and value.isdigit() and len(value) <= 10):
        raise SipError(400, "Bad RSeq")
    return int(value)


def send_prack(layer: Layer, dialog: Dialog, via: str, branch: str, response: Response) -> None:
    """Acknowledge it. What the answer is changes nothing: should the PRACK be lost, it is repeated by itself."""
    invite_cseq = response.cseq.number
    dialog.local_cseq += 1
    outline = dialog.request(via, branch, dialog.local_cseq)
    data = request_of(outline, "PRACK", f"RAck: {rseq_of(response)} {invite_cseq} INVITE\r\n")
    ClientRequest(layer, (branch, "PRACK"), dialog.hop, data, unheard)
