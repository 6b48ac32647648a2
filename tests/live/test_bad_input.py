"""What is wrong with what comes in: a clear word, the right answer, and nobody else disturbed."""

from __future__ import annotations

import os
import random
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.ear import Ear, hears_tone
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.rawsip import Call, RawSip, media_of, sdp

pytestmark = pytest.mark.peer

TORTURE = Path(__file__).parents[1] / "torture"
DEVICES = "  desk: {password: {file: passwords, key: DESK}}"
AGENTS = '  "0999": {name: Nowhere, device: desk, skills: {loans: 9}, sign_on: at_start}'
FLOW = "steps: [answer, {say: welcome}, {queue: loans}]"


def bank_in(directory: Path, **how: object) -> Bank:
    (directory / "passwords").write_text("DESK=right-word\n")
    settings: dict[str, object] = {"flow": FLOW, "agents": 2, "devices": DEVICES, "more_agents": AGENTS, **how}
    return Bank(directory, **settings)  # type: ignore[arg-type]  # the test's own keywords


def acd(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "acd", *words],
        cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- at start


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("version: 1", "version: [1", r"hotline\.yaml:\d+:\d+: "),
        ("needs: {loans: 1}", "needs: {loan: 1}", r"hotline\.yaml:\d+:\d+: .*loan"),
        ("password: {file: passwords, key: DESK}", "password: {file: passwords, key: DESC}", "has no line DESC="),
        ("prompts: prompts", "prompts: []", r"main\.yaml:1:\d+: .*welcome"),
        ("main, answer", "mian, answer", r"hotline\.yaml:\d+:\d+: .*mian"),
    ],
    ids=["YAML", "unknown skill", "no such secret", "no prompt", "no such flow"],
)
def test_a_wrong_configuration_is_told_and_nothing_starts(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = bank_in(tmp_path).text
    assert before in text
    (tmp_path / "hotline.yaml").write_text(text.replace(before, after))
    ran = acd("run", "hotline.yaml", cwd=tmp_path)
    assert ran.returncode == 1
    assert re.search(said, ran.stdout + ran.stderr), ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_prompt_that_is_missing_is_named_by_acd_check(tmp_path: Path) -> None:
    (tmp_path / "hotline.yaml").write_text(bank_in(tmp_path).text)
    assert acd("check", "hotline.yaml", cwd=tmp_path).returncode == 0
    (tmp_path / "prompts" / "welcome.wav").unlink()
    ran = acd("check", "hotline.yaml", cwd=tmp_path)
    assert ran.returncode == 1
    assert re.search(r"main\.yaml:1:\d+: .*welcome", ran.stdout), ran.stdout


@pytest.mark.parametrize("held", ["trunk_port", "phone_port"])
def test_a_port_in_use_is_named(tmp_path: Path, held: str) -> None:
    bank = bank_in(tmp_path)
    (tmp_path / "hotline.yaml").write_text(bank.text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", getattr(bank, held)))
        ran = acd("run", "hotline.yaml", cwd=tmp_path)
    assert ran.returncode == 1
    assert f"127.0.0.1:{getattr(bank, held)}" in ran.stderr
    assert "in use" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_standard_input_that_never_closes_is_told(tmp_path: Path) -> None:
    (tmp_path / "hotline.yaml").write_text(bank_in(tmp_path).text)
    ran = acd("run", "hotline.yaml", "--until-stdin-closes", cwd=tmp_path)
    assert ran.returncode == 1
    assert "standard input never closes: it should be a pipe" in ran.stderr


# ---------------------------------------------------------------------------------------------------- at run time


class Live:
    def __init__(self, directory: Path) -> None:
        self.bank = bank_in(directory)
        self.engine = EngineProcess(directory, self.bank.text)
        self.trunk, self.phones = RawSip(self.bank.caller_port), RawSip(self.bank.agent_port)
        self.hotline = ("127.0.0.1", self.bank.trunk_port)
        self.desks = ("127.0.0.1", self.bank.phone_port)

    def talk(self, ear: Ear, phone: Ear) -> tuple[Call, Call]:
        """A caller and an agent, who hear each other."""
        caller = self.trunk.call(self.hotline, "95588", rtp=ear.port)
        answer = caller.connect()
        agent = wait_until(self._rung, "a phone rings")[0]
        agent.pick_up(phone.port)
        agent.expect("ACK")
        assert agent.invite is not None
        ear.target, phone.target = media_of(answer.body), media_of(agent.invite.body)
        self.hear_each_other(ear, phone)
        return caller, agent

    def _rung(self) -> list[Call]:
        return [calls.get_nowait() for calls in self.phones.arrivals.values() if not calls.empty()]

    @staticmethod
    def hear_each_other(ear: Ear, phone: Ear) -> None:
        ear.reaches(phone, 900.0)
        phone.reaches(ear, 1100.0)

    def has_read(self, datagrams: int) -> None:
        wait_until(lambda: self.engine.ask("status")["sip"]["received"] >= datagrams, "all are read")

    def refused(self, called: str = "95588", body: str | None = None, lines: str = "") -> int:
        call = self.trunk.call(self.hotline, called, body=body, lines=lines)
        wait_until(lambda: [m for m in call.got if m.method == "INVITE" and m.status >= 200], "a final answer")
        status = max(m.status for m in call.got)
        if status == 200:
            call.ack()
            call.bye()
        return status


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("bad"))
    with live.engine, live.trunk, live.phones:
        yield live
        live.engine.wait_idle()
        log = live.engine.log.read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 1000 :][:4000]


def test_an_unknown_number_and_an_unknown_codec(live: Live) -> None:
    assert live.refused("95599") == 404
    assert live.refused(body=sdp(4000, codecs="18")) == 488
    records = {(r["called"], r["outcome"], r["detail"]) for r in live.engine.records(1)}
    assert ("95599", "refused", "unknown number") in records


GOOD = sdp(4000)
BAD_SDP = {
    "no media": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n",
    "a host name": GOOD.replace("c=IN IP4 127.0.0.1", "c=IN IP4 phone.example"),
    "multicast": GOOD.replace("c=IN IP4 127.0.0.1", "c=IN IP4 224.2.1.1"),
    "broadcast": GOOD.replace("c=IN IP4 127.0.0.1", "c=IN IP4 255.255.255.255"),
    "port too large": GOOD.replace("m=audio 4000", "m=audio 400000"),
    "payload too large": GOOD.replace("RTP/AVP 8", "RTP/AVP 4294967296"),
    "video only": GOOD.replace("m=audio", "m=video"),
    "secure only": GOOD.replace("RTP/AVP", "RTP/SAVP"),
    "not SDP": "hello",
    "zeros": "\0" * 200,
    "5000 formats": GOOD.replace("RTP/AVP 8", "RTP/AVP " + " ".join(str(n % 128) for n in range(5000))),
    "no version": GOOD.removeprefix("v=0\r\n"),
}


@pytest.mark.parametrize("what", BAD_SDP)
def test_a_bad_description_is_refused(live: Live, what: str) -> None:
    status = live.refused(body=BAD_SDP[what])
    assert status in ((200, 400, 488) if what in ("5000 formats", "no version") else (400, 488)), status


def test_a_wrong_password_registers_nobody_and_disturbs_nobody(live: Live) -> None:
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller, agent = live.talk(ear, phone)
        assert live.phones.register(live.desks, "desk", "wrong-word") in (401, 403)
        assert live.phones.register(live.desks, "nobody", "wrong-word") in (401, 403)
        assert live.engine.ask("status")["sip"]["bindings"] == 0
        live.phones.call(live.desks, "95588").expect("401 INVITE")
        with RawSip(free_port()) as stranger:
            stranger.call(live.hotline, "95588").expect("403 INVITE")
        assert live.engine.ask("status")["calls"] == 1
        live.hear_each_other(ear, phone)
        caller.bye()
        agent.expect("BYE")
    live.engine.wait_idle()


def test_an_agent_whose_phone_is_not_registered_is_never_offered(live: Live) -> None:
    agents = {agent["id"]: agent["presence"] for agent in live.engine.ask("agents")["agents"]}
    assert agents["0999"] == "unreachable"
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller, agent = live.talk(ear, phone)
        caller.bye()
        agent.expect("BYE")
    assert live.phones.arrivals["desk"].empty()
    assert "desk" not in {r["agent"] for r in live.engine.records(1)}
    assert live.phones.register(live.desks, "desk", "right-word") == 200
    wait_until(lambda: live.engine.ask("status")["sip"]["bindings"] == 1, "it is bound")
    for agent_id in ("1001", "1002"):
        live.engine.ask("agent", id=agent_id, op="break", reason="aside")
    caller = live.trunk.call(live.hotline, "95588")
    caller.connect()
    desk = live.phones.ringing("desk")
    desk.pick_up(live.phones.sink)
    desk.expect("ACK")
    caller.bye()
    desk.expect("BYE")
    assert live.phones.register(live.desks, "desk", "right-word", expires=0) == 200
    for agent_id in ("1001", "1002"):
        live.engine.ask("agent", id=agent_id, op="ready")


def test_malformed_sip_in_the_middle_of_a_call(live: Live) -> None:
    rng = random.Random(4475)
    messages = [path.read_bytes() for path in sorted(TORTURE.glob("*/*.dat"))]
    assert len(messages) > 50
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller, agent = live.talk(ear, phone)
        sent = live.engine.ask("status")["sip"]["received"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            for message in messages:
                spoilt = bytearray(message)
                for _ in range(20):
                    spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
                for data in (message, bytes(spoilt), message[: rng.randrange(1, len(message))], b"", os.urandom(200)):
                    live.trunk.socket.sendto(data, live.hotline)  # from the trunk, who is believed
                    stranger.sendto(data, live.hotline)
                    stranger.sendto(data, live.desks)
                sent += 15
                live.has_read(sent)
        live.hear_each_other(ear, phone)
        caller.bye()
        agent.expect("BYE")
    answers = {message.status for message in live.trunk.stray if message.status}
    assert not {status for status in answers if status >= 500 and status not in (501, 503, 505, 513)}, answers


def test_strangers_and_rubbish_at_the_media_ports_are_not_heard(live: Live) -> None:
    with Ear(codec=8) as ear, Ear(codec=8) as phone, Ear(codec=8) as stranger:
        caller, agent = live.talk(ear, phone)
        assert ear.target is not None
        for target in (ear.target, phone.target):
            stranger.target = target
            stranger.speak(1500.0, 0.4)
            stranger.press("1")
        for data in (b"", b"\x80", b"\x80\x08", os.urandom(11), os.urandom(60), os.urandom(1400), b"\x00" * 172,
                     b"\x9f\x88" + os.urandom(10), b"\x80\xc8" + os.urandom(26), b"\xff" * 2000):  # fmt: skip
            ear.socket.sendto(data, ear.target)
        live.hear_each_other(ear, phone)
        assert not hears_tone(phone.samples(), 1500.0)
        assert not hears_tone(ear.samples(), 1500.0)
        assert not phone.digits()
        assert not stranger.packets, "nothing is ever sent to a stranger"
        wait_until(lambda: live.engine.ask("status")["workers"][0]["dropped"] >= 5, "rubbish is counted")
        caller.bye()
        agent.expect("BYE")


def test_a_prompt_that_was_deleted_is_missed_and_the_caller_goes_on(live: Live) -> None:
    prompt = live.engine.directory / "prompts" / "survey.wav"
    prompt.unlink()
    (live.engine.directory / "flows" / "main.yaml").write_text("steps: [answer, {say: survey}, {queue: loans}]")
    refused = live.engine.request("reload")
    assert not refused["ok"]
    assert "survey" in refused["error"]
    (live.engine.directory / "prompts" / "late.wav").write_bytes((live.engine.directory / "music.wav").read_bytes())
    (live.engine.directory / "flows" / "main.yaml").write_text("steps: [answer, {say: late}, {queue: loans}]")
    live.engine.ask("reload")
    (live.engine.directory / "prompts" / "late.wav").unlink()
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller, agent = live.talk(ear, phone)
        caller.bye()
        agent.expect("BYE")
    assert "late" in live.engine.log.read_text()


# ---------------------------------------------------------------------------------------------------- full disks


def test_a_full_disk_costs_no_call_and_no_record(tmp_path: Path) -> None:
    """The size of files is limited to nothing, which is what a full disk looks like to whoever writes."""
    bank = bank_in(tmp_path, flow="steps: [answer, {queue: loans}]", queue="{needs: {loans: 1}, wrap_up: none}")
    with (
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.caller_port) as trunk,
        RawSip(bank.agent_port) as phones,
    ):

        def one_call(caller: str) -> None:
            call = trunk.call(("127.0.0.1", bank.trunk_port), "95588", caller=caller)
            call.connect()
            rung = wait_until(lambda: [q.get_nowait() for q in phones.arrivals.values() if not q.empty()], "a phone")
            rung[0].pick_up(phones.sink)
            rung[0].expect("ACK")
            call.bye()
            rung[0].expect("BYE")

        one_call("1380001")
        engine.records(1)
        unlimited = resource.prlimit(engine.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
        for n in range(2, 6):
            one_call(f"138000{n}")

        def alarms() -> set[str]:
            return {alarm["name"] for alarm in engine.ask("alarms")["alarms"]}

        wait_until(lambda: len(alarms()) >= 2, f"two alarms stand, not {alarms()}")
        assert engine.ask("status")["records_waiting"] >= 1
        assert len(engine.records(1)) < 5
        one_call("1380006")
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, unlimited)
        records = engine.records(6)
        assert sorted(record["caller"] for record in records) == [f"138000{n}" for n in range(1, 7)]
        one_call("1380007")
        wait_until(lambda: not alarms(), f"no alarm stands any more; {alarms()}")
        engine.records(7)
