"""The way in: a scenario file, read and checked, alone and against the hotline it is to be played on."""

import csv
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from acd.config.explain import check as check_model
from acd.config.problem import ConfigError, Problem, did_you_mean, shown
from acd.config.yaml import Document, Step, read
from acd.core.settings import Settings
from simulator.schema import ConsultAt, ScenarioFile, Whom
from simulator.schema_callers import ArrivalsAt

MOST_INTERVALS = 20_000  # a year of half-hours
EVERYBODY = "all"  # the arrivals of it are split over the caller types by their shares


@dataclass(slots=True)
class Scenario:
    """A checked scenario; CSV files are read. Times are seconds since its start."""

    model: ScenarioFile
    document: Document
    counts: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # type → (start, calls), rising
    calls: dict[str, list[float]] = field(default_factory=dict)  # type → instants, rising

    @property
    def start(self) -> datetime:
        return self.model.run.start


def load(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario. Raises `ConfigError` with every problem found."""
    file = Path(path)
    return checked(read(file, shown(file)), file.parent)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario's file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ScenarioFile.model_json_schema()}


def checked(document: Document, base: Path) -> Scenario:
    """The scenario that a document describes; its CSV files are relative to `base`. Raises `ConfigError`."""
    if not isinstance(document.value, dict):
        raise ConfigError([Problem(document.file, 1, 1, "not a scenario", "begin with version: 1")])
    model = check_model(ScenarioFile, document.value, document)
    if isinstance(model, list):
        raise ConfigError(model)
    scenario = Scenario(model, document)
    problems = [*_callers(scenario), *_times(scenario)]
    for name, arrivals in model.arrivals.items():
        problems += _tables(scenario, name, arrivals, base)
    if problems:
        raise ConfigError(sorted(problems))
    return scenario


def fit(scenario: Scenario, settings: Settings) -> list[Problem]:
    """What the scenario names that this hotline does not have."""
    return sorted(_Fit(scenario, settings).problems())


def _callers(scenario: Scenario) -> list[Problem]:
    """References within the file."""
    model, problem = scenario.model, scenario.document.problem
    problems = []
    for name in model.arrivals:
        if name != EVERYBODY and name not in model.callers:
            fix = did_you_mean(name, model.callers, "describe it under callers:")
            problems.append(problem(("arrivals", name), f"caller type {name!r} does not exist", fix, at="key"))
    if EVERYBODY in model.callers:
        fix = "`all` stands for all types together"
        problems.append(problem(("callers", EVERYBODY), "a caller type cannot be called 'all'", fix, at="key"))
    if EVERYBODY in model.arrivals and not any(caller.share for caller in model.callers.values()):
        problems.append(problem(("callers",), "nobody has a share of `all`", "give a share above 0", at="key"))
    named: list[tuple[tuple[Step, ...], Sequence[str]]] = [
        (("handling", i, "callers"), entry.callers) for i, entry in enumerate(model.handling)
    ]
    named += [(("world", "faults", "surge", i, "callers"), s.callers) for i, s in enumerate(model.world.faults.surge)]
    for place, names in named:
        for index, name in enumerate(names):
            if name not in model.callers:
                fix = did_you_mean(name, model.callers, "describe it under callers:")
                problems.append(problem((*place, index), f"caller type {name!r} does not exist", fix))
    if model.handling[-1].talk is None or _narrow(model.handling[-1]):
        what = "the last entry must tell how long everybody else talks"
        problems.append(problem(("handling",), what, "end the list with - talk: …, for all", at="key"))
    return problems


def _times(scenario: Scenario) -> Iterator[Problem]:
    """Intervals that are too many to be looked at, faults that never come."""
    model, problem = scenario.model, scenario.document.problem
    length_s = model.run.length_s
    widths: list[tuple[tuple[Step, ...], float]] = [(("measure", "interval_s"), model.measure.interval_s)]
    if model.busyness.interval_cv:
        widths.append((("busyness", "interval_s"), model.busyness.interval_s))
    for name, at in model.arrivals.items():
        if at.intervals is not None:
            widths.append((("arrivals", name, "intervals", "every_s"), at.intervals.every_s))
    for place, width_s in widths:
        if length_s / width_s > MOST_INTERVALS:
            fix = f"at least {math.ceil(length_s / MOST_INTERVALS * 1000) / 1000:g} for a run of {length_s:g} s"
            yield problem(place, f"{width_s:g} s makes more than {MOST_INTERVALS:,} intervals", fix)
    faults = model.world.faults
    begins = {
        "trunk_down": [one.at_s for one in faults.trunk_down],
        "phones_down": [one.at_s for one in faults.phones_down],
        "surge": [one.at_s for one in faults.surge],
    }
    for kind, instants in begins.items():
        for i, at_s in enumerate(instants):
            if at_s >= length_s:
                what = f"at {at_s:g} s the run is over"
                yield problem(("world", "faults", kind, i, "at_s"), what, f"less than {length_s:g}")


def _narrow(entry: object) -> bool:
    return any(getattr(entry, name) for name in ("callers", "queues", "skill", "agents", "teams", "sites"))


# ----------------------------------------------------------------------------------------------------- CSV files


def _tables(scenario: Scenario, name: str, arrivals: ArrivalsAt, base: Path) -> list[Problem]:
    try:
        if arrivals.counts_csv is not None:
            place = ("arrivals", name, "counts_csv")
            scenario.counts[name] = list(_counts(scenario, base / arrivals.counts_csv, place))
        if arrivals.calls_csv is not None:
            place = ("arrivals", name, "calls_csv")
            scenario.calls[name] = sorted(_calls(scenario, base / arrivals.calls_csv, place))
    except ConfigError as error:
        return list(error.problems)
    return []


def _counts(scenario: Scenario, path: Path, place: tuple[Step, ...]) -> Iterator[tuple[float, float]]:
    previous = None
    for line, row in _rows(scenario, path, place, ("start", "calls")):
        at = _seconds(scenario, path, line, row["start"])
        if previous is not None and at <= previous:
            raise ConfigError([Problem(shown(path), line, 1, "not later than the line above", "sort by start")])
        try:
            calls = float(row["calls"])
        except ValueError:
            calls = -1.0
        if not 0 <= calls < 1e9:
            what = f"{row['calls']!r} is no count of calls"
            raise ConfigError([Problem(shown(path), line, 1, what, "a number from 0 up")])
        previous = at
        yield at, calls


def _calls(scenario: Scenario, path: Path, place: tuple[Step, ...]) -> Iterator[float]:
    for line, row in _rows(scenario, path, place, ("at",)):
        yield _seconds(scenario, path, line, row["at"])


def _rows(
    scenario: Scenario, path: Path, place: tuple[Step, ...], columns: Collection[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    what = f"there is no column {column!r}"
                    raise ConfigError([Problem(shown(path), 1, 1, what, "begin with " + ",".join(columns))])
            empty = True
            for row in reader:
                empty = False
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        fix = "paths are relative to this file"
        raise ConfigError([scenario.document.problem(place, f"{shown(path)} cannot be read: {detail}", fix)]) from None
    if empty:
        raise ConfigError([Problem(shown(path), 2, 1, "no line with calls", "write one line per interval or call")])


def _seconds(scenario: Scenario, path: Path, line: int, text: str) -> float:
    """An instant as seconds since the start; without a zone it is in that of the start."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        fix = "write it as 2026-03-02T08:00:00"
        raise ConfigError([Problem(shown(path), line, 1, f"{text!r} is no instant", fix)]) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=scenario.start.tzinfo)
    return (instant - scenario.start).total_seconds()


# ----------------------------------------------------------------------------------------- against a hotline


class _Fit:
    """Every name that leads into the hotline."""

    def __init__(self, scenario: Scenario, settings: Settings) -> None:
        self.scenario = scenario
        self.settings = settings
        self.found: list[Problem] = []

    def refer(
        self, kind: str, name: str, known: Collection[str], place: tuple[Step, ...], *, key: bool = False
    ) -> None:
        if name not in known:
            fix = did_you_mean(name, known, f"the hotline has no such {kind}")
            at: Callable[..., Problem] = self.scenario.document.problem
            what = f"{kind} {name!r} does not exist"
            self.found.append(at(place, what, fix, at="key" if key else "value"))

    def problems(self) -> list[Problem]:
        model, settings = self.scenario.model, self.settings
        for name, caller in model.callers.items():
            self.refer("number", caller.number, settings.numbers, ("callers", name, "number"))
            if caller.trunk is not None:
                self.refer("trunk", caller.trunk, settings.trunks, ("callers", name, "trunk"))
            elif len(settings.trunks) != 1:
                fix = "add trunk: …"
                what = "through which trunk these calls come is not clear"
                self.found.append(self.scenario.document.problem(("callers", name), what, fix, at="key"))
        for i, entry in enumerate(model.handling):
            self.whom(entry, ("handling", i))
            for j, queue in enumerate(entry.queues):
                self.refer("queue", queue, settings.queues, ("handling", i, "queues", j))
            if entry.transfer is not None:
                self.refer("queue", entry.transfer.to, settings.queues, ("handling", i, "transfer", "to"))
            if entry.consult is not None:
                self.consult(entry.consult, ("handling", i, "consult"))
            if entry.skill is not None:
                self.refer("skill", entry.skill.skill, self.skills(), ("handling", i, "skill", "skill"))
        for i, shift in enumerate(model.agents.roster):
            self.whom(shift, ("agents", "roster", i))
        for i, behaviour in enumerate(model.agents.behaviour):
            self.whom(behaviour, ("agents", "behaviour", i))
        for i, down in enumerate(model.world.faults.trunk_down):
            self.refer("trunk", down.trunk, settings.trunks, ("world", "faults", "trunk_down", i, "trunk"))
        for i, phones in enumerate(model.world.faults.phones_down):
            self.whom(phones, ("world", "faults", "phones_down", i))
        return self.found

    def consult(self, consult: ConsultAt, place: tuple[Step, ...]) -> None:
        self.whom(consult, place)
        if consult.queue is not None:
            self.refer("queue", consult.queue, self.settings.queues, (*place, "queue"))
        if consult.skill is not None:
            self.refer("skill", consult.skill.skill, self.skills(), (*place, "skill", "skill"))

    def whom(self, whom: Whom, place: tuple[Step, ...]) -> None:
        agents = self.settings.agents
        known: dict[str, Collection[str]] = {
            "agents": agents,
            "teams": {team for agent in agents.values() for team in agent.teams},
            "sites": {agent.site for agent in agents.values() if agent.site},
        }
        for group, names in known.items():
            for i, name in enumerate(getattr(whom, group)):
                self.refer(group[:-1], name, names, (*place, group, i))

    def skills(self) -> set[str]:
        return {skill for agent in self.settings.agents.values() for skill in agent.skills}
