"""Simulated agents who ask a colleague while the caller is on hold, and leave the caller with him or take him back."""

import pytest

from acd.core.settings import Agent, Queue, Settings, WrapUp
from simulator.results import Replication
from simulator.world import play
from tests.simulator.hotlines import hotline, scenario
from tests.simulator.test_world import day, watch

QUEUES = {
    "main": Queue("main", {"main": 1}, nobody_signed_on="wait"),
    "cards": Queue("cards", {"cards": 3}, teams=("experts",), nobody_signed_on="wait"),
}
PEOPLE = [
    Agent("a0", device="d0", skills={"main": 5}),
    Agent("a1", device="d1", skills={"cards": 2}, teams=("experts",)),
    Agent("a2", device="d2", skills={"cards": 5}, teams=("experts",)),
]


def floor(**queue: object) -> Settings:
    main = Queue("main", {"main": 1}, nobody_signed_on="wait", **queue)  # type: ignore[arg-type] # one of its fields
    return hotline(queues={**QUEUES, "main": main}, people=PEOPLE)


def asked(more: str) -> str:
    return f", consult: {{share: 1, lasts: 20, {more}}}"


def test_the_caller_is_left_with_the_colleague() -> None:
    """The agent talks for 60 s, rings the only one who may serve cards, tells him for 20 s, and leaves."""
    said, total = watch(floor(), day(["10"], handling=asked("queue: cards")))
    assert said[4:] == [
        "12.20 answered 1-4.1",
        "72.20 > start 1-4.2",
        "72.40 rings 1-4.2",
        "74.40 answered 1-4.2",
        "94.40 > end 1-4.1 hangup",
        "94.60 ended 1-4.1 us hangup",
        "154.50 ended 1-4.0 peer hangup",
        "154.50 > end 1-4.2 hangup",
        "154.50 > record answered after 2.20",
        "154.70 ended 1-4.2 us hangup",
    ]
    assert (total["consultations"], total["transfers"], total["answered"]) == (1, 1, 1)
    assert total["mean_hold_s"] == pytest.approx(22.2)
    assert total["mean_talk_s"] == pytest.approx(120.1)


def test_the_agent_takes_his_caller_back() -> None:
    said, total = watch(floor(), day(["10"], handling=asked("queue: cards, transfer: 0, after: 15")))
    assert said[7:] == [
        "74.40 answered 1-4.2",
        "94.40 > end 1-4.2 hangup",
        "94.60 ended 1-4.2 us hangup",
        "109.50 ended 1-4.0 peer hangup",
        "109.50 > end 1-4.1 hangup",
        "109.50 > record answered after 2.20",
        "109.70 ended 1-4.1 us hangup",
    ]
    assert (total["consultations"], total["transfers"]) == (1, 0)


def test_a_colleague_who_does_not_take_it_is_asked_no_more() -> None:
    more = "agents: {behaviour: [{agents: [a2], reject: 1}]}"
    said, total = watch(floor(), day(["10"], handling=asked("agents: [a2]"), more=more))
    assert said[7:9] == ["74.40 ended 1-4.2 peer rejected", "84.50 ended 1-4.0 peer hangup"]
    assert (total["consultations"], total["transfers"]) == (1, 0)


@pytest.mark.parametrize(
    "nobody",
    ["skill: {skill: cards, at_least: 6}", "agents: [a0]", "queue: cards, agents: [a1]"],
)
def test_nobody_who_could_be_asked_nobody_is_rung(nobody: str) -> None:
    said, total = watch(floor(), day(["10"], handling=asked(nobody)))
    assert said[5] == "72.30 ended 1-4.0 peer hangup"
    assert total["consultations"] == 0


def test_the_caller_hangs_up_meanwhile_or_his_agent_is_lost() -> None:
    lost = "phones_down: [{agents: [a0], at_s: 50, lasts_s: 200}]"  # noticed at 80 s
    said, total = watch(floor(), day(["10"], handling=asked("agents: [a2]"), faults=lost))
    assert {"80.00 > end 1-4.2 hangup", "80.00 > record media_lost after 2.20", "250.00 ready a0"} <= set(said)
    assert total["transfers"] == 0
    gone = "trunk_down: [{trunk: carrier, at_s: 80, lasts_s: 10}]"
    said, total = watch(floor(), day(["10"], handling=asked("agents: [a2]"), faults=gone))
    assert {"80.10 > end 1-4.1 hangup", "80.10 > end 1-4.2 hangup"} <= set(said)
    assert total["transfers"] == 0


def test_both_wrap_up() -> None:
    settings = floor(wrap_up=WrapUp("timed", 30.0))
    _, total = watch(settings, day(["10"], handling=asked("queue: cards")))
    assert total["mean_wrap_up_s"] == 60
    until_done = floor(wrap_up=WrapUp("until_done"))
    _, total = watch(until_done, day(["10", "400"], handling=asked("queue: cards") + ", wrap_up: 40"))
    assert total["mean_wrap_up_s"] == 80
    assert total["answered"] == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_busy_day_loses_nobody_and_a_share_is_a_share(seed: int) -> None:
    """All of three agents serve, ask each other and hang up in every order; nothing is left over."""
    given = scenario(f"""\
        version: 1
        run: {{start: "2026-03-02T08:00:00+00:00", length_s: 36000, seed: {seed}, replications: 1}}
        arrivals: {{caller: {{per_hour: 140}}}}
        callers: {{caller: {{number: main, patience: {{exponential: {{mean_s: 120}}}}}}}}
        handling: [{{talk: {{exponential: {{mean_s: 60}}}}, agent_ends: 0.5, wrap_up: 5,
          consult: {{share: 0.3, transfer: 0.5, lasts: {{exponential: {{mean_s: 20}}}}, after: 5}}}}]
        agents: {{behaviour: [{{ring_delay: {{exponential: {{mean_s: 5}}}}, no_answer: 0.1, reject: 0.1}}]}}
        world: {{latency: {{exponential: {{mean_s: 0.3}}}}, failed: 0.02,
          faults: {{phones_down: [{{agents: [a1], at_s: 9000, lasts_s: 900}}]}}}}
        """)
    settings = hotline(6, queues={"main": Queue("main", nobody_signed_on="wait", wrap_up=WrapUp("until_done"))})
    total = Replication.of(0, play(settings, given, 0)).total
    assert total["offered"] == sum(
        total.get(name) or 0 for name in ("answered", "abandoned", "blocked", "failed", "media_lost", "unfinished")
    )
    assert not total.get("unfinished")
    asked, kept = total["consultations"], total["transfers"]
    assert asked is not None
    assert kept is not None
    assert 0.2 * (total["answered"] or 0) < asked <= 0.36 * (total["answered"] or 0)
    assert 0.3 * asked < kept < 0.55 * asked
