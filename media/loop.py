"""Waiting for packets, in Python; `media/_relay.c` does the same and passes plain packets on without it.

`Inward`, `Outward` and `Shift` are what a packet changes on its way: the state both languages share.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final, TypeAlias

NAP_S: Final = 0.001  # between two looks under traffic: one waking serves several packets, none waits longer
ROUND: Final = 256  # packets between two looks at the clock

Address: TypeAlias = tuple[int, int]  # in memory: libsrtp's function and the session it takes; zeros: in clear
Place: TypeAlias = tuple[str, int] | None  # a peer's IP address and port; None: the socket is connected to it
Way: TypeAlias = tuple[int, Place, Address]  # out: the file descriptor of a socket, where to, and the cipher
IN_CLEAR: Final[Address] = (0, 0)


class Inward:
    """What came from a peer. Its numbers are those of RFC 3550 A.1 and A.8; `ssrc` is −1 before the first packet."""

    __slots__ = ("heard_at", "highest", "jitter", "packets", "ssrc", "transit")

    packets: int
    highest: int  # sequence number; its cycles are counted above 16 bits
    ssrc: int
    heard_at: float
    jitter: float  # samples
    transit: float


class Outward:
    """What went to a peer. `sent_at` is when the packet with `timestamp` was due, in seconds of the caller's clock."""

    __slots__ = ("octets", "packets", "sent_at", "sequence", "ssrc", "timestamp")

    ssrc: int
    sequence: int  # of the latest packet
    timestamp: int
    sent_at: float
    packets: int
    octets: int  # with their headers


class Shift:
    """What is added to a source's sequence and timestamp; `fresh`: its next packet decides."""

    __slots__ = ("fresh", "sequence", "timestamp")

    fresh: bool
    sequence: int
    timestamp: int


class Loop:
    """Waits on an epoll. `join` says what becomes of plain packets on a socket: they are read into `packet`, if they
    are from `source`, deciphered by `opener`, counted in `inward`, moved by `shift`, given the payload type `second`,
    their payload translated by `table`, and sent on `to` to `target` as part of `outward`, ciphered by `sealer` – or
    not sent, where that is None.
    `odd(size, now)` is called with any other packet in `packet`, as it came. Here nothing is plain, and every socket is
    told of by `poll`."""

    __slots__ = ("_dense", "_poll", "malformed", "plain", "strangers", "unauthentic", "unsent")

    def __init__(self, epoll: select.epoll, packet: bytearray) -> None:
        self.plain = 0  # packets that nobody in Python saw …
        self.malformed = self.strangers = self.unauthentic = self.unsent = (
            0  # … and of them those dropped, see `media.leg.Counters`
        )
        self._poll = epoll.poll
        self._dense = False

    def join(
        self,
        fd: int,
        source: Place,
        inward: Inward,
        odd: Callable[[int, float], None],
        opener: Address,
        payload_type: int,
        outward: Outward | None,
        shift: Shift | None,
        to: int,
        target: Place,
        sealer: Address,
        second: int,
        table: bytes | None,
    ) -> None: ...

    def leave(self, fd: int) -> None: ...

    def poll(self, wake_at: float) -> list[tuple[int, int]]:
        """The sockets that are ready and not joined, and how; none when `wake_at` has come, or Python was called."""
        asked = monotonic()
        if self._dense and asked < wake_at:
            sleep(min(NAP_S, wake_at - asked))
            asked = monotonic()
        found = self._poll(max(0.0, wake_at - asked), ROUND)
        self._dense = len(found) < ROUND and monotonic() - asked < NAP_S
        return found
