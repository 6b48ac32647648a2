"""What call control sees of media: ports, who hears what, and facts. No sockets of its own; see `worker`.

Two implementations stand behind the same verbs: `media.client.WorkerPool` (processes, the real thing) and the fake of
the tests. Every verb returns at once; what comes of it comes back as a `Fact`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import msgspec

from media import quality


@dataclass(slots=True, frozen=True)
class Port:
    """Where a leg receives: a bound socket of a worker. RTCP is the next port."""

    worker: int
    network: str
    host: str
    port: int


@dataclass(slots=True, frozen=True)
class Crypto:
    """What SRTP needs: the suite (RFC 4568 §6.2) and both master keys with their salts, never shown."""

    suite: str
    ours: bytes = field(repr=False)  # 30 bytes
    theirs: bytes = field(repr=False)


@dataclass(slots=True, frozen=True)
class Peer:
    """Where a leg sends, and in which payload types; the outcome of offer/answer."""

    host: str
    port: int
    codec: str  # PCMU, PCMA, G722
    payload: int
    events: int | None  # telephone-event payload number, None: the peer knows none
    sends: bool = True  # the peer sends: it is listened to
    receives: bool = True  # the peer receives: it is sent to
    ptime_ms: int = 20
    receive_payloads: tuple[tuple[int, str], ...] = ()
    latch: tuple[str, ...] = ()  # nat: true – networks the source may be latched to once; empty: never
    rtcp_port: int = 0  # where it takes RTCP; 0: the port above
    rtcp_mux: bool = False  # on the same port as RTP (RFC 5761)
    crypto: Crypto | None = None  # None: RTP in clear


@dataclass(slots=True, frozen=True)
class Source:
    """What a leg hears; the same words as acd's `Source`."""

    kind: Literal["silence", "prompts", "music", "leg", "mix"]
    name: str = ""
    legs: tuple[tuple[str, float], ...] = ()


class _Fact(msgspec.Struct, frozen=True, array_like=True, tag_field="verb"):
    """Goes from a worker to the engine as it is, see `media.protocol`."""


class DigitFact(_Fact, frozen=True, tag="digit"):
    leg: str
    digit: str  # the digit itself; masking for the core is call control's business
    duration_s: float


class PlayEndedFact(_Fact, frozen=True, tag="play_ended"):
    op: str
    reason: Literal["finished", "barged", "stopped", "failed"]


class LostFact(_Fact, frozen=True, tag="media_lost"):
    """The worker that carried the leg is gone, or the leg heard nothing for its time-out."""

    leg: str
    how: Literal["worker", "no_ports", "silent"]


class QualityFact(_Fact, frozen=True, tag="quality"):
    """How a leg sounds so far, told once a second while packets come in. The far figures are the peer's, of what we
    send, None until its first RTCP report says so."""

    leg: str
    codec: str
    secure: bool
    packets: int  # received
    expected: int  # sent to us, by their numbers
    jitter_s: float
    far_loss: float | None
    far_jitter_s: float | None
    round_trip_s: float | None

    @property
    def loss(self) -> float:
        """The share of its packets that never came, 0 to 1."""
        return max(0.0, 1 - self.packets / self.expected) if self.expected else 0.0

    @property
    def mos(self) -> float:
        """What we hear of the leg, 1 (bad) to 4.5: an estimate, see `media.quality`."""
        return quality.mos(self.loss, quality.delay_s(self.jitter_s, self.round_trip_s))


Fact: TypeAlias = DigitFact | PlayEndedFact | LostFact | QualityFact


class NoPorts(RuntimeError):
    """All media ports are in use: the call must be refused (503)."""


class Plane(Protocol):
    on_fact: Callable[[Fact], None]

    def create(self, leg: str, network: str, beside: str | None = None) -> Port:
        """A port for the leg, at once, out of those the workers hold bound and ready. Raises `NoPorts`.
        Legs that will hear each other must be created beside each other: they share a worker."""
        ...

    def set(self, leg: str, peer: Peer) -> None: ...

    def hears(self, leg: str, source: Source) -> None: ...

    def play(self, op: str, leg: str, files: tuple[str, ...], repeat: int, barge_in: bool) -> None: ...

    def stop(self, op: str) -> None: ...

    def send_digits(self, leg: str, digits: str) -> None: ...

    def relay_digits(self, leg: str, on: bool) -> None:
        """Whether whoever hears the leg also gets its keys, as at first: off for feature keys and secrets."""
        ...

    def delete(self, leg: str) -> None:
        """Nothing is sent or reported for the leg after this; its port is ready again after a while."""
        ...

    async def stats(self) -> list[dict[str, int]]:
        """Of each worker: pid, legs, ports_bound, ports_free, packets_in, packets_out, dropped, late_ticks …"""
        ...
