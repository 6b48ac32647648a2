"""What the shell is told, as models: networks, trunks, who may dial out, devices, records, log."""

import re
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from acd.config.shell import Algorithm, Srtp
from acd.config.words import (
    Codecs,
    Dialled,
    Key,
    Many,
    Outside,
    Password,
    Seconds,
    Strict,
    none_word,
    wrong,
)


def _workers(value: object) -> object:
    if value == "auto":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 256:
        raise wrong(f"{value!r} is not a number of workers", "1 to 256, or auto")
    return value


class TlsAt(Strict):
    """Files of TLS, all PEM; read again by `acd reload`."""

    certificate: str = Field(description="ours, with the chain that leads to it")
    key: str | None = Field(default=None, description="its key (default: in the certificate's file)")
    ca: str | None = Field(
        default=None, description="authorities whose certificates we believe (default: the system's)"
    )
    verify_client: bool = Field(default=False, description="who connects must show a certificate of these")


class ListenAt(Strict):
    """One network served: where SIP listens there, and where its media is."""

    sip: Many = Field(
        description='transport:address:port, such as "udp:10.0.0.1:5060", or a list of them; udp, tcp or tls'
    )
    media: str | None = Field(default=None, description="address RTP is bound to (default: that of SIP)")
    advertise: str | None = Field(
        default=None, description="address that Via, Contact and SDP say (default: the bound one)"
    )
    digest: list[Algorithm] = Field(
        default=["SHA-256", "MD5"], description="algorithms offered to phones, best first; [] challenges nobody"
    )
    tls: TlsAt | None = Field(default=None, description="certificates, where it listens on tls")


class MediaOf(Strict):
    ports: str = Field(default="30000-39999", description="first-last port of RTP and RTCP")
    workers: Annotated[int | None, BeforeValidator(_workers, json_schema_input_type=int | Literal["auto"])] = Field(
        default=None, description="media processes; auto: one per core"
    )
    silent_s: Seconds = Field(
        default=60.0, description="without a packet for this long a leg's media is lost; 0: never"
    )


class TargetAt(Strict):
    """One of several places that take a trunk's calls."""

    to: str = Field(description="sip:address:port, or sip:name which DNS says the places of")
    priority: int = Field(default=0, ge=0, le=65535, description="the lowest is tried first")
    weight: int = Field(default=1, ge=0, le=65535, description="share of the calls among targets of one priority")


class DialOutTo(Strict):
    """How to call out through a trunk."""

    to: str | None = Field(
        default=None, description="sip:address:port that requests go to, or sip:name which DNS says the places of"
    )
    targets: list[TargetAt] = Field(default=[], description="instead of to, several")
    certificate: Dialled | None = Field(
        default=None, description="name its TLS certificate must have (default: the name or address it is called by)"
    )
    caller: str | None = Field(default=None, description="calling number shown")
    user: str | None = Field(default=None, description="who we are when the trunk challenges us")
    password: Password = Field(default=None, description="and our password")

    @model_validator(mode="after")
    def _somewhere(self) -> "DialOutTo":
        if (self.to is None) == (not self.targets):
            raise wrong("where calls go is said once", 'give to: "sip:carrier.example", or targets: [{to: …}, …]')
        return self


class DialRuleAt(Strict):
    """Allows numbers to be dialled: all that is said must hold."""

    numbers: Annotated[Many, Field(min_length=1)] = Field(
        description=r"regular expressions for the whole number, such as '0[2-9]\d{8,10}'"
    )
    through: str = Field(description="trunk that dials them")
    teams: Many = Field(default=[], description="agents of these teams; empty: any")
    sites: Many = Field(default=[], description="agents of these sites; empty: any")
    queues: Many = Field(default=[], description="with a caller of these queues; empty: any")
    special: bool = Field(default=False, description="also numbers with a special prefix")


class DiallingAt(Strict):
    """Who may dial out: nobody, but for what is allowed here."""

    allow: list[DialRuleAt] = Field(default=[], description="the first rule that fits decides through which trunk")
    special: Many = Field(
        default=["+", "00", "0900"],
        description="prefixes of numbers – international, premium rate – that need a rule with special: true",
    )


class DnsAt(Strict):
    """Who is asked for the places of trunks that are given by name."""

    servers: Many = Field(default=[], description="addresses, perhaps with a port (default: the system's)")


class TrunkLimits(Strict):
    calls: int = Field(default=0, ge=0, description="at once; 0: no limit")
    calls_per_s: Annotated[float, Field(ge=0, le=10_000)] = Field(
        default=0.0, description="that begin, in and out; 0: no limit"
    )


class RegistrationAt(Strict):
    """How a trunk registers with its carrier, where dial_out sends its calls."""

    user: str = Field(min_length=1, description="who we are")
    password: Outside = Field(description="and our password")
    expires_s: int = Field(default=3600, ge=60, le=86_400, description="asked for; refreshed well before")


class RewriteStep(Strict):
    match: str = Field(description="regular expression for the whole number")
    to: str = Field(description=r"what it becomes; \1 is the first group")

    @model_validator(mode="after")
    def _readable(self) -> "RewriteStep":
        try:
            re.sub(self.match, self.to, "")
        except (re.error, IndexError) as error:
            fix = r"such as {match: '\+86(.*)', to: '0\1'}"
            raise wrong(f"{self.match!r} to {self.to!r} cannot be done: {error}", fix) from None
        return self


class RewriteAt(Strict):
    """How numbers are written here and there; of each list the first that matches counts."""

    called: list[RewriteStep] = Field(default=[], description="of calls that come in: the number called")
    caller: list[RewriteStep] = Field(default=[], description="of calls that come in: the calling number")
    dialled: list[RewriteStep] = Field(default=[], description="of calls that go out")


class TrunkAt(Strict):
    """A SIP trunk: requests from its sources are its calls."""

    network: str | None = Field(default=None, description="a name under listen (default: trunks, or the only one)")
    sources: Many = Field(
        default=[], description='addresses, with a port if only that one: "192.0.2.7", "192.0.2.0/24"'
    )
    trusted: bool = Field(default=False, description="believe its calling numbers and attribute headers")
    codecs: Codecs = Field(default=["PCMA", "PCMU"], description="best first")
    limits: TrunkLimits = Field(default=TrunkLimits(), description="of this trunk")
    dial_out: Annotated[
        DialOutTo | None, BeforeValidator(none_word, json_schema_input_type=DialOutTo | Literal["none"] | None)
    ] = Field(default=None, description="how to call out through it; none: not at all")
    registration: RegistrationAt | None = Field(
        default=None, description="register with the carrier, and stay registered"
    )
    probe_s: Seconds = Field(default=0.0, description="between two OPTIONS that ask whether it is there; 0: none")
    rewrite: RewriteAt = Field(default=RewriteAt(), description="how its numbers become ours, and ours its")
    nat: bool = Field(default=False, description="it is behind NAT: latch media to its first packets")
    media_from: Many = Field(default=[], description="networks a latched source must be in")
    srtp: Srtp = Field(default="off", description="audio ciphered, its keys in SDP (RFC 4568)")


class DeviceAt(Strict):
    """A telephone: it registers (password or ha1), or stands at a contact, or is a number through a trunk."""

    network: str | None = Field(default=None, description="a name under listen (default: agents, or the only one)")
    password: Password = Field(default=None, description="it registers under its name with this")
    ha1: dict[Algorithm, Outside] = Field(
        default={}, description="instead of the password, by algorithm: the hash of device:hotline:password in hex"
    )
    contact: str | None = Field(default=None, description="static SIP URI, such as sip:a1@10.0.0.7:5060")
    number: str | None = Field(default=None, description="telephone number")
    through: str | None = Field(default=None, description="trunk that dials the number")
    confirm: Key | None = Field(default=None, description="key a person must press: voice mail does not")
    nailed_up_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=0.0, description="the line stays up between calls, this long at most; 0: hung up after each"
    )
    codecs: Codecs = Field(default=["PCMA", "PCMU"], description="best first")
    nat: bool = Field(default=False, description="it is behind NAT: latch media to its first packets")
    path: bool = Field(default=False, description="call it through the proxies that its registration names (RFC 3327)")
    srtp: Srtp = Field(default="off", description="audio ciphered, its keys in SDP (RFC 4568)")

    @model_validator(mode="before")
    @classmethod
    def _confirm_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("confirm") == "key":
            return {**value, "confirm": "1"}
        return value


class LogTo(Strict):
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON"
    )
    file: str | None = Field(default=None, description="default: standard error")


def _records(value: object) -> object:
    if isinstance(value, str) and value != "none":
        return {"url" if "://" in value else "file": value}
    return none_word(value)


def _database(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
    if not port_is_one or parts.scheme not in ("postgresql", "postgres"):
        raise wrong("this is no database's URL", "write postgresql://user@host:5432/name, or an SQLite file's path")
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise wrong(
            "a secret must not stand in the configuration",
            "keep it outside: records: {url: postgresql://user@host/name, password: {env: NAME}}",
        )
    return url


class RecordsAt(Strict):
    """Where call records are kept: give file, or url. A text alone is one of the two."""

    file: str | None = Field(default=None, min_length=1, description="SQLite file")
    url: Annotated[str | None, AfterValidator(lambda url: url and _database(url))] = Field(
        default=None, description="of a PostgreSQL database: postgresql://user@host:5432/name?sslmode=verify-full"
    )
    password: Password = Field(default=None, description="of the database's user")
    waiting: str = Field(
        default="run/records.waiting", min_length=1, description="file in which records wait while the database is gone"
    )

    @model_validator(mode="after")
    def _one_place(self) -> "RecordsAt":
        if (self.file is None) == (self.url is None):
            raise wrong("records are kept in one place", "give either file: (SQLite) or url: postgresql://…")
        return self


Records: TypeAlias = Annotated[
    RecordsAt | None, BeforeValidator(_records, json_schema_input_type=str | RecordsAt | None)
]
