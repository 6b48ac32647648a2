"""Live agents who send their callers on with the telephone's own key, and who ask a colleague first."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.load.run import load_run
from simulator.phones.engine import Engine
from simulator.scenario import fit, load
from tests.load import bank

SCENARIO = """
version: 1
run: {start: 2026-03-02T08:00:00+08:00, length_s: 4, drain_s: 60, replications: 1}
arrivals: {sent: &two {calls_csv: calls.csv}, kept: *two, back: *two}
callers:
  sent: {number: "95588", calling: "137", keys: [{press: "1", after: 0.5}], patience: never}
  kept: {number: "95588", calling: "138", keys: [{press: "1", after: 0.5}], patience: never}
  back: {number: "95588", calling: "139", keys: [{press: "1", after: 0.5}], patience: never}
handling:
  - {queues: [cards], talk: 0.5, agent_ends: 1}
  - {callers: [sent], talk: 0.5, transfer: {share: 1, to: cards}}
  - {callers: [kept], talk: 0.5, consult: {share: 1, lasts: 0.5, transfer: 1}}
  - {callers: [back], talk: 0.5, consult: {share: 1, lasts: 0.5, transfer: 0, after: 0.5}}
  - {talk: 0.5}
agents: {behaviour: [{ring_delay: 0.2}]}
"""


def test_callers_are_sent_on_left_with_a_colleague_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many colleagues are free at the moment depends on the machine; what then becomes of callers does not."""
    monkeypatch.setenv("DESK", "secret")
    configuration = bank.hotline(tmp_path, agents=8)
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "calls.csv").write_text("at\n2026-03-02T08:00:00.5\n2026-03-02T08:00:02.5\n", encoding="utf-8")
    scenario = load(file)
    assert fit(scenario, configuration.settings) == []
    engine = Engine(configuration)
    try:
        done = load_run("live", configuration, scenario, None)
    finally:
        engine.stop()
    assert not done.problems
    [live], [simulated] = done.live.replications, done.simulated.replications
    for found in (simulated, live):
        assert {name: one["offered"] for name, one in found.caller_types.items()} == {"sent": 2, "kept": 2, "back": 2}
        assert found.total["answered"] == 6
        assert found.queues["cards"]["answered"] == 2
        assert found.total["consultations"] in (1, 2, 3, 4)
        assert found.total["transfers"] in (2, 3, 4)
    assert (simulated.total["consultations"], simulated.total["transfers"]) == (4, 4)
