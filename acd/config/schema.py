"""The YAML a person writes, as models. `compile` turns them into settings; `acd check --schema` prints them.

Here is what the core is told – people, queues, hours – and the whole file; what the shell is told is in
`acd.config.schema_shell`.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from acd.config.schema_shell import DeviceAt, DiallingAt, DnsAt, ListenAt, LogTo, MediaOf, Records, RecordsAt, TrunkAt
from acd.config.words import (
    Channel,
    Dialled,
    Header,
    Level,
    Many,
    Name,
    Off,
    Preference,
    Seconds,
    Strict,
    one_or_many,
    wrong,
)
from acd.core.settings import Strategy


def _wrap_up(value: object) -> object:
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong("wrap-up is none, until_done or timed", f"write wrap_up: {{timed_s: {value}}}")
    return value


class HotlineAbout(Strict):
    """The hotline as a whole."""

    name: Name = Field(default="hotline", description="its name; also the realm of digest authentication")
    timezone: str = Field(default="UTC", description="IANA name, such as Asia/Shanghai")
    language: str = Field(default="en", description="language of prompts, unless a flow says otherwise")
    order_by: Literal["key", "urgency"] = Field(
        default="key", description="key: who joined first, credit included; urgency: wait ÷ target, between queue heads"
    )


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
    teams: Annotated[list[str] | None, BeforeValidator(one_or_many, json_schema_input_type=str | list[str])] = Field(
        default=None, description="instead of the queue's; [] is any"
    )
    sites: Annotated[list[str] | None, BeforeValidator(one_or_many, json_schema_input_type=str | list[str])] = Field(
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


class LimitsAt(Strict):
    """Bounds of the whole hotline."""

    calls: int = Field(default=5000, ge=1, description="at once")
    unanswered_max_s: Seconds = Field(default=120.0, description="the longest a caller waits before we answer")
    bye_answer_s: Seconds = Field(
        default=2.0, description="an agent we hung up on is unreachable if his BYE is not answered by then"
    )


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
