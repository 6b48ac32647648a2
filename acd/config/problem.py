"""What is wrong with a configuration, where, and what would be right."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(slots=True, frozen=True, order=True)
class Problem:
    """`line` and `column` count from 1, as editors do; `fix` says what would be right ("" where nobody can know)."""

    file: str
    line: int
    column: int
    what: str
    fix: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.what}" + (f" – {self.fix}" if self.fix else "")


class ConfigError(Exception):
    """A configuration that cannot be used: at least one of `problems` is an error."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The nearest known word as a question, or `otherwise`."""
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise


def one_of(known: Iterable[str]) -> str:
    """A short list for a message: ``one of a, b, c``."""
    words = sorted(known)
    return ("one of " + ", ".join(words[:12]) + (" …" if len(words) > 12 else "")) if words else "there is none yet"


def shown(path: Path) -> str:
    """A path as a person would write it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.path.join("..", "..")) else relative
