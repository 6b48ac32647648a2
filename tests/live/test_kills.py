"""kill -9 in the middle of calls, again and again: the engine comes up, every call that had begun has one record, and
agents and ports are free."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.crowd import FLOW, QUEUE, write_bank
from tests.live.harness import SOON_S, EngineProcess
from tests.live.rawsip import Call, RawSip

pytestmark = pytest.mark.peer


def heard_of(callers: dict[str, Call]) -> set[str]:
    """Who was rung or answered."""
    return {number for number, call in callers.items() if {"180 INVITE", "200 INVITE"} & set(call.words)}


def waited_for_cpu(pid: int) -> float:
    """For how many seconds this process could have run and others did: on a quiet machine it would be none."""
    return sum(int(task.read_text().split()[1]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def kill_again_and_again(directory: Path, rounds: int, seed: int, *, up_within_s: float = SOON_S) -> None:
    """`up_within_s` is of a machine with nothing else to do."""
    rng = random.Random(seed)
    print(f"seed {seed}")
    bank = Bank(directory, flow=FLOW, queue=QUEUE, agents=20)
    callers: dict[str, Call] = {}
    slowest = 0.0
    with RawSip(bank.caller_port) as trunk, RawSip(bank.agent_port) as phones:
        phones.on_call = lambda call: call.pick_up(phones.sink)  # type: ignore[assignment]  # at once
        with EngineProcess(directory, write_bank(bank)) as engine:
            for round_ in range(rounds):
                until, before = time.monotonic() + 0.2 + rng.random(), len(heard_of(callers))
                while time.monotonic() < until or len(heard_of(callers)) <= before + 5:
                    assert time.monotonic() < until + SOON_S, "nobody is answered"
                    number = f"13{round_:03}{len(callers):06}"
                    called = rng.choice(("95588", "95599"))
                    callers[number] = trunk.call(("127.0.0.1", bank.trunk_port), called, caller=number)
                    time.sleep(0.02 * rng.random())
                engine.kill()
                begun = time.monotonic()
                engine.start()
                took = time.monotonic() - begun
                [worker] = engine.ask("status")["workers"]
                slowest = max(slowest, took - waited_for_cpu(engine.pid) - waited_for_cpu(worker["pid"]))
            status = engine.wait_idle()
            print(f"up within {slowest:.1f} s")
            assert slowest < up_within_s
            assert (status["agents_busy"], status["waiting"]) == (0, 0)
            assert {agent["presence"] for agent in engine.ask("agents")["agents"]} == {"ready"}
            heard = heard_of(callers)
            arrived = set(re.findall(r'"call":"([^"]+)","source"', engine.log.read_text()))
            records = engine.records(len(heard))
            print(f"{len(callers)} callers, {len(heard)} heard of us, {len(records)} records")
            assert len(heard) > 5 * rounds
            assert arrived <= {record["call"] for record in records}
            assert heard <= {record["caller"] for record in records}
            assert len({record["caller"] for record in records}) == len(records), "one record each"
            assert {record["outcome"] for record in records} == {"interrupted"}
            assert "Traceback" not in engine.log.read_text()


def test_killed_three_times_in_the_middle_of_calls(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 3, seed=3)


@pytest.mark.prove
def test_killed_thirty_times_in_the_middle_of_calls(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 30, seed=30, up_within_s=5.0)
