"""Agents: presence, and one work for each contact, as two tables (DESIGN §6).

`Agents` owns who is there and what each is doing, with the delays and counts that come of it; the `Dispatcher` reads
it to match. Nothing here knows of legs: the engine says what became of an offer.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

from acd.core.ids import AgentId, CallId, DeviceId, QueueId, SkillId
from acd.core.settings import Agent, Device, Queue, Settings, WrapUp
from acd.core.tables import Impossible
from acd.core.work import PRESENCE, WORK, Ask, Input, Presence, Work

__all__ = [
    "PRESENCE",
    "WORK",
    "AgentState",
    "Agents",
    "Ask",
    "Input",
    "Presence",
    "Refused",
    "Task",
    "Work",
]

_OFF, _READY, _BREAK, _DEAF, _LOST = Presence
_OFFERED: Final = Work.OFFERED  # these are asked for every call: see `calls`
_RELEASING: Final = Work.RELEASING
_WRAP_UP: Final = Work.WRAP_UP
_ENDED: Final = Work.ENDED
_ACCEPTED: Final = Input.ACCEPTED
_WITHDRAWN: Final = Input.WITHDRAWN


@dataclass(slots=True)
class Task:
    """One contact's work for an agent."""

    contact: CallId
    queue: QueueId | None
    work: Work
    since: float  # of this work; of wrap-up: the hang-up
    channel: str = "voice"
    answered_at: float | None = None  # accepted by a person
    until: float | None = None  # end of a timed wrap-up


@dataclass(slots=True)
class AgentState:
    """All that changes about an agent. Plain values: this is what a snapshot holds."""

    id: AgentId
    presence: Presence = Presence.SIGNED_OFF
    reason: str = ""  # of a break
    wish: Presence | None = None  # asked for in a call, takes effect after it
    wish_reason: str = ""
    device: DeviceId | None = None
    device_up: bool = False
    tasks: dict[CallId, Task] = field(default_factory=dict)
    idle_since: float = 0.0  # end of wrap-up; a break resets it, a missed offer does not
    not_before: float = 0.0  # penalty after a missed offer
    missed: int = 0  # offers not answered in a row
    calls: int = 0  # accepted since he signed on
    busy_s: float = 0.0  # talking to wrap-up, since he signed on
    signed_on_at: float = 0.0
    since: float = 0.0  # of this presence
    serial: int = 0  # the order in the configuration: the last tie-break
    busy_since: float | None = None
    skills: dict[SkillId, int] | None = None  # live overlay; None: as configured
    leaving: bool = False  # no longer configured: gone after his call


class Refused(ValueError):
    """A request that cannot be granted, with the reason in words."""


class Agents:
    """Everybody who may serve a caller.

    `changed` gathers the agents whose availability may have changed, `reskilled` those among them whose skills did;
    the dispatcher empties both. `worked` gathers those whose work went on, for whoever watches: he puts it there and
    empties it. A snapshot holds `states`, `up` (devices that can be rung), and `settings` and `queues`, in which agents
    and queues live on that are configured no longer but still at work.
    """

    def __init__(
        self,
        states: dict[AgentId, AgentState] | None = None,
        up: dict[DeviceId, bool] | None = None,
        settings: dict[AgentId, Agent] | None = None,
        queues: dict[QueueId, Queue] | None = None,
    ) -> None:
        self.states = states if states is not None else {}
        self.up = up if up is not None else {}
        self.settings = settings if settings is not None else {}
        self.queues: dict[QueueId, Queue] = {}
        self.changed: dict[AgentId, None] = {}
        self.reskilled: dict[AgentId, None] = {}
        self.worked: dict[AgentId, None] | None = None  # until somebody watches
        self._devices: dict[DeviceId, Device] = {}
        self._wrap_ups: dict[QueueId | None, WrapUp] = {}  # of queues that have any
        self.go_by(queues if queues is not None else {})
        self._at = {s.device: s.id for s in self.states.values() if s.device is not None}  # who is signed on where
        self.timers: list[tuple[Any, ...]] = []
        """(when, serial, agent, contact), contact "" for a penalty. Lazy: the state decides; but the first stands."""
        for state in self.states.values():
            if state.not_before > 0.0:
                self._set_timer(state, state.not_before)
            for task in state.tasks.values():
                if task.until is not None:
                    self._set_timer(state, task.until, task.contact)

    def configure(self, settings: Settings, now: float) -> None:
        """New, changed and removed agents and devices. A removed agent finishes his call and is then gone; nobody is
        signed off, no counter is lost."""
        self._devices = settings.devices
        self.go_by(settings.queues)
        self.settings = {id: agent for id, agent in self.settings.items() if id in self.states} | settings.agents
        for serial, agent in enumerate(settings.agents.values()):
            state = self.states.get(agent.id)
            if state is None:
                state = self.states[agent.id] = AgentState(agent.id)
                if agent.sign_on == "at_start" and agent.device is not None and self._free(agent.device):
                    self.sign_on(agent.id, agent.device, now)
            state.serial, state.leaving = serial, False
        removed = [state for state in self.states.values() if state.id not in settings.agents]
        for serial, state in enumerate(removed, len(settings.agents)):
            state.serial, state.leaving = serial, True
            if not state.tasks:
                self._remove(state)
        for state in list(self.states.values()):
            self._device_seen(state, now)
            self.changed[state.id] = self.reskilled[state.id] = None

    def go_by(self, queues: dict[QueueId, Queue]) -> None:
        """New rules of queues. Whoever waits in one that is not named any more is still served by those it had."""
        self.queues = self.queues | queues
        self._wrap_ups = {id: queue.wrap_up for id, queue in self.queues.items() if queue.wrap_up.kind != "none"}

    def skills(self, agent: AgentId) -> dict[SkillId, int]:
        """Skill to level 1–10: the live overlay if there is one, else as configured."""
        overlay = self.states[agent].skills
        return self.settings[agent].skills if overlay is None else overlay

    def set_skills(self, agent: AgentId, skills: dict[SkillId, int] | None, now: float) -> None:
        """Lay other skills over the configured ones; None takes them off. Raises `Refused` for an unknown agent."""
        self._known(agent).skills = None if skills is None else dict(skills)
        self.changed[agent] = self.reskilled[agent] = None

    # ------------------------------------------------------------------------------------------------- presence

    def sign_on(self, agent: AgentId, device: DeviceId | None, now: float) -> None:
        """Sign on at a device, his own if None. Raises `Refused`: no device, unknown, or somebody else is there."""
        state = self._known(agent)
        device = device or self.settings[agent].device
        if device is None:
            raise Refused(f"agent {agent} has no device of his own: name one")
        if device not in self._devices:
            raise Refused(f"there is no device {device}")
        if state.presence is not _OFF and device != state.device and state.tasks:
            raise Refused(f"agent {agent} is in a call at {state.device}")
        if not self._free(device, agent):
            raise Refused(f"somebody else is signed on at {device}")
        if state.presence is _OFF:
            state.signed_on_at = state.idle_since = now
            state.calls, state.busy_s, state.missed, state.not_before = 0, 0.0, 0, 0.0
        elif state.presence is _DEAF:
            state.missed = 0
        if state.device is not None:
            del self._at[state.device]
        state.device, state.wish = device, None
        self._at[device] = agent
        self._present(state, Ask.SIGN_ON, now)
        self._device_seen(state, now)
        self._clear_timers()

    def sign_off(self, agent: AgentId, now: float) -> None:
        """Now, or after the call he is in."""
        self._leave(self._known(agent), Ask.SIGN_OFF, _OFF, "", now)

    def take_break(self, agent: AgentId, reason: str, now: float) -> None:
        """Now, or after the call he is in. Raises `Refused` if he is signed off."""
        self._leave(self._known(agent), Ask.BREAK, _BREAK, reason, now)

    def ready(self, agent: AgentId, now: float) -> None:
        """Back from a break or from not responding; ends a wrap-up; in a call, takes back a wish. Raises `Refused` if
        he is signed off or his phone cannot be reached."""
        state = self._known(agent)
        if (state.presence, Ask.READY) not in PRESENCE:
            raise Refused(f"agent {agent} is {state.presence}" + (": his phone" if state.presence is _LOST else ""))
        state.wish = None
        if state.presence is _BREAK:
            state.idle_since = now
        elif state.presence is _DEAF:
            state.missed = 0
        self._present(state, Ask.READY, now)
        self._device_seen(state, now)
        self._end_wrap_up(state, now)

    def device_changed(self, device: DeviceId, up: bool, now: float) -> None:
        """A binding came or went. Devices reached by a telephone number are always up."""
        self.up[device] = up
        if device in self._at:
            self._device_seen(self.states[self._at[device]], now)

    def extend_wrap_up(self, agent: AgentId, seconds: float, now: float) -> None:
        """Wrap up for so much longer. Raises `Refused` if he is not in a timed wrap-up."""
        state = self._known(agent)
        timed = [task for task in state.tasks.values() if task.work is _WRAP_UP and task.until is not None]
        if not timed:
            raise Refused(f"agent {agent} is in no timed wrap-up")
        for task in timed:
            assert task.until is not None
            task.until += seconds
            self._set_timer(state, task.until, task.contact)
        self._clear_timers()

    # ----------------------------------------------------------------------------------------------------- work

    def free(self, state: AgentState, channel: str) -> bool:
        """Idle for this channel: ready, nothing else wished for, and capacity left."""
        if state.presence is not _READY or state.wish is not None or state.leaving:
            return False
        settings = self.settings[state.id]
        room = settings.capacity.get(channel, 0)
        for task in state.tasks.values():
            if task.channel == channel:
                room -= 1
            elif task.channel not in settings.interrupts.get(channel, ()):
                return False
        return room > 0

    def offer(self, agent: AgentId, contact: CallId, queue: QueueId | None, now: float, channel: str = "voice") -> None:
        """The agent is being rung: his capacity is taken. The caller he still wraps up may come back to him: that
        wrap-up is over. Raises `Impossible` if he has the contact otherwise."""
        state = self.states[agent]
        tasks = state.tasks
        if contact in tasks:
            if tasks[contact].work is not _WRAP_UP:
                raise Impossible(f"{contact} is with {agent} already")
            self._end(state, tasks[contact], now)
        tasks[contact] = Task(contact, queue, _OFFERED, now, channel)
        self.changed[agent] = None

    def advance(self, agent: AgentId, contact: CallId, given: Input, now: float) -> Work:
        """What happened to the offer or the call, by the table. Wrap-up counts from the hang-up. To withdraw what is
        gone already does nothing. Raises `Impossible` for a pair the table does not have."""
        try:
            state = self.states[agent]
            task = state.tasks[contact]
            work = WORK[task.work, given]
        except KeyError:
            return self._not_taken(agent, contact, given)
        if self.worked is not None:
            self.worked[agent] = None
        if work is _WRAP_UP:
            if task.answered_at is not None and task.queue in self._wrap_ups:
                return self._hung_up(state, task, self._wrap_ups[task.queue], now)
            work = _ENDED
        if work is _ENDED:
            self._end(state, task, now)
            return work
        if given is _ACCEPTED:
            task.answered_at = now
            state.calls += 1
            state.missed = 0
            if state.busy_since is None:
                state.busy_since = now
        task.work = work
        task.since = now
        return work

    def _not_taken(self, agent: AgentId, contact: CallId, given: Input) -> Work:
        """The table does not have this pair, or he has no such contact."""
        task = self.states[agent].tasks.get(contact) if agent in self.states else None
        if task is not None:
            raise Impossible(f"Work.{task.work.name} does not take {given.name} ({agent}, {contact})")
        if given is _WITHDRAWN:
            return _ENDED
        raise Impossible(f"{agent} has no {contact} to take {given.name}")

    def moved(self, agent: AgentId, contact: CallId, to: CallId) -> None:
        """The party he talks with goes on in another call."""
        tasks = self.states[agent].tasks
        task = tasks.pop(contact)
        task.contact = to
        tasks[to] = task
        self.changed[agent] = None
        if self.worked is not None:
            self.worked[agent] = None

    def missed(self, agent: AgentId, contact: CallId, how: str, now: float) -> None:
        """The offer came to nothing: ``rejected``, ``busy``, ``no_answer``, ``unreachable``; each has its delay (none
        for unreachable), and after the queue's `max_no_answer` he is not responding."""
        state = self.states[agent]
        queue = self.queues.get(state.tasks[contact].queue or "")
        if queue is not None and how != "unreachable":
            delays = {
                "rejected": queue.rejected_delay_s,
                "busy": queue.busy_delay_s,
                "no_answer": queue.no_answer_delay_s,
            }
            state.not_before = max(state.not_before, now + delays[how])
            self._set_timer(state, state.not_before)
            self._clear_timers()
        if how == "no_answer" and state.presence is not _LOST:
            state.missed += 1
        self.advance(agent, contact, Input.MISSED, now)
        if queue is not None and how == "no_answer" and state.missed >= queue.max_no_answer:
            self._present(state, Ask.NOT_ANSWERING, now)

    def deadline(self) -> float | None:
        """The earliest end of a wrap-up or penalty."""
        return self.timers[0][0] if self.timers else None

    def wake(self, now: float) -> None:
        """Wrap-ups that are over, penalties that have run out."""
        timers = self.timers
        while timers and timers[0][0] <= now:
            when, _, agent, contact = heappop(timers)
            if contact:
                self._end(self.states[agent], self.states[agent].tasks[contact], when)
            else:
                self.changed[agent] = None
                self._clear_timers()

    # -------------------------------------------------------------------------------------------------- details

    def _known(self, agent: AgentId) -> AgentState:
        state = self.states.get(agent)
        if state is None or state.leaving:
            raise Refused(f"there is no agent {agent}")
        return state

    def _free(self, device: DeviceId, but: AgentId = "") -> bool:
        return self._at.get(device, but) == but

    def _present(self, state: AgentState, ask: Ask, now: float) -> None:
        after = PRESENCE.get((state.presence, ask))
        if after is None:
            raise Refused(f"agent {state.id} is {state.presence.replace('_', ' ')}")
        if after is not state.presence:
            state.presence, state.since, state.reason = after, now, ""
        self.changed[state.id] = None

    def _device_seen(self, state: AgentState, now: float) -> None:
        """Whether his device can be rung, and the presence that follows."""
        device = self._devices.get(state.device or "")
        state.device_up = device is not None and (device.number is not None or self.up.get(device.id, False))
        self._present(state, Ask.DEVICE_BACK if state.device_up else Ask.DEVICE_LOST, now)

    def _leave(self, state: AgentState, ask: Ask, to: Presence, reason: str, now: float) -> None:
        if (state.presence, ask) not in PRESENCE:
            raise Refused(f"agent {state.id} is {state.presence.replace('_', ' ')}")
        if any(task.work is not _WRAP_UP for task in state.tasks.values()):
            state.wish, state.wish_reason = to, reason
            self.changed[state.id] = None
            return
        state.wish = None
        self._end_wrap_up(state, now)
        self._away(state, to, reason, now)

    def _away(self, state: AgentState, to: Presence, reason: str, now: float) -> None:
        self._present(state, Ask.SIGN_OFF if to is _OFF else Ask.BREAK, now)
        state.reason = reason
        if to is _OFF:
            self._unseat(state)

    def _unseat(self, state: AgentState) -> None:
        if state.device is not None:
            del self._at[state.device]
        state.device, state.device_up = None, False

    def _hung_up(self, state: AgentState, task: Task, wrap_up: WrapUp, now: float) -> Work:
        """Into wrap-up, counted from the hang-up, or past it."""
        hung_up_at = task.since if task.work is _RELEASING else now
        until = hung_up_at + wrap_up.timed_s if wrap_up.kind == "timed" else None
        if until is not None and until <= now:
            self._end(state, task, now)
            return _ENDED
        task.work, task.since, task.until = _WRAP_UP, hung_up_at, until
        if until is not None:
            self._set_timer(state, until, task.contact)
        return _WRAP_UP

    def _end_wrap_up(self, state: AgentState, now: float) -> None:
        for task in [task for task in state.tasks.values() if task.work is _WRAP_UP]:
            self._end(state, task, now)

    def _end(self, state: AgentState, task: Task, now: float) -> None:
        """The contact is his no longer; what he wished for comes now."""
        tasks = state.tasks
        del tasks[task.contact]
        if task.answered_at is not None:
            state.idle_since = now
            if state.busy_since is not None and (not tasks or all(t.answered_at is None for t in tasks.values())):
                state.busy_s += now - state.busy_since
                state.busy_since = None
        self.changed[state.id] = None
        if task.until is not None:
            self._clear_timers()
        if tasks:
            return
        if state.leaving:
            self._remove(state)
        elif state.wish is not None:
            wish, state.wish = state.wish, None
            self._away(state, wish, state.wish_reason, now)

    def _remove(self, state: AgentState) -> None:
        self._unseat(state)
        del self.states[state.id]
        self.settings.pop(state.id, None)
        self.changed[state.id] = self.reskilled[state.id] = None
        self._clear_timers()

    def _set_timer(self, state: AgentState, when: float, contact: CallId = "") -> None:
        heappush(self.timers, (when, state.serial, state.id, contact))

    def _clear_timers(self) -> None:
        """Let a timer that is not overtaken come first."""
        timers = self.timers
        while timers and not self._stands(timers[0][0], timers[0][2], timers[0][3]):
            heappop(timers)

    def _stands(self, when: float, agent: AgentId, contact: CallId) -> bool:
        """Whether a timer is not overtaken."""
        state = self.states.get(agent)
        if state is None or not contact:
            return state is not None and state.not_before == when
        task = state.tasks.get(contact)
        return task is not None and task.until == when
