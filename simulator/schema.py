"""The YAML of a scenario, as models: who calls, how long it takes, who is at work, what goes wrong.

Strict as a hotline's own file (`acd.config.schema`): unknown keys are refused, a text is no number. Times are seconds
since the start of the run, or wall clock ``HH:MM`` in the zone of `run.start`.
"""

import re
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from acd.config.words import Many, Strict, wrong
from simulator.schema_callers import ArrivalsAt, BusynessAt, CallerAt, Choice
from simulator.schema_durations import DistributionAt, Duration, MeanAt, Seconds, Share, Some, Weight, constant

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


# ------------------------------------------------------------------------------------------------------ the run


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise wrong(f"{value!r} is no instant", "write it as 2026-03-02T08:00:00+08:00") from None
    if instant.tzinfo is None:
        raise wrong(f"{value!r} does not say its time zone", f"write it as {instant.isoformat()}+08:00")
    return instant


Instant: TypeAlias = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=str)]


class RunAt(Strict):
    start: Instant = Field(description="wall clock at the start")
    length_s: Some = Field(description="calls arrive for this long; those begun are then played to their end")
    warm_up_s: Seconds = Field(default=0.0, description="calls that arrive before this are not measured")
    seed: int = Field(default=1, ge=0)
    replications: int = Field(default=10, ge=1, le=100_000)
    drain_s: Seconds = Field(default=7200.0, description="calls not ended so long after the end are cut off")

    @model_validator(mode="after")
    def _measures_something(self) -> "RunAt":
        if self.warm_up_s >= self.length_s:
            raise wrong("the warm-up is as long as the run", f"let warm_up_s be less than {self.length_s:g}")
        return self


# ------------------------------------------------------------------------------------------------------ handling


class HoldAt(Strict):
    share: Share = Field(description="of the calls in which the agent puts the caller on hold")
    lasts: Duration


class TransferAt(Strict):
    """After the talk the agent sends the caller on instead of hanging up; whoever takes him then keeps him."""

    share: Share = Field(description="of the calls")
    to: str = Field(description="the queue")


class SkillAt(Strict):
    skill: str
    at_least: int = Field(default=1, ge=1, le=10)


class Whom(Strict):
    """Which agents: all that are named in any of these, everybody when nothing is."""

    agents: Many = Field(default=[])
    teams: Many = Field(default=[])
    sites: Many = Field(default=[])


class ConsultAt(Whom):
    """After the talk the agent puts the caller on hold and calls a colleague who is free: one of these, everybody when
    nothing is said. Then he leaves the caller with him, or takes him back."""

    share: Share = Field(description="of the calls")
    queue: str | None = Field(default=None, description="only colleagues who may serve this queue")
    skill: SkillAt | None = None
    lasts: Duration = Field(
        default_factory=lambda: DistributionAt(exponential=MeanAt(mean_s=30)), description="what the two talk"
    )
    transfer: Share = Field(default=1.0, description="of these conversations after which the colleague has the caller")
    after: Duration = Field(default=constant(10.0), description="with the caller again, if not, before the call ends")


class HandlingAt(Whom):
    """How long a call takes, by caller type, queue, agent and level. The first entry that fits and has a part wins."""

    callers: Many = Field(default=[])
    queues: Many = Field(default=[])
    skill: SkillAt | None = None
    talk: Duration | None = None
    hold: HoldAt | None = None
    wrap_up: Duration | None = Field(default=None, description="in queues whose wrap-up lasts until the agent is done")
    agent_ends: Share | None = Field(default=None, description="of the calls, the agent hangs up first")
    transfer: TransferAt | None = None
    consult: ConsultAt | None = None


# -------------------------------------------------------------------------------------------------------- agents


def _clock(value: object) -> object:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        hours, minutes = value.split(":")
        return int(hours) * 3600.0 + int(minutes) * 60.0
    raise wrong(f"{value!r} is no time of day", 'write "08:30"')


def _said(clock_s: float) -> str:
    return f"{int(clock_s // 3600):02d}:{int(clock_s % 3600 // 60):02d}"


Clock: TypeAlias = Annotated[float, BeforeValidator(_clock, json_schema_input_type=str)]


class BreakAt(Strict):
    at: Clock
    lasts_s: Some
    reason: str = "break"


class ShiftAt(Whom):
    """A shift, every day: agents sign on at its start and off at its end (the next day, if that is earlier)."""

    count: int | None = Field(default=None, ge=0, description="only so many of them, those not yet in another shift")
    start: Clock
    end: Clock
    breaks: list[BreakAt] = Field(default=[])
    absence: Share = Field(default=0.0, description="chance that one does not come")
    late: Duration = constant(0.0)

    @model_validator(mode="after")
    def _breaks_within(self) -> "ShiftAt":
        end = self.end if self.end > self.start else self.end + 86400
        for rest in self.breaks:
            if not self.start <= (rest.at if rest.at >= self.start else rest.at + 86400) < end:
                hours = f"{_said(self.start)} and {_said(self.end)}"
                raise wrong(f"a break at {_said(rest.at)} is outside the shift", f"let it begin between {hours}")
        return self


class BehaviourAt(Whom):
    """How agents treat their telephones. The first entry that fits wins."""

    ring_delay: Duration = Field(default=constant(2.0), description="until they pick up")
    no_answer: Share = 0.0
    reject: Share = 0.0
    confirm: Duration = Field(default=constant(1.5), description="until the confirm key is pressed")

    @model_validator(mode="after")
    def _at_most_always(self) -> "BehaviourAt":
        if self.no_answer + self.reject > 1:
            raise wrong("no_answer and reject are more than all calls", "let them add up to 1 at most")
        return self


class AgentsAt(Strict):
    roster: list[ShiftAt] = Field(default=[], description="empty: everybody is at work all the time")
    behaviour: list[BehaviourAt] = Field(default=[])


# --------------------------------------------------------------------------------------------------------- world


class TrunkDownAt(Strict):
    trunk: str
    at_s: Seconds
    lasts_s: Some


class PhonesDownAt(Whom):
    """A site lost, a switch gone, phones without power: their devices cannot be reached."""

    at_s: Seconds
    lasts_s: Some
    share: Share = 1.0


class SurgeAt(Strict):
    at_s: Seconds
    lasts_s: Some
    times: Weight = Field(description="the arrival rate is multiplied by this")
    callers: Many = Field(default=[], description="empty: all types")


class FaultsAt(Strict):
    trunk_down: list[TrunkDownAt] = Field(default=[])
    phones_down: list[PhonesDownAt] = Field(default=[])
    surge: list[SurgeAt] = Field(default=[])


class LookUpAt(Strict):
    takes: Duration = constant(0.2)
    outcome: Literal["found", "missing", "failed", "timeout"] = "found"
    row: dict[str, Choice] = Field(default={})


class WorldAt(Strict):
    latency: Duration = Field(default=constant(0.02), description="one way, between the engine and any party")
    failed: Share = Field(default=0.0, description="of our calls to agents, lost in the network (503)")
    prompt_s: Seconds = Field(default=4.0, description="length of a prompt that has no recording")
    prompts: dict[str, Seconds] = Field(default={}, description="lengths by name")
    lookups: dict[str, LookUpAt] = Field(default={})
    faults: FaultsAt = Field(default_factory=FaultsAt)


class MeasureAt(Strict):
    thresholds_s: list[Seconds] = Field(default=[20.0], min_length=1)
    interval_s: Some = 900.0
    short_abandon_s: Seconds = 5.0


class ScenarioFile(Strict):
    """A scenario: what a hotline is put through."""

    version: Literal[1] = Field(description="of this format")
    run: RunAt
    arrivals: dict[str, ArrivalsAt] = Field(min_length=1, description="by caller type, or `all` to be split by share")
    busyness: BusynessAt = Field(default_factory=BusynessAt)
    callers: dict[str, CallerAt] = Field(min_length=1)
    handling: list[HandlingAt] = Field(min_length=1)
    agents: AgentsAt = Field(default_factory=AgentsAt)
    world: WorldAt = Field(default_factory=WorldAt)
    measure: MeasureAt = Field(default_factory=MeasureAt)
