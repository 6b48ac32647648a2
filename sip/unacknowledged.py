"""A 2xx to an INVITE on its way to be acknowledged."""

from __future__ import annotations

from collections.abc import Callable

from sip.timers import LONG, T1, T2, Timer
from sip.transaction import ServerInvite


class Unacknowledged(Timer):
    """A 2xx to an INVITE, repeated until its ACK comes (§13.3.1.4)."""

    __slots__ = ("_ends", "_interval", "_lost", "cseq", "data", "transaction")

    def __init__(self, transaction: ServerInvite, cseq: int, data: bytes, lost: Callable[[], None]) -> None:
        self.due = None
        self.transaction = transaction
        self.cseq = cseq
        self.data = data
        self._lost = lost
        layer = transaction.layer
        self._interval = T1
        self._ends = layer.now + LONG
        transaction.respond(200, data)
        layer.timers.set(self, layer.now + T1)

    def fire(self, now: float) -> None:
        if now >= self._ends:
            self._lost()
            return
        self.transaction.layer.send(self.data, self.transaction.hop)
        self._interval = min(2 * self._interval, T2)
        self.transaction.layer.timers.set(self, min(now + self._interval, self._ends))

    def cancel(self) -> None:
        self.transaction.layer.timers.cancel(self)
