"""Results as a person reads them in a terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from shutil import get_terminal_size
from typing import Any, Final

from acd.cli.output import print_table
from simulator.results import PAIRED, Results, Summary
from simulator.statistics import Estimate

WIDTH: Final = 100  # where it is not written to a terminal
BETWEEN: Final = 2  # blanks between two columns
LEVELS: Final = "service levels"
COLUMNS: Final = (
    ("offered", "offered"),
    ("mean_wait_s", "wait s"),
    ("wait_p90_s", "90 % ≤ s"),
    (LEVELS, ""),
    ("probability_of_abandon", "gave up"),
    ("probability_of_wait", "had to wait"),
    ("answered", "answered"),
    ("abandoned", "abandoned"),
    ("mean_queue_length", "queue"),
    ("mean_handling_s", "AHT s"),
    ("occupancy", "occupancy"),
)
"""What a planner looks for first stands first: what does not fit beside it is folded into further tables."""
SHARES = ("probability_of_wait", "probability_of_abandon", "occupancy")


def print_results(results: Results) -> None:
    run = results.scenario.model.run
    print(f"{results.configuration} ({results.version}) under {results.scenario.document.file}:")
    print(
        f"{len(results.replications)} × {run.length_s / 3600:g} h from {run.start.isoformat()}, seed {run.seed}; "
        "mean ± half of the 95 % confidence interval"
    )
    groups: dict[str, Summary] = {"all": results.total}
    groups |= {f"queue {name}": one for name, one in results.queues.items()}
    groups |= {f"caller {name}": one for name, one in results.caller_types.items()}
    groups |= dict(results.agent_groups)
    columns = [
        [title, *(_shown(measure, one.get(measure)) for one in groups.values())]
        for measure, title in _columns(results.scenario.model.measure.thresholds_s)
    ]
    width = get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
    for part in folded(columns, width - max(map(len, groups))):
        print()
        titles, *rows = zip(*part, strict=True)
        named = [[name, *row] for name, row in zip(groups, rows, strict=True)]
        print_table(["", *(f"{title}>" for title in titles)], named, empty="nothing was simulated")
    others = {name: one for name, one in results.total.items() if name in OTHERS and one is not None and one.mean}
    if others:
        print("\nalso: " + ", ".join(f"{name.replace('_', ' ')} {_number(one)}" for name, one in others.items()))


def _columns(thresholds_s: Sequence[float]) -> Iterator[tuple[str, str]]:
    """The measure of each column, and what stands over it."""
    for measure, title in COLUMNS:
        if measure == LEVELS:
            yield from ((f"service_level/{one:g}/default", f"in {one:g} s") for one in thresholds_s)
        else:
            yield measure, title


def folded(columns: Sequence[Sequence[str]], width: int) -> list[list[Sequence[str]]]:
    """The columns, in as many tables as it takes for none to be wider; one column at least is in each."""
    tables: list[list[Sequence[str]]] = []
    left = 0
    for column in columns:
        wide = BETWEEN + max(map(len, column))
        if wide > left:
            tables.append([])
            left = width
        tables[-1].append(column)
        left -= wide
    return tables


OTHERS = frozenset(
    {"blocked", "self_service", "hung_up_in_flow", "cancelled", "max_wait", "queue_full", "nobody_signed_on", "closed"}
    | {"expected_wait_too_long", "key_pressed", "failed", "media_lost"}
    | {"unfinished", "unreached", "redials", "abandoned_short", "consultations", "transfers"}
)


def _shown(measure: str, one: Estimate | None) -> str:
    if one is None:
        return "–"
    if measure in SHARES or measure.startswith("service_level/"):
        spread = "" if one.ci95 is None else f" ± {one.ci95 * 100:.1f}"
        return f"{one.mean * 100:.1f}{spread} %"
    return _number(one)


def _number(one: Estimate) -> str:
    digits = 0 if abs(one.mean) >= 100 else 1
    spread = "" if one.ci95 is None else f" ± {one.ci95:,.{digits}f}"
    return f"{one.mean:,.{digits}f}{spread}"


def sentences(difference: Mapping[str, Any]) -> list[str]:
    """The paired differences in words: "senior wait −4.1 s ± 0.3"."""
    groups: dict[str, Summary] = {"all": difference["total"], **difference["caller_types"]}
    lines = []
    for name, one in groups.items():
        parts = [_changed(measure, one.get(measure)) for measure in PAIRED]
        lines.append(f"{name}: " + ", ".join(part for part in parts if part))
    return lines


WORDS = {
    "mean_wait_s": "wait",
    "mean_wait_answered_s": "wait of those answered",
    "wait_p90_s": "90 % wait",
    "probability_of_abandon": "gave up",
}


def _changed(measure: str, one: Estimate | None) -> str:
    if one is None:
        return ""
    scale, unit = (100.0, "%-points") if measure.startswith("probability") else (1.0, "s")
    sign = "−" if one.mean < 0 else "+"
    spread = "" if one.ci95 is None else f" ± {one.ci95 * scale:.1f}"
    return f"{WORDS[measure]} {sign}{abs(one.mean) * scale:.1f} {unit}{spread}"
