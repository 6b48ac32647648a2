"""Results: what each replication measured, as means with confidence intervals, under documented, stable names.

`docs/planner.md` explains every name. A measure that no replication has (no call, no agent) is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias, get_args

from acd.core.record import Outcome
from simulator.scenario import Scenario
from simulator.statistics import Estimate
from simulator.tally import PERCENTILES, Book, Shift, Tally, ratio

Measures: TypeAlias = dict[str, float | None]
BLOCKED = "refused"  # as an outcome it is called blocked, the planners' word
OUTCOMES = tuple("blocked" if outcome == BLOCKED else outcome for outcome in (*get_args(Outcome), "unfinished"))


def measures(tally: Tally, shift: Shift | None, length_s: float) -> Measures:
    """Every measure of one group of calls in one replication. `length_s` is the time over which it was watched."""
    counts = {("blocked" if name == BLOCKED else name): n for name, n in tally.outcomes.items()}
    answered, abandoned = counts.get("answered", 0), counts.get("abandoned", 0)
    found: Measures = {"offered": tally.offered, "queued": tally.queued, "answered": answered, "abandoned": abandoned}
    found["abandoned_short"] = tally.abandoned_short
    found["blocked"] = counts.get("blocked", 0)
    found |= {name: counts[name] for name in OUTCOMES if name in counts and name not in found}
    found |= {name: n for name, n in sorted(counts.items()) if name not in found}  # moved, transferred …
    found["probability_of_wait"] = ratio(tally.delayed, tally.queued)
    found["probability_of_abandon"] = ratio(abandoned, tally.queued)
    found["mean_wait_s"] = ratio(tally.wait_s, tally.queued)
    found["mean_wait_answered_s"] = ratio(tally.wait_answered_s, answered)
    found |= {f"wait_p{percent}_s": tally.percentile(percent) for percent in PERCENTILES}
    found |= dict(tally.levels())
    found["mean_queue_length"] = ratio(tally.queue_s, length_s)
    found["mean_ring_s"] = ratio(tally.ring_s, answered)
    found["mean_talk_s"] = ratio(tally.talk_s, answered)
    found["mean_hold_s"] = ratio(tally.hold_s, answered)
    found["mean_wrap_up_s"] = ratio(tally.wrap_up_s, answered)
    found["mean_handling_s"] = ratio(tally.ring_s + tally.talk_s + tally.hold_s + tally.wrap_up_s, answered)
    if shift is not None:
        found["mean_agents"] = ratio(shift.staffed_s, length_s)
        found["occupancy"] = ratio(shift.busy_s, shift.staffed_s)
    return found


NOT_THEIRS = ("abandoned", "abandoned_short", "blocked", "probability_of_abandon", "mean_queue_length")


def _served(found: Measures) -> Measures:
    """Of a group of agents: they have only those calls that they answered."""
    return {name: value for name, value in found.items() if name not in NOT_THEIRS}


@dataclass(slots=True)
class Replication:
    """What one replication measured."""

    number: int
    total: Measures
    queues: dict[str, Measures]
    caller_types: dict[str, Measures]
    agent_groups: dict[str, Measures]
    intervals: list[Measures]
    calls: int = 0
    steps: int = 0
    cpu_s: float = 0.0

    @classmethod
    def of(cls, number: int, book: Book, cpu_s: float = 0.0) -> "Replication":
        length = book.end - book.begin
        empty, groups = Tally(book.thresholds_s), book.groups
        total = measures(book.total, book.staff, length)
        total["redials"] = book.redials
        total["unreached"] = book.unreached
        total["consultations"] = book.consultations
        total["transfers"] = book.transfers
        return cls(
            number,
            total,
            {name: measures(tally, None, length) for name, tally in sorted(book.queues.items())},
            {name: measures(tally, None, length) for name, tally in sorted(book.kinds.items())},
            {
                name: _served(measures(groups.get(name, empty), shift, length))
                for name, shift in sorted(book.staff_groups.items())
            },
            [
                measures(tally, shift, book.watched_s(i))
                for i, (tally, shift) in enumerate(zip(book.intervals, book.staff_intervals, strict=True))
            ],
            book.calls,
            book.steps,
            cpu_s,
        )


Summary: TypeAlias = dict[str, Estimate | None]


@dataclass(slots=True)
class Results:
    """One configuration under one scenario."""

    configuration: str
    version: str  # of the configuration
    scenario: Scenario
    replications: list[Replication]
    total: Summary = field(init=False)
    queues: dict[str, Summary] = field(init=False)
    caller_types: dict[str, Summary] = field(init=False)
    agent_groups: dict[str, Summary] = field(init=False)
    intervals: list[Summary] = field(init=False)

    def __post_init__(self) -> None:
        ran = self.replications
        self.total = summary([one.total for one in ran])
        self.queues = summaries([one.queues for one in ran])
        self.caller_types = summaries([one.caller_types for one in ran])
        self.agent_groups = summaries([one.agent_groups for one in ran])
        self.intervals = [summary([one.intervals[i] for one in ran]) for i in range(len(ran[0].intervals))]

    def as_json(self) -> dict[str, Any]:
        run, step = self.scenario.model.run, self.scenario.model.measure.interval_s
        return {
            "format": 1,
            "configuration": self.configuration,
            "version": self.version,
            "scenario": self.scenario.document.file,
            "start": run.start.isoformat(),
            "length_s": run.length_s,
            "warm_up_s": run.warm_up_s,
            "seed": run.seed,
            "replications": len(self.replications),
            "total": nested(self.total),
            "queues": {name: nested(one) for name, one in self.queues.items()},
            "caller_types": {name: nested(one) for name, one in self.caller_types.items()},
            "agent_groups": {name: nested(one) for name, one in self.agent_groups.items()},
            "intervals": [
                {"start": (run.start + timedelta(seconds=i * step)).isoformat(), **nested(one)}
                for i, one in enumerate(self.intervals)
            ],
        }


def summaries(ran: Sequence[Mapping[str, Measures]]) -> dict[str, Summary]:
    """Groups by name; a group that a replication lacks counts nothing there."""
    names = sorted({name for one in ran for name in one})
    return {name: summary([one.get(name, {}) for one in ran]) for name in names}


def summary(ran: Sequence[Measures]) -> Summary:
    """Each measure's mean and confidence interval over the replications that have it. What is counted is 0 where it
    is not there; what is a share or a mean is left out."""
    names = _names(ran)
    counted = {name for name in names if any(isinstance(one.get(name), int) for one in ran)}
    found: Summary = {}
    for name in names:
        values = [one.get(name, 0 if name in counted else None) for one in ran]
        present = [float(value) for value in values if value is not None]
        found[name] = Estimate.of(present) if present else None
    return found


def _names(ran: Iterable[Measures]) -> list[str]:
    """All names, in the order of the first that has each."""
    return list(dict.fromkeys(name for one in ran for name in one))


def nested(one: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """Slashes in names become nesting; an estimate becomes its mean and half width."""
    tree: dict[str, Any] = {}
    for name, estimate in one.items():
        *path, last = name.split("/")
        at = tree
        for step in path:
            at = at.setdefault(step, {})
        at[last] = None if estimate is None else {"mean": estimate.mean, "ci95": estimate.ci95}
    return tree


# ---------------------------------------------------------------------------------------------------- comparing

PAIRED = ("mean_wait_s", "mean_wait_answered_s", "probability_of_abandon", "wait_p90_s")


def differences(before: Results, after: Results) -> dict[str, Any]:
    """`after` less `before`, paired by replication: both met the same callers, so most of the noise cancels."""

    def paired(one: Sequence[Measures], other: Sequence[Measures]) -> Summary:
        ran: list[Measures] = []
        for a, b in zip(one, other, strict=True):
            both = [name for name in a if a[name] is not None and b.get(name) is not None]
            ran.append({name: b[name] - a[name] for name in both})  # type: ignore[operator] # neither is None
        return summary(ran)

    def groups(name: str) -> dict[str, Summary]:
        first = [getattr(one, name) for one in before.replications]
        second = [getattr(one, name) for one in after.replications]
        shared = sorted({group for one in first for group in one} & {group for one in second for group in one})
        return {
            group: paired([one.get(group, {}) for one in first], [one.get(group, {}) for one in second])
            for group in shared
        }

    return {
        "total": paired([one.total for one in before.replications], [one.total for one in after.replications]),
        "queues": groups("queues"),
        "caller_types": groups("caller_types"),
        "agent_groups": groups("agent_groups"),
    }


def differences_as_json(difference: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "total": nested(difference["total"]),
        **{
            part: {name: nested(one) for name, one in difference[part].items()}
            for part in ("queues", "caller_types", "agent_groups")
        },
    }
