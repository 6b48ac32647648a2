"""What one may see of a running engine: plain values for status, top, an API and the invariants."""

from acd.core.ids import AgentId, CallId, DeviceId, QueueId
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
