"""Signalling over a line that loses a tenth, doubles a tenth and lets a tenth be overtaken, in both directions, between
the engine and its callers and between it and its agents: every call completes, none twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.crowd import FLOW, QUEUE, Crowd, write_bank
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.rawsip import tag_of
from tests.live.relay import Relay

pytestmark = pytest.mark.peer


def complete(directory: Path, calls: int, rate: float, seed: int) -> None:
    print(f"seed {seed}")
    trunk_port, phone_port = free_port(), free_port()
    with Relay(trunk_port, seed) as trunk_line, Relay(phone_port, seed + 1) as phone_line:
        bank = Bank(
            directory, flow=FLOW, queue=QUEUE, agents=60, trunk_port=trunk_port, phone_port=phone_port,
            caller_port=trunk_line.back, agent_port=phone_line.back,
        )  # fmt: skip
        through = {line.back: line for line in (trunk_line, phone_line)}
        crowd = Crowd(bank, seed, impatient=0.0, refusing=0.0, through=through)
        with EngineProcess(directory, write_bank(bank)) as engine:
            saw = crowd.run(calls, rate, lambda: settled(engine))
            print(dict(saw), [dict(line.counts) for line in (trunk_line, phone_line)])
            assert not crowd.problems, "\n".join(crowd.problems[:5])
            assert saw == {"talked": calls}
            status = engine.wait_idle(60)
            assert (status["agents_busy"], status["waiting"], status["sip"]["sessions"]) == (0, 0, 0)
            records = engine.records(calls)
            assert Counter(record["caller"] for record in records) == {plan.caller: 1 for plan in crowd.plans}
            assert {record["outcome"] for record in records} == {"answered"}
            rung = Counter(call.far.partition("sip:")[2].partition("@")[0] for call in crowd.phones.calls.values())
            assert rung == {plan.caller: 1 for plan in crowd.plans}, "each at one telephone, once"
            for call in crowd.trunk.calls.values():
                answers = {tag_of(message["to"]) for message in call.got if message.word == "200 INVITE"}
                assert len(answers) == 1, "answered once"
            for line in (trunk_line, phone_line):
                assert min(line.counts[what] for what in ("lost", "doubled", "late")) > calls // 5
            assert "Traceback" not in engine.log.read_text()


def settled(engine: EngineProcess) -> None:
    """Also whose answer to a BYE was lost more often than the engine waits for: his telephone is asked."""
    engine.wait_idle(60)
    wait_until(lambda: {a["presence"] for a in engine.ask("agents")["agents"]} == {"ready"}, "all are there")


def test_twenty_calls_over_a_bad_line_complete_and_none_twice(tmp_path: Path) -> None:
    complete(tmp_path, 20, 10.0, seed=20)


@pytest.mark.prove
def test_two_hundred_calls_over_a_bad_line_complete_and_none_twice(tmp_path: Path) -> None:
    complete(tmp_path, 200, 10.0, seed=200)
