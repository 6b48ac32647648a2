"""What an endpoint is told: its listeners, who may register, which trunks, its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


@dataclass(slots=True, frozen=True)
class Hop:
    """Where a message came from or goes to: our listener, the transport, the far address; for TCP, TLS and WebSocket
    the connection it must go back on."""

    listener: str
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls", "ws", "wss"] = "udp"
    connection: int = 0
    domain: str = ""  # that its TLS certificate must be for (RFC 5922); "": the address

    def to_values(self) -> list[str | int]:
        """`Hop(*values)` gives it back."""
        values: list[str | int] = [self.listener, self.host, self.port, self.transport, self.connection]
        return [*values, self.domain] if self.domain else values


class Way(NamedTuple):
    """How somebody is reached: a request URI, where it is sent, and the proxies before it as whole Route values."""

    uri: str
    hop: Hop
    routes: tuple[str, ...] = ()


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
    path: bool = False  # the Path of its REGISTER says by which proxies it is called (RFC 3327)


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
    unanswered_max_s: float = 300.0  # an INVITE of theirs is refused (480) when nobody has answered it by then
    session_expires_s: int = 1800  # the session timer we ask for (RFC 4028); 0: only where the peer asks
    looks_up: bool = False  # the owner answers `Redirected`
