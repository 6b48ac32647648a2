"""A call and its legs as values, with the two tables they go by (DESIGN §5).

A leg is one party. `LEG` is total over what can come from outside, because there every order of events is legal: an
answer that crosses our `EndLeg` finds the leg ENDING and leaves it so. `CALL` is asked only by us.

On Python 3.11 to look a member up in its enumeration takes 0.25 µs, as long as a function of ten lines. What is asked
for every call has a name of its own in the module that asks: ``_UP: Final = LegState.UP``.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from acd.core.agents import Input
from acd.core.commands import SILENCE, Source
from acd.core.events import Attribute
from acd.core.ids import AgentId, CallId, DeviceId, LegId, OpId, QueueId
from acd.core.record import Record


class LegState(StrEnum):
    ARRIVED = "arrived"  # it came in, unanswered
    ANSWERING = "answering"  # our answer is on its way out
    STARTING = "starting"  # we started it, nothing heard yet
    RINGING = "ringing"
    UP = "up"
    ENDING = "ending"  # we want it gone; `LegEnded` is owed to us

    __hash__ = str.__hash__  # that of Enum is Python code, and tables are asked all the time


class LegInput(StrEnum):
    ANSWER = "answer"  # by us
    END = "end"  # by us
    RINGING = "ringing"
    ANSWERED = "answered"

    __hash__ = str.__hash__


_L, _I = LegState, LegInput
LEG: Final[dict[tuple[LegState, LegInput], LegState]] = {
    (_L.ARRIVED, _I.ANSWER): _L.ANSWERING,
    (_L.ARRIVED, _I.RINGING): _L.ARRIVED,
    (_L.ARRIVED, _I.ANSWERED): _L.ARRIVED,
    (_L.ARRIVED, _I.END): _L.ENDING,
    (_L.ANSWERING, _I.RINGING): _L.ANSWERING,
    (_L.ANSWERING, _I.ANSWERED): _L.UP,
    (_L.ANSWERING, _I.END): _L.ENDING,
    (_L.STARTING, _I.RINGING): _L.RINGING,
    (_L.STARTING, _I.ANSWERED): _L.UP,
    (_L.STARTING, _I.END): _L.ENDING,
    (_L.RINGING, _I.RINGING): _L.RINGING,
    (_L.RINGING, _I.ANSWERED): _L.UP,
    (_L.RINGING, _I.END): _L.ENDING,
    (_L.UP, _I.RINGING): _L.UP,  # a 180 overtaken by its 200
    (_L.UP, _I.ANSWERED): _L.UP,
    (_L.UP, _I.END): _L.ENDING,
    (_L.ENDING, _I.RINGING): _L.ENDING,
    (_L.ENDING, _I.ANSWERED): _L.ENDING,  # it crossed our EndLeg: the shell ends it, `LegEnded` follows
}


class CallState(StrEnum):
    FLOW = "in_flow"
    WAITING = "waiting"
    TALKING = "talking"
    CONSULTING = "consulting"
    TRANSFERRING = "transferring"  # his agent has sent him on and left: whom the agent named is being rung
    ENDING = "ending"  # its record is written; legs are still being released

    __hash__ = str.__hash__


class CallInput(StrEnum):
    ENQUEUED = "enqueued"
    LEFT = "left"  # the queue, without an agent
    CONNECTED = "connected"
    AGENT_LEFT = "agent_left"
    CONSULTED = "consulted"
    CONSULT_ENDED = "consult_ended"
    SENT_ON = "sent_on"  # the agent has left him to ring
    ENDED = "ended"

    __hash__ = str.__hash__


_C, _G = CallState, CallInput
CALL: Final[dict[tuple[CallState, CallInput], CallState]] = {
    (_C.FLOW, _G.ENQUEUED): _C.WAITING,
    (_C.FLOW, _G.SENT_ON): _C.TRANSFERRING,  # a telephone of ours has called another
    (_C.FLOW, _G.ENDED): _C.ENDING,
    (_C.WAITING, _G.LEFT): _C.FLOW,
    (_C.WAITING, _G.CONNECTED): _C.TALKING,
    (_C.WAITING, _G.ENDED): _C.ENDING,
    (_C.TALKING, _G.AGENT_LEFT): _C.FLOW,
    (_C.TALKING, _G.CONSULTED): _C.CONSULTING,
    (_C.TALKING, _G.ENDED): _C.ENDING,
    (_C.CONSULTING, _G.AGENT_LEFT): _C.FLOW,
    (_C.CONSULTING, _G.CONSULT_ENDED): _C.TALKING,
    (_C.CONSULTING, _G.SENT_ON): _C.TRANSFERRING,
    (_C.CONSULTING, _G.ENDED): _C.ENDING,
    (_C.TRANSFERRING, _G.CONSULT_ENDED): _C.TALKING,
    (_C.TRANSFERRING, _G.AGENT_LEFT): _C.FLOW,
    (_C.TRANSFERRING, _G.ENDED): _C.ENDING,
}


@dataclass(slots=True)
class Leg:
    id: LegId
    call: CallId  # "": none at the moment, it is nailed up
    role: Literal["caller", "agent", "consult"]
    state: LegState
    since: float  # `now` at which it arrived or was started
    agent: AgentId | None = None  # while his work hangs on this leg
    device: DeviceId | None = None
    number: str | None = None  # of nobody's device: a party outside
    queue: QueueId | None = None  # that the agent was offered the call from
    accepted: bool = False  # a person took it, not merely picked up
    owes: Input | None = None  # what the agent is told when this ENDING leg is gone
    rang_s: float = 0.0
    hears: Source = field(default_factory=lambda: SILENCE)
    listening: Literal["clear", "secret", "off"] = "off"
    ringing: bool = False  # 180 was sent
    early: bool = False  # 183 was sent: prompts can be heard before the answer
    confirm_key: str | None = None
    on_hold: bool = False  # the party has put us on hold
    nailed_until: float = 0.0  # it stays up between calls until then (see `nailed`)
    refer: OpId | None = None  # it asked for a transfer and has not been told how that went


class Consulting(StrEnum):
    """Where a consultation stands. The table is in `transfers`."""

    CALLING = "calling"  # the consulted party's phone rings, the caller hears music
    ASIDE = "aside"  # agent and consulted party talk, the caller hears music
    BACK = "back"  # agent and caller talk, the consulted party hears music
    SENT = "sent"  # the agent has sent the caller on: he whom he named rings, the caller hears that
    ALONE = "alone"  # the same, and the agent has hung up
    OVER = "over"
    DONE = "done"
    LOST = "lost"  # he whom he named did not take the caller, and the agent is gone

    __hash__ = str.__hash__


@dataclass(slots=True)
class Consultation:
    leg: LegId
    stage: Consulting = Consulting.CALLING
    status: int = 487  # how it ended, for who asked by REFER


PathItem: TypeAlias = int | str


@dataclass(slots=True)
class Call:
    id: CallId
    began: float
    wall_offset_s: float  # of its beginning: a clock that is set later moves none of its times
    record: Record
    caller_leg: LegId
    caller_name: str
    asserted: bool
    channel: str
    state: CallState = CallState.FLOW
    legs: dict[LegId, Leg] = field(default_factory=dict)
    legs_named: int = 1
    ops_named: int = 0
    # Where it stands in its flow
    version: str = ""
    flow: str = ""
    path: list[PathItem] = field(default_factory=list)
    variables: dict[str, Attribute] = field(default_factory=dict)
    tries: int = 0
    op: OpId | None = None  # the play or collect it waits for
    collecting: bool = False  # it is a collect
    # In queues and with agents
    joined_at: float | None = None  # the first queue of this wait; None while it does not wait for anybody
    waiting_since: float | None = None  # the same of the last wait, kept while he is served
    waited_until: float | None = None  # when it left the last one, unserved
    left: str = ""  # how the last queue ended
    announced: int | None = None  # the position the caller was told last
    agent_leg: LegId | None = None
    talking_since: float = 0.0
    held_since: float | None = None
    consultation: Consultation | None = None


def wall(call: Call, now: float) -> float:
    """The wall clock of a call at `now`, seconds since the epoch."""
    return now + call.wall_offset_s
