"""Counting and its names; determinism; the same callers for two hotlines; days on which nothing is as usual."""

import json
import math
import multiprocessing
from typing import Any

import pytest

from acd.core.engine import Engine
from acd.core.settings import Agent, Queue, Settings
from simulator.report import page
from simulator.results import Results, differences, differences_as_json
from simulator.run import simulate
from simulator.scenario import Scenario
from simulator.tables import folded, print_results, sentences
from simulator.tally import Book, Ended, Stay, Tally
from simulator.world import play
from tests.simulator.hotlines import hotline, markov, scenario

# --------------------------------------------------------------------------------------------------------- counting


def call(at: float, wait_s: float, result: str = "answered", **more: Any) -> Ended:
    return Ended("any", at, result, [Stay("main", at, at + wait_s, result)], wait_s, wait_s > 0, **more)


def test_five_definitions_of_the_service_level() -> None:
    """Ten queue: six answered (three within 20 s), four abandon after 2, 10, 30 and 40 s; short is below 5 s."""
    tally = Tally([20.0])
    for wait_s in (0, 5, 20, 21, 30, 60):
        tally.add(call(0, wait_s), 5)
    for wait_s in (2, 10, 30, 40):
        tally.add(call(0, wait_s, "abandoned"), 5)
    assert dict(tally.levels()) == {
        "service_level/20/default": 3 / 9,
        "service_level/20/of_queued": 3 / 10,
        "service_level/20/of_answered": 3 / 6,
        "service_level/20/abandoned_in_time_as_met": 5 / 10,
        "service_level/20/less_abandoned_in_time": 3 / 8,
    }


def test_percentiles_round_up_to_a_tenth() -> None:
    tally = Tally([20.0])
    assert tally.percentile(50) is None
    for wait_s in (0, 0, 0.01, 3.14, 7.0):
        tally.add(call(0, wait_s), 5)
    assert [tally.percentile(p) for p in (20, 40, 50, 80, 99)] == [0, 0, 0.1, 3.2, 7.0]


def test_an_interval_owns_the_calls_that_arrive_in_it_and_the_time_that_passes_in_it() -> None:
    book = Book(0, 1800, 900, [20.0], 5)
    book.call(call(890, 30))
    book.work((), 800, 1000, busy=False)
    assert [tally.offered for tally in book.intervals] == [1, 0]
    assert [tally.queue_s for tally in book.intervals] == [10, 20]
    assert [shift.staffed_s for shift in book.staff_intervals] == [100, 100]


def test_warm_up_and_the_end_cut_time_not_calls() -> None:
    book = Book(100, 1000, 900, [20.0], 5)
    book.call(call(50, 60))  # arrived in the warm-up, waits 10 s beyond it
    book.call(call(990, 100))  # waits 10 s within the run, and is counted whole
    assert book.total.offered == 1
    assert book.total.wait_s == 100
    assert book.total.queue_s == 20


# ----------------------------------------------------------------------------------------------------- determinism


def small(more: str = "") -> tuple[Settings, Scenario]:
    return hotline(6), markov(
        calls_per_hour=70,
        patience="{weibull: {mean_s: 200, shape: 0.8}}",
        length_s=7200,
        warm_up_s=600,
        replications=3,
        more=more,
    )


def text(results: Results) -> str:
    return json.dumps(results.as_json())


def test_same_seed_same_bytes_in_any_number_of_processes() -> None:
    settings, given = small()
    alone = simulate("a", settings, given, processes=1)
    again = simulate("a", settings, given, processes=1)
    beside = simulate("a", settings, given, processes=3)
    assert text(alone) == text(again) == text(beside)
    assert page([alone], None) == page([beside], None)


def test_replications_differ_and_another_seed_differs() -> None:
    settings, given = small()
    results = simulate("a", settings, given, processes=1)
    waits = {one.total["mean_wait_s"] for one in results.replications}
    assert len(waits) == 3
    run = given.model.run.model_copy(update={"seed": 2})
    given.model = given.model.model_copy(update={"run": run})
    others = simulate("a", settings, given, processes=1)
    assert not waits & {one.total["mean_wait_s"] for one in others.replications}


def test_progress_rises_to_the_end() -> None:
    settings, given = small()
    for processes in (1, 2):
        told: list[float] = []
        simulate("a", settings, given, processes=processes, progress=told.append)
        assert told == sorted(told)
        assert all(0 <= share <= 1 for share in told)


def test_an_interrupt_ends_all_processes() -> None:
    """A thousand days that would take hours are given up at once, in every process."""

    def interrupted(share: float) -> None:
        raise KeyboardInterrupt

    given = markov(calls_per_hour=1000, length_s=864_000, replications=1000)
    with pytest.raises(KeyboardInterrupt):
        simulate("a", hotline(100), given, processes=2, progress=interrupted)
    assert multiprocessing.active_children() == []


# ------------------------------------------------------------------------------------------------------- the names

NAMES = [
    "offered", "queued", "answered", "abandoned", "abandoned_short", "blocked", "probability_of_wait",
    "probability_of_abandon", "mean_wait_s", "mean_wait_answered_s", "wait_p50_s", "wait_p80_s", "wait_p90_s",
    "wait_p95_s", "wait_p99_s", "service_level", "mean_queue_length", "mean_ring_s", "mean_talk_s", "mean_hold_s",
    "mean_wrap_up_s", "mean_handling_s", "mean_agents", "occupancy", "redials", "unreached", "consultations",
    "transfers",
]  # fmt: skip


def test_the_documented_names() -> None:
    settings, given = small()
    facts = simulate("a", settings, given, processes=1).as_json()
    assert list(facts["total"]) == NAMES
    assert set(facts["total"]["mean_wait_s"]) == {"mean", "ci95"}
    assert list(facts["total"]["service_level"]["20"]) == [
        "default",
        "of_queued",
        "of_answered",
        "abandoned_in_time_as_met",
        "less_abandoned_in_time",
    ]
    assert (list(facts["queues"]), list(facts["caller_types"])) == (["main"], ["caller"])
    assert [one["start"] for one in facts["intervals"][:2]] == [
        "2026-03-02T00:00:00+08:00",
        "2026-03-02T00:15:00+08:00",
    ]
    assert len(facts["intervals"]) == 8
    json.dumps(facts, allow_nan=False)


def outcomes(facts: dict[str, Any]) -> float:
    """All ways in which a call ended."""
    ways = set(facts) - set(NAMES) | {"answered", "abandoned", "blocked"}
    return math.fsum(facts[name]["mean"] for name in ways if "mean" in facts[name])


def test_outcomes_sum_to_the_offered() -> None:
    queue = Queue("main", max_length=3, max_wait_s=40, nobody_signed_on="wait")
    given = markov(calls_per_hour=200, patience="{exponential: {mean_s: 60}}", length_s=7200, warm_up_s=0)
    facts = simulate("a", hotline(5, queues={"main": queue}, max_calls=9), given, processes=1).as_json()["total"]
    assert {"max_wait", "queue_full"} <= set(facts)
    assert outcomes(facts) == pytest.approx(facts["offered"]["mean"])


# ------------------------------------------------------------------------------------------------------- comparing


def test_two_hotlines_meet_the_same_callers() -> None:
    """One more agent: every replication has as many calls, and the paired interval is far narrower than unpaired."""
    given = markov(calls_per_hour=114, patience="{exponential: {mean_s: 300}}", length_s=14_400, replications=6)
    before, after = (simulate(str(n), hotline(n), given, processes=1) for n in (10, 11))
    for one, other in zip(before.replications, after.replications, strict=True):
        assert one.total["offered"] == other.total["offered"]
    difference = differences(before, after)
    wait = difference["total"]["mean_wait_s"]
    assert wait.mean < 0
    assert wait.mean == pytest.approx(after.total["mean_wait_s"].mean - before.total["mean_wait_s"].mean)  # type: ignore[union-attr]
    assert wait.ci95 < before.total["mean_wait_s"].ci95  # type: ignore[union-attr]
    [everybody, callers] = sentences(difference)
    assert everybody.startswith(f"all: wait −{-wait.mean:.1f} s ± {wait.ci95:.1f}, ")
    assert callers.startswith("caller: wait −")
    assert differences_as_json(difference)["total"]["offered"] == {"mean": 0.0, "ci95": 0.0}
    assert "The difference, on the same callers" in page([before, after], difference)


def test_a_hotline_against_itself_differs_in_nothing() -> None:
    settings, given = small()
    one, other = (simulate(name, settings, given, processes=1) for name in "ab")
    total = differences(one, other)["total"]
    assert {name for name, estimate in total.items() if estimate.mean} == set()


def test_a_table_as_wide_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    settings, given = small()
    print_results(simulate("a", settings, given, processes=1))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for title in ("offered", "wait s", "in 20 s", "gave up", "AHT s", "occupancy"):
        assert out.count(title) == 1
    assert out.count("\nall ") == 2


def test_columns_are_folded_where_they_do_not_fit() -> None:
    columns = [["offered", "1,729"], ["wait s", "12.7 ± 6.3"], ["gave up", "4.4 %"]]  # 7, 10 and 7 wide
    assert folded(columns, 30) == [columns]
    assert folded(columns, 29) == [columns[:2], columns[2:]]
    assert folded(columns, 5) == [[column] for column in columns]
    assert folded([], 30) == []


# ---------------------------------------------------------------------------------------------- unusual days


def test_a_day_without_calls(capsys: pytest.CaptureFixture[str]) -> None:
    results = simulate("a", hotline(3), markov(calls_per_hour=0, length_s=7200), processes=1)
    facts = results.as_json()["total"]
    assert facts["offered"]["mean"] == 0
    assert facts["mean_wait_s"] is None
    assert facts["service_level"]["20"]["default"] is None
    assert (facts["occupancy"]["mean"], facts["mean_agents"]["mean"]) == (0, 3)
    print_results(results)
    assert "all" in capsys.readouterr().out
    assert "<svg" in page([results], None)


def test_a_day_without_agents() -> None:
    """Where queues are left when nobody is signed on, all are turned away; where they wait, all give up."""
    given = markov(calls_per_hour=60, patience="{exponential: {mean_s: 100}}", length_s=7200, warm_up_s=0)
    leave = simulate("a", hotline(0, queues={"main": Queue("main")}), given, processes=1).as_json()["total"]
    assert leave["nobody_signed_on"]["mean"] == leave["offered"]["mean"] > 0
    wait = simulate("a", hotline(0), given, processes=1).as_json()["total"]
    assert wait["abandoned"]["mean"] == wait["offered"]["mean"] == leave["offered"]["mean"]
    assert wait["probability_of_wait"]["mean"] == 1
    assert (wait["occupancy"], wait["mean_talk_s"]) == (None, None)


def test_agents_without_telephones_are_no_help() -> None:
    people = [Agent("a0"), Agent("a1", device=None)]
    given = markov(calls_per_hour=60, patience="50", length_s=3600, warm_up_s=0)
    facts = simulate("a", hotline(people=people), given, processes=1).as_json()["total"]
    assert facts["answered"]["mean"] == 0


def test_more_calls_than_the_limit() -> None:
    given = markov(calls_per_hour=2000, patience="never", length_s=3600, warm_up_s=0, replications=2)
    facts = simulate("a", hotline(10, max_calls=25), given, processes=1).as_json()["total"]
    assert facts["blocked"]["mean"] > 0.9 * (facts["offered"]["mean"] - facts["answered"]["mean"])
    assert facts["mean_queue_length"]["mean"] <= 15
    assert facts["occupancy"]["mean"] > 0.95


def test_a_flow_that_serves_itself_asks_for_nobody() -> None:
    given = markov(calls_per_hour=60, length_s=3600, warm_up_s=0, replications=2)
    settings = hotline(1)
    settings.flows["main"].steps = ()
    facts = simulate("a", settings, given, processes=1).as_json()["total"]
    assert facts["self_service"]["mean"] == facts["offered"]["mean"]
    assert (facts["queued"]["mean"], facts["probability_of_abandon"]) == (0, None)


def test_a_roster_over_midnight_and_a_run_that_begins_within_it() -> None:
    given = scenario(
        """\
        version: 1
        run: {start: "2026-03-02T23:00:00+08:00", length_s: 36000, replications: 1}
        arrivals: {caller: {per_hour: 0}}
        callers: {caller: {number: main, patience: never}}
        handling: [{talk: 60}]
        agents: {roster: [
          {agents: [a0], start: "22:00", end: "06:00", breaks: [{at: "02:00", lasts_s: 1800}]},
          {count: 1, start: "07:00", end: "15:00"}]}
        measure: {interval_s: 3600}
        """
    )
    book = play(hotline(3), given, 0)
    assert [shift.staffed_s / 3600 for shift in book.staff_intervals] == [1, 1, 1, 0.5, 1, 1, 1, 0, 1, 1]


def test_memory_does_not_grow_with_calls() -> None:
    """Ten times the calls leave no more behind, neither in the world nor in the engine."""
    left = []
    for hours in (1, 10):
        engine = Engine()
        given = markov(calls_per_hour=400, aht_s=60, patience="60", length_s=hours * 3600.0, warm_up_s=0)
        book = play(hotline(7), given, 0, core=engine)
        view = engine.view(hours * 3600.0 + 20_000)
        left.append((len(view.calls), view.legs, view.timers, len(book.total.waits) <= 601))
    assert left[0] == left[1] == (0, 0, 0, True)


def test_the_report_marks_what_is_more_than_chance() -> None:
    """Half as many agents: the wait is worse, beyond doubt; the same hotline again: nothing is marked."""
    given = markov(calls_per_hour=100, aht_s=120, patience="60", length_s=4 * 3600, replications=6)
    six, three = (simulate(f"{n}.yaml", hotline(n), given, processes=1) for n in (6, 3))
    worse, same = page([six, three], differences(six, three)), page([six, six], differences(six, six))
    assert '<span class="up">+' in worse
    assert '<span class="down">' not in worse.partition("In colour")[0]
    assert "<span" not in same.partition("<table>")[2].partition("In colour")[0]
    assert worse.count("<svg") == 8
    assert "stroke-dasharray" in worse, "told apart on a printer without colours"


def test_days_are_named_where_a_run_has_several() -> None:
    given = markov(calls_per_hour=5, length_s=3 * 86_400, replications=1)
    shown = page([simulate("a", hotline(1), given, processes=1)], None)
    assert all(f">{day} " in shown for day in ("Mon", "Tue", "Wed"))
