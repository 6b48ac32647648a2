"""Who calls, in the YAML of a scenario: how many when, with what, for how long."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from acd.config.words import Channel, Strict, wrong
from simulator.schema_durations import DistributionAt, Duration, MeanAt, Share, Some, Weight, constant

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Scalar: TypeAlias = str | int | float | bool | None


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
    channel: Channel = Field(default="voice", description="`chat`: agents have as many at once as their capacity says")
    share: Weight = Field(default=1.0, description="of the calls that arrive under `all`")
    calling: str = Field(default="", description="the calling number begins with this")
    attributes: dict[str, Choice] = Field(default={})
    keys: list[Annotated[KeyAt, BeforeValidator(_press, json_schema_input_type=Scalar | OneOfAt | KeyAt)]] = Field(
        default=[], description="at each menu or collect in turn"
    )
    waiting_key: WaitingKeyAt | None = Field(default=None, description="pressed once, where the queue has that key")
    patience: Duration = Field(description="waiting in a queue for longer, he hangs up")
    redial: RedialAt | None = None
