"""The report of a simulation: one self-contained HTML page that a manager can print, and the figures as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

from simulator.results import Results, Summary
from simulator.statistics import Estimate
from simulator.svg import Series, chart

STYLE = """
@page{size:A4;margin:14mm}
body{font:14px/1.45 system-ui,"Noto Sans CJK SC","Noto Sans SC",sans-serif;color:#222;max-width:1060px;margin:2em auto;
padding:0 1em}
h1{font-size:22px;margin:0 0 .1em}h2{font-size:16px;margin:1.5em 0 .4em;break-after:avoid}
p.m{color:#555;margin:.1em 0;font-size:12.5px}
.k{display:grid;grid-template-columns:repeat(6,1fr);gap:10px;margin:1.1em 0}
.k div{border:1px solid #d5dbe3;border-top:3px solid #1f5fa8;border-radius:3px;padding:6px 10px}
.k b{display:block;font-size:21px;white-space:nowrap}.k span{color:#555;font-size:11.5px;display:block}
table{border-collapse:collapse;width:100%;font-size:12.5px;font-variant-numeric:tabular-nums}
td,th{padding:3px 8px;text-align:right;white-space:nowrap;border-bottom:1px solid #e3e3e3}
th{color:#555;font-weight:600;vertical-align:bottom;white-space:normal;line-height:1.2}
td:first-child,th:first-child{text-align:left}
tr{break-inside:avoid}thead{display:table-header-group}
tr.s td{font-weight:600;border-bottom:1px solid #999;padding-top:10px}tr.all td{font-weight:600}
small{color:#777;font-size:10.5px;font-weight:400}
.up,.down{font-weight:700}.up{color:#b03a12}.down{color:#1d6e3a}
.c{display:grid;grid-template-columns:1fr 1fr;gap:6px 22px}
svg{width:100%;height:auto;break-inside:avoid}
svg .t{font:600 13px system-ui,sans-serif}svg .a{font:11px system-ui,sans-serif;fill:#555}svg .g{stroke:#e3e3e3}
@media print{body{margin:0;padding:0;max-width:none;font-size:12px;print-color-adjust:exact;
-webkit-print-color-adjust:exact}
h1{font-size:18px}
h2.f{break-before:page}p.m{font-size:10.5px}table{font-size:10px}td,th{padding:2px 5px}
small{font-size:8.5px}.k b{font-size:16px}
.k span{font-size:9.5px}}
"""
# Measure, title, factor
COLUMNS: Sequence[tuple[str, str, float]] = (
    ("offered", "offered", 1.0),
    ("answered", "answered", 1.0),
    ("abandoned", "gave up", 1.0),
    ("blocked", "blocked", 1.0),
    ("probability_of_abandon", "gave up, %", 100.0),
    ("mean_wait_s", "wait, s", 1.0),
    ("wait_p90_s", "90 % within, s", 1.0),
    ("mean_handling_s", "handling, s", 1.0),
    ("occupancy", "occupancy, %", 100.0),
)
BETTER_HIGH = ("answered", "service_level")
NEITHER = ("offered", "mean_handling_s", "occupancy", "mean_agents")
DAY_S = 86_400.0


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
    names = _names(found)
    title = " against ".join(reversed(names))
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>',
        f"<h1>{escape(title)}</h1>",
        *_preface(found),
    ]
    if difference is not None:
        parts += ["<h2>The difference, on the same callers</h2>", _difference(found, names, difference)]
    else:
        parts.append(_tiles(found[0]))
    pictures = "".join(charts(found, names))
    parts += ["<h2>Over the time of day</h2>", f'<div class="c">{pictures}</div>']
    for name, one in zip(names, found, strict=True):
        parts += [f'<h2 class="f">{escape(name) if len(found) > 1 else "In figures"}</h2>', _table(one), _also(one)]
    return "\n".join([*parts, _footnote(found[0])]) + "\n"


def _names(found: Sequence[Results]) -> list[str]:
    """Of the files, without their folders where that tells them apart."""
    short = [one.configuration.rpartition("/")[2] for one in found]
    return short if len(set(short)) == len(short) else [one.configuration for one in found]


def _preface(found: Sequence[Results]) -> Iterator[str]:
    run, scenario, count = found[0].scenario.model.run, found[0].scenario.document.file, len(found[0].replications)
    files = ", ".join(f"{one.configuration} ({one.version})" for one in found)
    warm_up = f", the first {run.warm_up_s / 60:g} min not measured" if run.warm_up_s else ""
    yield f'<p class="m">Configuration {escape(files)}; scenario {escape(scenario)}.</p>'
    yield (
        f'<p class="m">{count} {"replication" if count == 1 else "replications"} of {run.length_s / 3600:g} h from '
        f"{run.start.strftime('%A %Y-%m-%d %H:%M %z')}{warm_up}, seed {run.seed}. "
        + ("One replication says little: let there be ten or more." if count == 1 else "Means ± half of the 95 % ")
        + ("" if count == 1 else "confidence interval; so are the bands.")
        + "</p>"
    )


# ------------------------------------------------------------------------------------------------------- figures


def _level(results: Results) -> tuple[str, str]:
    """The service level of the first threshold, and what it is called."""
    threshold = f"{results.scenario.model.measure.thresholds_s[0]:g}"
    return f"service_level/{threshold}/default", f"in {threshold} s, %"


def _tiles(results: Results) -> str:
    level, name = _level(results)
    total = results.total
    shown = (
        ("offered", "calls offered", 1.0, ""),
        (level, f"answered {name.removesuffix(', %')}", 100.0, " %"),
        ("mean_wait_s", "mean wait", 1.0, " s"),
        ("wait_p90_s", "90 % wait no longer", 1.0, " s"),
        ("probability_of_abandon", "gave up", 100.0, " %"),
        ("occupancy", "occupancy of agents", 100.0, " %"),
    )
    tiles = (_tile(total.get(measure), title, scale, unit) for measure, title, scale, unit in shown)
    return f'<div class="k">{"".join(tiles)}</div>'


def _tile(one: Estimate | None, title: str, scale: float, unit: str) -> str:
    value = "–" if one is None else f"{_number(one.mean * scale)}{unit}"
    spread = "&nbsp;" if one is None or one.ci95 is None else f"± {_number(one.ci95 * scale, one.mean * scale)}"
    return f"<div><span>{escape(title)}</span><b>{value}</b><span>{spread}</span></div>"


def _number(value: float, like: float | None = None) -> str:
    """With as many digits as a figure of this size, or such as `like`, deserves."""
    return f"{value:,.{0 if abs(value if like is None else like) >= 1000 else 1}f}"


def _cell(one: Estimate | None, scale: float) -> str:
    if one is None:
        return "–"
    spread = "" if one.ci95 is None else f" <small>± {_number(one.ci95 * scale, one.mean * scale)}</small>"
    return f"{_number(one.mean * scale)}{spread}"


def _groups(results: Results) -> Iterator[tuple[str, dict[str, Summary]]]:
    yield "", {"all": results.total}
    yield "queues", results.queues
    yield "caller types", results.caller_types
    for kind in ("team", "site"):
        agents = {name.partition("/")[2]: one for name, one in results.agent_groups.items() if name.startswith(kind)}
        yield f"agents by {kind}", agents


def _table(results: Results) -> str:
    levels = [
        (f"service_level/{threshold:g}/default", f"in {threshold:g} s, %", 100.0)
        for threshold in results.scenario.model.measure.thresholds_s
    ]
    total = results.total
    columns = [one for one in COLUMNS if one[0] != "blocked" or _is_some(total.get("blocked"))]
    columns[5:5] = levels
    head = "".join(f"<th>{title}</th>" for _, title, _ in columns)
    rows = []
    for title, groups in _groups(results):
        if title and groups:
            rows.append(f'<tr class="s"><td colspan="{len(columns) + 1}">{title}</td></tr>')
        for name, one in groups.items():
            cells = "".join(f"<td>{_cell(one.get(measure), scale)}</td>" for measure, _, scale in columns)
            rows.append(f"<tr{'' if title else ' class=all'}><td>{escape(name)}</td>{cells}</tr>")
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _is_some(one: Estimate | None) -> bool:
    return one is not None and one.mean > 0


KNOWN = ("offered", "queued", "answered", "abandoned", "blocked")


def _also(results: Results) -> str:
    """What else became of calls, and what else was counted."""
    counted = {name: one for name, one in results.total.items() if one is not None and not name.endswith("_s")}
    others = [
        f"{name.replace('_', ' ')} {_cell(one, 1.0)}"
        for name, one in counted.items()
        if name not in KNOWN
        and not name.startswith(("probability", "service_level", "mean_", "occupancy"))
        and one.mean
    ]
    return f'<p class="m">Also: {", ".join(others)}.</p>' if others else ""


# ---------------------------------------------------------------------------------------------------- comparing


def _difference(found: Sequence[Results], names: Sequence[str], difference: Mapping[str, Any]) -> str:
    """Before, after and the paired difference, by caller type; in colour what is more than chance."""
    level, title = _level(found[0])
    columns = (
        ("mean_wait_s", "wait, s", 1.0),
        ("wait_p90_s", "90 % within, s", 1.0),
        (level, title, 100.0),
        ("probability_of_abandon", "gave up, %", 100.0),
    )
    head = "".join(f'<th colspan="3" style="text-align:center">{name}</th>' for _, name, _ in columns)
    which = "".join(f"<th>{escape(Path(name).stem)}</th>" for name in names) + "<th>difference</th>"
    before, after = found
    rows = [("all", before.total, after.total, difference["total"])]
    rows += [
        (name, before.caller_types[name], after.caller_types[name], one)
        for name, one in difference["caller_types"].items()
    ]
    lines = []
    for name, one, other, apart in rows:
        cells = "".join(
            f"<td>{_plain(one.get(measure), scale)}</td><td>{_plain(other.get(measure), scale)}</td>"
            f"<td>{_changed(measure, apart.get(measure), scale)}</td>"
            for measure, _, scale in columns
        )
        lines.append(f"<tr{' class=all' if name == 'all' else ''}><td>{escape(name)}</td>{cells}</tr>")
    return (
        f"<table><thead><tr><th></th>{head}</tr><tr><th></th>{which * len(columns)}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
        '<p class="m">In colour what is more than chance (zero lies outside the interval): <span class="down">better'
        '</span>, <span class="up">worse</span>.</p>'
    )


def _plain(one: Estimate | None, scale: float) -> str:
    return "–" if one is None else _number(one.mean * scale)


def _changed(measure: str, one: Estimate | None, scale: float) -> str:
    if one is None:
        return "–"
    sign = "−" if one.mean < 0 else "+"
    text = f"{sign}{_number(abs(one.mean) * scale)}"
    if one.ci95 is None:
        return text
    if abs(one.mean) > one.ci95 and not measure.startswith(NEITHER):
        good = (one.mean > 0) == measure.startswith(BETTER_HIGH)
        text = f'<span class="{"down" if good else "up"}">{text}</span>'
    return f"{text} <small>± {_number(one.ci95 * scale)}</small>"


# ------------------------------------------------------------------------------------------------------ pictures


def charts(found: Sequence[Results], names: Sequence[str]) -> list[str]:
    """What happened over the day, one picture each; two configurations in the same."""
    run, step_s = found[0].scenario.model.run, found[0].scenario.model.measure.interval_s
    count = len(found[0].intervals)
    form = "%H:%M" if run.length_s <= DAY_S else "%a %H:%M" if run.length_s <= 3 * DAY_S else "%m-%d"
    labels = [(run.start + timedelta(seconds=i * step_s)).strftime(form) for i in range(count)]
    watched = [(i + 1) * step_s > run.warm_up_s for i in range(count)]
    level, title = _level(found[0])

    def picture(title: str, *lines: tuple[str, str], shares: bool = False, top: float | None = None) -> str:
        series = []
        for which, (name, results) in enumerate(zip(names, found, strict=True)):
            for line, measure in lines if len(found) == 1 else lines[:1]:
                intervals = [one if seen else {} for one, seen in zip(results.intervals, watched, strict=True)]
                at = [one.get(measure) for one in intervals]
                values, half = [e.mean if e else None for e in at], [e.ci95 if e else None for e in at]
                series.append(
                    Series(line if len(found) == 1 else name, values, half, dashed=len(found) == 2 > which + 1)
                )
        return chart(title, labels, series, shares=shares, top=top)

    return [
        picture("Calls per interval", ("offered", "offered"), ("answered", "answered")),
        picture(f"Answered {title.removesuffix(', %')}", ("service level", level), shares=True, top=1.0),
        picture("Mean wait, seconds", ("of all who asked for an agent", "mean_wait_s")),
        picture("90 % wait no longer than, seconds", ("90 % within", "wait_p90_s")),
        picture("Callers waiting", ("mean queue length", "mean_queue_length")),
        picture("Gave up", ("of all who asked for an agent", "probability_of_abandon"), shares=True),
        picture("Agents at work", ("mean of the interval", "mean_agents")),
        picture("Occupancy of agents", ("occupancy", "occupancy"), shares=True, top=1.0),
    ]


def _footnote(results: Results) -> str:
    short = results.scenario.model.measure.short_abandon_s
    return (
        '<p class="m">Wait: from first joining a queue to the answer or the end, ringing included. Gave up: hung up '
        "while waiting, of all who asked for an agent. In T s: answered within T ÷ (asked for an agent − gave up "
        f"within {short:g} s). Handling: ring, talk, hold and wrap-up. Occupancy: the share of agents' time at work "
        "that calls take.</p>"
    )
