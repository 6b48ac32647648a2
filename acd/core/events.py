"""What happened, in the past tense: the only way anything enters the core.

The shell names what arrives, the core names what it starts (see `ids`). Two rules make crossings harmless: `LegEnded`
is always a leg's last event, also after our own `EndLeg`; and an event about a leg, operation or offer that the core
has already let go is legal and changes nothing.

Times are not in the events: `Engine.step(event, now)` is given `now`, monotonic seconds since the journal began.
"""

from typing import Literal, TypeAlias

from acd.core.ids import AgentId, CallId, DeviceId, LegId, OpId, QueueId, RequestId, SecretHandle, SkillId
from acd.core.record import Quality
from acd.core.settings import Settings
from acd.core.values import value as event

Attribute: TypeAlias = str | int | float | bool | None
Party: TypeAlias = Literal["peer", "us", "network"]
"""Who ended a leg: the party on it, ourselves, or neither (time-out, media worker gone, network)."""

# ---------------------------------------------------------------------------------------------------------- life


@event
class Started:
    """The engine begins to serve. After a restart (state restored, a new boot number) every call of an earlier boot
    is ended as ``interrupted``: `EndLeg` for each of its legs, then its record."""

    boot: int
    wall_offset_s: float  # wall clock (seconds since the epoch) = now + this
    seed: int


@event
class Configured:
    """A checked configuration is in force from now on. Live calls keep the flows they began with."""

    settings: Settings


@event
class WallClockSet:
    """The wall clock was moved: it is now `now + wall_offset_s`. No timer moves."""

    wall_offset_s: float


@event
class HoursSet:
    """Opening hours compiled to instants: for each calendar its next changes, as (wall seconds, open)."""

    instants: dict[str, list[tuple[float, bool]]]


@event
class Woke:
    """The core's deadline has come (or may have)."""


# ---------------------------------------------------------------------------------------------------------- legs


@event
class LegArrived:
    """A call comes in. `source` names where from: ``trunk:carrier`` or ``device:desk-17``."""

    leg: LegId
    call: CallId
    source: str
    called: str
    caller: str
    caller_name: str = ""
    asserted: bool = False  # the caller's number comes from a trunk marked trusted
    channel: str = "voice"
    attributes: dict[str, Attribute] | None = None
    session_id: str | None = None  # what the first party's session is called everywhere (RFC 7989)
    diverted_from: str | None = None  # the last number that sent it on to us, from a trusted trunk
    diverted_reason: str | None = None  # and why: a word of RFC 5806


@event
class LegRinging:
    """The far end of a leg that we started is alerting."""

    leg: LegId
    early_media: bool = False


@event
class LegAnswered:
    """A leg we started was picked up, or our answer to one that arrived has gone out: billing runs."""

    leg: LegId


@event
class LegHeld:
    """The party put us on hold (or took us back) by a re-INVITE."""

    leg: LegId
    held: bool


@event
class LegReferred:
    """The party asks by REFER for a transfer to `target`, as it would dial it; `replaces` names the leg that the new
    call is to replace ("": none of ours). Answered by `AnswerRefer`."""

    leg: LegId
    op: OpId
    target: str
    replaces: LegId | None = None


@event
class LegEnded:
    """Always a leg's last event. `status` is the final SIP status if there was one (486 busy, 480, 603 …; 0 without).

    `cause` is one word: hangup, cancelled, rejected, busy, no_answer, unreachable, not_acknowledged, media_lost,
    failed, interrupted, answered_elsewhere. `reason`: what the party itself gave (RFC 3326), such as
    ``Q.850;cause=34``.
    """

    leg: LegId
    by: Party
    cause: str
    status: int = 0
    retry_after_s: float | None = None
    reason: str | None = None


# --------------------------------------------------------------------------------------------------------- media


@event
class Digit:
    """A key, reported once: 0-9, ``*``, ``#``, A-D; ``•`` while the core listens in secret."""

    leg: LegId
    digit: str
    duration_s: float = 0.0


@event
class PlayEnded:
    """`reason`: finished, barged (a key stopped it), stopped (our `Stop`), failed."""

    op: OpId
    reason: Literal["finished", "barged", "stopped", "failed"]


@event
class Collected:
    """Digits were collected; of a secret collect `value` is a handle and `length` all that is known."""

    op: OpId
    leg: LegId
    value: str | SecretHandle
    length: int
    how: Literal["end_key", "max", "timeout", "no_input"]


@event
class LegQuality:
    """How the leg sounded until a second ago, told just before its `LegEnded`; not at all if nothing was heard."""

    leg: LegId
    quality: Quality


@event
class MediaLost:
    """The leg has no media any more: the worker that carried it is gone, or there were no ports left for it, or
    nothing was heard from the party for the time-out (`silent`)."""

    leg: LegId
    how: Literal["worker", "no_ports", "silent"]


# ------------------------------------------------------------------------------------------------------- devices


@event
class DeviceUp:
    """The device has a binding (registered, or a static contact that answers)."""

    device: DeviceId


@event
class DeviceDown:
    device: DeviceId


# --------------------------------------------------------------------------------------------------------- asked
# What an agent, a supervisor or an operator asks for; each is answered by one `Reply` with the same request.


@event
class SignOn:
    request: RequestId
    by: str
    agent: AgentId
    device: DeviceId | None = None  # None: the agent's own


@event
class SignOff:
    request: RequestId
    by: str
    agent: AgentId


@event
class Ready:
    """Back from a break, from not responding, or done with wrap-up."""

    request: RequestId
    by: str
    agent: AgentId


@event
class Break:
    """Asked for during a call, it takes effect after it."""

    request: RequestId
    by: str
    agent: AgentId
    reason: str


@event
class ExtendWrapUp:
    request: RequestId
    by: str
    agent: AgentId
    seconds: float


@event
class HangUp:
    request: RequestId
    by: str
    call: CallId


@event
class Drain:
    """Take no new calls."""

    request: RequestId
    by: str


@event
class Consult:
    """The agent puts his caller on hold and calls `to`: ``agent:ID`` or ``device:ID``."""

    request: RequestId
    by: str
    agent: AgentId
    to: str


@event
class Swap:
    """The agent changes between his caller and the party he consults."""

    request: RequestId
    by: str
    agent: AgentId


@event
class CompleteTransfer:
    """The agent leaves his caller with the party he consulted."""

    request: RequestId
    by: str
    agent: AgentId


@event
class CancelTransfer:
    """The agent drops the party he consulted and is back with his caller."""

    request: RequestId
    by: str
    agent: AgentId


@event
class Transfer:
    """Blind: the agent sends his caller on to `to`: ``agent:ID``, ``device:ID``, ``queue:ID``, or as it is dialled."""

    request: RequestId
    by: str
    agent: AgentId
    to: str


@event
class SetSkills:
    """Live change, an overlay that survives reload and restart: the agent's skills and levels; None resets it."""

    request: RequestId
    by: str
    agent: AgentId
    skills: dict[SkillId, int] | None


@event
class SetTeams:
    """Live change, an overlay: the agent's teams; None resets them."""

    request: RequestId
    by: str
    agent: AgentId
    teams: tuple[str, ...] | None


@event
class SetQueues:
    """Live change, an overlay: the agent's preference levels (1-9) for queues; None resets them."""

    request: RequestId
    by: str
    agent: AgentId
    queues: dict[QueueId, int] | None


@event
class MoveCall:
    """Move a waiting call to another queue, or change its tier, or both."""

    request: RequestId
    by: str
    call: CallId
    queue: QueueId | None = None
    tier: int | None = None


@event
class BlockQueue:
    """A blocked queue takes no new calls; those waiting stay."""

    request: RequestId
    by: str
    queue: QueueId
    blocked: bool


@event
class EmptyQueue:
    """Move everybody who waits in a queue to another one, with the time waited; who may not join it stays."""

    request: RequestId
    by: str
    queue: QueueId
    to: QueueId


@event
class SetHours:
    """Live change, an overlay: this calendar is open or closed, whatever was planned; None: as planned."""

    request: RequestId
    by: str
    calendar: str
    open: bool | None


@event
class SetSurge:
    """Live change, an overlay: this surge is on or off, whatever its condition says; None: by its condition."""

    request: RequestId
    by: str
    surge: str
    on: bool | None


@event
class ResetOverlay:
    """Take off what was changed live: one change by its name in the overlay (``hours:office``), or all (None)."""

    request: RequestId
    by: str
    name: str | None = None


# ------------------------------------------------------------------------------------------------------- outside


@event
class LookedUp:
    """`outcome`: found, missing, failed, timeout; `row` holds the fields the core may see, handles for the others."""

    op: OpId
    outcome: Literal["found", "missing", "failed", "timeout"]
    row: dict[str, Attribute]


@event
class StorageTrouble:
    """`what` (journal, records) cannot be written, or can again."""

    what: str
    on: bool
    detail: str = ""


Event: TypeAlias = (
    Started
    | Configured
    | WallClockSet
    | HoursSet
    | Woke
    | LegArrived
    | LegRinging
    | LegAnswered
    | LegHeld
    | LegReferred
    | LegEnded
    | Digit
    | PlayEnded
    | Collected
    | LegQuality
    | MediaLost
    | DeviceUp
    | DeviceDown
    | SignOn
    | SignOff
    | Ready
    | Break
    | ExtendWrapUp
    | HangUp
    | Drain
    | Consult
    | Swap
    | CompleteTransfer
    | CancelTransfer
    | Transfer
    | SetSkills
    | SetTeams
    | SetQueues
    | MoveCall
    | BlockQueue
    | EmptyQueue
    | SetHours
    | SetSurge
    | ResetOverlay
    | LookedUp
    | StorageTrouble
)
