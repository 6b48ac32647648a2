"""The YAML of a scenario, as models: who calls, how long it takes, who is at work, what goes wrong.

Strict as a hotline's own file (`acd.config.schema`): unknown keys are refused, a text is no number. Times are seconds
since the start of the run, or wall clock ``HH:MM`` in the zone of `run.start`.
"""

import math
import re
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from acd.config.words import Many, Strict, wrong
from simulator import distributions as dist
from simulator.distributions import Distribution

Seconds = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
Some = Annotated[float, Field(gt=0, le=1e8, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Scalar: TypeAlias = str | int | float | bool | None
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


# ------------------------------------------------------------------------------------------------- distributions


class MeanAt(Strict):
    mean_s: Some


class LognormalAt(MeanAt):
    sd_s: Some


class WeibullAt(MeanAt):
    shape: float = Field(ge=0.1, le=20, description="below 1: who has waited long waits on")


class ErlangAt(MeanAt):
    stages: int = Field(ge=1, le=1000)


class HazardAt(Strict):
    """From this second on, this share of those still there goes in each second."""

    from_s: Seconds
    per_s: Annotated[float, Field(ge=0, le=10)]


def _short(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"constant": value}
    if value == "never":
        return {"never": True}
    if isinstance(value, (str, bool)):
        raise wrong(f"{value!r} is no duration", "give a number of seconds, or such as {exponential: {mean_s: 300}}")
    return value


class DistributionAt(Strict):
    """How long something takes: a number of seconds, or one of these."""

    constant: Seconds | None = None
    exponential: MeanAt | None = None
    lognormal: LognormalAt | None = None
    weibull: WeibullAt | None = None
    erlang: ErlangAt | None = None
    hazard: list[HazardAt] | None = Field(default=None, min_length=1, description="piecewise constant, first from_s 0")
    empirical: list[Seconds] | None = Field(default=None, min_length=1, description="values observed")
    never: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> "DistributionAt":
        given = sorted(self.model_fields_set)
        if len(given) != 1:
            what = f"{' and '.join(given)} at once" if given else "no distribution is named"
            raise wrong(what, "give a number of seconds or one of " + ", ".join(type(self).model_fields))
        if self.hazard is not None:
            starts = [step.from_s for step in self.hazard]
            if starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
                raise wrong("the steps of a hazard do not follow each other", "let from_s begin with 0 and rise")
        return self

    def build(self) -> Distribution:
        if self.exponential:
            return dist.Exponential(self.exponential.mean_s)
        if self.lognormal:
            return dist.Lognormal(self.lognormal.mean_s, self.lognormal.sd_s)
        if self.weibull:
            return dist.Weibull(self.weibull.mean_s, self.weibull.shape)
        if self.erlang:
            return dist.Erlang(self.erlang.mean_s, self.erlang.stages)
        if self.hazard:
            return dist.Hazard([(step.from_s, step.per_s) for step in self.hazard])
        if self.empirical:
            return dist.Empirical(self.empirical)
        return dist.Constant(math.inf if self.constant is None else self.constant)


Duration: TypeAlias = Annotated[
    DistributionAt, BeforeValidator(_short, json_schema_input_type=float | Literal["never"] | DistributionAt)
]


def constant(seconds: float) -> DistributionAt:
    return DistributionAt(constant=seconds)


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


# ------------------------------------------------------------------------------------------------------ arrivals


class IntervalsAt(Strict):
    """Calls expected in each interval from the start on; after the last the list begins anew."""

    every_s: Some
    calls: list[Weight] = Field(min_length=1)
    shape: Literal["steps", "linear"] = Field(
        default="steps", description="linear: the rate runs straight between mid-points"
    )


class ArrivalsAt(Strict):
    """One of: a constant rate, counts per interval, a CSV of counts, a CSV of calls as they were."""

    per_hour: Weight | None = None
    intervals: IntervalsAt | None = None
    counts_csv: str | None = Field(default=None, description="columns start (ISO 8601) and calls")
    calls_csv: str | None = Field(default=None, description="column at (ISO 8601): calls come exactly then")
    shape: Literal["steps", "linear"] = "steps"

    @model_validator(mode="after")
    def _one(self) -> "ArrivalsAt":
        ways = ("per_hour", "intervals", "counts_csv", "calls_csv")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} tell when calls arrive" if given else "nothing tells when calls arrive"
            raise wrong(what, "give one of " + ", ".join(ways))
        return self


class BusynessAt(Strict):
    """Days and half-hours are busier or calmer than forecast: factors of mean 1 that all arrivals share."""

    daily_cv: Annotated[float, Field(ge=0, le=3)] = 0.0
    interval_cv: Annotated[float, Field(ge=0, le=3)] = 0.0
    interval_s: Some = 1800.0
    weekdays: dict[Weekday, Weight] = Field(default={}, description="factor of that day")


class OneOfAt(Strict):
    """One of these, each with its weight."""

    one_of: list[tuple[Scalar, Weight]] = Field(min_length=1)

    @model_validator(mode="after")
    def _some_weight(self) -> "OneOfAt":
        if not sum(weight for _, weight in self.one_of):
            raise wrong("all weights are 0", "give at least one of them a weight")
        return self


def _certain(value: object) -> object:
    return value if isinstance(value, dict) else {"one_of": [(value, 1)]}


def _list_pairs(value: object) -> object:
    """YAML has lists, a pair is a tuple."""
    if isinstance(value, dict) and isinstance(value.get("one_of"), list):
        pairs = [tuple(pair) if isinstance(pair, list) else pair for pair in value["one_of"]]
        return {**value, "one_of": pairs}
    return value


Choice: TypeAlias = Annotated[
    OneOfAt, BeforeValidator(_list_pairs), BeforeValidator(_certain, json_schema_input_type=Scalar | OneOfAt)
]


def _press(value: object) -> object:
    return value if isinstance(value, dict) and "press" in value else {"press": value}


class KeyAt(Strict):
    """What is pressed at one menu or collect; "" presses nothing there."""

    press: Choice
    after: Duration = Field(default=constant(2.0), description="since its prompts began")


def _one_key(value: object) -> object:
    if isinstance(value, str) and len(value) == 1 and value in "0123456789*#":
        return value
    raise wrong(f"{value!r} is no key of a telephone", "write one of 0 to 9, * and #, in quotes")


class WaitingKeyAt(Strict):
    """A key by which a caller leaves the queue: to be called back, for voice mail, for another queue."""

    press: Annotated[str, BeforeValidator(_one_key)]
    share: Share = Field(default=1.0, description="of the callers who have it in mind")
    after: Duration = Field(
        default=constant(30.0), description="since joining the first queue; later, where the next queue has it first"
    )


class RedialAt(Strict):
    share: Share = Field(description="of those who were not served and call again")
    after: Duration = Field(default_factory=lambda: DistributionAt(exponential=MeanAt(mean_s=300)))
    at_most: int = Field(default=3, ge=1, le=50)


class CallerAt(Strict):
    """A type of caller."""

    number: str = Field(description="the number dialled")
    trunk: str | None = Field(default=None, description="where the call comes from (default: the only one)")
    share: Weight = Field(default=1.0, description="of the calls that arrive under `all`")
    calling: str = Field(default="", description="the calling number begins with this")
    attributes: dict[str, Choice] = Field(default={})
    keys: list[Annotated[KeyAt, BeforeValidator(_press, json_schema_input_type=Scalar | OneOfAt | KeyAt)]] = Field(
        default=[], description="at each menu or collect in turn"
    )
    waiting_key: WaitingKeyAt | None = Field(default=None, description="pressed once, where the queue has that key")
    patience: Duration = Field(description="waiting in a queue for longer, he hangs up")
    redial: RedialAt | None = None


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
