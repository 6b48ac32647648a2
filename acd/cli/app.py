"""The commands, put together; other packages add theirs by the entry-point group ``acd.commands``."""

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from acd.cli import engine, explain, flow, journal, look, orders, overlay, quality, report, trace, trunks
from acd.cli.output import complain

GROUP = "acd.commands"


def build(words: Sequence[str] = ()) -> typer.Typer:
    """The whole ``acd``. Plugins are left out when `words` begin with a command of our own: it need not wait for
    the import of theirs."""
    app = typer.Typer(
        name="acd",
        epilog="Exit codes: 0 done, 1 the engine said no or a check found errors, 2 wrong usage or no engine to ask.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # they print local variables, and those may hold a secret
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for part in (engine, look, orders, overlay, flow, journal, report, quality, explain, trunks, trace):
        part.register(app)
    own = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    own |= {group.name for group in app.registered_groups if group.name}
    if not words or words[0] not in own:
        _plug_in(app)
    return app


def main() -> None:
    """The console script."""
    build(sys.argv[1:])()


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"acd {version('hotline-acd')}")
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """A contact centre: SIP in, IVR, queues, the right agent."""


def _plug_in(app: typer.Typer) -> None:
    """Each entry is a function that takes the app and adds commands. A broken one is named and left out."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            entry.load()(app)
        except Exception as problem:  # whatever a plugin does, the other commands must work
            complain(
                f"the commands of {entry.name!r} ({entry.value}) are left out: {type(problem).__name__}: {problem}"
            )
