"""``acd demo``."""

from pathlib import Path
from typing import Annotated

import typer

from acd.cli.options import UNUSABLE, fail


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    file: Annotated[Path, typer.Argument(help="The hotline's YAML file.", exists=True, dir_okay=False)],
    calls: Annotated[int | None, typer.Option(min=1, max=100_000, help="So many calls, then end.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object about the calls.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same callers.")] = 1,
) -> None:
    """Run a hotline with callers and agents of its own, real SIP and RTP on loopback, and watch it live.

    Without --calls it goes on until Ctrl-C (or q).

    Example: acd demo examples/bank/hotline.yaml --calls 20 --json
    """
    if as_json and calls is None:
        fail(UNUSABLE, "--json needs --calls: how many? For example --calls 20")
    from simulator.phones.demo import run  # here, because SIP and media take their time to import

    raise typer.Exit(run(file, calls, seed, as_json=as_json))
