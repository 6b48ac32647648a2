"""An INVITE of theirs until its final answer: provisionals, repeated each minute or until acknowledged, and how long it
may stand unanswered (RFC 3261 §13.3.1, RFC 3262)."""

from __future__ import annotations

from collections.abc import Callable

from sip.building import Reply
from sip.headers import delta_seconds
from sip.message import Request
from sip.reliable import Provisionals
from sip.timers import Alarm
from sip.transaction import ServerInvite

RING_AGAIN = 60.0  # s between repeated provisionals (§13.3.1.1)


class Arrival:
    __slots__ = (
        "_again", "_answer_after", "_offered", "_patience", "_provisionals", "cseq", "invite", "reply", "settled",
    )  # fmt: skip

    def __init__(self, invite: ServerInvite, reply: Reply, cseq: int) -> None:
        self.invite = invite
        self.reply = reply
        self.cseq = cseq
        self._again: Alarm | None = None
        self._patience: Alarm | None = None
        self._provisionals: Provisionals | None = None  # where the caller requires them reliable
        self._answer_after: bytes | None = None  # while a reliable offer or answer waits for its PRACK
        self.settled = False  # a reliable offer or answer of ours has its PRACK
        self._offered = False  # our offer, to an INVITE without one, stood in a reliable provisional

    def begin(
        self, request: Request, most_s: float, cancelled: Callable[[str], None], unanswered: Callable[[int], None]
    ) -> None:
        """It may stand for `most_s` at most, less if they say so; then `unanswered` is told the status that refuses it.
        Raises `SipError` (400)."""
        expires, layer = request.first.get("expires"), self.invite.layer
        theirs_s = delta_seconds(expires) if expires is not None else most_s
        status = 487 if theirs_s < most_s else 480
        if "100rel" in request.tokens("Require"):
            self._provisionals = Provisionals(self.invite, self.reply, self.cseq, lambda: unanswered(500))
        self.invite.on_cancel = cancelled
        self._patience = Alarm(lambda now: unanswered(status))
        layer.timers.set(self._patience, layer.now + min(most_s, theirs_s))

    @property
    def reliable(self) -> bool:
        return self._provisionals is not None

    def may_offer(self) -> bool:
        """An offer of ours stands in the first reliable provisional, or not before the 200 (RFC 3261 §13.2.1)."""
        first, self._offered = not self._offered, self.reliable
        return first and self.reliable

    def ring(self, status: int, lines: str, sdp: bytes) -> None:
        """A provisional answer."""
        if self._provisionals is not None and status > 100:
            self._provisionals.send(status, lines, sdp)
            return
        self.invite.respond(status, self.reply.to_bytes(status, lines, sdp))
        if self._again is None:
            self._again = Alarm(self._ring_again)
        layer = self.invite.layer
        layer.timers.set(self._again, layer.now + RING_AGAIN)

    def _ring_again(self, now: float) -> None:
        assert self._again is not None
        self.invite.again()
        self.invite.layer.timers.set(self._again, now + RING_AGAIN)

    def may_answer(self, sdp: bytes) -> bool:
        """False: not before the PRACK (RFC 3262 §3), and `pracked` gives the answer back."""
        reliable = self._provisionals
        if reliable is None or not (reliable.waiting and reliable.carries_sdp):
            return True
        self._answer_after = sdp
        return False

    def pracks(self, request: Request) -> bool:
        """Whether a PRACK is for what we sent. If so, `pracked` goes on."""
        provisionals = self._provisionals
        if provisionals is None or not provisionals.matches(request):
            return False
        self.settled = self.settled or provisionals.carries_sdp
        return True

    def pracked(self) -> bytes | None:
        """The answer that waited for this, if one did."""
        assert self._provisionals is not None
        self._provisionals.acknowledged()
        sdp, self._answer_after = self._answer_after, None
        return sdp

    def stop(self) -> None:
        """No timer runs any longer."""
        timers = self.invite.layer.timers
        if self._again is not None:
            timers.cancel(self._again)
            self._again = None
        if self._patience is not None:
            timers.cancel(self._patience)
            self._patience = None
        if self._provisionals is not None:
            self._provisionals.stop()
            self._provisionals = None
