"""Callers who leave a queue by its key, live: which step has the key, and from when on, is found in the rehearsal."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd.core.flow import Enqueue, HangUpStep
from simulator.load.cues import Rehearsal, Wait, who
from simulator.load.run import load_run
from simulator.phones.engine import Engine
from simulator.scenario import load
from simulator.workload import Workload
from simulator.world import play
from tests.load import bank
from tests.simulator.hotlines import hotline, scenario

FLOW = """
steps:
  - answer
  - queue: {to: loans, max_wait_s: 1}
  - queue: {to: loans, keys: {"9": [{say: survey}, hang_up]}}
  - hang_up
"""
SCENARIO = """
version: 1
run: {start: 2026-03-02T08:00:00+08:00, length_s: 4, drain_s: 60, replications: 1}
arrivals: {all: {per_hour: 3600}}
callers:
  in-mind: {number: "95588", calling: "137", patience: never, waiting_key: {press: "9", after: 3}}
  nowhere: {number: "95588", calling: "139", patience: 6, waiting_key: {press: "5", after: 3}}
handling: [{talk: 2}]
agents: {roster: [{start: "00:00", end: "24:00", count: 0}]}
"""


def test_the_rehearsal_notes_which_keys_lead_out_and_when() -> None:
    steps = (Enqueue("main", max_wait_s=20, keys={"1": ()}), Enqueue("main", keys={"9": ()}), HangUpStep())
    settings = hotline(0, flow=steps)
    played = scenario(
        """\
        version: 1
        run: {start: 2026-03-02T00:00:00+08:00, length_s: 600}
        arrivals: {caller: {per_hour: 60}}
        callers: {caller: {number: main, calling: "1", patience: 60}}
        handling: [{talk: 5}]
        """,
        settings,
    )
    callers = list(Workload(played, "carrier", 0).callers())
    cues = Rehearsal({caller.calling: who(caller) for caller in callers})
    play(settings, played, 0, core=cues)
    me = who(callers[0])
    assert cues.waits == {(me, 0): Wait(0.0, frozenset("1")), (me, 1): Wait(20.0, frozenset("9"))}
    assert cues.leaves(me, "1", 7) == 7
    assert cues.leaves(me, "1", 25) is None, "he has gone on by then"
    assert cues.leaves(me, "9", 7) == 22, "on joining the queue that has it"
    assert cues.leaves(me, "9", 30) == 30
    assert cues.leaves(me, "5", 7) is None


def test_callers_press_the_key_of_the_step_they_wait_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK", "secret")
    configuration = bank.hotline(tmp_path, flow=FLOW)
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    engine = Engine(configuration)
    try:
        done = load_run("live", configuration, load(tmp_path / "scenario.yaml"), None)
    finally:
        engine.stop()
    assert not done.problems
    for found in (done.simulated, done.live):
        [one] = found.replications
        outcomes = {
            name: (measures["offered"], measures.get("key_pressed", 0), measures["abandoned"])
            for name, measures in one.caller_types.items()
        }
        assert all(offered for offered, _, _ in outcomes.values())
        for name, (offered, left, gave_up) in outcomes.items():
            assert (left, gave_up) == ((0, offered) if name == "nowhere" else (offered, 0)), name
