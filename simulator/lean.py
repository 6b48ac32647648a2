"""A lean driver: the real `Agents` and `Dispatcher`, and nothing else. No engine, flow, leg, ring or network.

For what the dispatcher alone decides – who waits how long – over millions of calls: proofs against the oracles, and the
benchmark. Callers arrive by Poisson processes, an agent takes a call in the instant it is offered.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from acd.core.agents import Agents, Input
from acd.core.dispatch import Dispatcher, Offer
from acd.core.settings import Settings
from simulator import collector
from simulator.distributions import Distribution


@dataclass(slots=True)
class Lane:
    """The callers of one queue."""

    queue: str
    calls_per_hour: float
    talk: Distribution
    patience: Distribution


@dataclass(slots=True)
class Counts:
    """What became of the calls that arrived in one lane after the warm-up."""

    offered: int = 0
    turned_away: int = 0
    delayed: int = 0
    answered: int = 0
    abandoned: int = 0
    in_time: int = 0  # answered within the threshold
    wait_s: float = 0.0

    @property
    def mean_wait_s(self) -> float:
        """Over all who were let in."""
        return self.wait_s / (self.offered - self.turned_away)


@dataclass(slots=True)
class Run:
    """One run: its counts by lane, calls and decisions in all."""

    lanes: list[Counts]
    calls: int = 0
    steps: int = 0
    busy_s: float = 0.0


@dataclass(slots=True)
class _Call:
    name: str
    lane: int
    arrived_at: float
    agent: str = ""
    patience_s: float = math.inf


def run(
    settings: Settings,
    lanes: list[Lane],
    *,
    length_s: float,
    warm_up_s: float = 0.0,
    seed: int = 1,
    within_s: float = 20.0,
) -> Run:
    """Callers arrive for `length_s`; those still waiting then are played to their end."""
    driver = _Driver(settings, lanes, length_s, warm_up_s, seed, within_s)
    with collector.seldom():
        driver.play()
    return driver.done


class _Driver:
    def __init__(
        self, settings: Settings, lanes: list[Lane], length_s: float, warm_up_s: float, seed: int, within_s: float
    ) -> None:
        self.agents = Agents()
        self.dispatcher = Dispatcher(self.agents, None, Random(f"{seed}/dispatcher"))
        self.agents.configure(settings, 0.0)
        self.dispatcher.configure(settings, 0.0)
        for agent in settings.agents.values():
            assert agent.device is not None, "an agent without a device is never offered a call"
            self.agents.device_changed(agent.device, True, 0.0)
            self.agents.sign_on(agent.id, agent.device, 0.0)
        self.dispatcher.match(0.0)
        self.lanes = lanes
        self.length_s, self.warm_up_s, self.within_s = length_s, warm_up_s, within_s
        self.done = Run([Counts() for _ in lanes])
        self.waiting: dict[str, _Call] = {}
        self.came: _Call | None = None
        self.heap: list[tuple[float, int, Callable[[_Call, float], None], _Call]] = []
        self.serial = 0
        self.arrival, self.talk, self.patience = (
            [Random(f"{seed}/{i}/{cause}").random for i in range(len(lanes))]
            for cause in ("arrival", "talk", "patience")
        )
        self.gaps = [3600 / lane.calls_per_hour if lane.calls_per_hour else math.inf for lane in lanes]
        for i in range(len(lanes)):
            self.next_arrival(i, 0.0)

    def play(self) -> None:
        heap, pop, done = self.heap, heapq.heappop, self.done
        agents, match, deadline = self.agents, self.dispatcher.match, self.dispatcher.deadline
        timers = agents.timers
        while heap:
            now = at = heap[0][0]
            due = deadline()
            if due is not None and due < now:
                now = due
            if timers and timers[0][0] < now:
                now = timers[0][0]
            if now < at:
                agents.wake(now)
            else:
                _, _, what, call = pop(heap)
                what(call, now)
            done.steps += 1
            for decision in match(now):
                assert isinstance(decision, Offer), "nobody rings, so nothing is withdrawn"
                self.takes(decision, now)
            if self.came is not None:
                self.waits(self.came, now)

    def at(self, when: float, what: Callable[[_Call, float], None], call: _Call) -> None:
        self.serial = serial = self.serial + 1
        heapq.heappush(self.heap, (when, serial, what, call))

    def next_arrival(self, lane: int, now: float) -> None:
        when = now - self.gaps[lane] * math.log1p(-self.arrival[lane]())
        if when < self.length_s:
            self.at(when, self.arrives, _Call("", lane, when))

    def arrives(self, call: _Call, now: float) -> None:
        self.done.calls += 1
        call.name = str(self.done.calls)
        self.next_arrival(call.lane, now)
        lane, counts = self.lanes[call.lane], self.done.lanes[call.lane]
        counted = now >= self.warm_up_s
        counts.offered += counted
        patience_s = lane.patience.quantile(self.patience[call.lane]())
        if self.dispatcher.join(call.name, lane.queue, now) is not None:
            counts.turned_away += counted
            return
        self.waiting[call.name] = self.came = call
        call.patience_s = patience_s

    def waits(self, call: _Call, now: float) -> None:
        """Nobody took him in the instant he came: his patience counts."""
        self.came = None
        if not call.agent and call.patience_s < math.inf:
            self.at(now + call.patience_s, self.gives_up, call)

    def gives_up(self, call: _Call, now: float) -> None:
        if call.agent:
            return
        self.dispatcher.leave(call.name)
        del self.waiting[call.name]
        if call.arrived_at >= self.warm_up_s:
            counts = self.done.lanes[call.lane]
            counts.abandoned += 1
            counts.delayed += 1
            counts.wait_s += now - call.arrived_at

    def takes(self, offer: Offer, now: float) -> None:
        call = self.waiting.pop(offer.contact)
        call.agent = offer.agent
        self.agents.advance(offer.agent, offer.contact, Input.ACCEPTED, now)
        self.dispatcher.accepted(offer.contact, offer.agent, now)
        talk_s = self.lanes[call.lane].talk.quantile(self.talk[call.lane]())
        self.at(now + talk_s, self.ends, call)
        if self.warm_up_s <= now < self.length_s:
            self.done.busy_s += min(talk_s, self.length_s - now)
        arrived_at = call.arrived_at
        if arrived_at >= self.warm_up_s:
            counts = self.done.lanes[call.lane]
            waited = now - arrived_at
            counts.answered += 1
            counts.delayed += waited > 0
            counts.in_time += waited <= self.within_s
            counts.wait_s += waited

    def ends(self, call: _Call, now: float) -> None:
        self.agents.advance(call.agent, call.name, Input.HUNG_UP, now)
