"""What the parts of one simulated world share: the engine, virtual time, who is on the line, what is counted.

Messages take time each way, so that an answer can cross a cancel and a hang-up an offer; each leg's messages keep their
order, and `LegEnded` is its last.

What is to happen is a tuple ``(time, serial, what, argument)``: ties break by serial, so that a run is repeated to the
byte. Only what comes in the stretch of time under way is in a heap: most of the rest is patience that nobody will lose,
and among thousands of it each event took half as long again to find.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, Final, TypeAlias

from acd.core.engine import Engine
from acd.core.events import Event
from acd.core.settings import Settings
from simulator.desks import Desk, desks
from simulator.distributions import Constant, Distribution
from simulator.handling import Aside, Handling, Parts
from simulator.scenario import Scenario
from simulator.tally import Book
from simulator.workload import Caller, Workload, stream

STRETCH_S: Final = 2.0  # a power of two, so that no rounding moves anything over the edge of a stretch
Happening: TypeAlias = tuple[Any, ...]  # of any length to the type checker, as `pools.Entry` is, and why


@dataclass(slots=True)
class Line:
    """A caller on the line."""

    caller: Caller
    leg: str  # the call's name and .0
    joined_at: float | None = None  # the first queue of this wait
    loses_at: float = inf  # patience with it
    queue: str = ""
    waiting: bool = False
    wants_out: bool = False  # by his key, in the next queue that has it
    went_out: bool = False  # by it
    rung: bool = False  # an agent was rung for him
    delayed: bool = False  # and that not at the instant of joining
    talking: bool = False
    groups: tuple[str, ...] = ()  # of the agent who served him
    wrap_up_s: float = 0.0
    pressed: int = 0  # how many of his keys
    op: str = ""  # what is played to him or collected from him
    ended: bool = False  # the end of this leg is on its way to the engine
    counted: bool = False  # its record is written
    asking: "Asking | None" = None  # his agent asks a colleague
    latest: float = 0.0  # when its last message arrives


@dataclass(slots=True)
class Ring:
    """An agent's leg."""

    leg: str
    line: Line
    desk: Desk
    queue: str
    cut_at: float = inf  # our cancel reaches the telephone
    responds_at: float = inf  # he picks up or rejects, at his telephone
    response_at: float = inf  # the engine hears of it
    rejects: bool = False
    accepted: bool = False  # a person took the call
    released_at: float | None = None  # we hung up
    wrap_up_s: float = 0.0  # until he says that he is done
    op: str = ""
    ended: bool = False
    kept: bool = False  # the line is up between two calls: `line` and `queue` are those of the last
    absent: bool = False  # told of a call on such a line, he does not take it
    latest: float = 0.0


@dataclass(slots=True)
class Asking:
    """An agent has his caller on hold and asks a colleague."""

    by: Ring
    ends: Parts  # of the call, once he has the caller again
    aside: Aside
    ring: Ring | None = None  # the colleague's


class World:
    """One replication's world."""

    __slots__ = (
        *("at_device", "at_the_door", "book", "core", "desks", "due", "failed", "handling", "heap", "last", "latency"),
        *("lines", "network", "now", "prompt_s", "prompts", "replication", "rings", "scenario", "settings", "soon"),
        *("steps", "trunks_down", "wall_offset_s", "workload"),
        *("_do", "_later", "_names", "_serial", "_stretches"),
    )

    def __init__(
        self,
        core: Engine,
        settings: Settings,
        scenario: Scenario,
        replication: int,
        prompts: Mapping[str, float],
        do: dict[type, Callable[["World", Any], None]],
    ) -> None:
        model, run = scenario.model, scenario.model.run
        self.core = core
        self.scenario = scenario
        self.replication = replication
        # Who signs on when is the roster's business.
        agents = {name: replace(agent, sign_on="manual") for name, agent in settings.agents.items()}
        self.settings = replace(settings, agents=agents)
        self.workload = Workload(scenario, next(iter(settings.trunks), ""), replication)
        self.handling = Handling(model.handling, settings)
        self.desks = desks(scenario, settings.agents.values(), replication)
        self.at_device: dict[str, Desk] = {}  # who is signed on there
        self.at_the_door: dict[str, list[Desk]] = {}  # who waits for it
        self.book = Book(
            run.warm_up_s,
            run.length_s,
            model.measure.interval_s,
            list(model.measure.thresholds_s),
            model.measure.short_abandon_s,
            model.callers,
            settings.queues,
        )
        self.now = 0.0
        self.wall_offset_s = run.start.timestamp()
        self.lines: dict[str, Line] = {}  # by leg
        self.rings: dict[str, Ring] = {}  # by leg
        self.trunks_down: dict[str, int] = {}
        self.prompts = {**prompts, **model.world.prompts}
        self.prompt_s = model.world.prompt_s
        self.failed = model.world.failed
        self.network = stream(run.seed, replication, "network")
        self.latency = _sampler(model.world.latency.build(), self.network)
        self.last = run.length_s + run.drain_s  # nothing is played that comes later
        self.heap: list[Happening] = []
        self.soon = 0.0  # what comes before is in the heap
        self._later: dict[int, list[Happening]] = {}  # the rest, by stretches of `STRETCH_S`
        self._stretches: list[int] = []  # a heap of those that there are
        self.steps = 0  # of the engine
        self.due: float | None = None  # its deadline
        self._serial = 0
        self._names = 0
        self._do = do

    def name(self) -> int:
        """A number for a call or request, used once."""
        self._names += 1
        return self._names

    def at(self, when: float, what: Callable[["World", Any], None], argument: Any) -> None:
        """Let something happen at that instant."""
        self._serial = serial = self._serial + 1
        if when < self.soon:
            heappush(self.heap, (when, serial, what, argument))
        elif when <= self.last:
            stretch = int(when / STRETCH_S)
            later = self._later.get(stretch)
            if later is None:
                later = self._later[stretch] = []
                heappush(self._stretches, stretch)
            later.append((when, serial, what, argument))

    def deliver(self, leg: Line | Ring, delay: float, what: Callable[["World", Any], None], argument: Any) -> None:
        """A message sent now reaches the engine after `delay`, but never before one sent earlier for that leg."""
        when = self.now + delay
        if when < leg.latest:
            when = leg.latest
        leg.latest = when
        self._serial = serial = self._serial + 1
        heappush(self.heap, (when, serial, what, argument))

    def step(self, event: Event) -> None:
        """Give the engine an event now, and do what it commands."""
        self.steps += 1
        core, do = self.core, self._do
        commands: list[Any] = core.step(event, self.now)  # compiled, a `Command` is looked for among all kinds of them
        for command in commands:
            what = do.get(type(command))
            if what is not None:
                what(self, command)
        self.due = core.deadline()

    def measured(self) -> bool:
        return self.book.begin <= self.now < self.book.end


def step(world: World, event: Event) -> None:
    """`World.step` as something that happens."""
    world.step(event)


def turn(world: World) -> None:
    """The next stretch of time in which anything happens begins, if there is one: that goes into the heap."""
    if not world._stretches:
        world.soon = inf
        return
    stretch = heappop(world._stretches)
    world.heap += world._later.pop(stretch)
    world.soon = (stretch + 1) * STRETCH_S
    heapify(world.heap)


def _sampler(one: Distribution, uniform: Callable[[], float]) -> Callable[[], float]:
    if isinstance(one, Constant):
        value = one.mean
        return lambda: value
    return lambda: one.quantile(uniform())
