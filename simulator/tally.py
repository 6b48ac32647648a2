"""Counting: one replication's calls and working time, folded as they end, so that memory does not grow with calls.

A `Book` keeps a `Tally` for everything together and for each queue, caller type and interval, and a `Shift` of working
time for everybody and for each agent group. An interval owns the calls that arrived in it, whenever they end; queue
length and working time belong to the interval they pass in.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

TENTHS = 10  # waits are kept to a tenth of a second for their percentiles
PERCENTILES = (50, 80, 90, 95, 99)
DEFINITIONS = (
    "default",  # answered within T ÷ (queued − abandoned within the short-call threshold)
    "of_queued",  # answered within T ÷ queued
    "of_answered",  # answered within T ÷ answered
    "abandoned_in_time_as_met",  # (answered or abandoned within T) ÷ queued
    "less_abandoned_in_time",  # answered within T ÷ (queued − abandoned within T)
)
"""Five definitions of the service level that are in use. T is the threshold; `queued` are the calls that asked for a
queue, those turned away there included."""


@dataclass(slots=True)
class Stay:
    """One stay in a queue. `result` is answered, abandoned or a reason for leaving it; times are `now`."""

    queue: str
    joined_at: float
    left_at: float
    result: str


@dataclass(slots=True)
class Ended:
    """A call that has ended, as it is counted."""

    kind: str
    at: float
    outcome: str
    stays: list[Stay]
    wait_s: float = 0.0  # from first joining a queue to the answer or the end
    delayed: bool = False  # no agent was rung at the instant of joining
    groups: tuple[str, ...] = ()  # of the agent who served
    ring_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts and sums of some calls."""

    thresholds_s: list[float]
    offered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    queued: int = 0
    delayed: int = 0
    abandoned_short: int = 0
    wait_s: float = 0.0
    wait_answered_s: float = 0.0
    ring_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    queue_s: float = 0.0  # time spent waiting by all callers together
    waits: Counter[int] = field(default_factory=Counter)
    answered_within: list[int] = field(default_factory=list)
    abandoned_within: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answered_within = [0] * len(self.thresholds_s)
        self.abandoned_within = [0] * len(self.thresholds_s)

    def add(self, call: Ended, short_s: float) -> None:
        """Count a whole call."""
        self.offered += 1
        self.outcomes[call.outcome] += 1
        if call.stays:
            self.waited(call.outcome, call.wait_s, call.delayed, short_s)
        if call.talk_s or call.outcome == "answered":
            self.ring_s += call.ring_s
            self.talk_s += call.talk_s
            self.hold_s += call.hold_s
            self.wrap_up_s += call.wrap_up_s

    def waited(self, result: str, wait_s: float, delayed: bool, short_s: float) -> None:
        """Count a wait, of a call or of one of its stays."""
        self.queued += 1
        self.delayed += delayed
        self.wait_s += wait_s
        self.waits[math.ceil(wait_s * TENTHS - 1e-5)] += 1  # a wall clock's rounding is no wait
        if result == "answered":
            self.wait_answered_s += wait_s
            within = self.answered_within
        elif result == "abandoned":
            self.abandoned_short += wait_s < short_s
            within = self.abandoned_within
        else:
            return
        for i, threshold_s in enumerate(self.thresholds_s):
            if wait_s <= threshold_s:
                within[i] += 1

    def percentile(self, percent: float) -> float | None:
        """The wait that so many percent of all who queued did not exceed, rounded up to a tenth of a second."""
        if not self.queued:
            return None
        rank, seen = math.ceil(self.queued * percent / 100), 0
        for tenths in sorted(self.waits):
            seen += self.waits[tenths]
            if seen >= rank:
                return tenths / TENTHS
        raise AssertionError("every wait is counted")

    def levels(self) -> Iterator[tuple[str, float | None]]:
        """The service level for each threshold and definition."""
        answered = self.outcomes["answered"]
        for i, threshold_s in enumerate(self.thresholds_s):
            met, left = self.answered_within[i], self.abandoned_within[i]
            shares = (
                (met, self.queued - self.abandoned_short),
                (met, self.queued),
                (met, answered),
                (met + left, self.queued),
                (met, self.queued - left),
            )
            for definition, (part, whole) in zip(DEFINITIONS, shares, strict=True):
                yield f"service_level/{threshold_s:g}/{definition}", ratio(part, whole)


def ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to have a share of."""
    return part / whole if whole else None


@dataclass(slots=True)
class Shift:
    """Working time of some agents, in agent-seconds."""

    staffed_s: float = 0.0  # signed on and not on a break, or busy
    busy_s: float = 0.0  # ringing to the end of wrap-up


class Book:
    """All that one replication counts, from `begin` (the end of the warm-up) to `end`."""

    def __init__(
        self,
        begin: float,
        end: float,
        interval_s: float,
        thresholds_s: list[float],
        short_abandon_s: float,
        kinds: Iterable[str] = (),
        queues: Iterable[str] = (),
    ) -> None:
        self.begin, self.end, self.interval_s = begin, end, interval_s
        self._thresholds = thresholds_s
        self._short = short_abandon_s
        count = math.ceil(end / interval_s - 1e-9)
        self.total = self._tally()
        self.queues = {name: self._tally() for name in queues}
        self.kinds = {name: self._tally() for name in kinds}
        self.groups: dict[str, Tally] = {}
        self.intervals = [self._tally() for _ in range(count)]
        self.staff = Shift()
        self.staff_groups: dict[str, Shift] = {}
        self.staff_intervals = [Shift() for _ in range(count)]
        self.redials = 0
        self.unreached = 0  # calls that a dead trunk never brought
        self.steps = 0  # of the engine
        self.calls = 0  # all, those of the warm-up included

    def _tally(self) -> Tally:
        return Tally(self._thresholds)

    def call(self, call: Ended) -> None:
        """Count a call that has ended, and the time it spent in queues."""
        self.calls += 1
        own = self.kinds.get(call.kind)
        if own is None:
            own = self.kinds[call.kind] = self._tally()
        for stay in call.stays:
            self._spread_wait(stay, own)
        if not self.begin <= call.at < self.end:
            return
        for tally in (self.total, own, self.intervals[int(call.at / self.interval_s)]):
            tally.add(call, self._short)
        for group in call.groups:
            tally = self.groups.setdefault(group, self._tally())
            tally.add(call, self._short)
        for stay in call.stays:
            tally = self.queue(stay.queue)
            tally.offered += 1
            tally.outcomes[stay.result] += 1
            tally.waited(stay.result, stay.left_at - stay.joined_at, call.delayed, self._short)
            if stay.result == "answered":
                tally.ring_s += call.ring_s
                tally.talk_s += call.talk_s
                tally.hold_s += call.hold_s
                tally.wrap_up_s += call.wrap_up_s

    def queue(self, name: str) -> Tally:
        tally = self.queues.get(name)
        if tally is None:
            tally = self.queues[name] = self._tally()
        return tally

    def work(self, groups: Iterable[str], start: float, end: float, *, busy: bool) -> None:
        """An agent was staffed or busy from `start` to `end`."""
        for i, seconds in self._spread(start, end):
            self.staff_intervals[i].busy_s += seconds if busy else 0.0
            self.staff_intervals[i].staffed_s += 0.0 if busy else seconds
        seconds = min(end, self.end) - max(start, self.begin)
        if seconds <= 0:
            return
        for shift in (self.staff, *(self.staff_groups.setdefault(group, Shift()) for group in groups)):
            if busy:
                shift.busy_s += seconds
            else:
                shift.staffed_s += seconds

    def _spread_wait(self, stay: Stay, own: Tally) -> None:
        seconds = min(stay.left_at, self.end) - max(stay.joined_at, self.begin)
        if seconds <= 0:
            return
        for tally in (self.total, own, self.queue(stay.queue)):
            tally.queue_s += seconds
        for i, part in self._spread(stay.joined_at, stay.left_at):
            self.intervals[i].queue_s += part

    def _spread(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The parts of a stretch of time by interval, those outside the run left out."""
        end = min(end, self.end)
        while start < end:
            i = int(start / self.interval_s)
            edge = min((i + 1) * self.interval_s, end)
            if edge <= start:  # rounding put `start` on the edge already
                i += 1
                edge = min((i + 1) * self.interval_s, end)
            if i >= len(self.intervals):
                return
            yield i, edge - start
            start = edge
