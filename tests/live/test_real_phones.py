"""Telephones that others wrote, as callers and as agents that register: SIPp, baresip, pyVoIP. What they hear is judged
by what they themselves recorded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.bank import MENU, MUSIC, WELCOME, Bank
from tests.live.ear import Ear, write_tone
from tests.live.harness import EngineProcess, Sipp, agent_leg, free_port, wait_until
from tests.live.peers.baresip import Baresip
from tests.live.peers.pyvoip import PyVoip

pytestmark = pytest.mark.peer

DEVICES = """
  bare: {password: {file: passwords, key: BARE}, codecs: [PCMA, PCMU]}
  voip: {password: {file: passwords, key: VOIP}, codecs: [PCMU]}
  sipp: {password: {file: passwords, key: SIPP}, codecs: [PCMA, PCMU]}
"""
AGENTS = """
  "2001": {name: Bare, device: bare, skills: {loans: 5}, sign_on: manual}
  "2002": {name: Voip, device: voip, skills: {loans: 5}, sign_on: manual}
  "2003": {name: Sipp, device: sipp, skills: {loans: 5}, sign_on: manual}
"""
PASSWORDS = "BARE=bare-word\nVOIP=voip-word\nSIPP=sipp-word\n"
QUEUE = "{needs: {loans: 1}, wrap_up: none, nobody_signed_on: wait}"
NO_MENU = 'numbers: {"95588": {flow: main}, "95599": {flow: plain}}'


class Hotline:
    def __init__(self, directory: Path) -> None:
        (directory / "passwords").write_text(PASSWORDS)
        self.bank = Bank(directory, agents=0, devices=DEVICES, more_agents=AGENTS, queue=QUEUE)
        (directory / "flows" / "plain.yaml").write_text(
            "steps: [answer, {say: [welcome, welcome, welcome, welcome]}, {queue: loans}]"
        )
        text = self.bank.text.replace('numbers: {"95588": {flow: main, answer: by_flow}}', NO_MENU)
        self.engine = EngineProcess(directory, text)
        self.directory = directory

    def agent(self, agent: str, presence: str = "ready") -> None:
        def there() -> bool:
            self.engine.request("agent", id=agent, op="sign-on")
            found = next(a for a in self.engine.ask("agents")["agents"] if a["id"] == agent)
            return bool(found["presence"] == presence)

        wait_until(there, f"agent {agent} is {presence}")

    def signs_off(self, agent: str) -> None:
        self.engine.ask("agent", id=agent, op="sign-off")


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hotline]:
    hotline = Hotline(tmp_path_factory.mktemp("phones"))
    with hotline.engine:
        yield hotline
        hotline.engine.wait_idle()


def test_baresip_calls_and_presses_a_key_and_a_pyvoip_agent_answers(hotline: Hotline, tmp_path: Path) -> None:
    port = hotline.bank.phone_port
    voice = write_tone(tmp_path / "voice.wav", 900.0, 30.0)
    with (
        PyVoip(tmp_path, "agent", user="voip", password="voip-word", registrar_port=port, hertz=1100.0) as agent,
        Baresip(tmp_path, user="bare", password="bare-word", registrar=("127.0.0.1", port), voice=voice) as caller,
    ):
        agent.said("registered")
        caller.registered()
        hotline.agent("2002")
        caller.tell("dial", f"sip:95588@127.0.0.1:{port}")
        caller.wait_for_tone(MENU)
        caller.tell("sndcode", "1")
        agent.said("answered")
        agent.wait_for_tone(900.0)
        caller.wait_for_tone(1100.0)
        caller.wait_for_tone(WELCOME)
        agent.hang_up()
        [record] = hotline.engine.records(1)
        assert (record["source"], record["outcome"], record["queue"]) == ("device:bare", "answered", "loans")
        assert (record["agent"], record["released_by"]) == ("2002", "agent")
        hotline.engine.wait_idle()
    hotline.signs_off("2002")


def test_pyvoip_calls_and_waits_to_music_and_a_baresip_agent_answers(hotline: Hotline, tmp_path: Path) -> None:
    port = hotline.bank.phone_port
    before = len(hotline.engine.records(1))
    voice = write_tone(tmp_path / "voice.wav", 1000.0, 30.0)
    with (
        Baresip(tmp_path, user="bare", password="bare-word", registrar=("127.0.0.1", port), voice=voice,
                answers=True) as agent,
        PyVoip(tmp_path, "caller", user="voip", password="voip-word", registrar_port=port, hertz=1200.0,
               dial="95599") as caller,
    ):  # fmt: skip
        agent.registered()
        caller.wait_for_tone(WELCOME)
        caller.wait_for_tone(MUSIC)
        hotline.agent("2001")
        agent.wait_for_tone(1200.0)
        caller.wait_for_tone(1000.0)
        caller.hang_up()
        caller.said("ended")
        record = hotline.engine.records(before + 1)[-1]
        assert (record["source"], record["outcome"]) == ("device:voip", "answered")
        assert (record["agent"], record["released_by"]) == ("2001", "caller")
        hotline.engine.wait_idle()
    hotline.signs_off("2001")


def test_sipp_registers_as_an_agents_phone_and_is_called_by_sipp(hotline: Hotline, tmp_path: Path) -> None:
    before = len(hotline.engine.records(1))
    contact, bank = free_port(), hotline.bank
    with (
        Ear() as caller,
        Ear() as agent,
        Sipp("register", tmp_path, port=free_port(), target=("127.0.0.1", bank.phone_port),
             keys={"user": "sipp", "contact_port": contact}, extra=("-au", "sipp", "-ap", "sipp-word")) as register,
        bank.phone(agent, "agent_hangs_up", port=contact) as phone,
        bank.caller(caller, "caller_stays") as trunk,
    ):  # fmt: skip
        register.done()
        hotline.agent("2003")
        caller.wait_for_tone(WELCOME)
        caller.press("1")
        wait_until(lambda: hotline.engine.ask("status")["agents_busy"], "the agent talks")
        caller.reaches(agent, 900.0)
        agent.reaches(caller, 1100.0)
        phone.hang_up(agent_leg(hotline.engine))
        trunk.done()
    record = hotline.engine.records(before + 1)[-1]
    assert (record["source"], record["agent"], record["released_by"]) == ("trunk:carrier", "2003", "agent")
    hotline.signs_off("2003")
