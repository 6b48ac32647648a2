"""Counting: one replication's calls and working time, folded as they end, so that memory does not grow with calls.

A `Book` gives a `Tally` for everything together and for each queue, caller type, agent group and interval, and a
`Shift` of working time for everybody, each agent group and interval. An interval owns the calls that arrived in it,
whenever they end; queue length and working time belong to the interval they pass in.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TypeVar

ROUND_UP = 1 - 1e-5  # a wall clock's rounding is no wait
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

    thresholds_s: list[float]  # rising
    offered: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
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
    waits: dict[int, int] = field(default_factory=dict)  # by tenths of a second
    answered_within: list[int] = field(default_factory=list)  # by the first threshold that holds; the last: none
    abandoned_within: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answered_within = [0] * (len(self.thresholds_s) + 1)
        self.abandoned_within = [0] * (len(self.thresholds_s) + 1)

    def add(self, call: Ended, short_s: float) -> None:
        """Count a whole call."""
        self.offered += 1
        self.outcomes[call.outcome] = self.outcomes.get(call.outcome, 0) + 1
        if call.stays:
            self.waited(call.outcome, call.wait_s, call.delayed, short_s)
        if call.talk_s or call.outcome == "answered":
            self.handled(call)

    def handled(self, call: Ended) -> None:
        """Count the parts of a conversation."""
        self.ring_s += call.ring_s
        self.talk_s += call.talk_s
        self.hold_s += call.hold_s
        self.wrap_up_s += call.wrap_up_s

    def waited(self, result: str, wait_s: float, delayed: bool, short_s: float) -> None:
        """Count a wait, of a call or of one of its stays."""
        self.queued += 1
        self.delayed += delayed
        self.wait_s += wait_s
        tenths = int(wait_s * TENTHS + ROUND_UP)
        self.waits[tenths] = self.waits.get(tenths, 0) + 1
        if result == "answered":
            self.wait_answered_s += wait_s
            self.answered_within[bisect_left(self.thresholds_s, wait_s)] += 1
        elif result == "abandoned":
            self.abandoned_short += wait_s < short_s
            self.abandoned_within[bisect_left(self.thresholds_s, wait_s)] += 1

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
        answered = self.outcomes.get("answered", 0)
        met = left = 0
        for i, threshold_s in enumerate(self.thresholds_s):
            met += self.answered_within[i]
            left += self.abandoned_within[i]
            shares = (
                (met, self.queued - self.abandoned_short),
                (met, self.queued),
                (met, answered),
                (met + left, self.queued),
                (met, self.queued - left),
            )
            for definition, (part, whole) in zip(DEFINITIONS, shares, strict=True):
                yield f"service_level/{threshold_s:g}/{definition}", ratio(part, whole)

    def merge(self, other: "Tally") -> None:
        """Count all that `other` has counted, too."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for tenths, count in other.waits.items():
            self.waits[tenths] = self.waits.get(tenths, 0) + count
        for i in range(len(self.answered_within)):
            self.answered_within[i] += other.answered_within[i]
            self.abandoned_within[i] += other.abandoned_within[i]


def ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to have a share of."""
    return part / whole if whole else None


SUMMED = tuple(
    one.name
    for one in fields(Tally)
    if one.name not in ("thresholds_s", "outcomes", "waits") and "within" not in one.name
)


@dataclass(slots=True)
class Shift:
    """Working time of some agents, in agent-seconds."""

    staffed_s: float = 0.0  # signed on and not on a break, or busy
    busy_s: float = 0.0  # ringing to the end of wrap-up

    def merge(self, other: "Shift") -> None:
        self.staffed_s += other.staffed_s
        self.busy_s += other.busy_s


class Book:
    """All that one replication counts, from `begin` (the end of the warm-up) to `end`.

    A call is counted once in the cell of its type and interval, and once in that of the agent's groups; what is asked
    for is merged from the cells.
    """

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
        self.thresholds_s = thresholds_s = sorted(thresholds_s)
        self._short = short_abandon_s
        self._count = math.ceil(end / interval_s - 1e-9)
        self._kinds = list(kinds)
        self.queues = {name: Tally(thresholds_s) for name in queues}
        self._cells: dict[tuple[str, int], Tally] = {}
        self._served: dict[tuple[str, ...], Tally] = {}
        self._shifts: dict[tuple[tuple[str, ...], int], Shift] = {}
        self.redials = 0
        self.consultations = 0  # with a colleague, of an agent on behalf of his caller
        self.transfers = 0  # callers who were sent on, or left with the colleague
        self.unreached = 0  # calls that a dead trunk never brought
        self.steps = 0  # of the engine
        self.calls = 0  # all, those of the warm-up included

    # ------------------------------------------------------------------------------------------------- counting

    def call(self, call: Ended) -> None:
        """Count a call that has ended, and the time it spent in queues."""
        self.calls += 1
        for stay in call.stays:
            for i, seconds in self._spread(stay.joined_at, stay.left_at):
                self._cell(call.kind, i).queue_s += seconds
                self.queue(stay.queue).queue_s += seconds
        if not self.counts(call.at):
            return
        self._cell(call.kind, int(call.at / self.interval_s)).add(call, self._short)
        if call.groups:
            served = self._served.get(call.groups)
            if served is None:
                served = self._served[call.groups] = Tally(self.thresholds_s)
            served.add(call, self._short)
        for stay in call.stays:
            tally = self.queue(stay.queue)
            tally.offered += 1
            tally.outcomes[stay.result] = tally.outcomes.get(stay.result, 0) + 1
            tally.waited(stay.result, stay.left_at - stay.joined_at, call.delayed, self._short)
            if stay.result == "answered":
                tally.handled(call)

    def counts(self, arrived_at: float) -> bool:
        """Whether a call that arrived then is measured."""
        return self.begin <= arrived_at < self.end

    def queue(self, name: str) -> Tally:
        tally = self.queues.get(name)
        if tally is None:
            tally = self.queues[name] = Tally(self.thresholds_s)
        return tally

    def work(self, groups: tuple[str, ...], start: float, end: float, *, busy: bool) -> None:
        """An agent of these groups was staffed or busy from `start` to `end`."""
        for i, seconds in self._spread(start, end):
            shift = self._shifts.get((groups, i))
            if shift is None:
                shift = self._shifts[groups, i] = Shift()
            if busy:
                shift.busy_s += seconds
            else:
                shift.staffed_s += seconds

    def _cell(self, kind: str, i: int) -> Tally:
        cell = self._cells.get((kind, i))
        if cell is None:
            cell = self._cells[kind, i] = Tally(self.thresholds_s)
        return cell

    def _spread(self, start: float, end: float) -> list[tuple[int, float]]:
        """The parts of a stretch of time by interval; what lies outside the measured time is left out."""
        if start < self.begin:
            start = self.begin
        if end > self.end:
            end = self.end
        if start >= end:
            return []
        width = self.interval_s
        first, last = int(start / width), int(end / width)
        if last >= self._count:
            last = self._count - 1
        if first >= last:
            return [(last, end - start)]
        between = [(i, width) for i in range(first + 1, last)]
        return [(first, (first + 1) * width - start), *between, (last, end - last * width)]

    # -------------------------------------------------------------------------------------------------- what came

    @property
    def total(self) -> Tally:
        return _merged(Tally(self.thresholds_s), self._cells.values())

    @property
    def kinds(self) -> dict[str, Tally]:
        names = dict.fromkeys([*self._kinds, *(kind for kind, _ in self._cells)])
        return {
            name: _merged(Tally(self.thresholds_s), (cell for (kind, _), cell in self._cells.items() if kind == name))
            for name in names
        }

    @property
    def intervals(self) -> list[Tally]:
        found = [Tally(self.thresholds_s) for _ in range(self._count)]
        for (_, i), cell in self._cells.items():
            found[i].merge(cell)
        return found

    @property
    def groups(self) -> dict[str, Tally]:
        found: dict[str, Tally] = {}
        for names, served in self._served.items():
            for name in names:
                found.setdefault(name, Tally(self.thresholds_s)).merge(served)
        return found

    @property
    def staff(self) -> Shift:
        return _merged(Shift(), self._shifts.values())

    @property
    def staff_groups(self) -> dict[str, Shift]:
        found: dict[str, Shift] = {}
        for (names, _), shift in self._shifts.items():
            for name in names:
                found.setdefault(name, Shift()).merge(shift)
        return found

    @property
    def staff_intervals(self) -> list[Shift]:
        found = [Shift() for _ in range(self._count)]
        for (_, i), shift in self._shifts.items():
            found[i].merge(shift)
        return found

    def watched_s(self, i: int) -> float:
        """How long interval `i` was measured."""
        return max(0.0, min((i + 1) * self.interval_s, self.end) - max(i * self.interval_s, self.begin))


_M = TypeVar("_M", Tally, Shift)


def _merged(into: _M, parts: Iterable[_M]) -> _M:
    for part in parts:
        into.merge(part)
    return into
