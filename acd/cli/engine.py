"""``acd run`` and ``acd check``: the two that read a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TypeAlias

import typer

from acd.cli.options import NO, OK, UNUSABLE, Json, fail
from acd.cli.output import complain, print_json

if TYPE_CHECKING:
    from acd.config.problem import Problem

Level: TypeAlias = Literal["debug", "info", "warning", "error"]


def register(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(check)


def run(
    file: Annotated[Path, typer.Argument(help="The hotline's YAML file.", exists=True, dir_okay=False)],
    log: Annotated[
        Level | None, typer.Option("--log", help="How much to log, whatever the configuration says.")
    ] = None,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End with whoever holds the other end of standard input.")
    ] = False,
) -> None:
    """Run the engine until it is told to stop (Ctrl-C, SIGTERM, or drained).

    Example: acd run examples/bank/hotline.yaml --log debug
    """
    from acd.live import process  # here, because SIP, media and the event loop take their time to import

    raise typer.Exit(process.run(file, log_level=log, until_stdin_closes=until_stdin_closes))


def check(
    file: Annotated[Path | None, typer.Argument(help="The hotline's YAML file.", dir_okay=False)] = None,
    as_json: Json = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a hotline's file, for editors, and exit.")
    ] = False,
) -> None:
    """Check a configuration and its flows: each mistake as file:line:column, what is wrong, what would be right.

    Example: acd check examples/bank/hotline.yaml
    """
    from acd import config  # here, because pydantic takes its time to import

    if schema:
        print(json.dumps(config.json_schema(), indent=2, ensure_ascii=False))
        return
    if file is None:
        fail(UNUSABLE, "which file? For example: acd check hotline.yaml")
    if not file.is_file():
        fail(UNUSABLE, f"{file}: no such file")
    tell(file, config.check(file), as_json)


def tell(file: Path, problems: Sequence[Problem], as_json: bool) -> NoReturn:
    """What a check found; ends the command with 1 if an error is among it."""
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        print_json({"file": str(file), "ok": not errors, "problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            print(problem)
        counted = f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}"
        complain(f"{file}: {counted if problems else 'all is well'}")
    raise typer.Exit(NO if errors else OK)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
