"""Agents: presence, and one work for each contact, as two tables (DESIGN §6).

`Agents` owns who is there and what each is doing, with the delays and counts that come of it; the `Dispatcher` reads
it to match. Nothing here knows of legs: the engine says what became of an offer.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from acd.core.ids import AgentId, CallId, DeviceId, QueueId
from acd.core.settings import Settings


class Presence(StrEnum):
    SIGNED_OFF = "signed_off"
    READY = "ready"
    BREAK = "break"
    NOT_RESPONDING = "not_responding"
    UNREACHABLE = "unreachable"  # signed on, but his device has no binding


class Work(StrEnum):
    OFFERED = "offered"  # his phone rings
    ANSWERED = "answered"  # picked up, not yet accepted (confirm key)
    TALKING = "talking"
    HELD = "held"
    CONSULTING = "consulting"
    RELEASING = "releasing"  # we hung up on him, his BYE is not answered yet
    WRAP_UP = "wrap_up"
    ENDED = "ended"


class Input(StrEnum):
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    HOLD = "hold"
    RESUME = "resume"
    CONSULT = "consult"
    CONSULT_ENDED = "consult_ended"
    WITHDRAWN = "withdrawn"  # caller gone, or someone else was quicker: nothing counts against him
    HUNG_UP = "hung_up"  # by him: he is free at once
    RELEASED = "released"  # by us: free when his BYE is answered
    GONE = "gone"  # that answer came (or his phone ended the leg)
    DONE = "done"  # wrap-up over


WORK: Final[dict[tuple[Work, Input], Work]] = {}  # filled in by the package that owns it


@dataclass(slots=True)
class Task:
    """One contact's work for an agent."""

    contact: CallId
    queue: QueueId | None
    work: Work
    since: float
    channel: str = "voice"
    answered_at: float | None = None


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
    missed: int = 0  # offers missed in a row
    calls: int = 0
    busy_s: float = 0.0
    signed_on_at: float = 0.0
    since: float = 0.0  # of this presence
    serial: int = 0  # the order in the configuration: the last tie-break


class Agents:
    """Everybody who may serve a caller. `watch` is told of every agent whose availability may have changed."""

    def __init__(self, states: dict[AgentId, AgentState] | None = None) -> None:
        self.states = states if states is not None else {}

    def configure(self, settings: Settings, now: float) -> None:
        """New, changed and removed agents and devices. A removed agent finishes his call and is then gone; nobody is
        signed off, no counter is lost."""
        raise NotImplementedError

    # Presence. Each raises `Refused` with a reason a person can read; a wish in a call takes effect after it.
    def sign_on(self, agent: AgentId, device: DeviceId | None, now: float) -> None: ...
    def sign_off(self, agent: AgentId, now: float) -> None: ...
    def ready(self, agent: AgentId, now: float) -> None: ...
    def take_break(self, agent: AgentId, reason: str, now: float) -> None: ...
    def device_changed(self, device: DeviceId, up: bool, now: float) -> None: ...
    def extend_wrap_up(self, agent: AgentId, seconds: float, now: float) -> None: ...

    # Work.
    def offer(self, agent: AgentId, contact: CallId, queue: QueueId, now: float) -> None:
        """The agent is being rung: his capacity is taken."""

    def advance(self, agent: AgentId, contact: CallId, given: Input, now: float) -> Work:
        """What happened to the offer or the call, by the table. Wrap-up counts from the hang-up."""
        raise NotImplementedError

    def missed(self, agent: AgentId, contact: CallId, how: str, now: float) -> None:
        """The offer came to nothing: ``rejected``, ``busy``, ``no_answer``, ``unreachable``; each has its delay, and
        after the queue's `max_no_answer` he is not responding."""

    def deadline(self) -> float | None:
        raise NotImplementedError

    def wake(self, now: float) -> None:
        """Wrap-ups that are over, penalties that have run out."""


class Refused(ValueError):
    """A request that cannot be granted, with the reason in words."""
