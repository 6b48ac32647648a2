"""Thousands of calls, a fifth of them cancelled or hung up at random moments: a record each, nothing left behind, and a
journal that replays to the last command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.live.bank import Bank
from tests.live.crowd import FLOW, QUEUE, Crowd, write_bank
from tests.live.harness import EngineProcess, wait_until

pytestmark = pytest.mark.peer


def open_files(pid: int) -> Counter[str]:
    """What a process holds open, by kind: sockets, pipes, files."""
    kinds: Counter[str] = Counter()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            kinds[os.readlink(entry).partition(":")[0]] += 1
        except FileNotFoundError:
            continue
    return kinds


def held(status: dict[str, Any], engine: EngineProcess) -> dict[str, Any]:
    """What the processes hold by the kernel's account; the ports that a worker keeps for later are not a call's."""
    [worker] = status["workers"]
    in_worker = open_files(worker["pid"])
    in_worker["socket"] -= worker["ports_bound"] + worker["rtcp_bound"]
    return {"engine": open_files(engine.pid), "worker": in_worker}


def run(directory: Path, calls: int, rate: float, seed: int, **how: float) -> tuple[Crowd, list[dict[str, Any]]]:
    """Make the calls on a fresh engine; nothing may be left of them."""
    print(f"seed {seed}")
    bank = Bank(directory, flow=FLOW, queue=QUEUE, agents=60)
    crowd = Crowd(bank, seed, **how)  # type: ignore[arg-type]  # the test's own keywords
    with EngineProcess(directory, write_bank(bank)) as engine:
        before = held(engine.ask("status"), engine)
        saw = crowd.run(calls, rate, lambda: engine.wait_idle(60))
        status = engine.wait_idle(60)
        print(dict(saw), status)
        records = engine.records(calls)
        assert not crowd.problems, "\n".join(crowd.problems[:5])
        assert len(records) == len({record["call"] for record in records}) == calls
        assert {record["caller"] for record in records} == {plan.caller for plan in crowd.plans}
        assert (status["agents_busy"], status["waiting"], status["timers"]) == (0, 0, 0)
        assert status["sip"]["sessions"] == 0
        [worker] = status["workers"]
        assert (worker["legs"], worker["errors"]) == (0, 0)
        assert worker["ports_free"] + worker["ports_resting"] == worker["ports_bound"]
        assert {agent["presence"] for agent in engine.ask("agents")["agents"]} == {"ready"}
        assert not engine.ask("alarms")["alarms"]
        wait_until(lambda: held(engine.ask("status"), engine) == before, f"no more is held than before: {before}")
        assert "Traceback" not in engine.log.read_text()
    return crowd, records


def agrees(crowd: Crowd, records: list[dict[str, Any]]) -> None:
    """Who talked has a record that says so; who left before anybody talked has not."""
    outcomes = {record["caller"]: record["outcome"] for record in records}
    for plan in crowd.plans:
        if plan.saw == "talked":
            assert outcomes[plan.caller] == "answered", plan
        elif not crowd.talking[plan.caller].is_set():
            assert outcomes[plan.caller] in ("cancelled", "abandoned", "hung_up_in_flow"), (plan, outcomes[plan.caller])


def replay(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "acd", "replay", str(directory / "run" / "journal")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def replays_and_tells_an_altered_event(directory: Path) -> None:
    exact = replay(directory)
    print(exact.stdout, exact.stderr)
    assert exact.returncode == 0, exact.stdout + exact.stderr
    segment = max((directory / "run" / "journal").iterdir(), key=lambda path: path.stat().st_size)
    lines = segment.read_bytes().splitlines(keepends=True)
    altered = next(n for n in range(len(lines) // 2, len(lines)) if b'"LegAnswered"' in lines[n])
    lines[altered] = lines[altered].replace(b'"LegAnswered"', b'"LegRinging"')
    segment.write_bytes(b"".join(lines))
    told = replay(directory)
    assert told.returncode == 1, told.stdout + told.stderr


def test_three_hundred_calls_a_fifth_of_them_cut_short(tmp_path: Path) -> None:
    crowd, records = run(tmp_path, 300, 30.0, seed=300)
    agrees(crowd, records)
    replays_and_tells_an_altered_event(tmp_path)


@pytest.mark.prove
def test_two_thousand_calls_a_fifth_of_them_cut_short(tmp_path: Path) -> None:
    crowd, records = run(tmp_path, 2000, 25.0, seed=2000)
    agrees(crowd, records)
    replays_and_tells_an_altered_event(tmp_path)


@pytest.mark.prove
def test_fifty_calls_a_second_for_a_minute_through_menu_queue_and_agent(tmp_path: Path) -> None:
    crowd, records = run(tmp_path, 3000, 50.0, seed=50, impatient=0.0, refusing=0.0, menu_share=1.0)
    assert {plan.saw for plan in crowd.plans} == {"talked"}
    assert {record["outcome"] for record in records} == {"answered"}
