"""Options that several commands share, and how a command asks the engine."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from acd.cli.client import DEFAULT_PATH, NoEngine, Refused, connected
from acd.cli.output import complain

OK, NO, UNUSABLE = 0, 1, 2
"""Exit codes: done; the engine said no or a check found errors; wrong usage or no engine to ask."""

Control = Annotated[
    Path | None,
    typer.Option("--control", envvar="ACD_CONTROL", help="The engine's control socket.", show_default="run/acd.sock"),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A hotline's YAML file: take the control socket it names.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(code: int, text: str) -> NoReturn:
    complain(text)
    raise typer.Exit(code)


def control_path(control: Path | None, config: Path | None) -> Path:
    """Which socket is meant: the one named, the one of the configuration named, or the usual one."""
    if control is not None:
        return control
    if config is None:
        return DEFAULT_PATH
    from acd.config.load import ConfigError, load  # here, because it takes its time to import

    try:
        return load(config).control
    except (ConfigError, OSError) as problem:
        fail(UNUSABLE, str(problem))


def ask(control: Path | None, config: Path | None, verb: str, **args: Any) -> Any:
    """Ask the engine one thing. Ends the command with 1 if it says no, with 2 if there is none."""
    try:
        with connected(control_path(control, config)) as client:
            return client.ask(verb, **args)
    except Refused as no:
        fail(NO, str(no))
    except NoEngine as problem:
        fail(UNUSABLE, str(problem))
