"""`acd load CONFIG SCENARIO`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acd.cli.options import NO, UNUSABLE, fail
from acd.cli.output import print_json, print_table

if TYPE_CHECKING:
    from acd.config import Hotline
    from acd.config.problem import Problem
    from simulator.load.run import Loaded
    from simulator.results import Results, Summary
    from simulator.scenario import Scenario

EXAMPLE = "Example: acd load hotline.yaml scenario.yaml --compare"


def register(app: typer.Typer) -> None:
    app.command("load", epilog=EXAMPLE)(load)


def load(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The hotline's YAML file.")],
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="As for acd simulate.")],
    target: Annotated[
        str | None,
        typer.Option(metavar="sip:HOST:PORT", help="The engine that runs already takes the calls here."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Replications, one after the other.")] = 1,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="In place of the scenario's.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Simulate the same callers too, side by side.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write results.json and report.html in here.")] = None,
) -> None:
    """A scenario as real SIP and RTP, in real time: its callers and agents are telephones, the engine is the real one.

    Without --target it starts the engine itself. Agents sign on by the scenario's roster over the control socket.
    """
    hotline, played = _read(config, scenario)
    given = {"replications": seeds} | ({} if seed is None else {"seed": seed})
    played.model = played.model.model_copy(update={"run": played.model.run.model_copy(update=given)})
    done = _run(str(config), hotline, played, target)
    for problem, count in done.problems.items():
        print(f"{count} × {problem}", file=sys.stderr)
    if out is not None:
        _report(out, done, compare)
    if as_json:
        print_json(facts(done, compare))
    elif compare:
        _side_by_side(done)
    else:
        from simulator.tables import print_results

        print_results(done.live)


def facts(done: Loaded, compare: bool) -> dict[str, Any]:
    """The JSON: the results as of `acd simulate`, or both with their difference, and what went otherwise than meant."""
    from simulator.results import differences, differences_as_json

    if not compare:
        return done.live.as_json() | {"problems": dict(done.problems)}
    return {
        "format": 1,
        "simulated": done.simulated.as_json(),
        "live": done.live.as_json(),
        "difference": differences_as_json(differences(done.simulated, done.live)),
        "problems": dict(done.problems),
    }


def _report(out: Path, done: Loaded, compare: bool) -> None:
    from simulator.report import write_report
    from simulator.results import differences

    found = [done.simulated, done.live] if compare else [done.live]
    try:
        write_report(out, found, facts(done, compare), differences(*found) if compare else None)
    except OSError as error:
        fail(NO, f"{error.filename}: {error.strerror}")


def _chats(scenario: Scenario) -> list[Problem]:
    """What has no telephone."""
    return [
        scenario.document.problem(("callers", name, "channel"), "no telephone makes chats", "use `acd simulate`")
        for name, caller in scenario.model.callers.items()
        if caller.channel != "voice"
    ]


def _read(config: Path, scenario: Path) -> tuple[Hotline, Scenario]:
    from acd.config import ConfigError
    from acd.config import load as load_hotline
    from simulator.scenario import fit
    from simulator.scenario import load as load_scenario

    try:
        hotline, found = load_hotline(config), load_scenario(scenario)
        if problems := fit(found, hotline.settings) or _chats(found):
            raise ConfigError(problems)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        raise typer.Exit(NO) from None
    return hotline, found


def _run(name: str, hotline: Hotline, scenario: Scenario, target: str | None) -> Loaded:
    from media.client import MediaError  # here, because SIP and media take their time to import
    from simulator.load.places import target_of
    from simulator.load.run import load_run
    from simulator.phones.engine import Engine, Unplayable

    engine = None
    try:
        at = target_of(target) if target is not None else None
        engine = Engine(hotline) if at is None else None
        return load_run(name, hotline, scenario, at)
    except KeyboardInterrupt:
        fail(NO, "interrupted")
    except (Unplayable, MediaError, OSError) as error:
        fail(UNUSABLE, str(getattr(error, "strerror", None) or error))
    finally:
        if engine is not None:
            engine.stop()


# ------------------------------------------------------------------------------------------------------ for people

RARE = ("consultations", "transfers", "unreached", "redials")  # shown where there are any
SHOWN = ("offered", "answered", "abandoned", "mean_wait_s", "wait_p90_s", "probability_of_abandon", "mean_talk_s")


def _side_by_side(done: Loaded) -> None:
    from simulator.results import differences

    difference = differences(done.simulated, done.live)
    groups: list[tuple[str, Summary, Summary, Summary]] = [
        ("all", done.simulated.total, done.live.total, difference["total"])
    ]
    for kind, title in (("queues", "queue"), ("caller_types", "caller")):
        for name, apart in difference[kind].items():
            groups.append(
                (f"{title} {name}", getattr(done.simulated, kind)[name], getattr(done.live, kind)[name], apart)
            )
    levels = [f"service_level/{threshold:g}/default" for threshold in _thresholds(done.live)]
    rows = [
        [name, measure, *(_shown(one.get(measure)) for one in (simulated, live, apart))]
        for name, simulated, live, apart in groups
        if simulated.get("offered") is not None
        for measure in (*SHOWN, *levels, *RARE)
        if any(
            found is not None and (found.mean or measure not in RARE)
            for found in (simulated.get(measure), live.get(measure))
        )
    ]
    print_table(["", "measure", "simulated>", "live>", "live − simulated>"], rows, empty="nothing was played")


def _thresholds(results: Results) -> list[float]:
    return results.scenario.model.measure.thresholds_s


def _shown(one: Any) -> str:
    if one is None:
        return "–"
    return f"{one.mean:.3f}" + ("" if one.ci95 is None else f" ± {one.ci95:.3f}")
