"""What the simulator adds to `acd`: the entry point of the group ``acd.commands``."""

import typer

from simulator.erlang_commands import erlang


def register(app: typer.Typer) -> None:
    """Add the simulator's commands to `app`."""
    app.add_typer(erlang, name="erlang")
