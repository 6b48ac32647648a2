"""A flow: what a caller is led through, as plain checked steps. `acd.flows` makes it from YAML.

Where a caller stands is (flow, path, variables): a path is a tuple of indices and keys into nested steps, so it can be
written down and read again. Each step class is one thing an IVR designer writes; `do` names it in YAML and in a
journal. Conditions are a small checked tree, see `Expr`.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Expr: TypeAlias = list[object] | Scalar
"""A literal, or ``[operator, operand, …]``: ``["var", name]``, ``["==", a, b]`` (also != < <= > >= in),
``["and", …]``, ``["or", …]``, ``["not", a]``, ``["+", a, b]`` (also -, *), ``["list", …]``, and what is asked of the
hotline as it is now, such as ``["open", calendar]`` (see `conditions`). Checked when read: known operators, variables
and names, bounded depth. A comparison that makes no sense (a text with a number) is False, never an
error."""


class Step:
    """One step. Not a dataclass itself, so that a decoder goes by `do`."""

    __slots__ = ()
    do: str


@dataclass(slots=True)
class Answer(Step):
    """Answer the call: 200 goes out and billing runs. Nothing happens if it is answered."""

    do: Literal["answer"] = "answer"


@dataclass(slots=True)
class RingTone(Step):
    """Let the caller hear ringing (180) for so long, unanswered."""

    seconds: float = 0.0
    do: Literal["ring"] = "ring"


@dataclass(slots=True)
class Say(Step):
    prompts: tuple[str, ...] = ()
    barge_in: bool = True
    do: Literal["say"] = "say"


@dataclass(slots=True)
class Menu(Step):
    """Play `prompts`, wait for a key, run that key's steps, go on behind the menu. A wrong key or none plays `wrong`
    or `silent` and the menu again, `retries` times; then `otherwise` runs."""

    prompts: tuple[str, ...] = ()
    keys: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    timeout_s: float = 5.0
    retries: int = 2
    wrong: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    otherwise: tuple[Step, ...] = ()
    variable: str | None = None  # keeps the key pressed
    do: Literal["menu"] = "menu"


@dataclass(slots=True)
class CollectDigits(Step):
    """Ask for digits: an account number, a PIN (`secret`: only a handle and the length are known)."""

    variable: str = ""
    prompts: tuple[str, ...] = ()
    min: int = 1
    max: int = 20
    end: str = "#"
    first_s: float = 8.0
    next_s: float = 4.0
    secret: bool = False
    retries: int = 2
    wrong: tuple[str, ...] = ()
    otherwise: tuple[Step, ...] = ()
    do: Literal["collect"] = "collect"


@dataclass(slots=True)
class Set(Step):
    values: dict[str, Expr] = field(default_factory=dict)
    do: Literal["set"] = "set"


@dataclass(slots=True)
class Case:
    condition: Expr
    steps: tuple[Step, ...]


@dataclass(slots=True)
class When(Step):
    """The first case whose condition holds runs; `otherwise` if none does."""

    cases: tuple[Case, ...] = ()
    otherwise: tuple[Step, ...] = ()
    do: Literal["when"] = "when"


@dataclass(slots=True)
class Enqueue(Step):
    """Wait in a queue until somebody serves the caller, at most `max_wait_s` (or the queue's own, if that is less).
    Ends with a result in the variable ``queue_result``: answered (the agent has hung up: a survey goes behind this
    step), or a reason for leaving it. After ``answered`` and with no step behind it the call ends. `needs` are the
    caller's own, beside the queue's."""

    queue: str = ""
    needs: dict[str, int] = field(default_factory=dict)
    tier: int | None = None
    credit_s: float | None = None
    preferred_agent: str | None = None  # a variable's name
    keys: dict[str, tuple[Step, ...]] = field(default_factory=dict)  # leave the queue by a key
    max_wait_s: float | None = None  # then go on, to another queue for example, with the time waited
    site: str | None = None  # a variable's name: of the caller's own site
    do: Literal["queue"] = "queue"


@dataclass(slots=True)
class GoTo(Step):
    """Go on in another flow (its first step), for good."""

    flow: str = ""
    do: Literal["go_to"] = "go_to"


@dataclass(slots=True)
class HangUpStep(Step):
    """End the call. Unanswered, it is refused with `status`."""

    status: int = 480
    do: Literal["hang_up"] = "hang_up"


@dataclass(slots=True)
class Flow:
    """A named list of steps. `version` is the configuration's it came with: a live call keeps the one it began."""

    name: str
    steps: tuple[Step, ...] = ()
    language: str = ""


STEPS: dict[str, type[Step]] = {
    "answer": Answer,
    "ring": RingTone,
    "say": Say,
    "menu": Menu,
    "collect": CollectDigits,
    "set": Set,
    "when": When,
    "queue": Enqueue,
    "go_to": GoTo,
    "hang_up": HangUpStep,
}
