"""What the core knows of a configuration: checked, complete, plain values.

`acd.config` reads the YAML a person writes, checks it and makes these; addresses, passwords, files and codecs are the
shell's business and are not here. Every reference in here is known to resolve; every default is filled in. Seconds are
floats named ``…_s``. New fields get a default, so that an old journal can still be read.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from acd.core.flow import Expr, Flow
from acd.core.ids import AgentId, DeviceId, QueueId, SkillId, TrunkId

Strategy: TypeAlias = Literal[
    "longest_idle",
    "most_skilled",
    "least_skilled",
    "least_occupied",
    "fewest_calls",
    "round_robin",
    "in_order",
    "random",
    "ring_all",
    "ring_progressively",
]
WrapUpKind: TypeAlias = Literal["none", "timed", "until_done"]


@dataclass(slots=True)
class Trunk:
    id: TrunkId
    trusted: bool = False
    max_calls: int = 0  # 0: no limit


@dataclass(slots=True)
class Device:
    """Where an agent can be rung: a registered or static SIP contact, or a number through a trunk."""

    id: DeviceId
    number: str | None = None
    through: TrunkId | None = None
    confirm_key: str | None = None  # a person must press it, after a whisper naming the queue
    nailed_up_s: float = 0.0  # the line stays up between calls, for so long at most from the first; 0: not at all


@dataclass(slots=True)
class Agent:
    id: AgentId
    name: str = ""
    device: DeviceId | None = None
    skills: dict[SkillId, int] = field(default_factory=dict)  # level 1-10
    teams: tuple[str, ...] = ()
    site: str = ""
    queues: dict[QueueId, int] = field(default_factory=dict)  # preference level 1-9 for a queue; 1 where not named
    sign_on: Literal["manual", "at_start"] = "manual"
    capacity: dict[str, int] = field(default_factory=lambda: {"voice": 1})
    interrupts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # channel → channels it may come on top of


@dataclass(slots=True)
class Ring:
    """From `after_s` of waiting on, who may serve: the fields that are not None replace the queue's own."""

    after_s: float
    needs: dict[SkillId, int] | None = None
    teams: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None


@dataclass(slots=True)
class WrapUp:
    kind: WrapUpKind = "none"
    timed_s: float = 0.0


@dataclass(slots=True)
class Reserve:
    """Keep `agents` idle agents who serve this queue for it: see DESIGN §6."""

    agents: int
    reserve_for_s: float  # lapses for a call of a later tier that has waited this long


@dataclass(slots=True)
class Announce:
    """What a waiting caller is told, every `every_s`: prompts, and his position or expected wait if asked for."""

    every_s: float
    prompts: tuple[str, ...] = ()
    position: bool = False
    expected_wait: bool = False


@dataclass(slots=True)
class Queue:
    id: QueueId
    needs: dict[SkillId, int] = field(default_factory=dict)  # skill and least level
    teams: tuple[str, ...] = ()  # empty: any
    sites: tuple[str, ...] = ()
    strategy: Strategy = "longest_idle"
    tier: int = 5  # 0 first, strict
    credit_s: float = 0.0
    level_delays_s: tuple[float, ...] = ()  # preference level i+1 becomes active after this; levels beyond: at once
    rings: tuple[Ring, ...] = ()
    wrap_up: WrapUp = field(default_factory=WrapUp)
    music: str = "default"
    ring_s: float = 20.0  # how long an agent's phone rings
    ring_step_s: float = 10.0  # ring progressively: one more agent after each
    rejected_delay_s: float = 5.0  # penalty before the same agent is offered a call again
    busy_delay_s: float = 5.0
    no_answer_delay_s: float = 5.0
    max_no_answer: int = 3  # then the agent is "not responding"
    exclude_after_reject_s: float = 30.0  # that agent is not offered the same call again for this long
    max_length: int = 1000
    max_wait_s: float | None = None
    max_expected_wait_s: float | None = None
    nobody_signed_on: Literal["wait", "leave"] = "leave"
    reserve: Reserve | None = None
    preferred_for_s: float = 0.0  # window in which only the caller's preferred agent is offered the call
    own_site_for_s: float = 0.0
    announce: Announce | None = None
    target_s: float = 20.0  # service level threshold, and the unit of urgency
    short_abandon_s: float = 5.0
    patience_s: float = 300.0  # mean patience assumed by the expected wait
    handle_s: float = 180.0  # mean handling time assumed by it until the rate at which calls are taken is measured
    blocked: bool = False
    hours: str | None = None  # calendar; outside it nobody may join


@dataclass(slots=True)
class Number:
    id: str
    flow: str
    answer: Literal["at_once", "by_flow", "by_agent"] = "by_flow"
    hours: str | None = None  # calendar
    closed: str | None = None  # flow of the calls that come outside it: the night service


@dataclass(slots=True)
class Surge:
    """A named state of the hotline while more goes on than usual: on when `on` holds, off again when `off` holds and
    it has lasted `least_s`; by hand at any time. `queues` stand in for those of the same name meanwhile."""

    id: str
    on: Expr = None  # None: only by hand
    off: Expr = None  # None: when `on` holds no more
    least_s: float = 60.0
    queues: dict[QueueId, Queue] = field(default_factory=dict)


@dataclass(slots=True)
class DialRule:
    """Allows numbers to be dialled through a trunk: all that it says must hold; empty: any."""

    numbers: tuple[str, ...]  # regular expressions for the whole number
    through: TrunkId
    teams: tuple[str, ...] = ()  # of the agent who dials
    sites: tuple[str, ...] = ()
    queues: tuple[QueueId, ...] = ()  # that his caller came from
    special: bool = False  # also numbers that begin with one of `Settings.special`


@dataclass(slots=True)
class Settings:
    """One checked configuration. `version` tells two apart (a digest of the files it came from)."""

    version: str
    name: str = "hotline"
    trunks: dict[TrunkId, Trunk] = field(default_factory=dict)
    devices: dict[DeviceId, Device] = field(default_factory=dict)
    agents: dict[AgentId, Agent] = field(default_factory=dict)
    queues: dict[QueueId, Queue] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    surges: dict[str, Surge] = field(default_factory=dict)
    dialling: tuple[DialRule, ...] = ()  # nobody may dial what none of these allows
    special: tuple[str, ...] = ()  # prefixes: international, premium rate
    skills: tuple[SkillId, ...] | None = None  # that may be used; None: any (an older journal does not say)
    teams: tuple[str, ...] | None = None  # the same
    order_by: Literal["key", "urgency"] = "key"
    max_calls: int = 5000
    unanswered_max_s: float = 120.0  # the longest a caller waits before we answer
    bye_answer_s: float = 2.0  # an agent we hung up on is free when his BYE is answered; unreachable after this
