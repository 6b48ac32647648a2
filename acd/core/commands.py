"""What to do, in the imperative: the only way anything leaves the core.

A command is an intention, idempotent by the name in it. Each docstring says which event, or which deadline that the
core holds itself, ends it.
"""

from typing import Literal, TypeAlias

from acd.core.ids import CallId, DeviceId, LegId, OpId, RequestId, SkillId, TrunkId
from acd.core.record import LegRecord, Record
from acd.core.values import value as command

# ---------------------------------------------------------------------------------------------------------- legs


@command
class ProgressLeg:
    """Send a provisional answer on a leg that arrived: 180, 182, or 183 with early media. Ends at once."""

    leg: LegId
    status: int


@command
class AnswerLeg:
    """Answer a leg that arrived. Ends in `LegAnswered` or `LegEnded`."""

    leg: LegId


@command
class EndLeg:
    """Make sure nothing of this leg is left ringing or up: refuse it with `status`, CANCEL or BYE it, whichever is
    right at the moment it arrives there. Ends in `LegEnded`, always: an answer that crosses it does, and so does a leg
    that the shell does not know (any more), at once.

    `cause` is a word of `LegEnded.cause`; answered_elsewhere goes out as a Reason header (RFC 3326).
    """

    leg: LegId
    status: int = 0
    cause: str = "hangup"
    retry_after_s: float | None = None


@command
class Target:
    """Whom to ring: a device, or a number through a trunk."""

    device: DeviceId | None = None
    number: str | None = None
    trunk: TrunkId | None = None


@command
class StartLeg:
    """Ring somebody for this call; media is placed in the worker of the leg `beside`, and that leg's codec is
    offered first. Ends in `LegAnswered` or `LegEnded`; the core holds the ring time itself."""

    leg: LegId
    call: CallId
    to: Target
    beside: LegId | None
    caller: str
    caller_name: str = ""
    asserted: bool = False


@command
class HoldLeg:
    """Put the party on hold by a re-INVITE (or take it back). Ends at once; what it hears is `Hears`' business."""

    leg: LegId
    held: bool


@command
class AnswerRefer:
    """Tell the party how its REFER went (202, then the final status by NOTIFY). Ends at once."""

    leg: LegId
    op: OpId
    status: int


# --------------------------------------------------------------------------------------------------------- media


@command
class Source:
    """What a leg hears. `legs` are (leg, gain) pairs, gain 1.0 as it is; `name` names the music (``ringback`` while a
    consulted party's phone rings)."""

    kind: Literal["silence", "prompts", "music", "leg", "mix"]
    name: str = ""
    legs: tuple[tuple[LegId, float], ...] = ()


SILENCE = Source("silence")
PROMPTS = Source("prompts")


def music(name: str) -> Source:
    """Music on hold, by the name it has in the configuration."""
    return Source("music", name)


def from_leg(leg: LegId) -> Source:
    """The other party, relayed packet by packet."""
    return Source("leg", "", ((leg, 1.0),))


def mix(*legs: tuple[LegId, float]) -> Source:
    return Source("mix", "", legs)


@command
class Hears:
    """From now on the leg hears this: the whole wish, not a change. Ends at once."""

    leg: LegId
    source: Source


@command
class Play:
    """Play prompts one after the other to a leg whose `Hears` is prompts. Ends in `PlayEnded`.

    `repeat` plays the list that many times; with `barge_in` a key stops it. A prompt is a name from the
    configuration, or ``number:17``, ``digits:4711``, ``time:…`` which the shell spells out of recorded parts.
    """

    op: OpId
    leg: LegId
    prompts: tuple[str, ...]
    repeat: int = 1
    barge_in: bool = True


@command
class Stop:
    """End a `Play` or `Collect`. Ends in its event, reason stopped; nothing happens if it has ended."""

    op: OpId


@command
class Listen:
    """Report the next digit of this leg, in clear or as ``•`` (secret), and then listen no more; off takes the wish
    back. One digit at a time, so that what is typed ahead of a PIN never comes here: type-ahead stays in the shell,
    bounded, and its first digit is reported as soon as the core listens again. forget: off, and type-ahead is thrown
    away."""

    leg: LegId
    how: Literal["clear", "secret", "off", "forget"]


@command
class Collect:
    """Collect digits. Ends in `Collected`, at the latest after `first_s` without a first digit or `next_s` between
    digits; `end` ends it and is not part of the value."""

    op: OpId
    leg: LegId
    min: int
    max: int
    end: str
    first_s: float
    next_s: float
    secret: bool


@command
class SendDigits:
    """Send digits to the party by telephone-event. Ends at once."""

    leg: LegId
    digits: str


# ------------------------------------------------------------------------------------------------------- outside


@command
class ProbeDevice:
    """The core takes this device for unreachable: a BYE, a CANCEL or an INVITE of ours went unanswered. Ask it
    (OPTIONS) until it answers. Ends in `DeviceUp`, as does any REGISTER of it, even if the shell never saw it go."""

    device: DeviceId


@command
class LookUp:
    """Ask a configured source. Ends in `LookedUp`, at the latest (outcome timeout) after `timeout_s`."""

    op: OpId
    source: str
    args: dict[str, str]
    timeout_s: float


@command
class WriteRecord:
    """A call has ended; this is its one record. The shell keeps it until it is written."""

    record: Record


@command
class WriteLeg:
    """A leg has ended; this is how it sounded. Ends at once: what cannot be written is in the journal."""

    record: LegRecord


@command
class Publish:
    """Something others may want to know (live views, later MQTT). Ends at once.

    ``call/waiting``: call, queue. ``call/answered``: call, agent, queue, wait_s. A call's end is its record.
    """

    topic: str
    facts: dict[str, str | int | float | bool | None]


@command
class Reply:
    """The answer to a request."""

    request: RequestId
    ok: bool
    detail: str = ""


@command
class Alarm:
    """The named condition stands, or is over."""

    name: str
    on: bool
    detail: str = ""


Command: TypeAlias = (
    ProgressLeg
    | AnswerLeg
    | EndLeg
    | StartLeg
    | HoldLeg
    | AnswerRefer
    | Hears
    | Play
    | Stop
    | Listen
    | Collect
    | SendDigits
    | ProbeDevice
    | LookUp
    | WriteRecord
    | WriteLeg
    | Publish
    | Reply
    | Alarm
)

__all__ = [
    "PROMPTS",
    "SILENCE",
    "Alarm",
    "AnswerLeg",
    "AnswerRefer",
    "CallId",
    "Collect",
    "Command",
    "EndLeg",
    "Hears",
    "HoldLeg",
    "Listen",
    "LookUp",
    "Play",
    "ProbeDevice",
    "ProgressLeg",
    "Publish",
    "Reply",
    "SendDigits",
    "SkillId",
    "Source",
    "StartLeg",
    "Stop",
    "Target",
    "WriteLeg",
    "WriteRecord",
    "from_leg",
    "mix",
    "music",
]
