"""What an operator does to an engine with calls in it, and what must survive: reload, drain, Ctrl-C, kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.bank import Bank
from tests.live.ear import Ear
from tests.live.harness import SOON_S, EngineProcess, wait_until
from tests.live.rawsip import Call, RawSip, media_of

pytestmark = pytest.mark.peer

FLOW = "steps: [answer, {queue: loans}]"
QUEUE = "{needs: {loans: 1}, wrap_up: none, nobody_signed_on: wait}"


class House:
    def __init__(self, directory: Path, agents: int = 2, **how: Any) -> None:
        self.bank = Bank(directory, flow=FLOW, queue=QUEUE, agents=agents, **how)
        self.engine = EngineProcess(directory, self.bank.text)
        self.trunk, self.phones = RawSip(self.bank.caller_port), RawSip(self.bank.agent_port)
        self.hotline = ("127.0.0.1", self.bank.trunk_port)

    def dial(self, caller: str = "13800000001", rtp: int = 0) -> Call:
        call = self.trunk.call(self.hotline, "95588", caller=caller, rtp=rtp)
        call.connect()
        return call

    def talk(self, agent: str = "a1", caller: str = "13800000001") -> tuple[Call, Call]:
        call = self.dial(caller)
        phone = self.phones.ringing(agent)
        phone.pick_up(self.phones.sink)
        phone.expect("ACK")
        return call, phone

    def acd(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "acd", *words, "--control", str(self.engine.socket)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip

    def agent(self, agent: str) -> dict[str, Any]:
        return next(dict(a) for a in self.engine.ask("agents")["agents"] if a["id"] == agent)


@contextmanager
def house(directory: Path, **how: Any) -> Iterator[House]:
    built = House(directory, **how)
    with built.engine, built.trunk, built.phones:
        yield built


def test_every_command_that_looks(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        call, phone = there.talk()
        verbs = ("status", "queues", "agents", "calls", "trunks", "alarms")
        with ThreadPoolExecutor(3) as pool:
            as_json = dict(zip(verbs, pool.map(lambda verb: there.acd(verb, "--json"), verbs), strict=True))
            as_text = dict(zip(("calls", "queues"), pool.map(there.acd, ("calls", "queues")), strict=True))
        assert {ran.returncode for ran in (*as_json.values(), *as_text.values())} == {0}
        said = {verb: json.loads(ran.stdout) for verb, ran in as_json.items()}
        status = said["status"]
        assert (status["calls"], status["legs"], status["ports"], status["agents_busy"]) == (1, 2, 2, 1)
        assert isinstance(status["timers"], int)
        assert [call["state"] for call in said["calls"]] == ["talking"]
        assert {agent["id"] for agent in said["agents"]} == {"1001", "1002"}
        assert {queue["id"] for queue in said["queues"]} == {"loans", "cards"}
        assert [(trunk["id"], trunk["calls"]) for trunk in said["trunks"]] == [("carrier", 1)]
        assert said["alarms"] == []
        assert "13800000001" in as_text["calls"].stdout
        call.bye()
        phone.expect("BYE")


def test_orders_to_agents_and_calls(tmp_path: Path) -> None:
    with house(tmp_path, agents=1) as there:
        orders = (
            (("break", "lunch"), "break"),
            (("ready",), "ready"),
            (("sign-off",), "signed_off"),
            (("sign-on",), "ready"),
        )
        for words, presence in orders:
            ran = there.acd("agent", "1001", *words)
            assert ran.returncode == 0, ran.stderr
            assert there.agent("1001")["presence"] == presence
        assert there.acd("agent", "9999", "ready").returncode == 1
        nowhere = there.acd("queue", "nowhere", "unblock")
        assert (nowhere.returncode, nowhere.stderr) == (1, "acd: there is no queue nowhere\n")
        call, phone = there.talk()
        [live] = there.engine.ask("calls")["calls"]
        refused = there.engine.request("call", id=live["id"], op="move", queue=[1])
        assert refused["error"] == "queue is missing: it should be a text"
        assert there.acd("call", live["id"], "hang-up").returncode == 0
        call.expect("BYE")
        phone.expect("BYE")
        assert there.acd("call", live["id"], "hang-up").returncode == 1
        [record] = there.engine.records(1)
        assert (record["outcome"], record["released_by"]) == ("answered", "operator")
        there.engine.wait_idle()
    assert there.acd("status").returncode == 2, "nobody answers any more"


def test_a_reload_adds_and_removes_agents_and_drops_no_call(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        first, phone = there.talk("a1")
        second, other = there.talk("a2", "13800000002")
        text = there.bank.text
        removed = text.replace('  "1002": {name: Agent 2, device: a2', '  "1003": {name: New, device: a3').replace(
            "  a2: {contact: \"sip:a2@", "  a2: {contact: \"sip:a2@127.0.0.1:9\"}\n  a3: {contact: \"sip:a3@"
        )  # fmt: skip
        assert removed.count("1003") == 1
        assert "a3:" in removed
        there.engine.file.write_text(removed)
        dry = there.acd("reload", "--dry-run")
        assert dry.returncode == 0, dry.stderr
        assert "1003" in dry.stdout
        assert "1002" in dry.stdout
        assert {agent["id"] for agent in there.engine.ask("agents")["agents"]} == {"1001", "1002"}
        there.engine.file.write_text(removed.replace("loans: 5", "lones: 5"))
        wrong = there.acd("reload")
        assert wrong.returncode == 1
        assert "lones" in wrong.stdout + wrong.stderr
        there.engine.file.write_text(removed)
        assert there.acd("reload").returncode == 0
        assert there.engine.ask("status")["calls"] == 2, "no call is dropped"
        second.bye()
        other.expect("BYE")
        wait_until(lambda: {a["id"] for a in there.engine.ask("agents")["agents"]} == {"1001", "1003"}, "1002 is gone")
        third, new = there.talk("a3", "13800000003")
        for caller, agent in ((first, phone), (third, new)):
            caller.bye()
            agent.expect("BYE")
        outcomes = {(record["outcome"], record["released_by"]) for record in there.engine.records(3)}
        assert outcomes == {("answered", "caller")}
        there.engine.wait_idle()


def test_a_drained_engine_ends_with_its_last_call(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        call, phone = there.talk()
        assert there.acd("drain").returncode == 0
        late = there.trunk.call(there.hotline, "95588", caller="13800000002")
        refusal = late.expect("503 INVITE")
        assert int(refusal["retry-after"]) > 0
        assert there.engine.ask("status")["calls"] == 1
        call.bye()
        phone.expect("BYE")
        assert there.engine.process is not None
        assert there.engine.process.wait(SOON_S) == 0
        outcomes = [record["outcome"] for record in there.engine.records(2)]
        assert sorted(outcomes) == ["answered", "refused"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_call_and_the_engine_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with house(tmp_path, agents=1) as there:
        call, phone = there.talk()
        waiting = there.dial("13800000002")
        unanswered = there.trunk.call(there.hotline, "95588", caller="13800000003")
        unanswered.expect("200 INVITE")  # and never acknowledged
        assert there.engine.process is not None
        there.engine.process.send_signal(number)
        for party in (call, phone, waiting):
            party.expect("BYE")
        assert there.engine.process.wait(SOON_S) == 0
        records = there.engine.records(3)
        assert {record["released_by"] for record in records} == {"operator"}
        assert not there.engine.socket.exists()


def test_a_worker_that_is_killed_ends_its_calls_and_no_others(tmp_path: Path) -> None:
    with house(tmp_path, agents=1) as there, Ear(codec=8) as ear, Ear(codec=8) as agent_ear:
        call, phone = there.talk()
        waiting = there.dial("13800000002")
        [worker] = there.engine.ask("status")["workers"]
        os.kill(worker["pid"], signal.SIGKILL)
        for party in (call, phone, waiting):
            party.expect("BYE")
        outcomes = [(record["outcome"], record["released_by"]) for record in there.engine.records(2)]
        assert outcomes == [("media_lost", "engine")] * 2
        wait_until(lambda: there.engine.ask("status")["workers"][0].get("pid") not in (None, worker["pid"]), "another")
        following = there.trunk.call(there.hotline, "95588", rtp=ear.port)
        answer = following.connect()
        rung = there.phones.ringing("a1")
        rung.pick_up(agent_ear.port)
        rung.expect("ACK")
        ear.target = media_of(answer.body)
        ear.reaches(agent_ear, 900.0)
        following.bye()
        rung.expect("BYE")
        there.engine.wait_idle()


def test_a_killed_engine_comes_back_and_knows_what_it_knew(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        there.engine.ask("agent", id="1002", op="break", reason="lunch")
        done, agent = there.talk("a1", "13800000000")
        done.bye()
        agent.expect("BYE")
        there.engine.records(1)
        talking, phone = there.talk("a1")
        waiting = there.dial("13800000002")
        wait_until(
            lambda: sorted(c["state"] for c in there.engine.ask("calls")["calls"]) == ["talking", "waiting"], "so it is"
        )
        there.engine.kill()
        there.engine.start()
        records = {record["caller"]: record["outcome"] for record in there.engine.records(3)}
        assert records == {"13800000000": "answered", "13800000001": "interrupted", "13800000002": "interrupted"}
        assert there.agent("1002")["presence"] == "break"
        assert there.agent("1001")["presence"] == "ready"
        talking.request("BYE")
        assert talking.expect("481 BYE", "200 BYE").word == "481 BYE"
        del phone, waiting
        call, phone = there.talk("a1", "13800000003")
        call.bye()
        phone.expect("BYE")
        there.engine.records(4)
        there.engine.wait_idle()
