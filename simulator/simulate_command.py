"""`acd simulate CONFIG [CONFIG] SCENARIO`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acd.cli.output import complain, print_json

if TYPE_CHECKING:  # what takes its time to import is imported by those who need it: every `acd …` reads this file
    from acd.config.load import Hotline
    from simulator.results import Results
    from simulator.scenario import Scenario


def simulate_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CONFIG [CONFIG] SCENARIO", help="A configuration, or two to compare, and a scenario."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Replications, in place of the scenario's.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="First seed, in place of the scenario's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write results.json and report.html in here.")] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Write the journal of the first replication: for acd replay.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="Replications beside each other (default: one a core).")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a scenario's file, for editors, and exit.")
    ] = False,
) -> None:
    """What would happen: the real engine, configuration and flows under virtual time.

    With two configurations both meet the same callers, and the difference is shown.
    """
    from simulator.run import prompt_lengths, simulate
    from simulator.scenario import json_schema

    if schema:
        print_json(json_schema())
        return
    files = files or []
    if not 2 <= len(files) <= 3:
        raise typer.BadParameter("give a configuration (or two) and a scenario", param_hint="CONFIG SCENARIO")
    *configurations, last = files
    scenario, hotlines = _read(configurations, last)
    _override(scenario, seeds, seed)
    found: list[Results] = []
    for path, hotline in zip(configurations, hotlines, strict=True):
        with _progress(path.name) as progress, _written():
            done = simulate(
                str(path),
                hotline.settings,
                scenario,
                prompts=prompt_lengths(hotline.prompts),
                hours=hotline.hours,
                processes=processes,
                progress=progress,
                journal=journal if not found else None,
            )
        found.append(done)
    _show(found, as_json, out)


def _read(configurations: list[Path], last: Path) -> "tuple[Scenario, list[Hotline]]":
    """Everything is read before anything is simulated; what is wrong is said with its place."""
    from acd.config.load import load as load_hotline
    from acd.config.problem import ConfigError
    from simulator.scenario import fit
    from simulator.scenario import load as load_scenario

    try:
        hotlines = [load_hotline(path) for path in configurations]
        scenario = load_scenario(last)
        problems = sorted({problem for hotline in hotlines for problem in fit(scenario, hotline.settings)})
        if problems:
            raise ConfigError(problems)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        raise typer.Exit(1) from None
    return scenario, hotlines


def _override(scenario: "Scenario", seeds: int | None, seed: int | None) -> None:
    given = {"replications": seeds, "seed": seed}
    run = scenario.model.run.model_copy(update={name: value for name, value in given.items() if value is not None})
    scenario.model = scenario.model.model_copy(update={"run": run})


@contextmanager
def _written() -> Iterator[None]:
    """A journal that cannot be written is said."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"{error.filename}: {error.strerror}")
        raise typer.Exit(1) from None


@contextmanager
def _progress(title: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error, when that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _show(found: "list[Results]", as_json: bool, out: Path | None) -> None:
    from simulator.report import write_report
    from simulator.results import differences, differences_as_json
    from simulator.tables import print_results, sentences

    facts = found[0].as_json()
    difference = None
    if len(found) == 2:
        difference = differences(*found)
        facts = {
            "format": 1,
            "configurations": [one.as_json() for one in found],
            "difference": differences_as_json(difference),
        }
    if out is not None:
        try:
            write_report(out, found, facts, difference)
        except OSError as error:
            complain(f"{error.filename}: {error.strerror}")
            raise typer.Exit(1) from None
    if as_json:
        print_json(facts)
        return
    for one in found:
        print_results(one)
        print()
    if difference is not None:
        print(f"{found[1].configuration} against {found[0].configuration}, on the same callers:")
        for line in sentences(difference):
            print(f"  {line}")
