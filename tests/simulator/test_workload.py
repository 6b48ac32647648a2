"""Who calls: rates as forecast, busier days, shares, and the same callers whatever the hotline does."""

import math
from pathlib import Path
from statistics import fmean, pvariance

import pytest

from acd.config.yaml import parse
from simulator.scenario import Scenario, checked
from simulator.workload import Caller, Rate, Workload

BASE = """\
version: 1
run: {{start: "2026-03-02T08:00:00+08:00", length_s: {length}, seed: 7, replications: 2}}
arrivals: {arrivals}
{more}
callers:
  young: {{number: main, share: 3, patience: {{exponential: {{mean_s: 300}}}}, calling: "13"{redial}}}
  old:
    {{number: main, share: 1, patience: 60, attributes: {{age: {{one_of: [[70, 1], [80, 1]]}}}},
     keys: ["1", {{press: {{one_of: [["2", 1], ["", 3]]}}, after: 4}}]}}
handling: [{{talk: {{exponential: {{mean_s: 90}}}}}}]
"""


def made(arrivals: str, *, length: float = 7200, more: str = "", redial: str = "", base: Path = Path()) -> Scenario:
    text = BASE.format(arrivals=arrivals, length=length, more=more, redial=redial)
    return checked(parse(text, "scenario.yaml"), base)


def callers(scenario: Scenario, replication: int = 0) -> list[Caller]:
    return list(Workload(scenario, "carrier", replication).callers())


def counts(scenario: Scenario, every_s: float, replications: int) -> list[list[int]]:
    """Calls per interval, one list per replication."""
    length = scenario.model.run.length_s
    found = []
    for replication in range(replications):
        row = [0] * math.ceil(length / every_s)
        for caller in callers(scenario, replication):
            row[int(caller.at // every_s)] += 1
        found.append(row)
    return found


def assert_poisson(found: list[int], expected: float) -> None:
    """The mean is as expected within four standard errors, and the variance is the mean's."""
    assert abs(fmean(found) - expected) < 4 * math.sqrt(expected / len(found))
    assert 0.75 < pvariance(found) / expected < 1.3


def test_a_constant_rate_is_a_poisson_process() -> None:
    rows = counts(made("{young: {per_hour: 120}}", length=36_000), 600, 6)
    assert_poisson([n for row in rows for n in row], 20)


def test_all_is_split_by_share() -> None:
    everybody = callers(made("{all: {per_hour: 4000}}"))
    young = sum(caller.kind == "young" for caller in everybody)
    assert abs(young / len(everybody) - 0.75) < 4 * math.sqrt(0.75 * 0.25 / len(everybody))
    assert [caller.at for caller in everybody] == sorted(caller.at for caller in everybody)


@pytest.mark.parametrize(("shape", "expected"), [("steps", [100, 300, 100, 300]), ("linear", [125, 250, 150, 275])])
def test_intervals_in_steps_and_straight_lines(shape: str, expected: list[float]) -> None:
    """Straight lines run between the middles: the first quarter-hours of 100, 300, 100, 300 hold 125, 250, 150, 275."""
    text = f"{{young: {{intervals: {{every_s: 900, calls: [100, 300, 100, 300], shape: {shape}}}}}}}"
    rows = counts(made(text, length=3600), 900, 60)
    for i, mean in enumerate(expected):
        assert abs(fmean(row[i] for row in rows) - mean) < 4 * math.sqrt(mean / 60)


def test_after_the_last_interval_the_list_begins_anew() -> None:
    rows = counts(made("{young: {intervals: {every_s: 900, calls: [400, 0]}}}", length=3600), 900, 2)
    assert all(row[1] == row[3] == 0 and row[0] > 300 < row[2] for row in rows)


def test_a_straight_line_is_inverted_exactly() -> None:
    """With one uniform number for every call, the n-th of a rate 0 … 2 comes where n units are used up."""
    one_each = Rate([0.0, 100.0], [0.0], [2.0])
    times = list(one_each.times(lambda: -math.expm1(-1.0)))
    assert times == pytest.approx([10 * math.sqrt(n) for n in range(1, len(times) + 1)])
    assert len(times) in (99, 100)


def test_busier_days_and_half_hours_spread_the_counts() -> None:
    """Over-dispersion: Var N = m + m²·cv², shared by all half-hours of a day, or each of its own."""
    daily = made("{young: {per_hour: 2000}}", more="busyness: {daily_cv: 0.2}", length=900)
    totals = [sum(row) for row in counts(daily, 900, 150)]
    assert fmean(totals) == pytest.approx(500, rel=0.06)
    assert math.sqrt(pvariance(totals)) / 500 == pytest.approx(math.sqrt(0.2**2 + 1 / 500), rel=0.2)
    half = made("{young: {per_hour: 2000}}", more="busyness: {interval_cv: 0.2, interval_s: 900}", length=36_000)
    cells = [n for row in counts(half, 900, 3) for n in row]
    assert math.sqrt(pvariance(cells)) / 500 == pytest.approx(math.sqrt(0.2**2 + 1 / 500), rel=0.2)


def test_weekdays_begin_at_midnight() -> None:
    """The run begins on a Monday at 08:00: sixteen hours later it is Tuesday."""
    more = "busyness: {weekdays: {mon: 2, tue: 0}}"
    monday, tuesday = counts(made("{young: {per_hour: 600}}", more=more, length=2 * 57_600), 57_600, 1)[0]
    assert abs(monday - 16 * 1200) < 4 * math.sqrt(16 * 1200)
    assert tuesday == 0


def test_a_surge_multiplies_those_it_names() -> None:
    more = "world: {faults: {surge: [{at_s: 1800, lasts_s: 1800, times: 5, callers: [old]}]}}"
    everybody = callers(made("{all: {per_hour: 2000}}", more=more))
    old = [caller.at for caller in everybody if caller.kind == "old"]
    during = sum(1800 <= at < 3600 for at in old)
    before = sum(at < 1800 for at in old)
    assert before == pytest.approx(250, rel=0.25)
    assert during == pytest.approx(1250, rel=0.12)


def test_counts_out_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(
        "start,calls\n2026-03-02T08:30,300\n2026-03-02T09:00+08:00,0\n2026-03-02T09:30,600\n"
    )
    rows = counts(made("{young: {counts_csv: calls.csv}}", base=tmp_path), 1800, 10)
    assert [row[0] for row in rows] == [0] * 10 == [row[2] for row in rows]
    assert fmean(row[1] for row in rows) == pytest.approx(300, rel=0.08)
    assert fmean(row[3] for row in rows) == pytest.approx(600, rel=0.06)


def test_calls_out_of_a_csv_come_exactly_then(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "at,who\n2026-03-02T08:00:30,x\n2026-03-02T00:00:10.5+00:00,y\n2026-03-01T08:00,z\n"
    )
    scenario = made("{all: {calls_csv: log.csv}}", base=tmp_path)
    assert [caller.at for caller in callers(scenario)] == [10.5, 30.0]
    assert [caller.at for caller in callers(scenario, 1)] == [10.5, 30.0]


def test_what_a_caller_brings() -> None:
    old = [caller for caller in callers(made("{all: {per_hour: 4000}}")) if caller.kind == "old"]
    assert {caller.attributes["age"] for caller in old} == {70, 80}
    assert {caller.patience_s for caller in old} == {60.0}
    assert {caller.keys[0] for caller in old} == {("1", 2.0)}
    silent = sum(caller.keys[1] == ("", 4.0) for caller in old)
    assert abs(silent / len(old) - 0.75) < 4 * math.sqrt(0.75 * 0.25 / len(old))
    assert len({caller.calling for caller in old}) == len(old)


def brought(caller: Caller) -> tuple[object, ...]:
    return (caller.at, caller.kind, caller.patience_s, caller.u_talk, caller.u_wrap_up, caller.calling)


def test_same_seed_same_callers_and_replications_are_independent() -> None:
    scenario = made("{all: {per_hour: 4000}}")
    first, again, other = (callers(scenario, n) for n in (0, 0, 1))
    assert [brought(caller) for caller in first] == [brought(caller) for caller in again]
    assert not {caller.at for caller in first} & {caller.at for caller in other}
    n = min(len(first), len(other))
    talks = [(a.u_talk - 0.5) * (b.u_talk - 0.5) for a, b in zip(first[:n], other[:n], strict=True)]
    assert abs(fmean(talks)) < 4 / 12 / math.sqrt(n)


def test_one_stream_per_cause() -> None:
    """Another patience moves nobody's arrival or talk; another type's arrivals leave these callers as they are."""
    plain, patient = made("{all: {per_hour: 900}}"), made("{all: {per_hour: 900}}")
    patient.model.callers["young"] = plain.model.callers["young"].model_copy(
        update={"patience": plain.model.callers["old"].patience}
    )
    for a, b in zip(callers(plain), callers(patient), strict=True):
        assert (a.at, a.kind, a.u_talk, a.keys) == (b.at, b.kind, b.u_talk, b.keys)
    alone = callers(made("{young: {per_hour: 500}}"))
    beside = [c for c in callers(made("{young: {per_hour: 500}, old: {per_hour: 200}}")) if c.kind == "young"]
    assert [brought(caller) for caller in alone] == [brought(caller) for caller in beside]


def test_who_was_not_served_may_call_again() -> None:
    scenario = made("{young: {per_hour: 4000}}", redial=", redial: {share: 0.5, after: 120, at_most: 2}")
    workload = Workload(scenario, "carrier", 0)
    everybody = list(workload.callers())
    second = [again for caller in everybody if (again := workload.again(caller)) is not None]
    assert abs(len(second) / len(everybody) - 0.5) < 4 * math.sqrt(0.25 / len(everybody))
    assert {again.at for again in second} == {120.0}
    third = [again for caller in second if (again := workload.again(caller)) is not None]
    assert all(workload.again(caller) is None for caller in third)
    first = {caller.serial: caller for caller in everybody}
    assert all(first[again.serial].u_talk == again.u_talk for again in second)  # the same errand
    assert sum(first[again.serial].patience_s == again.patience_s for again in second) == 0
