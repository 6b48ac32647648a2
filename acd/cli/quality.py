"""``acd quality``: how calls sounded, by the legs' own records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import typer

from acd.cli.options import NO, UNUSABLE, Json, fail
from acd.cli.output import iso, print_json, print_table
from acd.cli.past import HotlineFile, Records, Since, Until, instant, records_at

if TYPE_CHECKING:
    from acd.records.place import Place
    from acd.records.read import Heard

By: TypeAlias = Literal["party", "agent", "codec"]
POOR_MOS: Final = 3.6
"""Below it many users are dissatisfied (ITU-T G.107, annex B: R = 70)."""


def register(app: typer.Typer) -> None:
    app.command()(quality)


def quality(
    call: Annotated[str | None, typer.Argument(help="A call, as in acd calls and in the records.")] = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[
        By, typer.Option("--by", help="A row for each: party is the caller's trunk, or the device.")
    ] = "party",
    worst: Annotated[
        int | None, typer.Option("--worst", min=1, help="In place of the rows: so many legs, the worst first.")
    ] = None,
    records: Records = None,
    config: HotlineFile = None,
    as_json: Json = False,
) -> None:
    """How calls sounded: loss and jitter of what came in, an estimated MOS (1 to 4.5), what the far end said of ours.

    Of a call: each of its legs. Otherwise of all calls that began in a time, by trunk and device, the worst first.
    Poor is a MOS below 3.6; silent, a leg of which no packet came.

    Exit 1: the records know no such call, or not how it sounded. 2: no records.

    Example: acd quality 1-17
    Example: acd quality --from 2026-03-02T08:00 --worst 20
    """
    if call is not None and (since or until or worst):
        fail(UNUSABLE, "a call, or a time and --worst; not both")
    legs = _read(records_at(records, config), call, instant(since, -math.inf), instant(until, math.inf))
    if call is not None and not legs:
        fail(NO, f"the records do not know how {call} sounded")
    if call is None and worst is None:
        rows = _rows(legs, by)
        if as_json:
            print_json([{by: name, **_facts(of)} for name, of in rows])
        else:
            _print_rows(rows, by)
        return
    if worst is not None:
        legs = sorted((heard for heard in legs if heard.leg.quality.packets), key=lambda heard: heard.leg.quality.mos)
        legs = legs[:worst]
    if as_json:
        print_json([_plain(heard) for heard in legs])
    else:
        _print_legs(legs)


def _read(records: Place, call: str | None, since: float, until: float) -> list[Heard]:
    from acd.records.database import RecordsError
    from acd.records.read import read_legs

    try:
        return list(
            read_legs(
                records,
                call=call,
                since=since if since > -math.inf else None,
                until=until if until < math.inf else None,
            )
        )
    except RecordsError as problem:
        fail(UNUSABLE, str(problem))


# ----------------------------------------------------------------------------------------------------------- legs


def party(heard: Heard) -> str:
    """Whose leg it was: where the caller came from, or the device that was rung."""
    leg = heard.leg
    return (heard.source if leg.role == "caller" else f"device:{leg.device}" if leg.device else "") or "unknown"


def _plain(heard: Heard) -> dict[str, Any]:
    leg = asdict(heard.leg)
    began = iso(heard.started_at) if heard.started_at is not None else None
    return {"call": leg.pop("call"), "started_at": began, "party": party(heard), **leg.pop("quality"), **leg}


def _print_legs(legs: Sequence[Heard]) -> None:
    columns = ["call", "leg", "since", "role", "party", "agent", "codec", "SRTP", "packets>"]
    columns += ["MOS>", "loss>", "jitter>", "far loss>", "far jitter>", "round trip>"]
    cells = []
    for heard in legs:
        leg, quality = heard.leg, heard.leg.quality
        began = iso(heard.started_at) if heard.started_at is not None else None
        far = (_share(quality.far_loss), _ms(quality.far_jitter_s), _ms(quality.round_trip_s))
        heard_by_us = (_share(quality.loss), _ms(quality.jitter_s))
        who = (leg.call, leg.leg, began, leg.role, party(heard), leg.agent, quality.codec, quality.secure)
        cells.append([*who, quality.packets, _mos(quality.mos), *heard_by_us, *far])
    print_table(columns, cells, empty="No leg in that time.")


# ------------------------------------------------------------------------------------------------------ many legs


def _rows(legs: Iterable[Heard], by: By) -> list[tuple[str, list[Heard]]]:
    """The legs by what they have in common, the worst first."""
    found: dict[str, list[Heard]] = {}
    for heard in legs:
        name = {"party": party(heard), "agent": heard.leg.agent or "", "codec": heard.leg.quality.codec}[by]
        if name:
            found.setdefault(name, []).append(heard)
    return sorted(found.items(), key=lambda row: (_facts(row[1])["mean_mos"] or math.inf, row[0]))


def _facts(legs: Sequence[Heard]) -> dict[str, Any]:
    """Figures of what was heard, means over legs; None where nothing was."""
    heard = [one.leg.quality for one in legs if one.leg.quality.packets]
    return {
        "legs": len(legs),
        "silent": len(legs) - len(heard),
        "poor": sum(one.mos < POOR_MOS for one in heard),
        "mean_mos": _mean([one.mos for one in heard]),
        "worst_mos": min((one.mos for one in heard), default=None),
        "mean_loss": _mean([one.loss for one in heard]),
        "worst_loss": max((one.loss for one in heard), default=None),
        "mean_jitter_s": _mean([one.jitter_s for one in heard]),
        "worst_jitter_s": max((one.jitter_s for one in heard), default=None),
        "mean_far_loss": _mean([one.far_loss for one in heard if one.far_loss is not None]),
        "mean_round_trip_s": _mean([one.round_trip_s for one in heard if one.round_trip_s is not None]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _print_rows(rows: list[tuple[str, list[Heard]]], by: By) -> None:
    columns = [by, "legs>", "silent>", "poor>", "MOS>", "worst>", "loss>", "worst>", "jitter>", "worst>"]
    cells = []
    for name, legs in rows:
        of = _facts(legs)
        counts = (of["legs"], of["silent"], of["poor"])
        mos, loss = (_mos(of["mean_mos"]), _mos(of["worst_mos"])), (_share(of["mean_loss"]), _share(of["worst_loss"]))
        jitter = (_ms(of["mean_jitter_s"]), _ms(of["worst_jitter_s"]))
        far = (_share(of["mean_far_loss"]), _ms(of["mean_round_trip_s"]))
        cells.append([name, *counts, *mos, *loss, *jitter, *far])
    print_table([*columns, "far loss>", "round trip>"], cells, empty="No leg in that time.")


def _mos(value: float | None) -> str | None:
    return f"{value:.2f}" if value is not None else None


def _share(value: float | None) -> str | None:
    return f"{100 * value:.1f} %" if value is not None else None


def _ms(seconds: float | None) -> str | None:
    return f"{1000 * seconds:.0f} ms" if seconds is not None else None
