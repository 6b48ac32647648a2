"""Agents as people: when they come, rest and leave, and how they treat their telephones."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from acd.core.settings import Agent
from simulator.distributions import Distribution
from simulator.handling import fits
from simulator.scenario import Scenario
from simulator.schema import BehaviourAt, BreakAt, PhonesDownAt, ShiftAt
from simulator.tally import Book
from simulator.workload import DAY, stream


@dataclass(slots=True)
class Desk:
    """An agent with his telephone, and the clock of his working time."""

    agent: Agent
    device: str
    groups: tuple[str, ...]  # what he is counted under: team/…, site/…
    uniform: Callable[[], float]
    ring_delay: Distribution
    confirm: Distribution
    reject: float
    no_answer: float
    at_work: bool = False  # by the roster, and signed on
    until: float = 0.0  # the end of his day
    resting: str = ""  # the reason of the break he is on, or will be on after this call
    rest_s: float = 0.0  # a break that begins when he is free
    tasks: int = 0  # calls that ring, are talked or wrapped up
    missed: int = 0  # offers not answered in a row
    dead: bool = False  # his telephone does not answer
    since: float = 0.0  # he is staffed since
    busy_since: float = 0.0
    staffed: bool = False

    def clock_in(self, now: float) -> None:
        if not self.staffed:
            self.staffed, self.since = True, now

    def clock_out(self, now: float, book: Book) -> None:
        """He is gone or resting, unless a call still keeps him: then this comes when it ends."""
        if self.staffed and not self.tasks:
            self.staffed = False
            book.work(self.groups, self.since, now, busy=False)

    def take(self, now: float) -> None:
        """A call rings at his desk."""
        if not self.tasks:
            self.busy_since = now
        self.tasks += 1
        self.clock_in(now)

    def put(self, now: float, book: Book) -> None:
        """He is done with one call."""
        self.tasks -= 1
        if self.tasks:
            return
        book.work(self.groups, self.busy_since, now, busy=True)
        if not self.at_work or self.resting:
            self.clock_out(now, book)

    def close(self, now: float, book: Book) -> None:
        """The run is over: what is still open ends now."""
        if self.tasks:
            book.work(self.groups, self.busy_since, now, busy=True)
        if self.staffed:
            book.work(self.groups, self.since, now, busy=False)


def desks(scenario: Scenario, agents: Iterable[Agent], replication: int) -> dict[str, Desk]:
    """A desk for everybody who has a device, by agent."""
    behaviours = [*scenario.model.agents.behaviour, BehaviourAt()]
    seed, found = scenario.model.run.seed, {}
    for agent in agents:
        if agent.device is None:
            continue
        how = next(behaviour for behaviour in behaviours if fits(behaviour, agent))
        groups = [f"team/{team}" for team in agent.teams] + ([f"site/{agent.site}"] if agent.site else [])
        found[agent.id] = Desk(
            agent,
            agent.device,
            tuple(groups),
            stream(seed, replication, f"agent/{agent.id}"),
            how.ring_delay.build(),
            how.confirm.build(),
            how.reject,
            how.no_answer,
        )
    return found


def struck(scenario: Scenario, desks: dict[str, Desk], replication: int) -> Iterator[tuple[PhonesDownAt, Desk]]:
    """Whose telephones die by which fault."""
    uniform = stream(scenario.model.run.seed, replication, "faults")
    for phones in scenario.model.world.faults.phones_down:
        for desk in desks.values():
            if fits(phones, desk.agent) and uniform() < phones.share:
                yield phones, desk


@dataclass(slots=True)
class Duty:
    """One agent's one working day, seconds since the start of the run."""

    agent: str
    begins: float
    ends: float
    breaks: list[tuple[float, float, str]] = field(default_factory=list)  # (at, how long, reason)


def roster(scenario: Scenario, desks: dict[str, Desk], replication: int) -> Iterator[Duty]:
    """Who is at work when. Without a roster everybody is, all the time."""
    run, shifts = scenario.model.run, scenario.model.agents.roster
    if not shifts:
        yield from (Duty(agent, 0.0, math.inf) for agent in desks)
        return
    start = run.start
    midnight = -(start.hour * 3600.0 + start.minute * 60.0 + start.second)
    uniform = stream(run.seed, replication, "roster")
    taken: set[str] = set()
    for shift in shifts:
        who = _chosen(shift, desks, taken)
        taken.update(who)
        late = shift.late.build()
        ends = shift.end if shift.end > shift.start else shift.end + DAY
        for day in range(-1, math.ceil((run.length_s - midnight) / DAY)):
            base = midnight + day * DAY
            for agent in who:
                absent, delay = uniform() < shift.absence, late.quantile(uniform())
                if absent or base + ends <= 0 or base + shift.start >= run.length_s:
                    continue
                begins = max(0.0, base + shift.start + delay)
                rests = [(base + at, pause.lasts_s, pause.reason) for at, pause in _breaks(shift)]
                rests = [rest for rest in rests if begins <= rest[0] < base + ends]
                if begins < base + ends:
                    yield Duty(agent, begins, base + ends, rests)


def _chosen(shift: ShiftAt, desks: dict[str, Desk], taken: set[str]) -> list[str]:
    who = [name for name, desk in desks.items() if fits(shift, desk.agent)]
    if shift.count is None:
        return who
    return [name for name in who if name not in taken][: shift.count]


def _breaks(shift: ShiftAt) -> Iterator[tuple[float, BreakAt]]:
    """Breaks of a night shift may lie behind midnight."""
    for pause in shift.breaks:
        yield (pause.at if pause.at >= shift.start else pause.at + DAY), pause
