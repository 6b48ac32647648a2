"""One SIP user agent over its listeners: bytes in, events and bytes out; no socket, no clock (RFC 3261).

Everything a shell or a softphone needs is here: feed it with `receive` and `wake`, drain `events` and `outgoing` after
each call, and act on a `Session` by its verbs. Times are seconds on the caller's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeAlias

from sip.message import Request


@dataclass(slots=True, frozen=True)
class Hop:
    """Where a message came from or goes to: our listener, the transport, the far address; for TCP, TLS and WebSocket
    the connection it must go back on."""

    listener: str
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls", "ws", "wss"] = "udp"
    connection: int = 0


@dataclass(slots=True)
class Listener:
    """One address we serve. `advertise` is what Via and Contact say."""

    name: str
    advertise: str
    port: int
    transport: Literal["udp", "tcp", "tls", "ws", "wss"] = "udp"
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")  # offered in a challenge, in this order; empty: no challenge


@dataclass(slots=True)
class Account:
    """Somebody who registers with us. The password, or HA1 per algorithm (``{"MD5": "…"}``)."""

    user: str
    password: str | None = None
    ha1: Mapping[str, str] = field(default_factory=dict)
    max_contacts: int = 5


@dataclass(slots=True)
class Credentials:
    """Who we are to somebody who challenges us."""

    user: str
    password: str
    realm: str | None = None  # only for this realm, if given


@dataclass(slots=True)
class Peer:
    """A trunk: requests from these addresses need no digest and are its own. `port` 0: any."""

    name: str
    sources: tuple[tuple[str, int], ...]  # (address or network in CIDR form, port)


@dataclass(slots=True)
class EndpointSettings:
    listeners: tuple[Listener, ...]
    realm: str = "hotline"
    accounts: dict[str, Account] = field(default_factory=dict)
    peers: tuple[Peer, ...] = ()
    user_agent: str = "Hotline"
    registration_min_s: int = 60
    registration_max_s: int = 3600
    max_transactions: int = 20_000


# -------------------------------------------------------------------------------------------------------- events


@dataclass(slots=True)
class Incoming:
    """An INVITE began a new session. It has been answered with 100; now `session.ring`, `answer` or `end` it.

    `source` is ``("trunk", name)``, ``("account", user)``, or ``("unknown", "")`` when the listener challenges nobody.
    """

    session: Session
    request: Request
    source: tuple[Literal["trunk", "account", "unknown"], str]


@dataclass(slots=True)
class Progress:
    """A provisional answer to our INVITE: 180, 183 …, with its body if it had one."""

    session: Session
    status: int
    sdp: bytes = b""


@dataclass(slots=True)
class Answered:
    """Our INVITE was answered with 2xx; the ACK has gone out."""

    session: Session
    sdp: bytes


@dataclass(slots=True)
class Confirmed:
    """The ACK to our 200 came. `sdp` if we had made the offer in the 200."""

    session: Session
    sdp: bytes = b""


@dataclass(slots=True)
class Offered:
    """A re-INVITE or UPDATE brings a new offer: answer it by `session.accept` or `session.refuse`."""

    session: Session
    sdp: bytes


@dataclass(slots=True)
class Reanswered:
    """Our re-INVITE was answered: with 2xx and a body, or refused."""

    session: Session
    status: int
    sdp: bytes = b""


@dataclass(slots=True)
class Referred:
    session: Session
    refer_to: str
    replaces: str | None


@dataclass(slots=True)
class Ended:
    """Always a session's last event. `by` peer, us or network; `cause` a word of acd's LegEnded.cause: hangup,
    cancelled, rejected, busy, no_answer, unreachable, not_acknowledged, failed, answered_elsewhere."""

    session: Session
    by: Literal["peer", "us", "network"]
    cause: str
    status: int = 0
    retry_after_s: float | None = None


@dataclass(slots=True)
class Registered:
    """The bindings of an account changed; `contacts` are all it has now (empty: none left)."""

    user: str
    contacts: tuple[str, ...]


@dataclass(slots=True)
class RegistrationResult:
    """How our own REGISTER went (for a phone or a trunk that registers): 200 with the seconds granted, or a status."""

    user: str
    status: int
    expires_s: int = 0


SipEvent: TypeAlias = (
    Incoming
    | Progress
    | Answered
    | Confirmed
    | Offered
    | Reanswered
    | Referred
    | Ended
    | Registered
    | RegistrationResult
)

# ------------------------------------------------------------------------------------------------------- verbs


class Session:
    """One INVITE session, ours or theirs. `name` is free for the user (a leg id); verbs out of season do nothing
    that the wire would mind: `end` is always right."""

    name: str
    call_id: str
    outgoing: bool
    hop: Hop
    remote_sdp: bytes

    def ring(self, status: int = 180, sdp: bytes = b"") -> None:
        """A provisional answer; repeated every minute by itself (RFC 3261 §13.3.1.1)."""

    def answer(self, sdp: bytes) -> None:
        """200, retransmitted until its ACK. An ACK that never comes ends the session (not_acknowledged)."""

    def end(self, status: int = 0, *, reason: str = "", retry_after_s: float | None = None) -> None:
        """Whichever is right now: refuse with `status` (default 480), CANCEL, BYE – or CANCEL first and BYE when a
        200 crosses it. `reason` is a Reason header's value. Ends in `Ended`."""

    def reinvite(self, sdp: bytes) -> None:
        """A new offer of ours: hold, resume, new address. Ends in `Reanswered`."""

    def accept(self, sdp: bytes) -> None:
        """Answer an `Offered`."""

    def refuse(self, status: int = 488) -> None:
        """Refuse an `Offered`; the session goes on as it was."""

    def save(self) -> dict[str, object]:
        """The confirmed dialog as plain values (Call-ID, tags, CSeqs, route set, target, addresses; no keys)."""
        raise NotImplementedError


class Endpoint:
    """Sans-IO user agent. Not thread-safe; one owner."""

    events: list[SipEvent]
    outgoing: list[tuple[bytes, Hop]]

    def __init__(self, settings: EndpointSettings, rng: Random) -> None: ...

    def configure(self, settings: EndpointSettings) -> None:
        """New accounts and peers; live sessions and bindings of accounts that stay are not touched."""

    def receive(self, data: bytes, hop: Hop, now: float) -> None:
        """A datagram, or one framed message of a connection. Never raises for what a peer sent."""

    def lost(self, hop: Hop, now: float) -> None:
        """The transport says that `hop` cannot be reached (ICMP, connection gone)."""

    def wake(self, now: float) -> None: ...

    def deadline(self) -> float | None:
        raise NotImplementedError

    def invite(
        self,
        name: str,
        uri: str,
        hop: Hop,
        sdp: bytes,
        now: float,
        *,
        from_: str,
        to: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        credentials: Credentials | None = None,
    ) -> Session:
        """Start a session. `from_` and `to` are name-addrs without tags. Answers one challenge if `credentials` fit."""
        raise NotImplementedError

    def register(
        self,
        user: str,
        registrar_uri: str,
        hop: Hop,
        now: float,
        *,
        credentials: Credentials | None,
        expires_s: int = 3600,
    ) -> None:
        """Register, and keep registered until `expires_s` = 0 is asked. Ends in `RegistrationResult`, each time."""

    def contacts(self, user: str, now: float) -> tuple[tuple[str, Hop], ...]:
        """Where the account is bound: (contact URI, hop to send to), newest first."""
        raise NotImplementedError

    def bye_saved(self, name: str, saved: Mapping[str, object], now: float) -> None:
        """After a restart: send BYE in a saved dialog. Ends in an `Ended` whose session has that name."""

    def stats(self) -> dict[str, int]:
        """``sessions, transactions, bindings, received, sent, malformed, timers``."""
        raise NotImplementedError
