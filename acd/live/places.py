"""The places of a trunk, and how each is: who is asked first for a call, and who is not asked at all (RFC 3263 §4).

A place is down while it does not answer OPTIONS, or after several calls in a row that found nobody there; then one call
is let through now and again until one succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from acd.config.shell import DialTarget, TrunkShell
from acd.live.setup import Setup
from sip import locate
from sip.endpoint import Hop
from sip.locate import Asked, Option, Place

TRIP: Final = 3  # calls in a row that found nobody …
PAUSE_S: Final = (10.0, 300.0)  # … stop the others for so long, doubling; then one may try
MISSED: Final = 2  # OPTIONS in a row without an answer


@dataclass(slots=True)
class Health:
    """Of one place."""

    missed: int = 0  # OPTIONS without an answer in a row
    failed: int = 0  # calls that found nobody in a row
    closed_until: float = 0.0  # after too many of them
    rests_until: float = 0.0  # it said 503 with Retry-After (RFC 3261 §21.5.4)
    pause_s: float = PAUSE_S[0]

    @property
    def up(self) -> bool:
        return self.missed < MISSED and self.failed < TRIP

    def may_try(self, now: float) -> bool:
        return self.missed < MISSED and now >= self.rests_until and (self.failed < TRIP or now >= self.closed_until)

    def tries(self, now: float) -> None:
        """A call goes there: while it is down the others wait for how that goes."""
        if self.failed >= TRIP:
            self.closed_until = now + self.pause_s

    def failure(self, now: float, retry_after_s: float | None) -> None:
        self.failed += 1
        self.rests_until = now + min(retry_after_s or 0.0, PAUSE_S[1])
        if self.failed >= TRIP:
            self.closed_until = now + self.pause_s
            self.pause_s = min(2 * self.pause_s, PAUSE_S[1])

    def success(self) -> None:
        self.failed, self.pause_s = 0, PAUSE_S[0]

    def probed(self, answered: bool) -> None:
        self.missed = 0 if answered else self.missed + 1
        if answered:
            self.success()


class Places:
    """Of one trunk: the targets of its configuration, and where they are as far as is known."""

    def __init__(self, trunk: TrunkShell, setup: Setup, rng: Random) -> None:
        self._trunk = trunk
        self._setup = setup
        self._rng = rng
        self._targets = trunk.dial_out.targets if trunk.dial_out is not None else ()
        self._options: list[list[Option]] = [_itself(target) for target in self._targets]
        self.health: dict[Hop, Health] = {}
        self._renew()

    def keep(self, old: Places) -> None:
        """After a reload: what is known of places that are still ours."""
        known = dict(zip(old._targets, old._options, strict=True))
        for index, target in enumerate(self._targets):
            self._options[index] = self._options[index] or known.get(target, [])
        self.health = old.health
        self._renew()

    def names(self) -> dict[int, Asked]:
        """The targets whose places DNS knows, by their index."""
        return {
            index: Asked(target.host, target.port, target.transport)
            for index, target in enumerate(self._targets)
            if not _itself(target)
        }

    def located(self, index: int, options: list[Option]) -> None:
        """Where a target is now."""
        if index < len(self._targets):
            self._options[index] = options
            self._renew()

    def addresses(self) -> tuple[str, ...]:
        """Those that DNS named."""
        found = [place.host for index in self.names() for option in self._options[index] for place in option.places]
        return tuple(dict.fromkeys(found))

    def in_turn(self) -> list[tuple[DialTarget, Hop]]:
        """All places, and the target each stands for, in the order in which a call tries them."""
        order = [locate.in_turn(options, self._rng) for options in self._options]
        of = {place: n for n in reversed(range(len(order))) for place in order[n]}
        targets = [
            Option(tuple(places), target.priority, target.weight)
            for target, places in zip(self._targets, order, strict=True)
        ]
        return [(self._targets[of[place]], self._hop(of[place], place)) for place in locate.in_turn(targets, self._rng)]

    def open(self, now: float) -> list[tuple[DialTarget, Hop]]:
        """Those that may be asked, the first of them for certain. Raises `LookupError` with the reason if there is
        none."""
        name, every = self._trunk.id, self.in_turn()
        found = [(target, hop) for target, hop in every if self.health[hop].may_try(now)]
        if found:
            self.health[found[0][1]].tries(now)
            return found
        if not every:
            raise LookupError(f"trunk {name} is nowhere: its name is not resolved")
        if any(self.health[hop].missed >= MISSED for _, hop in every):
            raise LookupError(f"trunk {name} does not answer")
        if any(now < self.health[hop].rests_until for _, hop in every):
            raise LookupError(f"trunk {name} has asked to be left alone for a while")
        failed = max(self.health[hop].failed for _, hop in every)
        raise LookupError(f"trunk {name} has failed {failed} times")

    @property
    def up(self) -> bool:
        """Somebody is there, or nobody need be."""
        return not self._targets or any(health.up for health in self.health.values())

    def view(self) -> list[str]:
        return [f"{named(hop)} {'up' if health.up else 'down'}" for hop, health in self.health.items()]

    def _hop(self, index: int, place: Place) -> Hop:
        target, out = self._targets[index], self._trunk.dial_out
        certificate = out.certificate if out is not None else None
        return self._setup.hop(self._trunk.network, place, certificate or ("" if _itself(target) else target.host))

    def _renew(self) -> None:
        hops: Iterable[Hop] = [
            self._hop(index, place)
            for index, options in enumerate(self._options)
            for option in options
            for place in option.places
        ]
        self.health = {hop: self.health.get(hop) or Health() for hop in hops}


def named(hop: Hop) -> str:
    """As people write it."""
    host = f"[{hop.host}]" if ":" in hop.host else hop.host
    return f"{hop.transport}:{host}:{hop.port}"


def _itself(target: DialTarget) -> list[Option]:
    """The place of a target that is an address; [] for a name."""
    if target.port is None or target.transport is None or not locate.is_address(target.host):
        return []
    return [Option((Place(target.transport, target.host, target.port),))]
