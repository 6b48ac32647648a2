"""What call control sees of media: ports, who hears what, and facts. No sockets of its own; see `worker`.

Two implementations stand behind the same verbs: `media.client.WorkerPool` (processes, the real thing) and the fake of
the tests. Every verb returns at once; what comes of it comes back as a `Fact`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias


@dataclass(slots=True, frozen=True)
class Port:
    """Where a leg receives: a bound socket of a worker. RTCP is the next port."""

    worker: int
    network: str
    host: str
    port: int


@dataclass(slots=True, frozen=True)
class Peer:
    """Where a leg sends, and in which payload types; the outcome of offer/answer."""

    host: str
    port: int
    codec: str  # PCMU, PCMA
    payload: int
    events: int | None  # telephone-event payload number, None: the peer knows none
    sends: bool = True  # the peer sends: it is listened to
    receives: bool = True  # the peer receives: it is sent to
    ptime_ms: int = 20
    receive_payloads: tuple[tuple[int, str], ...] = ()
    latch: tuple[str, ...] = ()  # nat: true – networks the source may be latched to once; empty: never


@dataclass(slots=True, frozen=True)
class Source:
    """What a leg hears; the same words as acd's `Source`."""

    kind: Literal["silence", "prompts", "music", "leg", "mix"]
    name: str = ""
    legs: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True, frozen=True)
class DigitFact:
    leg: str
    digit: str  # the digit itself; masking for the core is call control's business
    duration_s: float


@dataclass(slots=True, frozen=True)
class PlayEndedFact:
    op: str
    reason: Literal["finished", "barged", "stopped", "failed"]


@dataclass(slots=True, frozen=True)
class LostFact:
    """The worker that carried the leg is gone, or the leg heard nothing for its time-out."""

    leg: str
    how: Literal["worker", "no_ports", "silent"]


Fact: TypeAlias = DigitFact | PlayEndedFact | LostFact


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
