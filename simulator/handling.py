"""How long a call takes with whom: the scenario's list of rules, looked up once for each combination."""

from dataclasses import dataclass
from typing import TypeVar

from acd.core.settings import Agent
from simulator.distributions import Constant, Distribution
from simulator.schema import HandlingAt, Whom
from simulator.workload import Caller

_T = TypeVar("_T")


def fits(whom: Whom, agent: Agent) -> bool:
    """Whether the agent is meant: named by himself, by a team or by his site, or nobody in particular is."""
    if not (whom.agents or whom.teams or whom.sites):
        return True
    return agent.id in whom.agents or agent.site in whom.sites or any(team in whom.teams for team in agent.teams)


@dataclass(slots=True)
class Parts:
    """The parts of one conversation, seconds."""

    talk_s: float
    hold_s: float
    wrap_up_s: float
    agent_ends: bool
    transfer_to: str = ""  # a queue


@dataclass(slots=True)
class _Rules:
    talk: Distribution
    hold_share: float
    hold: Distribution
    wrap_up: Distribution
    agent_ends: float
    transfer_share: float
    transfer_to: str


class Handling:
    def __init__(self, entries: list[HandlingAt], agents: dict[str, Agent]) -> None:
        self._entries = entries
        self._agents = agents
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
        return _Rules(
            talk.build(),
            hold.share if hold else 0.0,
            hold.lasts.build() if hold else nothing,
            wrap_up.build() if wrap_up else nothing,
            ends,
            transfer.share if transfer else 0.0,
            transfer.to if transfer else "",
        )

    def _fits(self, entry: HandlingAt, kind: str, queue: str, agent: str) -> bool:
        settings = self._agents[agent]
        skill = entry.skill
        return (
            fits(entry, settings)
            and (not entry.callers or kind in entry.callers)
            and (not entry.queues or queue in entry.queues)
            and (skill is None or settings.skills.get(skill.skill, 0) >= skill.at_least)
        )
