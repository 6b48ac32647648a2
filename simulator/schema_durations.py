"""Numbers and durations in the YAML of a scenario: how a time is given, fixed or by its distribution."""

import math
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from acd.config.words import Strict, wrong
from simulator import distributions as dist
from simulator.distributions import Distribution

Seconds = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
Some = Annotated[float, Field(gt=0, le=1e8, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e9)]


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
