"""`acd erlang b|c|a`: the classical formulas, for planners."""

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Annotated

import typer

from simulator.oracles import Load, Steady, agents_needed, erlang_a, erlang_b, erlang_c

erlang = typer.Typer(
    help="Staffing formulas: how many agents, what wait. Exact steady states, not simulations.", no_args_is_help=True
)

CallsPerHour = Annotated[float, typer.Option("--calls-per-hour", min=0, help="Calls that arrive in an hour.")]
Aht = Annotated[float, typer.Option("--aht", min=0, help="Mean handling time in seconds: talk, hold and wrap-up.")]
Agents = Annotated[int | None, typer.Option("--agents", min=1, max=1_000_000, help="Agents at work.")]
Level = Annotated[
    float | None,
    typer.Option("--service-level", help="Instead of --agents: find the fewest that answer this share, such as 0.8."),
]
Within = Annotated[float, typer.Option("--within", min=0, help="Service level: answered within so many seconds.")]
NOT_ASKED = "Not asked here; taken so that one line of options does for all three."
NoWithin = Annotated[float | None, typer.Option("--within", min=0, help=NOT_ASKED)]
NoPatience = Annotated[float | None, typer.Option("--patience", help=NOT_ASKED)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
EXAMPLES = {
    "b": "Example: acd erlang b --agents 100 --calls-per-hour 1140 --aht 300",
    "c": "Example: acd erlang c --service-level 0.8 --within 20 --calls-per-hour 1140 --aht 300",
    "a": "Example: acd erlang a --agents 100 --calls-per-hour 1140 --aht 300 --patience 300 --within 20 --json",
}


@erlang.command(epilog=EXAMPLES["b"])
def b(
    calls_per_hour: CallsPerHour,
    aht: Aht,
    agents: Agents = None,
    service_level: Level = None,
    within: NoWithin = None,  # nobody waits
    patience: NoPatience = None,  # nor hangs up
    as_json: AsJson = False,
) -> None:
    """Nobody waits: who finds all agents (or lines) busy is lost. The service level is the share not lost."""
    load = _load(calls_per_hour, aht)
    _answer("b", load, agents, service_level, as_json, lambda n: erlang_b(n, load))


@erlang.command(epilog=EXAMPLES["c"])
def c(
    calls_per_hour: CallsPerHour,
    aht: Aht,
    agents: Agents = None,
    service_level: Level = None,
    within: Within = 20,
    patience: NoPatience = None,  # nobody hangs up
    as_json: AsJson = False,
) -> None:
    """Everybody waits until served: nobody hangs up."""
    load = _load(calls_per_hour, aht)
    _answer("c", load, agents, service_level, as_json, lambda n: erlang_c(n, load, within), within_s=within)


@erlang.command(epilog=EXAMPLES["a"])
def a(
    calls_per_hour: CallsPerHour,
    aht: Aht,
    patience: Annotated[float, typer.Option("--patience", help="Mean seconds a caller would wait before hanging up.")],
    agents: Agents = None,
    service_level: Level = None,
    within: Within = 20,
    lines: Annotated[
        int | None, typer.Option("--lines", min=1, help="Lines in all; further calls are blocked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Callers who have waited too long hang up."""
    load = _load(calls_per_hour, aht)
    if not patience > 0:
        raise typer.BadParameter(
            f"{patience:g} is no time a caller could wait; give seconds above 0", param_hint="--patience"
        )
    if lines is not None and agents is None:
        raise typer.BadParameter(
            "lines go with --agents: how many agents is asked for enough lines", param_hint="--lines"
        )
    if lines is not None and agents is not None and lines < agents:
        raise typer.BadParameter(f"{lines} lines cannot keep {agents} agents busy", param_hint="--lines")
    _answer(
        "a",
        load,
        agents,
        service_level,
        as_json,
        lambda n: erlang_a(n, load, patience, within, lines),
        within_s=within,
        patience_s=patience,
    )


def _load(calls_per_hour: float, aht_s: float) -> Load:
    for value, option in ((calls_per_hour, "--calls-per-hour"), (aht_s, "--aht")):
        if not 0 < value < math.inf:
            raise typer.BadParameter(f"{value:g} does not do; give a number above 0", param_hint=option)
    return Load(calls_per_hour=calls_per_hour, aht_s=aht_s)


def _answer(
    formula: str,
    load: Load,
    agents: int | None,
    service_level: float | None,
    as_json: bool,
    steady: Callable[[int], Steady],
    **asked: float,
) -> None:
    if (agents is None) == (service_level is None):
        raise typer.BadParameter("give either --agents or --service-level", param_hint="--agents")
    if service_level is None:
        assert agents is not None
        found = steady(agents)
    else:
        if not 0 < service_level < 1:
            raise typer.BadParameter(
                f"{service_level:g} is no share that can be reached; give one between 0 and 1, such as 0.8",
                param_hint="--service-level",
            )
        found = agents_needed(steady, service_level)
    facts = {"formula": formula, "calls_per_hour": load.calls_per_hour, "aht_s": load.aht_s, **asked}
    facts |= dataclasses.asdict(found)
    if as_json:
        typer.echo(json.dumps({name: _finite(value) for name, value in facts.items()}))
    else:
        for name, value in facts.items():
            typer.echo(f"{name.replace('_', ' '):26}{_readable(value)}")


def _finite(value: object) -> object:
    """JSON has no infinity: a wait that grows for ever is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _readable(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if math.isfinite(value) else "grows for ever"
    return str(value)
