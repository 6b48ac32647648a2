"""The way in: a file becomes a `Hotline`, or a list of problems with their places.

Everything is checked before anything is used: a configuration is taken whole or not at all.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from acd.config.compile import Compiler
from acd.config.difference import difference
from acd.config.explain import check as check_model
from acd.config.lint import warnings
from acd.config.problem import ConfigError, Problem
from acd.config.schema import HotlineFile
from acd.config.shell import Hotline
from acd.config.tables import fill_in
from acd.config.yaml import read
from acd.core.flow import Flow
from acd.core.settings import Settings, Trunk
from acd.flows import compile as flow_files  # as a module: it imports others of this package itself

__all__ = ["ConfigError", "Hotline", "Problem", "check", "difference", "json_schema", "load"]


def load(path: str | os.PathLike[str]) -> Hotline:
    """The hotline that the file describes. Raises `ConfigError` with every error found; warnings are `check`'s."""
    hotline, problems = _load(Path(path))
    errors = [problem for problem in problems if problem.severity == "error"]
    if hotline is None or errors:
        raise ConfigError(errors)
    return hotline


def check(path: str | os.PathLike[str]) -> list[Problem]:
    """All problems of a configuration, errors and warnings, by file and place. Empty: nothing to say against it."""
    _, problems = _load(Path(path))
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


def _load(path: Path) -> tuple[Hotline | None, list[Problem]]:
    try:
        document = read(path, shown(path))
    except ConfigError as error:
        return None, list(error.problems)
    if not isinstance(document.value, dict):
        return None, [Problem(document.file, 1, 1, "not a configuration", "begin with version: 1")]
    base = Path(os.path.abspath(path)).parent
    tables, problems = fill_in(document, base)
    model = check_model(HotlineFile, document.value, document)
    if isinstance(model, list):
        return None, problems + model
    compiler = Compiler(document, model, base)
    hotline = _compile(compiler, Path(os.path.abspath(path)), tables)
    problems += compiler.problems
    if not any(problem.severity == "error" for problem in problems):
        problems += warnings(document, hotline.settings)
    return hotline, problems


def _compile(compiler: Compiler, path: Path, tables: list[Path]) -> Hotline:
    model = compiler.model
    prompts = compiler.prompts()
    found = compiler.flow_files()
    known = flow_files.Known(
        frozenset(model.queues),
        frozenset(model.skills),
        frozenset(prompts),
        frozenset(found),
        frozenset(model.attributes),
    )
    flows, problems = _flows(found, known)
    compiler.problems += problems
    files = (path, *tables, *found.values())
    trunks = compiler.trunks()
    limits = compiler.limits()
    settings = Settings(
        version=digest(files),
        name=model.hotline.name,
        trunks={name: Trunk(name, at.trusted, at.max_calls) for name, at in trunks.items()},
        devices=compiler.core_devices(prompts),
        agents=compiler.core_agents(),
        queues=compiler.queues(prompts),
        numbers=compiler.numbers(found),
        flows=flows,
        order_by=model.hotline.order_by,
        max_calls=limits.calls,
        unanswered_max_s=model.limits.unanswered_max_s,
        bye_answer_s=model.limits.bye_answer_s,
    )
    return Hotline(
        file=path,
        settings=settings,
        name=model.hotline.name,
        timezone=compiler.timezone(),
        language=model.hotline.language,
        listen=compiler.listen(),
        trunks=trunks,
        devices=compiler.devices(),
        media=compiler.media(),
        control=compiler.control(),
        prompts=prompts,
        music=compiler.music(),
        attributes=dict(model.attributes),
        journal=compiler.path(model.journal) if model.journal is not None else None,
        records=compiler.path(model.records) if model.records is not None else None,
        log=compiler.log(),
        limits=limits,
        files=files,
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


def shown(path: Path) -> str:
    """A path as a person would write it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.path.join("..", "..")) else relative


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
