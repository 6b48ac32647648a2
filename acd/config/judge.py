"""What everything that checks a configuration has in common: complaints, references, paths."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from acd.config.problem import Problem, Severity, did_you_mean
from acd.config.schema import HotlineFile
from acd.config.yaml import Document, Step

_Found = TypeVar("_Found")


class Judge:
    """Judges one configuration; `problems` grows. Every problem is at its own place; what a judge makes of the models
    is meaningful only if none of them is an error."""

    def __init__(self, document: Document, model: HotlineFile, base: Path, problems: list[Problem]) -> None:
        self.document = document
        self.model = model
        self.base = base
        self.problems = problems

    def wrong(
        self, path: tuple[Step, ...], what: str, fix: str = "", *, key: bool = False, severity: Severity = "error"
    ) -> None:
        self.problems.append(self.document.problem(path, what, fix, at="key" if key else "value", severity=severity))

    def refer(self, kind: str, name: str, known: Collection[str], path: tuple[Step, ...], *, key: bool = False) -> None:
        """A reference must lead somewhere."""
        if name not in known:
            section = {"network": "listen", "music": "music", "calendar": "hours"}.get(kind, kind + "s")
            otherwise = (
                f"put {name}.wav into a directory of prompts:" if kind == "prompt" else f"declare it under {section}:"
            )
            fix = did_you_mean(name, known, otherwise)
            self.wrong(path, f"{kind} {name!r} does not exist", fix, key=key)

    def read(
        self,
        reader: Callable[[str], _Found],
        text: str,
        path: tuple[Step, ...],
        default: _Found,
        *,
        key: bool = False,
    ) -> _Found:
        """What `reader` makes of a text; its ValueError becomes a problem."""
        try:
            return reader(text)
        except ValueError as error:
            self.wrong(path, *map(str, error.args), key=key)
            return default

    def path(self, text: str) -> Path:
        """Relative to the configuration file."""
        return Path(os.path.normpath(self.base / Path(text).expanduser()))
