"""The one record of a call, with its segments. Times are wall clock, seconds since the epoch; durations in seconds."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from acd.core.ids import AgentId, CallId, DeviceId, LegId, QueueId

Outcome: TypeAlias = Literal[
    "answered",  # a person talked with the caller
    "self_service",  # the flow ended by itself, nobody was asked for
    "abandoned",  # the caller hung up while waiting in a queue
    "hung_up_in_flow",  # the caller hung up in a prompt or menu
    "cancelled",  # the caller gave up before we answered
    "max_wait",
    "queue_full",
    "nobody_signed_on",
    "expected_wait_too_long",
    "closed",  # outside the opening hours of the queue
    "key_pressed",  # left the queue by a key: call-back, voice mail, another queue
    "refused",  # unknown number, blocked, draining, overload: see `detail`
    "hung_up_by_operator",
    "media_lost",
    "interrupted",  # by a restart of the engine
    "failed",  # the flow or the network broke it: see `detail`
]


@dataclass(slots=True)
class Segment:
    """One stretch of a call: in a flow, waiting in a queue, with an agent."""

    kind: Literal["flow", "queue", "agent"]
    name: str  # flow, queue or agent
    started_at: float
    ended_at: float = 0.0
    result: str = ""
    queue: QueueId | None = None
    device: DeviceId | None = None
    ring_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    reason: str | None = None  # the last that somebody but the caller gave in it, as for `Record.reason`


@dataclass(slots=True)
class Record:
    call: CallId
    source: str
    called: str
    caller: str
    started_at: float
    outcome: Outcome = "failed"
    detail: str = ""
    answered_at: float | None = None
    agent_answered_at: float | None = None
    ended_at: float = 0.0
    released_by: str = ""  # caller, agent, engine, operator, network
    queue: QueueId | None = None  # the last one joined
    agent: AgentId | None = None  # the last one who talked
    wait_s: float = 0.0  # from first joining a queue to the agent's answer or the end
    talk_s: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    session_id: str | None = None  # RFC 7989: the caller's, as other systems' logs have it
    diverted_from: str | None = None  # the number that sent him on to us
    diverted_reason: str | None = None
    reason: str | None = None  # the last that a party gave as it refused or ended its leg (RFC 3326)


@dataclass(slots=True)
class Quality:
    """How a leg sounded. The far figures are the peer's own, of what it heard of us (RTCP); None without any."""

    codec: str
    secure: bool  # by SRTP
    packets: int  # received
    loss: float  # share of those sent to us, 0 to 1
    jitter_s: float
    mos: float  # estimated, 1 to 4.5 (ITU-T G.107, simplified)
    far_loss: float | None = None
    far_jitter_s: float | None = None
    round_trip_s: float | None = None


@dataclass(slots=True)
class LegRecord:
    """The record of one leg of a call, written when the leg ends: that of the call may be out already."""

    call: CallId
    leg: LegId
    role: Literal["caller", "agent", "consult"]
    agent: AgentId | None
    device: DeviceId | None
    quality: Quality
