"""The dispatcher: which waiting call goes to which agent, exactly as DESIGN §6 says, in microseconds.

It stands alone: the engine and the simulator both use it through the few methods below, and it knows only contacts,
queues and `AgentState`s. `match` is the one place that decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from acd.core.agents import Agents
from acd.core.ids import AgentId, CallId, QueueId, SkillId
from acd.core.settings import Settings
from acd.core.values import value


@dataclass(slots=True)
class Waiting:
    """A contact that waits in a queue. `key`, `serial` and `joined_at` are kept when it is put back."""

    contact: CallId
    queue: QueueId
    needs: tuple[tuple[SkillId, int], ...]  # the queue's and the caller's, sorted by skill
    tier: int
    key: float  # joined_at − credit
    serial: int
    joined_at: float
    preferred: AgentId | None = None
    preferred_until: float = 0.0
    site: str = ""
    channel: str = "voice"
    excluded: dict[AgentId, float] = field(default_factory=dict)  # agent → until


@value
class Offer:
    """The dispatcher's decision: ring this agent for this contact. With ring all there are several of one contact."""

    contact: CallId
    queue: QueueId
    agent: AgentId


@value
class Withdraw:
    """Stop ringing this agent for this contact: somebody else accepted it."""

    contact: CallId
    agent: AgentId


class Dispatcher:
    """Who waits, who may serve, and the pairs that follow."""

    def __init__(self, agents: Agents, waiting: dict[CallId, Waiting] | None, random: Random) -> None: ...

    def configure(self, settings: Settings, now: float) -> None: ...

    def join(
        self,
        contact: CallId,
        queue: QueueId,
        now: float,
        *,
        needs: Mapping[SkillId, int] | None = None,
        tier: int | None = None,
        credit_s: float | None = None,
        preferred: AgentId | None = None,
        site: str = "",
        channel: str = "voice",
    ) -> str | None:
        """Let a contact wait. Returns None, or why it may not: queue_full, nobody_signed_on, expected_wait_too_long,
        blocked. A contact waits in one queue at a time."""
        raise NotImplementedError

    def leave(self, contact: CallId) -> None:
        """It waits no longer (abandoned, max wait, moved …) or was accepted. Nothing happens if it does not wait."""

    def put_back(self, contact: CallId, agent: AgentId, now: float, *, exclude: bool) -> None:
        """An offer came to nothing: the contact waits again with the key it had, `exclude`d from that agent if he
        rejected it."""

    def accepted(self, contact: CallId, agent: AgentId) -> list[Withdraw]:
        """First acceptance wins; the others stop ringing. The contact waits no longer."""
        raise NotImplementedError

    def match(self, now: float) -> list[Offer | Withdraw]:
        """Decide. Every offer returned has been booked with `Agents.offer`; call it after every change, once a step."""
        raise NotImplementedError

    def deadline(self) -> float | None:
        """The next instant at which `may_match` can change for somebody by time alone."""
        raise NotImplementedError

    def position(self, contact: CallId, now: float) -> int:
        """1 is next. What was announced never rises: that is the caller's business."""
        raise NotImplementedError

    def expected_wait_s(self, contact: CallId, now: float) -> float | None:
        """DESIGN §6; None when nobody signed on may serve."""
        raise NotImplementedError
