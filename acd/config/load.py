"""The way in: a file becomes a `Hotline`, or a list of problems with their places.

Everything is checked before anything is used: a configuration is taken whole or not at all.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from acd.config.core_half import CoreHalf
from acd.config.difference import difference
from acd.config.explain import check as check_model
from acd.config.lint import warnings
from acd.config.problem import ConfigError, Problem, shown
from acd.config.schema import HotlineFile
from acd.config.shell import Hotline
from acd.config.shell_half import ShellHalf
from acd.config.tables import fill_in
from acd.config.yaml import Document, read
from acd.core.flow import Flow
from acd.core.settings import Settings, Trunk
from acd.flows import compile as flow_files  # as a module: it imports others of this package itself

__all__ = ["ConfigError", "Hotline", "Problem", "check", "difference", "json_schema", "load"]


def load(path: str | os.PathLike[str]) -> Hotline:
    """The hotline that the file describes. Raises `ConfigError` with every error found; warnings are `check`'s."""
    hotline, _, problems = _load(Path(path))
    errors = [problem for problem in problems if problem.severity == "error"]
    if hotline is None or errors:
        raise ConfigError(errors)
    return hotline


def check(path: str | os.PathLike[str]) -> list[Problem]:
    """All problems of a configuration, errors and warnings, by file and place. Empty: nothing to say against it."""
    hotline, document, problems = _load(Path(path))
    if hotline is not None and document is not None and not any(problem.severity == "error" for problem in problems):
        problems += warnings(document, hotline.settings)
    return sorted(set(problems))


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration file, for editors."""
    schema = HotlineFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    table = {
        "type": "object",
        "properties": {"csv": {"type": "string", "description": "CSV file, one row each"}},
        "required": ["csv"],
        "additionalProperties": False,
    }
    for section in ("agents", "devices"):
        plain = schema["properties"][section]
        schema["properties"][section] = {
            "description": plain.pop("description", ""),
            "anyOf": [table, {key: value for key, value in plain.items() if key not in ("title", "default")}],
            "default": {},
        }
    return schema


def _load(path: Path) -> tuple[Hotline | None, Document | None, list[Problem]]:
    try:
        document = read(path, shown(path))
    except ConfigError as error:
        return None, None, list(error.problems)
    if not isinstance(document.value, dict):
        return None, None, [Problem(document.file, 1, 1, "not a configuration", "begin with version: 1")]
    base = Path(os.path.abspath(path)).parent
    tables, problems = fill_in(document, base)
    model = check_model(HotlineFile, document.value, document)
    if isinstance(model, list):
        return None, document, problems + model
    shell, core = ShellHalf(document, model, base, problems), CoreHalf(document, model, base, problems)
    return _compile(shell, core, Path(os.path.abspath(path)), tables), document, problems


def _compile(shell: ShellHalf, core: CoreHalf, path: Path, tables: list[Path]) -> Hotline:
    model = shell.model
    prompts = shell.prompts()
    found = shell.flow_files()
    known = flow_files.Known(
        frozenset(model.queues),
        frozenset(model.skills),
        frozenset(prompts),
        frozenset(found),
        frozenset(model.attributes),
        frozenset(model.hours),
        frozenset(model.surges),
        frozenset(model.agents),
        frozenset(model.sites),
    )
    flows, problems = _flows(found, known)
    shell.problems += problems
    files = (path, *tables, *found.values())
    trunks = shell.trunks()
    settings = Settings(
        version=digest(files),
        name=model.hotline.name,
        trunks={name: Trunk(name, at.trusted, at.max_calls) for name, at in trunks.items()},
        devices=core.devices(prompts),
        agents=core.agents(),
        queues=core.queues(prompts),
        numbers=core.numbers(found),
        flows=flows,
        surges=core.surges(prompts),
        dialling=core.dialling(),
        special=tuple(model.dialling.special),
        skills=tuple(model.skills),
        teams=tuple(model.teams),
        order_by=model.hotline.order_by,
        max_calls=model.limits.calls,
        unanswered_max_s=model.limits.unanswered_max_s,
        bye_answer_s=model.limits.bye_answer_s,
    )
    return Hotline(
        file=path,
        settings=settings,
        name=model.hotline.name,
        timezone=shell.timezone(),
        language=model.hotline.language,
        listen=shell.listen(),
        trunks=trunks,
        devices=shell.devices(),
        media=shell.media(),
        control=shell.control(),
        prompts=prompts,
        music=shell.music(),
        attributes=dict(model.attributes),
        journal=shell.path(model.journal) if model.journal is not None else None,
        records=shell.records(),
        log=shell.log(),
        files=files,
        hours=shell.calendars(),
        dns=shell.name_servers(),
    )


def _flows(files: dict[str, Path], known: "flow_files.Known") -> tuple[dict[str, Flow], list[Problem]]:
    compiled: dict[str, flow_files.Compiled] = {}
    problems: list[Problem] = []
    for name, path in files.items():
        try:
            compiled[name] = flow_files.compile_flow(read(path, shown(path)), name, known)
            problems += compiled[name].problems
        except ConfigError as error:
            problems += error.problems
    problems += flow_files.settle(compiled.values(), known.attributes)
    return {name: found.flow for name, found in compiled.items()}, problems


def digest(files: Iterable[Path]) -> str:
    """Tells one configuration from another: the first 12 hex digits of SHA-256 over its files."""
    found = hashlib.sha256()
    for file in files:
        try:
            data = file.read_bytes()
        except OSError:
            data = b""
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()[:12]
