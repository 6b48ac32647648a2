"""The shell's half of a configuration: addresses, secrets, files, codecs. The core never sees any of it.

Every path is absolute, every reference resolved, every default filled in. Seconds are floats named ``…_s``.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from acd.config.hours import Calendar
from acd.core.settings import Settings
from acd.records.place import Place
from acd.secret import Secret

Transport: TypeAlias = Literal["udp", "tcp", "tls", "ws", "wss"]
Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]
Srtp: TypeAlias = Literal["off", "preferred", "required"]
Algorithm: TypeAlias = Literal["MD5", "SHA-256"]
DIGIT_PROMPTS = tuple(f"digit-{digit}" for digit in range(10))
"""What figures are spelled out of."""


@dataclass(slots=True, frozen=True)
class Address:
    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


@dataclass(slots=True, frozen=True)
class TlsFiles:
    """PEM files of a network's TLS."""

    certificate: Path
    key: Path | None  # None: in the certificate's file
    ca: Path | None  # whom we believe; None: the system's authorities
    verify_client: bool


@dataclass(slots=True, frozen=True)
class Listen:
    """One network that we serve: where SIP listens, and where its media is bound and said to be."""

    name: str
    sip: tuple[Address, ...]
    advertise: str  # what Via and Contact say
    media_host: str  # RTP sockets are bound here
    media_advertise: str  # what SDP says
    digest: tuple[Algorithm, ...]  # offered in a challenge, in this order; empty: nobody is challenged here
    tls: TlsFiles | None = None


@dataclass(slots=True, frozen=True)
class DialTarget:
    """Where a trunk's requests go: an address, or a name that DNS says the addresses of (RFC 3263)."""

    host: str
    port: int | None  # None: as DNS says, else the usual one
    transport: Transport | None  # None: as DNS says, else UDP
    priority: int = 0  # the lowest is tried first …
    weight: int = 1  # … and among equals by chance, in proportion to this


@dataclass(slots=True, frozen=True)
class DialOut:
    """How to call out through a trunk, and who we are there."""

    targets: tuple[DialTarget, ...]
    certificate: str | None  # the name that its TLS certificates must have; None: that of the target
    caller: str | None  # the calling number we show: a trunk's own, never the caller's, unless None
    user: str | None  # answers the trunk's challenge
    password: Secret | None


@dataclass(slots=True, frozen=True)
class Register:
    """How a trunk registers with its carrier."""

    uri: str  # of the registrar
    user: str
    password: Secret
    expires_s: int


@dataclass(slots=True, frozen=True)
class Rewrite:
    """Numbers rewritten: the first pattern that matches the whole number replaces it."""

    called: tuple[tuple[str, str], ...] = ()  # of calls that come in
    caller: tuple[tuple[str, str], ...] = ()
    dialled: tuple[tuple[str, str], ...] = ()  # of calls that go out


@dataclass(slots=True, frozen=True)
class TrunkShell:
    id: str
    network: str  # a `Listen.name`
    sources: tuple[tuple[str, int], ...]  # (address or CIDR network, port; 0: any): requests from there are its own
    trusted: bool  # its calling numbers and attribute headers are believed
    codecs: tuple[Codec, ...]  # accepted and offered, best first
    dial_out: DialOut | None
    nat: bool  # latch media once to the source of its first packets
    media_from: tuple[str, ...]  # CIDR networks a latched source must be in; empty: its signalling address
    max_calls: int  # 0: no limit
    calls_per_s: float = 0.0  # that begin, in and out; 0: no limit
    register: Register | None = None
    probe_s: float = 0.0  # between two OPTIONS; 0: none
    rewrite: Rewrite = Rewrite()
    srtp: Srtp = "off"


@dataclass(slots=True, frozen=True)
class DeviceShell:
    """A telephone. It registers with `password` or `ha1`, or stands at `contact`, or is a number through a trunk (then
    `number` and `through` of the core's `Device` are set, and none of these is)."""

    id: str  # also the user name it registers with
    network: str
    password: Secret | None
    contact: str | None  # a SIP URI
    codecs: tuple[Codec, ...]
    nat: bool
    srtp: Srtp = "off"
    path: bool = False  # it registers through proxies that say so (RFC 3327), and is called through them
    ha1: tuple[tuple[Algorithm, Secret], ...] = ()  # in place of the password (RFC 7616 §3.4.2)

    @property
    def registers(self) -> bool:
        return self.password is not None or bool(self.ha1)


@dataclass(slots=True, frozen=True)
class Media:
    first_port: int  # RTP on even ports, RTCP on the odd one above
    last_port: int
    workers: int  # processes
    silent_s: float  # no packet for this long while one is due: the leg's media is lost; 0: never


@dataclass(slots=True, frozen=True)
class Log:
    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "json", "console"]  # auto: console on a terminal
    file: Path | None  # None: standard error


@dataclass(slots=True, frozen=True)
class Hotline:
    """One checked configuration: `settings` for the core, all else for the shell."""

    file: Path
    settings: Settings
    name: str  # also the realm of digest challenges
    timezone: str  # IANA
    language: str
    listen: dict[str, Listen]
    trunks: dict[str, TrunkShell]
    devices: dict[str, DeviceShell]
    media: Media
    control: Path  # Unix socket
    prompts: dict[str, Path]
    music: dict[str, Path]
    attributes: dict[str, str | None]  # of a call: from this SIP header of trusted trunks; None: only from elsewhere
    journal: Path | None  # directory
    records: Place | None
    log: Log
    files: tuple[Path, ...]  # everything that was read: a change of one is worth a reload
    hours: dict[str, Calendar] = field(default_factory=dict)
    dns: tuple[tuple[str, int], ...] = ()  # servers (address, port) that are asked; empty: the system's
