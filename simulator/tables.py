"""Results as a person reads them in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from acd.cli.output import print_table
from simulator.results import PAIRED, Results, Summary
from simulator.statistics import Estimate

COLUMNS: Sequence[tuple[str, str]] = (
    ("offered", "offered"),
    ("answered", "answered"),
    ("abandoned", "abandoned"),
    ("blocked", "blocked"),
    ("mean_wait_s", "wait s"),
    ("wait_p90_s", "90 % ≤ s"),
    ("probability_of_wait", "had to wait"),
    ("probability_of_abandon", "gave up"),
    ("mean_queue_length", "queue"),
    ("mean_handling_s", "AHT s"),
    ("occupancy", "occupancy"),
)
SHARES = ("probability_of_wait", "probability_of_abandon", "occupancy")


def print_results(results: Results) -> None:
    run = results.scenario.model.run
    print(
        f"{results.configuration} ({results.version}) under {results.scenario.document.file}: "
        f"{len(results.replications)} × {run.length_s / 3600:g} h from {run.start.isoformat()}, seed {run.seed}; "
        "mean ± half of the 95 % confidence interval"
    )
    levels = [f"service_level/{threshold:g}/default" for threshold in results.scenario.model.measure.thresholds_s]
    columns = [*COLUMNS, *((level, f"in {level.split('/')[1]} s") for level in levels)]
    groups: dict[str, Summary] = {"all": results.total}
    groups |= {f"queue {name}": one for name, one in results.queues.items()}
    groups |= {f"caller {name}": one for name, one in results.caller_types.items()}
    groups |= dict(results.agent_groups)
    rows = [
        [name, *(_shown(measure, one.get(measure), measure in levels) for measure, _ in columns)]
        for name, one in groups.items()
    ]
    print_table(["", *(f"{title}>" for _, title in columns)], rows, empty="nothing was simulated")
    others = {name: one for name, one in results.total.items() if name in OTHERS and one is not None and one.mean}
    if others:
        print("also: " + ", ".join(f"{name.replace('_', ' ')} {_number(one)}" for name, one in others.items()))


OTHERS = frozenset(
    {"self_service", "hung_up_in_flow", "cancelled", "max_wait", "queue_full", "nobody_signed_on", "closed"}
    | {"expected_wait_too_long", "key_pressed", "failed", "media_lost"}
    | {"unfinished", "unreached", "redials", "abandoned_short", "consultations", "transfers"}
)


def _shown(measure: str, one: Estimate | None, level: bool) -> str:
    if one is None:
        return "–"
    if level or measure in SHARES:
        spread = "" if one.ci95 is None else f" ± {one.ci95 * 100:.1f}"
        return f"{one.mean * 100:.1f}{spread} %"
    return _number(one)


def _number(one: Estimate) -> str:
    digits = 0 if abs(one.mean) >= 1000 else 1
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
