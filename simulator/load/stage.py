"""What the live callers and agents of one replication share: the clock, the telephones, who is on the line."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from acd.config import Hotline
from acd.core.settings import Queue
from simulator.desks import Desk, desks
from simulator.handling import Handling, Parts
from simulator.load.control import Control
from simulator.load.conversations import Asking
from simulator.load.cues import Rehearsal, who
from simulator.load.places import Places
from simulator.phones.exchange import Exchange, Phone
from simulator.scenario import Scenario
from simulator.tally import Book
from simulator.workload import Caller, Workload


@dataclass(slots=True, eq=False)
class Line:
    """A caller on the line. Instants are seconds since the start of the run."""

    caller: Caller
    at: float  # he dialled
    phone: Phone
    queue: str = ""  # the first he joined, as far as he knows
    served: asyncio.Event = field(default_factory=asyncio.Event)  # at least once
    agent_gone: asyncio.Event = field(default_factory=asyncio.Event)
    agent_gone_at: float = 0.0
    taken: asyncio.Event = field(default_factory=asyncio.Event)  # an agent took him from the queue he is in
    agent: Phone | None = None  # of the agent who has him
    asking: Asking | None = None  # his agent asks a colleague
    sent_to: str = ""  # the queue
    rung_at: float | None = None  # an agent was rung for him
    groups: tuple[str, ...] = ()  # of the agent who served him
    wrap_up_s: float = 0.0


class Stage:
    """One replication, live."""

    def __init__(
        self,
        hotline: Hotline,
        scenario: Scenario,
        replication: int,
        exchange: Exchange,
        places: Places,
        control: Control,
        cues: Rehearsal,
    ) -> None:
        model, run = scenario.model, scenario.model.run
        self.settings = hotline.settings
        self.silent_s = hotline.media.silent_s  # the engine gives up a call of which nothing is heard for so long
        self.headers = {name: header for name, header in hotline.attributes.items() if header is not None}
        self.scenario = scenario
        self.replication = replication
        self.exchange = exchange
        self.places = places
        self.control = control
        self.cues = cues
        self.workload = Workload(scenario, next(iter(self.settings.trunks), ""), replication)
        self.handling = Handling(model.handling, self.settings)
        playable = set(places.devices.values())
        self.everybody = desks(scenario, self.settings.agents.values(), replication)
        self.desks = {name: desk for name, desk in self.everybody.items() if desk.device in playable}
        self.at_device: dict[str, Desk] = {}  # who is signed on there
        self.book = Book(
            run.warm_up_s,
            run.length_s,
            model.measure.interval_s,
            list(model.measure.thresholds_s),
            model.measure.short_abandon_s,
            model.callers,
            self.settings.queues,
        )
        self.lines: dict[str, Line] = {}  # those on the line, by calling number
        self.made: dict[str, list[Line]] = {}  # all, by calling number, in their order
        self.phones: dict[str, set[Phone]] = {}  # those that ring or are in a call, by device
        self.trunks_down: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.calling: set[asyncio.Task[None]] = set()
        self.serving: set[asyncio.Task[None]] = set()
        self.troubles: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def begin(self) -> None:
        self._began = self._loop.time()

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._loop.time() - self._began

    def queue_of(self, line: Line) -> Queue:
        """The queue he is in or was served from, as far as a telephone can know: the first that his like joined in the
        rehearsal, or that he was sent on to."""
        if line.sent_to:
            return self.settings.queues[line.sent_to]
        cue = self.cues.joins.get(who(line.caller))
        return self.settings.queues[cue.queue if cue is not None else next(iter(self.settings.queues))]

    def parts(self, line: Line, desk: Desk) -> Parts:
        """Of the conversation that begins."""
        return self.handling.parts(line.caller, self.queue_of(line).id, desk.agent.id)

    def sent_on(self, line: Line) -> None:
        """Somebody else will serve him."""
        line.caller = self.workload.sent_on(line.caller)

    def is_free(self, agent: str) -> bool:
        """As far as his colleagues see."""
        desk = self.desks.get(agent)
        return desk is not None and desk.at_work and not desk.resting and not desk.tasks

    async def until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self.now()))

    def let(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        """Let this go on beside, as one of these."""
        task = self.exchange.task(work)
        among.add(task)
        task.add_done_callback(among.discard)

    async def all_of(self, these: set[asyncio.Task[None]], until: float) -> None:
        """Wait for all of these and those they begin, but not longer."""
        while these and self.now() < until:
            await asyncio.wait(these, timeout=until - self.now())
