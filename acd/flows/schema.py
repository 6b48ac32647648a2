"""What may stand in a step, as models. Nested steps stay as they are: each is checked when its turn comes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field

from acd.config.words import Key, Level, Many, Seconds, Strict, named

Steps = list[Any]
if TYPE_CHECKING:
    Variable: TypeAlias = str
else:
    Variable = named(r"[^\W\d]\w{0,63}", "the name of a variable: letters, digits and _ only, no digit first")
Retries = Annotated[int, Field(ge=0, le=20)]


class FlowFile(Strict):
    """A flow: one YAML file, named for it."""

    language: str = Field(default="", description="of its prompts; empty: the hotline's")
    steps: Steps = Field(description="what the caller is led through")


class Nothing(Strict):
    """`answer`, which takes nothing."""


class RingFor(Strict):
    seconds: Seconds


class SayThis(Strict):
    prompts: Many = Field(min_length=1)
    barge_in: bool = True


class MenuOf(Strict):
    prompts: Many = Field(min_length=1)
    keys: dict[Key, Steps] = Field(min_length=1, description="key: steps")
    timeout_s: Seconds = 5.0
    retries: Retries = 2
    wrong: Many = Field(default=[])
    silent: Many = Field(default=[])
    otherwise: Steps = Field(default=[])
    into: Variable | None = Field(default=None, description="variable that keeps the key pressed")


class CollectInto(Strict):
    into: Variable
    prompts: Many = Field(default=[])
    min: int = Field(default=1, ge=0, le=64)
    max: int = Field(default=20, ge=1, le=64)
    end: Key | Literal[""] = "#"
    first_s: Seconds = 8.0
    next_s: Seconds = 4.0
    secret: bool = Field(default=False, description="a PIN: nobody sees the digits")
    retries: Retries = 2
    wrong: Many = Field(default=[])
    otherwise: Steps = Field(default=[])


class CaseOf(Strict):
    """One case of a when: `if` a condition, `do` steps; or `else` steps, last."""

    if_: str | bool | None = Field(default=None, alias="if")
    do: Steps | None = None
    else_: Steps | None = Field(default=None, alias="else")


class QueueFor(Strict):
    to: str = Field(description="the queue's name")
    needs: dict[str, Level] = Field(default={}, description="the caller's own, beside the queue's")
    tier: int | None = Field(default=None, ge=0, le=99)
    credit_s: Seconds | None = None
    preferred_agent: Variable | None = Field(default=None, description="variable that holds an agent's name")
    site: Variable | None = Field(default=None, description="variable that holds the name of the caller's own site")
    keys: dict[Key, Steps] = Field(default={}, description="leave the queue by a key")
    max_wait_s: Seconds | None = Field(default=None, description="then go on behind this step: max_wait")


class GoToFlow(Strict):
    flow: str


class HangUpWith(Strict):
    status: Annotated[int, Field(ge=400, le=699)] = 480
