"""What an endpoint tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sip.message import Request
from sip.settings import Hop
from sip.uri import Uri

if TYPE_CHECKING:
    from sip.session import Session


@dataclass(slots=True)
class Incoming:
    """An INVITE began a new session. It has been answered with 100; now `session.ring`, `answer` or `end` it.

    `source` is ``("trunk", name)``, ``("account", user)``, or ``("unknown", "")`` when the listener challenges nobody.
    `replaces` is a session that is up and whose place it is to take (RFC 3891): whether its sender may is ours to say.
    """

    session: Session
    request: Request
    source: tuple[Literal["trunk", "account", "unknown"], str]
    replaces: Session | None = None


@dataclass(slots=True)
class Progress:
    """A provisional answer to our INVITE: 180, 183 …, with its body if it had one."""

    session: Session
    status: int
    sdp: bytes = b""


@dataclass(slots=True)
class FailedOver:
    """One of several places did not take our call (`status` 503: it cannot be reached, or said so; 408: it is silent);
    the next one is being asked."""

    session: Session
    hop: Hop
    status: int
    retry_after_s: float | None = None  # it wants to be left alone for so long


@dataclass(slots=True)
class Redirected:
    """A 3xx to our INVITE names a host where we shall call (of an endpoint whose settings say `looks_up`): say by
    `session.follow`, within 6 s, where that is."""

    session: Session
    uri: Uri


@dataclass(slots=True)
class Answered:
    """Our INVITE was answered with 2xx; the ACK has gone out. `sdp`: their answer to our offer, which may have come in
    a provisional; empty if an `Offered` of theirs was accepted since, and holds."""

    session: Session
    sdp: bytes


@dataclass(slots=True)
class Confirmed:
    """The ACK to our 200 came. `sdp` if we had made the offer in the 200."""

    session: Session
    sdp: bytes = b""


@dataclass(slots=True)
class Offered:
    """A re-INVITE, UPDATE or PRACK brings a new offer: answer it by `session.accept` or `session.refuse`."""

    session: Session
    sdp: bytes


@dataclass(slots=True)
class Reanswered:
    """Our offer was answered: a re-INVITE with 2xx and a body, or refused; one in a reliable provisional by a PRACK."""

    session: Session
    status: int
    sdp: bytes = b""


@dataclass(slots=True)
class Referred:
    """The peer asks us to call `refer_to` (RFC 3515): `session.answer_refer`. `replaces`: the name of the session that
    the new call is to replace; "" if it is none of ours, None if it asks for no such thing."""

    session: Session
    refer_to: str
    replaces: str | None


@dataclass(slots=True)
class InfoDigit:
    """A key, told by INFO. A telephone may tell the same key by RFC 4733 too."""

    session: Session
    digit: str  # 0-9 * # A-D
    duration_s: float


@dataclass(slots=True)
class Ended:
    """Always a session's last event. `by` peer, us or network; `cause` a word of acd's LegEnded.cause: hangup,
    cancelled, rejected, busy, no_answer, unreachable, not_acknowledged, failed, answered_elsewhere. `reason`: the
    Reason (RFC 3326) that the peer gave for it, such as ``Q.850;cause=34``."""

    session: Session
    by: Literal["peer", "us", "network"]
    cause: str
    status: int = 0
    retry_after_s: float | None = None
    reason: str = ""


@dataclass(slots=True)
class Registered:
    """The bindings of an account changed; `contacts` are all it has now (empty: none left)."""

    user: str
    contacts: tuple[str, ...]


@dataclass(slots=True)
class LockedOut:
    """Somebody at this address guesses passwords: for so long nobody there, or nobody under that name, is let in."""

    source: str
    user: str  # "": everybody
    seconds: float


@dataclass(slots=True)
class RegistrationResult:
    """How our own REGISTER went (for a phone or a trunk that registers): 200 with the seconds granted, or a status."""

    user: str
    status: int
    expires_s: int = 0
    registrar: str = ""


@dataclass(slots=True)
class Probed:
    """How `Endpoint.probe` went: whether anything answered, be it a refusal, and with which status."""

    name: str
    answered: bool
    status: int = 0


SipEvent: TypeAlias = (
    Incoming
    | Progress
    | FailedOver
    | Answered
    | Confirmed
    | Offered
    | Reanswered
    | Redirected
    | Referred
    | InfoDigit
    | Ended
    | Registered
    | LockedOut
    | RegistrationResult
    | Probed
)
