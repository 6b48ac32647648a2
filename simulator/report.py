"""The report of a simulation: one self-contained HTML page that a manager can print, and the figures as JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

from simulator.results import Results, Summary
from simulator.statistics import Estimate
from simulator.svg import Series, chart
from simulator.tables import sentences

STYLE = """
body{font:14px/1.45 system-ui,"Noto Sans SC",sans-serif;color:#222;max-width:900px;margin:2em auto;padding:0 1em}
h1{font-size:22px;margin-bottom:.2em}h2{font-size:17px;margin:1.6em 0 .4em}p.m{color:#555;margin-top:0}
table{border-collapse:collapse;width:100%;font-size:12.5px}td,th{padding:3px 7px;text-align:right}
td,th{border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
svg{width:100%;height:auto;margin:.5em 0;break-inside:avoid}
svg .t{font:600 14px sans-serif}svg .a{font:11px sans-serif;fill:#555}svg .g{stroke:#e3e3e3}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}section{break-inside:avoid}}
"""


def write_report(
    directory: Path, found: Sequence[Results], facts: Mapping[str, Any], difference: Mapping[str, Any] | None
) -> None:
    """Write results.json and report.html. Raises `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (directory / "results.json").write_text(text + "\n", encoding="utf-8")
    (directory / "report.html").write_text(page(found, difference), encoding="utf-8")


def page(found: Sequence[Results], difference: Mapping[str, Any] | None) -> str:
    """The whole page, nothing loaded from elsewhere."""
    run, scenario = found[0].scenario.model.run, found[0].scenario.document.file
    title = " against ".join(one.configuration for one in reversed(found))
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>',
        f"<h1>{escape(title)}</h1>",
        f'<p class="m">{escape(scenario)}: {len(found[0].replications)} replications of {run.length_s / 3600:g} h from '
        f"{escape(run.start.isoformat())}, seed {run.seed}. Means; ± is half of a 95 % confidence interval, and so are "
        "the bands.</p>",
    ]
    if difference is not None:
        parts.append("<h2>The difference, on the same callers</h2><ul>")
        parts += [f"<li>{escape(line)}</li>" for line in sentences(difference)]
        parts.append("</ul>")
    for one in found:
        parts += _one(one, len(found) > 1)
    return "\n".join(parts) + "\n"


def _one(results: Results, named: bool) -> list[str]:
    parts = [f"<h2>{escape(results.configuration)}</h2>"] if named else []
    parts.append(f"<section>{_table(results)}</section>")
    return parts + [f"<section>{picture}</section>" for picture in charts(results)]


def charts(results: Results) -> list[str]:
    """What happened over the day, one picture each."""
    run, measure = results.scenario.model.run, results.scenario.model.measure
    labels = [
        (run.start + timedelta(seconds=i * measure.interval_s)).strftime("%H:%M") for i in range(len(results.intervals))
    ]
    threshold = f"{measure.thresholds_s[0]:g}"
    watched = [(i + 1) * measure.interval_s > run.warm_up_s for i in range(len(labels))]
    intervals = [one if seen else {} for one, seen in zip(results.intervals, watched, strict=True)]

    def series(name: str, measure: str) -> Series:
        found = [one.get(measure) for one in intervals]
        return Series(name, [e.mean if e else None for e in found], [e.ci95 if e else None for e in found])

    return [
        chart("Calls per interval", labels, [series("offered", "offered"), series("answered", "answered")]),
        chart("Wait, seconds", labels, [series("mean", "mean_wait_s"), series("90 % within", "wait_p90_s")]),
        chart("Callers waiting", labels, [series("mean queue length", "mean_queue_length")]),
        chart(
            f"Answered within {threshold} s, and gave up (share)",
            labels,
            [
                series("service level", f"service_level/{threshold}/default"),
                series("gave up", "probability_of_abandon"),
            ],
            top=1.0,
        ),
        chart("Agents at work", labels, [series("mean agents", "mean_agents")]),
        chart("Occupancy (share)", labels, [series("occupancy", "occupancy")], top=1.0),
    ]


COLUMNS = (
    ("offered", "offered", 1.0),
    ("answered", "answered", 1.0),
    ("abandoned", "abandoned", 1.0),
    ("blocked", "blocked", 1.0),
    ("mean_wait_s", "wait, s", 1.0),
    ("wait_p90_s", "90 % within, s", 1.0),
    ("probability_of_abandon", "gave up, %", 100.0),
    ("mean_handling_s", "AHT, s", 1.0),
    ("occupancy", "occupancy, %", 100.0),
)


def _table(results: Results) -> str:
    levels = [
        (f"service_level/{threshold:g}/default", f"in {threshold:g} s, %", 100.0)
        for threshold in results.scenario.model.measure.thresholds_s
    ]
    columns = (*COLUMNS, *levels)
    groups: dict[str, Summary] = {"all": results.total}
    groups |= {f"queue {name}": one for name, one in results.queues.items()}
    groups |= {f"caller {name}": one for name, one in results.caller_types.items()}
    groups |= dict(results.agent_groups)
    head = "".join(f"<th>{title}</th>" for _, title, _ in columns)
    rows = [
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{_cell(one.get(measure), scale)}</td>" for measure, _, scale in columns)
        + "</tr>"
        for name, one in groups.items()
    ]
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _cell(one: Estimate | None, scale: float) -> str:
    if one is None:
        return "–"
    digits = 0 if abs(one.mean * scale) >= 1000 else 1
    spread = "" if one.ci95 is None else f" ± {one.ci95 * scale:,.{digits}f}"
    return f"{one.mean * scale:,.{digits}f}{spread}"
