"""Live agents who send their callers on with the telephone's own key, and who ask a colleague first."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.load.run import Loaded, load_run
from simulator.phones.engine import Engine
from simulator.scenario import fit, load
from tests.load import bank

SCENARIO = """
version: 1
run: {{start: 2026-03-02T08:00:00+08:00, length_s: 4, drain_s: 60, replications: 1}}
arrivals: {{all: {{per_hour: 1800}}}}
callers: {{loans: {{number: "95588", calling: "137", keys: [{{press: "1", after: 0.5}}], patience: never}}}}
handling:
  - {{queues: [cards], talk: 1, agent_ends: 1}}
  - {{talk: 1, {more}}}
agents: {{behaviour: [{{ring_delay: 0.2}}]}}
"""


@pytest.fixture
def hotline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESK", "secret")
    return tmp_path


def played(directory: Path, more: str) -> Loaded:
    configuration = bank.hotline(directory, agents=5)
    file = directory / "scenario.yaml"
    file.write_text(SCENARIO.format(more=more), encoding="utf-8")
    scenario = load(file)
    assert fit(scenario, configuration.settings) == []
    engine = Engine(configuration)
    try:
        done = load_run("live", configuration, scenario, None)
    finally:
        engine.stop()
    assert not done.problems
    return done


def totals(done: Loaded, *names: str) -> list[list[float | None]]:
    return [[results.replications[0].total[name] for name in names] for results in (done.simulated, done.live)]


def test_callers_are_sent_on_by_refer(hotline: Path) -> None:
    done = played(hotline, "transfer: {share: 1, to: cards}")
    simulated, live = totals(done, "offered", "answered", "transfers")
    assert simulated == live
    assert len(set(live)) == 1, "everybody, once"
    assert (live[0] or 0) > 0
    cards = done.live.replications[0].queues["cards"]
    assert cards["answered"] == live[0]


def test_a_colleague_is_asked_and_has_the_caller_then(hotline: Path) -> None:
    done = played(hotline, "consult: {share: 1, lasts: 1, transfer: 1}")
    [offered, answered, asked, kept] = totals(done, "offered", "answered", "consultations", "transfers")[1]
    assert offered
    assert answered == offered
    assert asked == kept, "who was asked has the caller"
    assert (asked or 0) > 0


def test_a_colleague_is_asked_and_the_caller_taken_back(hotline: Path) -> None:
    done = played(hotline, "consult: {share: 1, lasts: 1, transfer: 0, after: 0.5}")
    [offered, answered, asked, kept] = totals(done, "offered", "answered", "consultations", "transfers")[1]
    assert answered == offered
    assert (asked or 0) > 0
    assert kept == 0
