"""All that the engine remembers, as one tree of plain values: a snapshot is a copy of it.

Indexes (which leg belongs to which call) are not in here; `Core` rebuilds them.
"""

from dataclasses import dataclass, field

from acd.core.agents import AgentState
from acd.core.calls import Call, Leg
from acd.core.dispatch import Waiting
from acd.core.expected_wait import Lane
from acd.core.flow import Flow
from acd.core.ids import AgentId, CallId, DeviceId, QueueId
from acd.core.settings import Agent, Settings


@dataclass(slots=True)
class QueueCounts:
    """Since the engine's journal began; no reload and no restart resets them."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    in_service_level: int = 0
    left: dict[str, int] = field(default_factory=dict)  # every other reason for leaving

    def leaves(self, why: str) -> None:
        """A caller leaves this queue, unserved."""
        if why == "abandoned":
            self.abandoned += 1
        else:
            self.left[why] = self.left.get(why, 0) + 1


@dataclass(slots=True)
class Grouping:
    """What an agent was given live; None: as configured. His skills are in his own state."""

    teams: tuple[str, ...] | None = None
    queues: dict[QueueId, int] | None = None


@dataclass(slots=True)
class SurgeState:
    on: bool = False
    since: float = 0.0  # `now` of the last change


@dataclass(slots=True)
class State:
    boot: int = 0
    now: float = 0.0  # of the last step
    seed: int = 0
    wall_offset_s: float = 0.0
    draining: bool = False
    configured: Settings | None = None  # as it was given
    settings: Settings = field(default_factory=lambda: Settings("none"))  # with the overlay of live changes
    blocked: dict[QueueId, bool] = field(default_factory=dict)  # overlay
    grouped: dict[AgentId, Grouping] = field(default_factory=dict)  # overlay
    hours_set: dict[str, bool] = field(default_factory=dict)  # overlay: calendars opened or closed by hand
    surges_set: dict[str, bool] = field(default_factory=dict)  # overlay: surges put on or off by hand
    flows: dict[str, dict[str, Flow]] = field(default_factory=dict)  # by version: a live call keeps its own
    version: str = ""  # of the flows that new calls begin with
    hours: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    surges: dict[str, SurgeState] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    calls: dict[CallId, Call] = field(default_factory=dict)
    nailed: dict[AgentId, Leg] = field(default_factory=dict)  # legs that are up between calls
    agents: dict[AgentId, AgentState] = field(default_factory=dict)
    departed: dict[AgentId, Agent] = field(default_factory=dict)  # configured no longer, still in their last call
    up: dict[DeviceId, bool] = field(default_factory=dict)  # devices that can be rung
    waiting: dict[CallId, Waiting] = field(default_factory=dict)
    lanes: dict[QueueId, Lane] = field(default_factory=dict)
    timers: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)
    counts: dict[QueueId, QueueCounts] = field(default_factory=dict)
    offered: int = 0  # calls that arrived
    live: int = 0  # of those, not ended
    by_source: dict[str, int] = field(default_factory=dict)  # live calls
    outcomes: dict[str, int] = field(default_factory=dict)
    random: list[int] = field(default_factory=list)  # of `Random.getstate()`, only in a snapshot
