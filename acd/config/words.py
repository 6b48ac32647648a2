"""What the models of YAML files are made of: strict models, texts of a form, lists of one, secrets kept elsewhere.

Types are strict (a quoted "5" is a text, not a number) and unknown keys are refused, so that a slip of the pen is told
and not guessed at. Short forms (`needs: …`, a text for a list of one) are normalised before the check.
"""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from acd.config.shell import Codec


def none_word(value: object) -> object:
    return None if value == "none" else value


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


def one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def not_inline(value: object) -> object:
    if isinstance(value, (str, int, float)):
        raise wrong(
            "a secret must not stand in the configuration",
            "keep it outside: {env: NAME}, {file: path} or {file: path, key: NAME}",
        )
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
Many: TypeAlias = Annotated[list[str], BeforeValidator(one_or_many, json_schema_input_type=str | list[str])]
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


Outside: TypeAlias = Annotated[SecretAt, BeforeValidator(not_inline, json_schema_input_type=SecretAt)]
Password: TypeAlias = Annotated[SecretAt | None, BeforeValidator(not_inline, json_schema_input_type=SecretAt | None)]
Off: TypeAlias = Annotated[str | None, BeforeValidator(none_word)]
