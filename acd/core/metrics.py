"""Metrics: a fold over what became of calls (their records) and over what agents did (their spells).

A record keeps each wait, so every figure can be computed anew for the past, by another definition or threshold. An
interval owns the calls offered in it, whenever they end; working time belongs to the interval it passes in.

What is counted, where nothing else is said, is a *stay*: one call in one queue. A call that overflows is offered to
both queues, left the first and was, say, answered in the second; so in every row the outcomes add up to the offered.
Its wait there runs from its first joining, overflow and re-queue included. Without the queue among the dimensions the
stays of one wait are one: offered when it began, with the outcome of the last.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, Final, Literal, TypeAlias

from acd.core.ids import AgentId, QueueId
from acd.core.record import Record, Segment
from acd.core.settings import Agent, Queue
from acd.core.values import value

Dimension: TypeAlias = Literal["queue", "agent", "team", "site", "interval"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("queue", "agent", "team", "site", "interval")
Key: TypeAlias = tuple[str | float, ...]
"""One value for each dimension asked for, in that order; an interval's is its beginning, wall clock seconds."""

TARGET_S, SHORT_ABANDON_S = 20.0, 5.0  # of a queue that is configured no longer
AT_THE_DOOR: Final = frozenset({"blocked", "closed", "queue_full", "nobody_signed_on", "expected_wait_too_long"})
"""Ways of leaving a queue that need no joining."""


@value
class Stay:
    """One call in one queue. Instants are wall clock seconds."""

    queue: QueueId
    joined_at: float
    result: str  # answered, abandoned, or how else it was left
    wait_s: float  # from the first joining of this wait to the end of this stay
    agent: AgentId | None = None  # who answered


@value
class Handled:
    """One agent's part in a call."""

    queue: QueueId
    agent: AgentId
    offered_at: float  # when the call joined the queue it came from
    ring_s: float
    talk_s: float  # without hold
    hold_s: float


def waits_of(record: Record) -> list[list[Stay]]:
    """The waits of a call, each as its stays: a wait ends when somebody answers, and a further queue begins another."""
    waits: list[list[Stay]] = []
    first: float | None = None
    open_wait = False
    for segment, after in pairwise([*record.segments, None]):
        if segment is None or segment.kind != "queue":
            continue
        answered = after is not None and after.kind == "agent" and after.started_at == segment.ended_at
        turned_away = segment.result in AT_THE_DOOR and segment.ended_at == segment.started_at
        if not open_wait:
            waits.append([])
            open_wait, first = True, None
        if first is None and not turned_away:
            first = segment.started_at
        wait_s = segment.ended_at - first if first is not None else 0.0
        agent = after.name if answered and after is not None else None
        waits[-1].append(Stay(segment.name, segment.started_at, result_of(segment, answered, record), wait_s, agent))
        open_wait = not answered
    return waits


def result_of(segment: Segment, answered: bool, record: Record) -> str:
    """How a stay ended. A caller who was served once and waits again ends as answered: this stay does not."""
    if answered:
        return "answered"
    if segment.result == "answered":
        return "abandoned" if record.released_by == "caller" else "interrupted"
    return segment.result


def handled_of(record: Record) -> list[Handled]:
    """What agents did in a call. A party outside the queues' agents is none."""
    found, queued_at = [], record.started_at
    for segment in record.segments:
        if segment.kind == "queue":
            queued_at = segment.started_at
        elif segment.kind == "agent" and segment.queue is not None:
            talk_s = segment.talk_s - segment.hold_s
            found.append(Handled(segment.queue, segment.name, queued_at, segment.ring_s, talk_s, segment.hold_s))
    return found


@dataclass(slots=True)
class Tally:
    """The sums of one row. Seconds; counts are of stays (or waits), of calls where it says so."""

    calls: int = 0  # that arrived, also those that asked for no queue; only in rows of no queue and agent
    outcomes: dict[str, int] = field(default_factory=dict)  # of those calls
    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    abandoned_short: int = 0  # of those, within the short-call threshold
    left: dict[str, int] = field(default_factory=dict)  # every other way of leaving
    answered_within: int = 0  # the target
    abandoned_within: int = 0
    wait_answered_s: float = 0.0
    wait_s: float = 0.0
    longest_wait_s: float = 0.0
    handled: int = 0  # parts of agents in calls
    ring_s: float = 0.0  # of those; up to the answer
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    rung: int = 0  # offers
    staffed_s: float = 0.0  # ready or busy
    busy_s: float = 0.0  # ringing to the end of wrap-up
    break_s: float = 0.0

    @property
    def asa_s(self) -> float | None:
        """Average speed of answer."""
        return ratio(self.wait_answered_s, self.answered)

    @property
    def aht_s(self) -> float | None:
        """Average handling time: ring, talk, hold and wrap-up."""
        return ratio(self.ring_s + self.talk_s + self.hold_s + self.wrap_up_s, self.handled)

    @property
    def occupancy(self) -> float | None:
        return ratio(self.busy_s, self.staffed_s)

    def level(self, definition: str = "default") -> float | None:
        """The service level by one of `LEVELS`; None where there is nothing to have a share of."""
        return ratio(*LEVELS[definition](self))


LEVELS: Final[dict[str, Callable[[Tally], tuple[int, int]]]] = {
    "default": lambda t: (t.answered_within, t.offered - t.abandoned_short),
    "of_queued": lambda t: (t.answered_within, t.offered),
    "of_answered": lambda t: (t.answered_within, t.answered),
    "abandoned_in_time_as_met": lambda t: (t.answered_within + t.abandoned_within, t.offered),
    "less_abandoned_in_time": lambda t: (t.answered_within, t.offered - t.abandoned_within),
}
"""Five definitions of the service level, by name (the simulator's): what met it, out of what. T is the target.

default                   answered within T ÷ (offered − abandoned within the short-call threshold)
of_queued                 answered within T ÷ offered
of_answered               answered within T ÷ answered
abandoned_in_time_as_met  (answered within T + abandoned within T) ÷ offered
less_abandoned_in_time    answered within T ÷ (offered − abandoned within T)
"""

BUSY: Final = frozenset({"ringing", "talking", "held", "consulting", "releasing", "wrap_up"})
STAFFED: Final = BUSY | {"idle", "penalty"}


class Book:
    """Rows of tallies by some dimensions, filled from records and spells in any order.

    Counted is what was offered, and worked, in [since, until), wall clock seconds. `origin` is an instant at which an
    interval begins. `within_s` and `short_s` take the place of every queue's own target and short-call threshold.
    `agents` and `queues` are to hold whatever configuration is known.
    """

    def __init__(
        self,
        by: Sequence[Dimension],
        *,
        since: float = -math.inf,
        until: float = math.inf,
        interval_s: float = 1800.0,
        origin: float = 0.0,
        within_s: float | None = None,
        short_s: float | None = None,
    ) -> None:
        self.by = tuple(by)
        self.rows: dict[Key, Tally] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.queues: dict[QueueId, Queue] = {}
        self._since, self._until = since, until
        self._interval_s, self._origin = interval_s, origin
        self._within_s, self._short_s = within_s, short_s
        self._found: dict[Any, list[Tally]] = {}  # by what decides them: most things belong where others did
        self._of_agents = any(dimension in ("agent", "team", "site") for dimension in by)

    # ------------------------------------------------------------------------------------------------- filling

    def record(self, record: Record) -> None:
        """A call has ended."""
        if "queue" not in self.by and not self._of_agents:
            for tally in self._tallies(record.started_at, (), None):
                tally.calls += 1
                tally.outcomes[record.outcome] = tally.outcomes.get(record.outcome, 0) + 1
        for stays in waits_of(record):
            if "queue" in self.by:
                for stay in stays:
                    self._stay(stay, stay.joined_at)
            else:
                self._stay(stays[-1], stays[0].joined_at)
        for part in handled_of(record):
            for tally in self._tallies(part.offered_at, (part.queue,), part.agent):
                tally.handled += 1
                tally.ring_s += part.ring_s
                tally.talk_s += part.talk_s
                tally.hold_s += part.hold_s

    def spell(
        self,
        agent: AgentId,
        doing: str,
        began: float,
        ended: float,
        serves: Iterable[QueueId] = (),
        queue: QueueId | None = None,
        offered_at: float | None = None,
    ) -> None:
        """An agent did one thing (a word of `activity`) from `began` to `ended`. `serves`: the queues he could have
        been rung for; `queue`, `offered_at`: of the call it was for."""
        if doing == "wrap_up" and offered_at is not None:
            for tally in self._tallies(offered_at, (queue or "",), agent):
                tally.wrap_up_s += ended - began
        if doing not in STAFFED and doing != "break":
            return
        for at, length_s in self._spread(began, ended):
            for tally in self._tallies(at, tuple(serves), agent):
                if doing == "break":
                    tally.break_s += length_s
                else:
                    tally.staffed_s += length_s
                    tally.busy_s += length_s if doing in BUSY else 0.0

    def rung(self, agent: AgentId, queue: QueueId, offered_at: float) -> None:
        """An agent was rung for a call."""
        for tally in self._tallies(offered_at, (queue,), agent):
            tally.rung += 1

    def _stay(self, stay: Stay, offered_at: float) -> None:
        if self._of_agents and stay.agent is None:
            return  # nobody's
        queue = self.queues.get(stay.queue)
        target_s = self._within_s if self._within_s is not None else queue.target_s if queue else TARGET_S
        short_s = self._short_s if self._short_s is not None else queue.short_abandon_s if queue else SHORT_ABANDON_S
        for tally in self._tallies(offered_at, (stay.queue,), stay.agent):
            tally.offered += 1
            tally.wait_s += stay.wait_s
            tally.longest_wait_s = max(tally.longest_wait_s, stay.wait_s)
            if stay.result == "answered":
                tally.answered += 1
                tally.wait_answered_s += stay.wait_s
                tally.answered_within += stay.wait_s <= target_s
            elif stay.result == "abandoned":
                tally.abandoned += 1
                tally.abandoned_short += stay.wait_s < short_s
                tally.abandoned_within += stay.wait_s <= target_s
            else:
                tally.left[stay.result] = tally.left.get(stay.result, 0) + 1

    # ---------------------------------------------------------------------------------------------------- rows

    def _tallies(self, at: float, queues: tuple[QueueId, ...], agent: AgentId | None) -> Sequence[Tally]:
        """The rows that something belongs to."""
        if not self._since <= at < self._until:
            return ()
        settings = self.agents.get(agent) if agent is not None and self._of_agents else None
        teams, site = (settings.teams or ("",), settings.site) if settings is not None else (("",), "")
        began = self._beginning(at) if "interval" in self.by else 0.0
        known = began, queues, agent if self._of_agents else None, teams, site
        found = self._found.get(known)
        if found is None:
            values: dict[Dimension, Sequence[str | float]] = {
                "queue": queues,
                "agent": (agent or "",),
                "team": teams,
                "site": (site,),
                "interval": (began,),
            }
            keys = product(*(values[dimension] for dimension in self.by))
            found = self._found[known] = [self.rows.setdefault(key, Tally()) for key in keys]
        return found

    def _beginning(self, at: float) -> float:
        return self._origin + math.floor((at - self._origin) / self._interval_s) * self._interval_s

    def _spread(self, began: float, ended: float) -> Iterator[tuple[float, float]]:
        """The stretches of a time by the intervals it passes through, as (begin, seconds)."""
        began, ended = max(began, self._since), min(ended, self._until)
        if "interval" not in self.by:
            if ended > began:
                yield began, ended - began
            return
        while began < ended:
            end = min(self._beginning(began) + self._interval_s, ended)
            yield began, end - began
            began = end


def ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to have a share of."""
    return part / whole if whole else None
