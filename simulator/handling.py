"""How long a call takes with whom: the scenario's list of rules, looked up once for each combination."""

from collections.abc import Callable
from dataclasses import dataclass

from acd.core.settings import Agent, Settings
from simulator.distributions import Constant, Distribution
from simulator.schema import ConsultAt, HandlingAt, Whom
from simulator.workload import Caller

TRIES = 3  # colleagues he calls until one can be had


def fits(whom: Whom, agent: Agent) -> bool:
    """Whether the agent is meant: named by himself, by a team or by his site, or nobody in particular is."""
    if not (whom.agents or whom.teams or whom.sites):
        return True
    return agent.id in whom.agents or agent.site in whom.sites or any(team in whom.teams for team in agent.teams)


@dataclass(slots=True)
class Aside:
    """A conversation with a colleague while the caller is on hold."""

    lasts_s: float
    transfers: bool  # the colleague has the caller then
    after_s: float  # if not, with the caller again
    u_whom: float

    def turn(self, free: list[str]) -> list[str]:
        """Whom of those who are free he calls, and whom next if that one is taken in the same moment."""
        first = int(self.u_whom * len(free))
        return (free[first:] + free[:first])[:TRIES]


@dataclass(slots=True)
class Consult:
    """Whether the agent asks a colleague, and whom he may ask."""

    share: float
    colleagues: list[str]
    lasts: Distribution
    transfer: float
    after: Distribution

    def drawn(self, uniform: Callable[[], float]) -> Aside | None:
        asks, lasts, transfers, after, whom = [uniform() for _ in range(5)]
        if asks >= self.share:
            return None
        return Aside(self.lasts.quantile(lasts), transfers < self.transfer, self.after.quantile(after), whom)


@dataclass(slots=True)
class Parts:
    """The parts of one conversation, seconds."""

    talk_s: float
    hold_s: float
    wrap_up_s: float
    agent_ends: bool
    transfer_to: str = ""  # a queue
    consult: Consult | None = None


@dataclass(slots=True)
class _Rules:
    talk: Distribution
    hold_share: float
    hold: Distribution
    wrap_up: Distribution
    agent_ends: float
    transfer_share: float
    transfer_to: str
    consult: Consult | None


class Handling:
    def __init__(self, entries: list[HandlingAt], settings: Settings) -> None:
        self._entries = entries
        self._agents = settings.agents
        self._queues = settings.queues
        self._found: dict[tuple[str, str, str], _Rules] = {}
        self._made: dict[tuple[int, ...], _Rules] = {}  # by the entries that fit: thousands of agents share a few

    def parts(self, caller: Caller, queue: str, agent: str) -> Parts:
        """What this caller's conversation with this agent will be."""
        key = (caller.kind, queue, agent)
        rules = self._found.get(key)
        if rules is None:
            rules = self._found[key] = self._rules(*key)
        held = caller.u_hold < rules.hold_share
        return Parts(
            rules.talk.quantile(caller.u_talk),
            rules.hold.quantile(caller.u_hold_lasts) if held else 0.0,
            rules.wrap_up.quantile(caller.u_wrap_up),
            caller.u_ends < rules.agent_ends,
            rules.transfer_to if caller.u_transfer < rules.transfer_share else "",
            None if caller.sent_on else rules.consult,
        )

    def _rules(self, kind: str, queue: str, agent: str) -> _Rules:
        which = tuple(i for i, entry in enumerate(self._entries) if self._fits(entry, kind, queue, agent))
        rules = self._made.get(which)
        if rules is None:
            rules = self._made[which] = self._make([self._entries[i] for i in which])
        return rules

    def _make(self, fitting: list[HandlingAt]) -> _Rules:
        nothing = Constant(0.0)
        talk = next(entry.talk for entry in fitting if entry.talk is not None)  # the last entry has one, for all
        hold = next((entry.hold for entry in fitting if entry.hold is not None), None)
        wrap_up = next((entry.wrap_up for entry in fitting if entry.wrap_up is not None), None)
        ends = next((entry.agent_ends for entry in fitting if entry.agent_ends is not None), 0.0)
        transfer = next((entry.transfer for entry in fitting if entry.transfer is not None), None)
        consult = next((entry.consult for entry in fitting if entry.consult is not None), None)
        return _Rules(
            talk.build(),
            hold.share if hold else 0.0,
            hold.lasts.build() if hold else nothing,
            wrap_up.build() if wrap_up else nothing,
            ends,
            transfer.share if transfer else 0.0,
            transfer.to if transfer else "",
            self._consult(consult) if consult else None,
        )

    def _consult(self, at: ConsultAt) -> Consult:
        queue = self._queues[at.queue] if at.queue is not None else None
        needs = dict(queue.needs) if queue is not None else {}
        if at.skill is not None:
            needs[at.skill.skill] = max(at.skill.at_least, needs.get(at.skill.skill, 0))
        colleagues = [
            name
            for name, agent in self._agents.items()
            if fits(at, agent)
            and all(agent.skills.get(skill, 0) >= level for skill, level in needs.items())
            and (queue is None or not queue.teams or not set(queue.teams).isdisjoint(agent.teams))
            and (queue is None or not queue.sites or agent.site in queue.sites)
        ]
        return Consult(at.share, colleagues, at.lasts.build(), at.transfer, at.after.build())

    def _fits(self, entry: HandlingAt, kind: str, queue: str, agent: str) -> bool:
        settings = self._agents[agent]
        skill = entry.skill
        return (
            fits(entry, settings)
            and (not entry.callers or kind in entry.callers)
            and (not entry.queues or queue in entry.queues)
            and (skill is None or settings.skills.get(skill.skill, 0) >= skill.at_least)
        )
