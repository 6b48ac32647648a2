"""What the small machines of one engine share during a step: the state, the instant, the commands given so far."""

from random import Random

from acd.core.agents import Agents, Input
from acd.core.calls import Call, Leg, PathItem
from acd.core.commands import Command, Hears, Listen, Source
from acd.core.deadlines import Deadlines
from acd.core.dispatch import Dispatcher
from acd.core.expr import Ask, Formula
from acd.core.flow import Expr, Step
from acd.core.ids import AgentId, CallId, DeviceId, LegId, OpId, QueueId
from acd.core.state import QueueCounts, State


class Core:
    """One engine's machines and memory. `out` collects the commands of the step under way at `now`."""

    __slots__ = (
        *("agents", "dispatcher", "formulas", "legs", "now", "oldest", "out", "random", "state", "steps"),
        "timers",
    )

    def __init__(self, state: State) -> None:
        self.state = state
        self.now = state.now
        self.out: list[Command] = []
        self.random = Random(0)  # seeded by Started, or restored
        self.agents = Agents(state.agents, state.up)
        self.dispatcher = Dispatcher(self.agents, state.waiting, self.random, state.lanes)
        self.timers = Deadlines(state.timers)
        self.steps: dict[str, dict[str, dict[tuple[PathItem, ...], Step | None]]] = {}
        """Where calls stand: by version, flow and path; None behind the last of a branch. Of flows in force."""
        self.formulas: dict[int, tuple[Expr, Formula, Ask]] = {}  # by the identity of a tree in force
        self.oldest: dict[QueueId, list[tuple[float, CallId]]] = {}  # heaps of who joined when: see `conditions`
        self.legs: dict[LegId, Leg] = {leg.id: leg for call in state.calls.values() for leg in call.legs.values()}
        self.legs |= {leg.id: leg for leg in state.nailed.values()}

    def call_of(self, leg: Leg) -> Call:
        return self.state.calls[leg.call]

    def caller(self, call: Call) -> Leg:
        """The caller's leg of a call that has not ended."""
        return call.legs[call.caller_leg]

    def counts(self, queue: str) -> QueueCounts:
        counts = self.state.counts.get(queue)
        if counts is None:
            counts = self.state.counts[queue] = QueueCounts()
        return counts

    def name_op(self, call: Call) -> OpId:
        call.ops_named += 1
        return f"{call.id}.p{call.ops_named}"

    def name_leg(self, call: Call) -> LegId:
        name = f"{call.id}.{call.legs_named}"
        call.legs_named += 1
        return name

    # Wishes: said only when they change.

    def hears(self, leg: Leg, source: Source) -> None:
        before = leg.hears
        if before is not source and (before.kind != source.kind or before != source):  # most differ in kind
            leg.hears = source
            self.out.append(Hears(leg.id, source))

    def listen(self, leg: Leg) -> None:
        """Wait for one digit."""
        if leg.listening != "clear":
            leg.listening = "clear"
            self.out.append(Listen(leg.id, "clear"))

    def listen_no_more(self, leg: Leg) -> None:
        if leg.listening != "off":
            leg.listening = "off"
            self.out.append(Listen(leg.id, "off"))

    def tell_agent(self, leg: Leg, given: Input) -> None:
        """What became of the work that hangs on this leg."""
        assert leg.agent is not None
        self.agents.advance(leg.agent, leg.call, given, self.now)

    def device_of(self, agent: AgentId) -> DeviceId | None:
        state = self.state.agents.get(agent)
        return None if state is None else state.device
