"""What the simulator adds to `acd`: the entry point of the group ``acd.commands``."""

import typer

from simulator.erlang_commands import erlang
from simulator.simulate_command import simulate_command

EXAMPLE = "Example: acd simulate hotline.yaml scenario.yaml --seeds 20 --out report"


def register(app: typer.Typer) -> None:
    """Add the simulator's commands to `app`."""
    app.add_typer(erlang, name="erlang")
    app.command("simulate", epilog=EXAMPLE)(simulate_command)
