"""The YAML a person writes, as models. `compile` turns them into settings; `acd check --schema` prints them.

Types are strict (a quoted "5" is a text, not a number) and unknown keys are refused, so that a slip of the pen is told
and not guessed at. Short forms (`needs: …`, a text for a list of one) are normalised before the check.
"""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from acd.config.shell import Algorithm, Codec, Srtp
from acd.core.settings import Strategy


def wrong(what: str, fix: str) -> PydanticCustomError:
    """An error of ours, with what would be right."""
    return PydanticCustomError("hotline", "{what}", {"what": what, "fix": fix})


def named(pattern: str, fix: str) -> Any:
    """A text of this form; `fix` says the form in words."""

    def judge(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise wrong(f"{value!r} cannot be used here", fix)
        return value

    return Annotated[str, AfterValidator(judge), Field(json_schema_extra={"pattern": f"^{pattern}$"})]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _none_word(value: object) -> object:
    return None if value == "none" else value


def _not_inline(value: object) -> object:
    if isinstance(value, (str, int, float)):
        raise wrong(
            "a secret must not stand in the configuration",
            "keep it outside: {env: NAME}, {file: path} or {file: path, key: NAME}",
        )
    return value


def _workers(value: object) -> object:
    if value == "auto":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 256:
        raise wrong(f"{value!r} is not a number of workers", "1 to 256, or auto")
    return value


def _wrap_up(value: object) -> object:
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong("wrap-up is none, until_done or timed", f"write wrap_up: {{timed_s: {value}}}")
    return value


if TYPE_CHECKING:
    Name: TypeAlias = str
    Dialled: TypeAlias = str
    Key: TypeAlias = str
    Header: TypeAlias = str
else:
    Name = named(r"[\w.+-]{1,64}", "letters, digits and . _ + - only, at most 64")
    Dialled = named(r"[\w.+*#-]{1,64}", "a number as it is called: digits, letters and . _ + * # -, at most 64")
    Key = named(r"[0-9*#A-D]", "one key: 0 to 9, *, # or A to D")
    Header = named(r"[A-Za-z0-9.!%*_+`'~-]{1,64}", "the name of a SIP header, such as X-Caller-Age")
Many: TypeAlias = Annotated[list[str], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Level = Annotated[int, Field(ge=1, le=10, description="skill level, 1 (least) to 10")]
Preference = Annotated[int, Field(ge=1, le=9, description="preference level, 1 is offered first")]
Channel: TypeAlias = Literal["voice", "chat"]
Codecs: TypeAlias = Annotated[list[Codec], Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SecretAt(Strict):
    """Where a secret is kept. Give env, or file (the whole file, or with `key` its line KEY=value)."""

    env: str | None = Field(default=None, min_length=1, description="name of an environment variable")
    file: str | None = Field(default=None, min_length=1, description="path, relative to the configuration")
    key: str | None = Field(default=None, min_length=1, description="the line KEY=value of the file")

    @model_validator(mode="after")
    def _one_place(self) -> "SecretAt":
        if (self.env is None) == (self.file is None):
            raise wrong("a secret is in one place", "give either env: NAME or file: path")
        return self


Password: TypeAlias = Annotated[SecretAt | None, BeforeValidator(_not_inline, json_schema_input_type=SecretAt | None)]


class HotlineAbout(Strict):
    """The hotline as a whole."""

    name: Name = Field(default="hotline", description="its name; also the realm of digest authentication")
    timezone: str = Field(default="UTC", description="IANA name, such as Asia/Shanghai")
    language: str = Field(default="en", description="language of prompts, unless a flow says otherwise")
    order_by: Literal["key", "urgency"] = Field(
        default="key", description="key: who joined first, credit included; urgency: wait ÷ target, between queue heads"
    )


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
    password: Annotated[SecretAt, BeforeValidator(_not_inline, json_schema_input_type=SecretAt)] = Field(
        description="and our password"
    )
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
        DialOutTo | None, BeforeValidator(_none_word, json_schema_input_type=DialOutTo | Literal["none"] | None)
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
    """A telephone: it registers (password), or stands at a contact, or is a number through a trunk."""

    network: str | None = Field(default=None, description="a name under listen (default: agents, or the only one)")
    password: Password = Field(default=None, description="it registers under its name with this")
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


class AgentAt(Strict):
    name: str = Field(default="", description="as people know him")
    device: str | None = Field(default=None, description="where he signs on unless he says otherwise")
    skills: dict[str, Level] = Field(default={}, description="skill: level 1-10")
    teams: Many = Field(default=[], description="one or several")
    site: str = Field(default="", description="one")
    queues: dict[str, Preference] = Field(default={}, description="queue: preference level 1-9")
    sign_on: Literal["manual", "at_start"] = Field(
        default="manual", description="by himself, or as soon as the engine runs"
    )
    capacity: dict[Channel, Annotated[int, Field(ge=0, le=20)]] = Field(
        default={"voice": 1}, description="contacts at once, by channel"
    )
    interrupts: dict[Channel, list[Channel]] = Field(default={}, description="channel: channels it may come on top of")


class NumberAt(Strict):
    """A number people call."""

    flow: str = Field(description="the flow a call begins with")
    answer: Literal["at_once", "by_flow", "by_agent"] = Field(
        default="by_flow", description="by_agent: 200 goes out when an agent answers"
    )
    hours: str | None = Field(default=None, description="a name under hours: when the flow is the one above")
    closed: str | None = Field(default=None, description="flow of the calls that come outside the hours")


class RingAt(Strict):
    """From after_s of waiting on, these replace the queue's own."""

    after_s: Seconds = Field(description="seconds of waiting")
    needs: dict[str, Level] | None = Field(default=None, description="instead of the queue's")
    teams: Annotated[list[str] | None, BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])] = Field(
        default=None, description="instead of the queue's; [] is any"
    )
    sites: Annotated[list[str] | None, BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])] = Field(
        default=None, description="instead of the queue's; [] is any"
    )


class WrapUpAt(Strict):
    kind: Literal["none", "timed", "until_done"] = Field(default="timed", description="timed when timed_s is given")
    timed_s: Seconds = Field(default=0.0, description="how long")

    @model_validator(mode="after")
    def _how_long(self) -> "WrapUpAt":
        if self.kind == "timed" and not self.timed_s:
            raise wrong("a timed wrap-up takes how long?", "write wrap_up: {timed_s: 10}")
        return self


class ReserveAt(Strict):
    """Keep so many idle agents who serve this queue for it."""

    agents: int = Field(ge=1, description="how many")
    reserve_for_s: Seconds = Field(description="lapses for a call of a later tier that waited this long")


class AnnounceAt(Strict):
    """What a waiting caller is told."""

    every_s: Annotated[float, Field(ge=1, le=1e7)] = Field(description="seconds from one announcement to the next")
    prompts: Many = Field(default=[], description="said first")
    position: bool = Field(default=False, description="then his place in the queue")
    expected_wait: bool = Field(default=False, description="then the wait he may expect, in minutes")


class QueueAt(Strict):
    needs: dict[str, Level] = Field(default={}, description="skill: least level")
    teams: Many = Field(default=[], description="only agents of these teams; empty: any")
    sites: Many = Field(default=[], description="only agents of these sites; empty: any")
    strategy: Strategy = Field(default="longest_idle", description="which of several idle agents gets the call")
    tier: int = Field(default=5, ge=0, le=99, description="0 is served first, strictly")
    credit_s: Seconds = Field(default=0.0, description="virtual age a caller joins with")
    level_delays_s: list[Seconds] = Field(default=[], description="preference level 1, 2, … becomes active after this")
    rings: list[RingAt] = Field(default=[], description="who else may serve as time goes by")
    wrap_up: Annotated[
        WrapUpAt,
        BeforeValidator(_wrap_up, json_schema_input_type=WrapUpAt | Literal["none", "until_done"]),
    ] = Field(default=WrapUpAt(kind="none"), description="what follows a call: none, until_done or {timed_s: 10}")
    music: str = Field(default="default", description="what callers hear, a name under music")
    ring_s: Annotated[float, Field(ge=1, le=600)] = Field(default=20.0, description="how long an agent's phone rings")
    ring_step_s: Annotated[float, Field(ge=1, le=600)] = Field(
        default=10.0, description="ring_progressively: one more agent after each"
    )
    rejected_delay_s: Seconds = Field(default=5.0, description="before an agent who rejected is offered a call again")
    busy_delay_s: Seconds = Field(default=5.0, description="before an agent who was busy is offered a call again")
    no_answer_delay_s: Seconds = Field(
        default=5.0, description="before an agent who did not answer is offered a call again"
    )
    max_no_answer: int = Field(default=3, ge=1, description="then the agent is not responding")
    exclude_after_reject_s: Seconds = Field(
        default=30.0, description="before an agent who rejected is offered the same call again"
    )
    max_length: int = Field(default=1000, ge=1, description="callers waiting; the next one leaves: queue_full")
    max_wait_s: Seconds | None = Field(default=None, description="then the caller leaves: max_wait")
    max_expected_wait_s: Seconds | None = Field(
        default=None, description="beyond it he leaves at once: expected_wait_too_long"
    )
    nobody_signed_on: Literal["wait", "leave"] = Field(
        default="leave", description="what a caller does when no agent of the queue is signed on"
    )
    reserve: ReserveAt | None = Field(default=None, description="idle agents kept for this queue")
    preferred_for_s: Seconds = Field(
        default=0.0, description="only the caller's preferred agent is offered the call for so long"
    )
    own_site_for_s: Seconds = Field(
        default=0.0, description="only agents of the caller's site are offered the call for so long"
    )
    announce: AnnounceAt | None = Field(default=None, description="what a waiting caller is told")
    target_s: Annotated[float, Field(gt=0, le=1e7)] = Field(default=20.0, description="service level threshold")
    short_abandon_s: Seconds = Field(
        default=5.0, description="abandons shorter than this do not count against the service level"
    )
    patience_s: Annotated[float, Field(gt=0, le=1e7)] = Field(
        default=300.0, description="mean patience assumed by the expected wait"
    )
    handle_s: Annotated[float, Field(gt=0, le=1e7)] = Field(
        default=180.0, description="mean handling time assumed by the expected wait until it is measured"
    )
    blocked: bool = Field(default=False, description="takes no new calls")
    hours: str | None = Field(default=None, description="a name under hours: outside it nobody may join")


class HoursAt(Strict):
    """A calendar of opening hours."""

    timezone: str | None = Field(default=None, description="IANA name (default: the hotline's)")
    week: dict[str, Many] = Field(
        default={}, description='mon-fri: "08:30-17:30"; several in a list; a day left out is closed'
    )
    dates: dict[str, Many] = Field(
        default={}, description='"2026-10-01": closed; "12-25" is every year; the last that names a day counts'
    )


class SurgeAt(Strict):
    """A named state of the hotline while more goes on than usual."""

    when: str | bool | None = Field(default=None, description="condition that puts it on; without it: only by hand")
    until: str | bool | None = Field(default=None, description="condition that puts it off (default: when no more)")
    least_s: Seconds = Field(default=60.0, description="how long it stays on at least")
    queues: dict[str, QueueAt] = Field(default={}, description="queue: what is different of it meanwhile")


class LogTo(Strict):
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON"
    )
    file: str | None = Field(default=None, description="default: standard error")


class LimitsAt(Strict):
    """Bounds of the whole hotline."""

    calls: int = Field(default=5000, ge=1, description="at once")
    unanswered_max_s: Seconds = Field(default=120.0, description="the longest a caller waits before we answer")
    bye_answer_s: Seconds = Field(
        default=2.0, description="an agent we hung up on is unreachable if his BYE is not answered by then"
    )


Off: TypeAlias = Annotated[str | None, BeforeValidator(_none_word)]


def _records(value: object) -> object:
    if isinstance(value, str) and value != "none":
        return {"url" if "://" in value else "file": value}
    return _none_word(value)


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


class HotlineFile(Strict):
    """A hotline: one YAML file."""

    version: Literal[1] = Field(description="of this format")
    hotline: HotlineAbout = Field(default=HotlineAbout(), description="the hotline as a whole")
    listen: dict[Name, ListenAt] = Field(min_length=1, description="networks served, by name")
    media: MediaOf = Field(default=MediaOf(), description="ports and processes of audio")
    control: str = Field(default="run/acd.sock", description="Unix socket of the acd commands")
    trunks: dict[Name, TrunkAt] = Field(default={}, description="SIP trunks, by name")
    devices: dict[Name, DeviceAt] = Field(default={}, description="telephones, or {csv: file}")
    agents: dict[Name, AgentAt] = Field(default={}, description="people, or {csv: file}")
    numbers: dict[Dialled, NumberAt] = Field(default={}, description="what people call, by number")
    queues: dict[Name, QueueAt] = Field(default={}, description="where callers wait, by name")
    hours: dict[Name, HoursAt] = Field(default={}, description="calendars of opening hours, by name")
    surges: dict[Name, SurgeAt] = Field(default={}, description="states of more work than usual, by name")
    skills: list[Name] = Field(default=[], description="names of skills that may be used")
    teams: list[Name] = Field(default=[], description="names of teams that may be used")
    sites: list[Name] = Field(default=[], description="names of sites that may be used")
    flows: Many = Field(default=[], description="flow files, or directories of them")
    prompts: Many = Field(default=[], description="directories of WAV files; a prompt is named for its path in there")
    music: dict[Name, str] = Field(default={}, description="name: WAV file")
    attributes: dict[Name, Header | None] = Field(
        default={},
        description="what may be known of a caller: name, and the SIP header of trusted trunks that tells it",
    )
    journal: Off = Field(default="run/journal", description="directory; none: keep no journal")
    records: Records = Field(
        default=RecordsAt(file="run/records.sqlite"),
        description="SQLite file, or URL of a PostgreSQL database; none: keep no records",
    )
    dialling: DiallingAt = Field(default=DiallingAt(), description="who may dial out")
    dns: DnsAt = Field(default=DnsAt(), description="name servers, for trunks that are given by name")
    log: LogTo = Field(default=LogTo(), description="what is logged, and where")
    limits: LimitsAt = Field(default=LimitsAt(), description="bounds of the whole hotline")
