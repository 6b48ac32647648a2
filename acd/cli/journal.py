"""``acd replay``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from acd.cli.options import NO, OK, UNUSABLE, Json, fail
from acd.cli.output import complain, print_json


def register(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    journal: Annotated[list[Path], typer.Argument(help="A journal's directory, or segments of it in their order.")],
    as_json: Json = False,
) -> None:
    """Feed a journal to a fresh engine and compare what it commands with what was commanded then.

    Exit 0: the same to the last command. 1: not the same (the first difference is shown). 2: no journal to read.

    Example: acd replay run/journal
    """
    from acd.journal import JournalError
    from acd.journal import replay as again

    try:
        result = again(journal)
    except (JournalError, OSError) as problem:
        fail(UNUSABLE, str(problem))
    if as_json:
        print_json({"exact": result.exact, **asdict(result)})
    else:
        for note in result.notes:
            complain(note)
        what = f"{result.events} events, {result.commands} commands, {result.records} records"
        print(f"{what}: the same to the last command" if result.exact else result.difference)
    raise typer.Exit(OK if result.exact else NO)
