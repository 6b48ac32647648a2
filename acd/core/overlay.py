"""The configuration in force: the checked one, with what was changed live laid over it, and what live calls still
need of the one before.

Live changes survive reload and restart until they are reset. `listed` names them: ``agent:1001`` (skills, teams,
preference levels), ``queue:loans`` (blocked or not), ``hours:office`` (open or closed), ``surge:storm`` (on or off).
"""

from dataclasses import replace

from acd.core.agents import Refused
from acd.core.calls import CallState
from acd.core.context import Core
from acd.core.ids import AgentId
from acd.core.settings import Agent, Settings
from acd.core.state import Grouping


def configure(core: Core, settings: Settings) -> None:
    """Take a new configuration. No live call, no counter and no agent's presence changes."""
    state = core.state
    state.configured = settings
    in_use = {call.version for call in state.calls.values() if call.state is not CallState.ENDING}
    state.flows = {version: flows for version, flows in state.flows.items() if version in in_use}
    version = settings.version
    while state.flows.get(version, settings.flows) != settings.flows:
        version += "+"  # two configurations told apart by nothing but their flows
    state.flows[version] = settings.flows
    state.version = version
    core.agents.configure(replace(settings, agents=_staff(core, settings)), core.now)
    known = core.agents.settings
    state.departed = {id: agent for id, agent in known.items() if id not in settings.agents}
    apply(core)


def apply(core: Core) -> None:
    """Lay surges and live changes over the configuration. A removed queue that calls still name, or agents' work,
    takes no new ones."""
    state = core.state
    settings = state.configured
    if settings is None:
        return
    named = {call.record.queue for call in state.calls.values()}
    named |= {task.queue for agent in state.agents.values() for task in agent.tasks.values()}
    queues = dict(settings.queues)
    for id, surge in settings.surges.items():
        if id in state.surges and state.surges[id].on:
            queues |= {name: queue for name, queue in surge.queues.items() if name in queues}
    core.agents.go_by(queues)
    for id, blocked in state.blocked.items():
        if id in queues:
            queues[id] = replace(queues[id], blocked=blocked)
    for id, queue in state.settings.queues.items():
        if id in named and id not in queues:
            queues[id] = replace(queue, blocked=True)
    state.settings = replace(settings, queues=queues, agents=_staff(core, settings))
    core.dispatcher.configure(state.settings, core.now)


def _staff(core: Core, settings: Settings) -> dict[AgentId, Agent]:
    """The configured agents, with the teams and queues they were given live."""
    grouped = core.state.grouped
    if not grouped:
        return settings.agents
    return {id: _grouped(agent, grouped[id]) if id in grouped else agent for id, agent in settings.agents.items()}


def _grouped(agent: Agent, to: Grouping) -> Agent:
    teams = agent.teams if to.teams is None else to.teams
    return replace(agent, teams=teams, queues=agent.queues if to.queues is None else to.queues)


def regroup(core: Core, agent: AgentId, to: Grouping) -> None:
    """Give an agent other teams and queues. Raises `Refused` for one who is not configured."""
    state = core.state
    if state.configured is None or agent not in state.configured.agents:
        raise Refused(f"there is no agent {agent}")
    if to == Grouping():
        state.grouped.pop(agent, None)
    else:
        state.grouped[agent] = to
    _staffed(core, agent)


def _staffed(core: Core, agent: AgentId) -> None:
    """What was laid over an agent has changed. One who is configured no longer goes on as he was, to his last call."""
    state = core.state
    if state.configured is None or agent not in state.configured.agents:
        return
    state.settings = replace(state.settings, agents=_staff(core, state.configured))
    core.agents.settings[agent] = state.settings.agents[agent]
    core.agents.changed[agent] = core.agents.reskilled[agent] = None


def listed(core: Core) -> dict[str, str]:
    """Every live change there is, by name, as a person would say it; of what is configured no longer too, for it would
    be in force again with it."""
    state = core.state
    found = {}
    for agent in dict.fromkeys((*state.agents, *state.grouped)):
        to = state.grouped.get(agent, Grouping())
        skills = state.agents[agent].skills if agent in state.agents else None
        parts = (_levels("skills", skills), _levels("queues", to.queues))
        teams = "" if to.teams is None else f"teams {', '.join(to.teams) or 'none'}"
        if said := "; ".join(part for part in (*parts, teams) if part):
            found[f"agent:{agent}"] = said
    found |= {f"queue:{id}": "blocked" if blocked else "not blocked" for id, blocked in state.blocked.items()}
    found |= {f"hours:{id}": "open" if is_open else "closed" for id, is_open in state.hours_set.items()}
    found |= {f"surge:{id}": "on" if on else "off" for id, on in state.surges_set.items()}
    return found


def _levels(what: str, levels: dict[str, int] | None) -> str:
    if levels is None:
        return ""
    return f"{what} {', '.join(f'{name}={level}' for name, level in levels.items()) or 'none'}"


def reset(core: Core, name: str | None) -> int:
    """Take off one live change, or all; returns how many. What follows of it is up to the caller of this. Raises
    `Refused` for a name that is not in the overlay."""
    state, there = core.state, listed(core)
    if name is not None and name not in there:
        raise Refused(f"nothing was changed of {name}")
    names = list(there) if name is None else [name]
    for each in names:
        kind, _, id = each.partition(":")
        if kind == "agent":
            if id in state.agents:
                state.agents[id].skills = None
            state.grouped.pop(id, None)
            _staffed(core, id)
        else:
            laid = {"queue": state.blocked, "hours": state.hours_set, "surge": state.surges_set}[kind]
            del laid[id]
    return len(names)
