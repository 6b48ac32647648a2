"""The commands, put together; other packages add theirs by the entry-point group ``acd.commands``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from acd.cli.output import complain

GROUP = "acd.commands"
PARTS: Final = {
    "engine": ("run", "check"),
    "look": ("status", "queues", "agents", "calls", "alarms", "top"),
    "orders": ("reload", "drain", "agent", "call", "queue"),
    "overlay": ("hours", "surge", "overlay"),
    "flow": ("flow",),
    "journal": ("replay",),
    "report": ("report",),
    "quality": ("quality",),
    "explain": ("explain",),
    "trunks": ("trunks",),
    "trace": ("trace",),
}
"""Our modules, and the commands that each has."""


def build(words: Sequence[str] = ()) -> typer.Typer:
    """The whole ``acd``. When `words` begin with a command of our own only its module is in it: a command need not
    wait for the import of the others."""
    app = typer.Typer(
        name="acd",
        epilog="Exit codes: 0 done, 1 the engine said no or a check found errors, 2 wrong usage or no engine to ask.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # they print local variables, and those may hold a secret
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    asked = [part for part, commands in PARTS.items() if words and words[0] in commands]
    for part in asked or PARTS:
        import_module(f"acd.cli.{part}").register(app)
    if not asked:
        _plug_in(app)
    return app


def main() -> None:
    """The console script."""
    build(sys.argv[1:])()


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version
        from importlib.util import find_spec

        core = find_spec("acd.core.engine")
        source = core is not None and (core.origin or "").endswith(".py")
        print(f"acd {version('hotline-acd')}{'' if source else ' compiled'}")
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """A contact centre: SIP in, IVR, queues, the right agent."""


def _plug_in(app: typer.Typer) -> None:
    """Each entry is a function that takes the app and adds commands. A broken one is named and left out."""
    from importlib.metadata import entry_points

    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            entry.load()(app)
        except Exception as problem:  # whatever a plugin does, the other commands must work
            complain(
                f"the commands of {entry.name!r} ({entry.value}) are left out: {type(problem).__name__}: {problem}"
            )
