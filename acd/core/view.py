"""What one may see of a running engine: plain values for status, top, an API and the invariants."""

from dataclasses import field
from typing import TypeAlias

from acd.core.agents import AgentState, Presence
from acd.core.calls import Call, CallState
from acd.core.conditions import is_on, is_open
from acd.core.context import Core
from acd.core.ids import AgentId, CallId, DeviceId, QueueId
from acd.core.overlay import listed
from acd.core.records import waited_s
from acd.core.settings import Queue
from acd.core.state import QueueCounts
from acd.core.values import value


@value
class CallView:
    id: CallId
    source: str
    caller: str
    called: str
    state: str  # in_flow, waiting, offered, talking, consulting, ending
    since: float  # `now` at which the call began
    legs: tuple[str, ...]
    queue: QueueId | None = None
    position: int | None = None
    wait_s: float | None = None
    agent: AgentId | None = None
    session_id: str | None = None  # RFC 7989


@value
class AgentView:
    id: AgentId
    name: str
    presence: str
    reason: str
    work: tuple[tuple[CallId, str], ...]
    device: DeviceId | None
    device_up: bool
    since: float  # `now` of the last change
    calls: int
    line_ends_at: float | None = None  # wall clock: nailed up until then, in a call or between two; None: it is not


@value
class QueueView:
    id: QueueId
    waiting: int
    longest_wait_s: float
    signed_on: int
    idle: int
    offered: int
    answered: int
    abandoned: int
    in_service_level: int
    blocked: bool
    open: bool | None  # by its hours; None: it has none
    surges: tuple[str, ...]  # those on that change it


@value
class CalendarView:
    id: str
    open: bool
    by_hand: bool
    next_change_at: float | None  # as planned, wall clock


@value
class SurgeView:
    id: str
    on: bool
    by_hand: bool
    since: float | None  # `now` of the last change


@value
class View:
    now: float
    wall_offset_s: float
    draining: bool
    calls: tuple[CallView, ...]
    agents: tuple[AgentView, ...]
    queues: tuple[QueueView, ...]
    legs: int
    timers: int
    agents_busy: int
    calendars: tuple[CalendarView, ...] = ()
    surges: tuple[SurgeView, ...] = ()
    overlay: dict[str, str] = field(default_factory=dict)  # live changes in force, by name


def view(core: Core, now: float) -> View:
    """The whole view at `now`: as much work as there are calls, agents times queues."""
    state, settings = core.state, core.state.settings
    in_queue, kinds = _in_queues(core), _kinds(core)
    lines = _lines(core)
    calls = tuple(_call(core, call, now) for call in state.calls.values())
    return View(
        now=now,
        wall_offset_s=state.wall_offset_s,
        draining=state.draining,
        calls=calls,
        agents=tuple(_agent(core, agent, lines.get(agent.id)) for agent in state.agents.values()),
        queues=tuple(_queue(core, queue, in_queue.get(queue.id, []), kinds, now) for queue in settings.queues.values()),
        legs=len(core.legs),
        timers=len(core.timers),
        agents_busy=sum(bool(agent.tasks) for agent in state.agents.values()),
        calendars=tuple(_calendar(core, id, now) for id in state.hours),
        surges=tuple(_surge(core, id) for id in settings.surges),
        overlay=listed(core),
    )


def _calendar(core: Core, id: str, now: float) -> CalendarView:
    wall = now + core.state.wall_offset_s
    changes = (at for at, _ in core.state.hours[id] if at > wall)
    return CalendarView(id, is_open(core, id), id in core.state.hours_set, next(changes, None))


def _surge(core: Core, id: str) -> SurgeView:
    state = core.state.surges.get(id)
    return SurgeView(id, is_on(core, id), id in core.state.surges_set, state.since if state is not None else None)


def _in_queues(core: Core) -> dict[QueueId, list[Call]]:
    found: dict[QueueId, list[Call]] = {}
    for call in core.state.calls.values():
        if call.state is CallState.WAITING:
            found.setdefault(call.record.queue or "", []).append(call)
    return found


def _call(core: Core, call: Call, now: float) -> CallView:
    waiting = call.state is CallState.WAITING
    offered = waiting and any(leg.agent is not None and leg.owes is None for leg in call.legs.values())
    agent_leg = core.legs.get(call.agent_leg or "")
    return CallView(
        id=call.id,
        source=call.record.source,
        caller=call.record.caller,
        called=call.record.called,
        state="offered" if offered else str(call.state),
        since=call.began,
        legs=tuple(call.legs),
        queue=call.record.queue,
        position=core.dispatcher.position(call.id, now) if waiting and not offered else None,
        wait_s=_wait_s(call, now),
        agent=agent_leg.agent if agent_leg is not None else None,
        session_id=call.record.session_id,
    )


def _wait_s(call: Call, now: float) -> float | None:
    if call.joined_at is not None:
        return call.record.wait_s + waited_s(call, now)
    return call.record.wait_s if call.record.agent is not None else None


def _lines(core: Core) -> dict[AgentId, float]:
    """Until when, by the wall clock, whose line stays up between calls."""
    legs = [*core.state.nailed.items(), *((leg.agent, leg) for leg in core.legs.values() if leg.call)]
    offset_s = core.state.wall_offset_s
    return {agent: leg.nailed_until + offset_s for agent, leg in legs if agent is not None and leg.nailed_until}


def _agent(core: Core, agent: AgentState, line_ends_at: float | None) -> AgentView:
    settings = core.state.settings.agents.get(agent.id)
    return AgentView(
        id=agent.id,
        name=settings.name if settings is not None else "",
        presence=str(agent.presence),
        reason=agent.reason,
        work=tuple((task.contact, str(task.work)) for task in agent.tasks.values()),
        device=agent.device,
        device_up=agent.device_up,
        since=agent.since,
        calls=agent.calls,
        line_ends_at=line_ends_at,
    )


Kind: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[str, ...], str]
"""Skills, teams and site: agents who are alike in these serve the same queues."""


def _kinds(core: Core) -> dict[Kind, list[AgentState]]:
    """Whoever is signed on, put together by kind: there are few kinds, however many agents."""
    found: dict[Kind, list[AgentState]] = {}
    for agent in core.state.agents.values():
        settings = core.agents.settings.get(agent.id)
        if agent.presence is not Presence.SIGNED_OFF and settings is not None:
            kind = (tuple(core.agents.skills(agent.id).items()), settings.teams, settings.site)
            found.setdefault(kind, []).append(agent)
    return found


def _queue(core: Core, queue: Queue, waiting: list[Call], kinds: dict[Kind, list[AgentState]], now: float) -> QueueView:
    counts = core.state.counts.get(queue.id, QueueCounts())
    on = [a for kind, agents in kinds.items() if _serves(kind, queue) for a in agents]
    return QueueView(
        id=queue.id,
        waiting=len(waiting),
        longest_wait_s=max((now - call.joined_at for call in waiting if call.joined_at is not None), default=0.0),
        signed_on=len(on),
        idle=sum(a.presence is Presence.READY and not a.tasks for a in on),
        offered=counts.offered,
        answered=counts.answered,
        abandoned=counts.abandoned,
        in_service_level=counts.in_service_level,
        blocked=queue.blocked,
        open=is_open(core, queue.hours) if queue.hours is not None else None,
        surges=tuple(
            id for id, surge in core.state.settings.surges.items() if queue.id in surge.queues and is_on(core, id)
        ),
    )


def _serves(kind: Kind, queue: Queue) -> bool:
    """Before any ring widens the queue."""
    skills, teams, site = kind
    levels = dict(skills)
    return (
        (not queue.teams or any(team in queue.teams for team in teams))
        and (not queue.sites or site in queue.sites)
        and all(levels.get(skill, 0) >= level for skill, level in queue.needs.items())
    )
