"""Random hotlines and random histories of them: what agents, callers and supervisors do, as plain tuples.

A `Floor` is one hotline at work: `Agents`, a dispatcher, and the few things an engine does between them. Two floors
that take the same history must decide the same.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Protocol, TypeAlias

from acd.core.agents import Agents, Input, Presence, Refused, Work
from acd.core.dispatch import Dispatcher, Offer, Waiting, Withdraw
from acd.core.expected_wait import Lane
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.settings import Agent, Device, Queue, Reserve, Ring, Settings, Strategy, WrapUp
from acd.core.strategies import BY

Op: TypeAlias = tuple[Any, ...]
Decided: TypeAlias = list[Offer | Withdraw]

SKILLS = ("de", "en", "loans")
TEAMS = ("blue", "red")
SITES = ("north", "south")
STRATEGIES: tuple[Strategy, ...] = tuple(BY)


class AnyDispatcher(Protocol):
    waiting: dict[CallId, Waiting]
    lanes: dict[QueueId, Lane]
    queues: dict[QueueId, Queue]

    def configure(self, settings: Settings, now: float) -> None: ...
    @property
    def join(self) -> Callable[..., str | None]: ...
    def leave(self, contact: CallId) -> None: ...
    def put_back(self, contact: CallId, agent: AgentId, now: float, *, exclude: bool) -> None: ...
    def accepted(self, contact: CallId, agent: AgentId, now: float | None = None) -> list[Withdraw]: ...
    def change_tier(self, contact: CallId, tier: int) -> None: ...
    def match(self, now: float) -> Decided: ...
    def deadline(self) -> float | None: ...
    def position(self, contact: CallId, now: float) -> int: ...
    def expected_wait_s(self, contact: CallId, now: float) -> float | None: ...
    def stranded(self) -> list[CallId]: ...


Make: TypeAlias = Callable[..., AnyDispatcher]


class Floor:
    """One hotline at work."""

    def __init__(self, settings: Settings, make: Make = Dispatcher, seed: int = 1) -> None:
        self.now = 0.0
        self.settings = settings
        self.make = make
        self.random = Random(seed)
        self.agents = Agents()
        self.agents.configure(settings, 0.0)
        for device in settings.devices:
            self.agents.device_changed(device, True, 0.0)
        self.dispatcher = make(self.agents, None, self.random)
        self.dispatcher.configure(settings, 0.0)

    def do(self, op: Op) -> Any:
        """Take one step of a history; the answer, if it has one."""
        return getattr(self, f"do_{op[0]}")(*op[1:])

    def do_match(self) -> Decided:
        return self.dispatcher.match(self.now)

    def do_time(self, now: float) -> None:
        self.now = now

    def do_join(self, contact: CallId, queue: QueueId, how: dict[str, Any]) -> str | None:
        return self.dispatcher.join(contact, queue, self.now, **how)

    def do_abandon(self, contact: CallId) -> None:
        for agent in list(self.dispatcher.waiting[contact].rung):
            self.agents.advance(agent, contact, Input.WITHDRAWN, self.now)
        self.dispatcher.leave(contact)

    def do_accept(self, contact: CallId, agent: AgentId) -> list[Withdraw]:
        self.agents.advance(agent, contact, Input.ACCEPTED, self.now)
        return self.dispatcher.accepted(contact, agent, self.now)

    def do_miss(self, contact: CallId, agent: AgentId, how: str) -> None:
        self.agents.missed(agent, contact, how, self.now)
        self.dispatcher.put_back(contact, agent, self.now, exclude=how == "rejected")

    def do_work(self, contact: CallId, agent: AgentId, given: Input) -> str:
        return self.agents.advance(agent, contact, given, self.now)

    def do_consult(self, contact: CallId, agent: AgentId) -> None:
        self.agents.offer(agent, contact, None, self.now)

    def do_ask(self, what: str, agent: AgentId, *more: Any) -> str:
        ask = getattr(self.agents, what)
        try:
            ask(agent, *more, self.now)
        except Refused as refused:
            return str(refused)
        return "ok"

    def do_device(self, device: str, up: bool) -> None:
        self.agents.device_changed(device, up, self.now)

    def do_tier(self, contact: CallId, tier: int) -> None:
        self.dispatcher.change_tier(contact, tier)

    def do_configure(self, settings: Settings) -> None:
        self.settings = settings
        self.agents.configure(settings, self.now)
        self.dispatcher.configure(settings, self.now)

    def do_restart(self) -> None:
        """From a snapshot: plain values only."""
        dispatcher, agents = self.dispatcher, self.agents
        saved = copy.deepcopy((agents.states, agents.up, agents.settings, agents.queues))
        waiting, lanes, queues = copy.deepcopy((dispatcher.waiting, dispatcher.lanes, dispatcher.queues))
        random = Random()
        random.setstate(self.random.getstate())
        self.random, self.agents = random, Agents(*saved)
        self.agents.configure(self.settings, self.now)
        self.dispatcher = self.make(self.agents, waiting, random, lanes, queues)
        self.dispatcher.configure(self.settings, self.now)

    def view(self) -> tuple[Any, ...]:
        """All that both floors must agree on."""
        dispatcher = self.dispatcher
        waits = [(c, tuple(w.rung), w.queued, w.tier, w.key) for c, w in dispatcher.waiting.items()]
        said = [(c, dispatcher.position(c, self.now), dispatcher.expected_wait_s(c, self.now)) for c, *_ in waits]
        return waits, said, dispatcher.stranded(), self.agents.states


# --------------------------------------------------------------------------------------------------------- hotlines


def some_settings(random: Random, *, plain: bool = False) -> Settings:
    """A small hotline that has everything, or only what every queue has."""
    agents = {f"a{i}": _agent(random, f"a{i}", plain) for i in range(random.randint(1, 6))}
    queues = {name: _queue(random, name, plain) for name in "pqr"[: random.randint(1, 3)]}
    devices = {f"d{i}": Device(f"d{i}") for i in range(7)}
    settings = Settings("1", agents=agents, queues=queues, devices=devices)
    settings.order_by = "urgency" if random.random() < 0.2 else "key"
    return settings


def _agent(random: Random, name: str, plain: bool) -> Agent:
    agent = Agent(name, device=f"d{name[1:]}", skills=some_skills(random), sign_on="at_start")
    if not plain:
        agent.teams = tuple(team for team in TEAMS if random.random() < 0.5)
        agent.site = random.choice(SITES)
        agent.queues = {queue: random.randint(1, 3) for queue in "pqr" if random.random() < 0.4}
        if random.random() < 0.2:
            agent.capacity = {"voice": 1, "chat": 2}
            agent.interrupts = {"voice": ("chat",)} if random.random() < 0.5 else {}
    return agent


def some_skills(random: Random) -> dict[str, int]:
    return {skill: random.randint(1, 3) for skill in SKILLS if random.random() < 0.6}


def _queue(random: Random, name: str, plain: bool) -> Queue:
    queue = Queue(name, tier=random.randint(0, 2), nobody_signed_on=random.choice(("wait", "wait", "leave")))
    queue.needs = {skill: random.randint(1, 2) for skill in SKILLS if random.random() < 0.3}
    queue.wrap_up = random.choice((WrapUp(), WrapUp("timed", 4.0), WrapUp("until_done")))
    queue.max_no_answer = 2
    if plain:
        return queue

    def maybe(share: float) -> bool:
        return random.random() < share

    queue.strategy = random.choice(STRATEGIES) if maybe(0.7) else "longest_idle"
    queue.credit_s = random.choice((0.0, 0.0, 6.0))
    queue.target_s = random.choice((10.0, 20.0))
    queue.ring_step_s = random.choice((2.0, 5.0))
    if maybe(0.3):
        queue.teams = (random.choice(TEAMS),)
    if maybe(0.2):
        queue.sites = (random.choice(SITES),)
    if maybe(0.4):
        queue.level_delays_s = (0.0, 3.0, 8.0)
    if maybe(0.4):
        queue.rings = tuple(_ring(random, after_s) for after_s in (4.0, 9.0)[: random.randint(1, 2)])
    if maybe(0.4):
        queue.reserve = Reserve(random.randint(1, 2), random.choice((0.0, 7.0, 1000.0)))
    if maybe(0.4):
        queue.preferred_for_s = 5.0
    if maybe(0.3):
        queue.own_site_for_s = 6.0
    if maybe(0.2):
        queue.max_length = 3
    if maybe(0.2):
        queue.max_expected_wait_s = 150.0
    return queue


def _ring(random: Random, after_s: float) -> Ring:
    needs = random.choice((None, {}, {"en": 1}))
    return Ring(after_s, needs, random.choice((None, (), TEAMS)), random.choice((None, (), SITES)))


# -------------------------------------------------------------------------------------------------------- histories


class Storyteller:
    """Thinks up what happens next on a floor, from a generator: the same seed, the same story."""

    def __init__(self, random: Random, *, plain: bool = False) -> None:
        self.random = random
        self.plain = plain
        self.calls = 0

    def next(self, floor: Floor) -> Op:
        random = self.random
        kinds = (self._arrives, self._offered, self._working, self._asks, self._moves, self._time)
        weights = (24, 34, 22, 10, 4, 20) if not self.plain else (30, 34, 26, 3, 2, 20)
        while True:
            op = random.choices(kinds, weights)[0](floor)
            if op is not None:
                return op

    def _arrives(self, floor: Floor) -> Op | None:
        random = self.random
        if len(floor.dispatcher.waiting) > 7:
            return None
        self.calls += 1
        how: dict[str, Any] = {}
        if not self.plain:
            if random.random() < 0.3:
                how["needs"] = {random.choice(SKILLS): random.randint(1, 2)}
            if random.random() < 0.3:
                how["preferred"] = f"a{random.randint(0, 6)}"
            if random.random() < 0.3:
                how["site"] = random.choice(SITES)
            if random.random() < 0.1:
                how["tier"] = random.randint(0, 3)
            if random.random() < 0.1:
                how["credit_s"] = 9.0
            if random.random() < 0.15:
                how["channel"] = "chat"
        return ("join", f"c{self.calls}", random.choice(list(floor.settings.queues)), how)

    def _offered(self, floor: Floor) -> Op | None:
        """A caller hangs up, or something comes of an offer."""
        random, waiting = self.random, floor.dispatcher.waiting
        if not waiting:
            return None
        contact = random.choice(list(waiting))
        rung = list(waiting[contact].rung)
        if not rung or random.random() < 0.1:
            return ("abandon", contact) if random.random() < 0.4 else None
        agent = random.choice(rung)
        work = floor.agents.states[agent].tasks[contact].work
        if work is Work.OFFERED and random.random() < 0.15:
            return ("work", contact, agent, Input.ANSWERED)
        if random.random() < 0.6:
            return ("accept", contact, agent)
        return ("miss", contact, agent, random.choice(("rejected", "busy", "no_answer", "no_answer", "unreachable")))

    def _working(self, floor: Floor) -> Op | None:
        random = self.random
        tasks = [(s.id, t) for s in floor.agents.states.values() for t in s.tasks.values()]
        tasks = [(agent, t) for agent, t in tasks if t.work not in (Work.OFFERED, Work.ANSWERED) or t.queue is None]
        if not tasks:
            return None
        agent, task = random.choice(tasks)
        given = {
            Work.OFFERED: (Input.ACCEPTED, Input.WITHDRAWN),
            Work.ANSWERED: (Input.ACCEPTED,),
            Work.TALKING: (Input.HUNG_UP, Input.HUNG_UP, Input.RELEASED, Input.HOLD, Input.CONSULT, Input.GONE),
            Work.HELD: (Input.RESUME, Input.HUNG_UP, Input.RELEASED),
            Work.CONSULTING: (Input.CONSULT_ENDED, Input.RELEASED),
            Work.RELEASING: (Input.GONE,),
            Work.WRAP_UP: (Input.DONE,),
        }[task.work]
        return ("work", task.contact, agent, random.choice(given))

    def _asks(self, floor: Floor) -> Op | None:
        random = self.random
        agent = random.choice(list(floor.agents.states) or ["a0"])
        state = floor.agents.states.get(agent)
        if state is None:
            return None
        if state.presence is Presence.SIGNED_OFF:
            return ("ask", "sign_on", agent, random.choice((None, f"d{random.randint(0, 6)}")))
        if state.presence is Presence.UNREACHABLE and state.device is not None:
            return ("device", state.device, True)
        if state.presence is not Presence.READY or random.random() < 0.4:
            return ("ask", "ready", agent)
        return random.choice(
            (
                ("ask", "take_break", agent, "tea"),
                ("ask", "sign_off", agent),
                ("ask", "extend_wrap_up", agent, 3.0),
                ("device", state.device, False),
            )
        )

    def _moves(self, floor: Floor) -> Op | None:
        """What a supervisor or a reload does."""
        random, settings = self.random, floor.settings
        roll = random.random()
        if roll < 0.4:
            agent = random.choice(list(floor.agents.states) or ["a0"])
            return ("ask", "set_skills", agent, None if random.random() < 0.3 else some_skills(random))
        if roll < 0.6:
            contact = random.choice(list(floor.dispatcher.waiting) or [""])
            return ("tier", contact, random.randint(0, 3)) if contact else None
        if roll < 0.7:
            return ("restart",)
        if roll < 0.8:
            idle = [s.id for s in floor.agents.states.values() if not s.tasks and s.presence is Presence.READY]
            self.calls += 1
            return ("consult", f"c{self.calls}", random.choice(idle)) if idle else None
        fresh = some_settings(random, plain=self.plain)
        if random.random() < 0.5:
            return ("configure", replace(settings, agents=settings.agents | fresh.agents))
        return ("configure", fresh)

    def _time(self, floor: Floor) -> Op:
        return ("time", floor.now + self.random.choice((0.5, 1.0, 1.0, 2.0, 5.0, 0.1, 1 / 3)))


class Disagreement(AssertionError):
    """Two floors decided differently; the message tells the story so far."""


def compare(seed: int, steps: int, make: Make, reference: Make, *, plain: bool = False) -> int:
    """Tell both floors one story and hold every answer of one against the other's. Returns the decisions taken.
    Raises `Disagreement`."""
    random = Random(seed)
    settings = some_settings(random, plain=plain)
    story = Storyteller(random, plain=plain)
    told: list[Op] = [("configure", settings)]
    ours, theirs = Floor(settings, make), Floor(copy.deepcopy(settings), reference)
    decisions = 0

    def both(op: Op) -> Any:
        told.append(op)
        answer, expected = ours.do(op), theirs.do(copy.deepcopy(op))
        if answer != expected:
            raise Disagreement(_tell(seed, told, f"{answer}\ninstead of\n{expected}"))
        return expected

    def step() -> None:
        nonlocal decisions
        decisions += len(both(("match",)))
        if both(("match",)):
            raise Disagreement(_tell(seed, told, "a second match found more to do"))
        if ours.view() != theirs.view():
            raise Disagreement(_tell(seed, told, f"{ours.view()}\ninstead of\n{theirs.view()}"))

    step()
    for _ in range(steps):
        op = story.next(theirs)
        if op[0] == "time":
            step()
            while (due := _due(theirs)) is not None and due <= op[1]:
                promised = _due(ours)
                both(("time", due))
                if both(("match",)) and (promised is None or promised > due):
                    raise Disagreement(_tell(seed, told, f"woken at {promised}, too late for {due}"))
                step()
        both(op)
        if op[0] == "time" or random.random() < 0.8:
            step()
    return decisions


def _due(floor: Floor) -> float | None:
    both = (floor.dispatcher.deadline(), floor.agents.deadline())
    return min((at for at in both if at is not None), default=None)


def _tell(seed: int, told: list[Op], what: str) -> str:
    return f"seed {seed}, after {len(told)} steps:\n" + "\n".join(map(repr, told[:1] + told[-40:])) + f"\n\n{what}"
