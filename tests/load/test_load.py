"""`acd load`: the same scenario live, as real SIP and RTP, and under virtual time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.load.run import Loaded, load_run
from simulator.phones.engine import Engine
from simulator.workload import Workload
from tests.live.harness import EngineProcess
from tests.load import bank


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK", "secret")


def acd(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "acd", "load", "hotline.yaml", "scenario.yaml", *arguments],
        cwd=directory, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def test_the_command_plays_a_scenario_live_and_puts_it_beside_its_simulation(tmp_path: Path) -> None:
    hotline = bank.hotline(tmp_path)
    bank.scenario(hotline, 7.0, per_hour=3600)
    for _ in range(3):  # a machine that stands still makes calls longer, or later than what is measured
        done = acd(tmp_path, "--compare", "--json", "--out", "report")
        assert done.returncode == 0, done.stderr
        assert "7 s" in done.stderr, "progress is told"
        found = json.loads(done.stdout)
        assert found["problems"] == {}
        longer_s = found["difference"]["total"]["mean_talk_s"]["mean"]
        offered = [found[which]["total"]["offered"] for which in ("live", "simulated")]
        if abs(longer_s) < 0.5 and offered[0] == offered[1]:
            break
    assert json.loads((tmp_path / "report" / "results.json").read_text()) == found
    assert "simulated" in (tmp_path / "report" / "report.html").read_text()
    live, simulated = found["live"], found["simulated"]
    assert live.keys() == simulated.keys()
    assert live["total"]["offered"] == simulated["total"]["offered"]
    assert live["total"]["answered"]["mean"] > 0
    assert live["caller_types"].keys() == {"loans", "cards"}
    assert abs(longer_s) < 0.5
    assert live["total"]["occupancy"]["mean"] > 0
    assert not (tmp_path / "run" / "acd.sock").exists(), "the engine that it started has ended"


def test_an_engine_that_runs_already_is_the_target_and_runs_on(tmp_path: Path) -> None:
    hotline = bank.hotline(tmp_path)
    callers = list(Workload(bank.scenario(hotline, 3.0, per_hour=3600), "carrier", 0).callers())
    trunk = hotline.listen["trunks"].sip[0]
    with EngineProcess(tmp_path, hotline.file.read_text()) as engine:
        second = acd(tmp_path)
        assert second.returncode == 2
        assert "an engine runs here already" in second.stderr
        done = acd(tmp_path, "--json", "--target", f"sip:{trunk.host}:{trunk.port}")
        assert done.returncode == 0, done.stderr
        engine.wait_idle()
        agents = {agent["id"]: agent for agent in engine.ask("agents")["agents"]}
        assert {agent["presence"] for agent in agents.values()} == {"signed_off"}
        assert not agents["2001"]["device_up"], "what registered has left"
        assert len(engine.records(1)) == len(callers)
        offered = json.loads(done.stdout)["total"]["offered"]["mean"]
        assert 0 < offered <= len(callers), "who called late, on a machine that stood still, is not counted"


def test_wrong_files_and_no_engine_are_said(tmp_path: Path) -> None:
    hotline = bank.hotline(tmp_path)
    bank.scenario(hotline, 4.0, per_hour=3600)
    alone = acd(tmp_path, "--target", "sip:127.0.0.1:9")
    assert (alone.returncode, "no engine runs here" in alone.stderr) == (2, True)
    (tmp_path / "scenario.yaml").write_text("version: 1\n")
    wrong = acd(tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("scenario.yaml:1:1:")
    bank.scenario(hotline, 4.0, per_hour=3600)
    text = (tmp_path / "scenario.yaml").read_text()
    (tmp_path / "scenario.yaml").write_text(text.replace("  cards: {", "  cards: {channel: chat, ", 1))
    chats = acd(tmp_path)
    assert (chats.returncode, "no telephone makes chats – use `acd simulate`" in chats.stderr) == (1, True)


@pytest.mark.prove
def test_live_and_virtual_waits_are_the_same_within_noise(tmp_path: Path) -> None:
    """Six seeds of a minute at a load at which callers wait. The two meet the same callers, so that the paired
    difference has little noise of its own; what may remain is the network's milliseconds."""
    hotline = bank.hotline(tmp_path)
    scenario = bank.scenario(hotline, 60.0, per_hour=4500, replications=6)
    engine = Engine(hotline)
    try:
        done: Loaded = load_run("live", hotline, scenario, None)
    finally:
        engine.stop()
    assert not done.problems
    for number, (live, simulated) in enumerate(zip(done.live.replications, done.simulated.replications, strict=True)):
        print(number, {name: (simulated.total[name], live.total[name]) for name in ("offered", "mean_wait_s")})
    wait = done.simulated.total["mean_wait_s"]
    lived = done.live.total["mean_wait_s"]
    assert wait is not None
    assert lived is not None
    assert wait.mean > 0.6, "callers wait at this load"
    assert abs(lived.mean - wait.mean) < 0.1 + 0.1 * wait.mean
    for name in ("answered", "abandoned"):
        before, after = done.simulated.total[name], done.live.total[name]
        assert before is not None
        assert after is not None
        assert abs(before.mean - after.mean) <= 2.0
