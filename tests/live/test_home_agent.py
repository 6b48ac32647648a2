"""An agent at home on an ordinary telephone: rung through the trunk under the trunk's own number, told the queue, taken
for a person only once he presses a key. A voice mail that answers never is."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.ear import Ear, write_tone
from tests.live.harness import SOON_S, EngineProcess, free_port, wait_until
from tests.live.rawsip import RawSip, media_of

pytestmark = pytest.mark.peer

OURS, HOME, OTHER, CUSTOMER = "02155550000", "13800001234", "13800005678", "13912345678"
LOANS_WHISPER = 390.0  # that of this queue, not the general one
QUEUE = (
    "{needs: {loans: 1}, wrap_up: none, ring_s: 20, exclude_after_reject_s: 0, rejected_delay_s: 1, busy_delay_s: 1}"
)


@dataclass
class Home:
    engine: EngineProcess
    trunk: RawSip
    hotline: tuple[str, int]

    def agent(self, id: str) -> dict[str, object]:
        return next(agent for agent in self.engine.ask("agents")["agents"] if agent["id"] == id)

    def order(self, id: str, op: str) -> None:
        self.engine.ask("agent", id=id, op=op, reason="aside")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    directory: Path = tmp_path_factory.mktemp("home")
    port = free_port()
    bank = Bank(
        directory,
        flow="steps: [answer, {queue: loans}]",
        agents=0,
        caller_port=port,
        queue=QUEUE,
        trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{port}", caller: "{OURS}"}}',
        devices=f"""
  home: {{number: "{HOME}", through: carrier, confirm: "1"}}
  other: {{number: "{OTHER}", through: carrier, confirm: "1"}}
""",
        more_agents="""
  "2001": {device: home, skills: {loans: 5}, sign_on: at_start}
  "2002": {device: other, skills: {loans: 5}, sign_on: at_start}
""",
    )
    write_tone(directory / "prompts" / "whisper-loans.wav", LOANS_WHISPER, 0.6)
    with EngineProcess(directory, bank.text) as engine, RawSip(port) as trunk:
        yield Home(engine, trunk, ("127.0.0.1", bank.trunk_port))
        engine.wait_idle()


def test_he_hears_the_queue_presses_the_key_and_talks(home: Home) -> None:
    home.order("2002", "break")
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller = home.trunk.call(home.hotline, "95588", caller=CUSTOMER, rtp=ear.port, name="Ann Li")
        caller.connect()
        at_home = home.trunk.ringing(HOME)
        assert at_home.invite is not None
        assert f"<sip:{OURS}@" in at_home.invite["from"], "the trunk's own number is shown"
        everything = " ".join(f"{name}: {value}" for name, value in at_home.invite.headers)
        assert CUSTOMER not in everything, "and the customer's nowhere"
        assert "Ann Li" not in everything
        at_home.ring()
        at_home.pick_up(phone.port, codecs="8 101")
        at_home.expect("ACK")
        phone.target = media_of(at_home.invite.body)
        phone.wait_for_tone(LOANS_WHISPER)
        assert home.agent("2001")["work"] == [[caller_name(home), "answered"]], "picked up, and no more than that"
        phone.press("5")
        time.sleep(0.3)
        assert home.agent("2001")["work"] == [[caller_name(home), "answered"]], "another key is none"
        phone.press("1")
        wait_until(lambda: home.agent("2001")["work"] == [[caller_name(home), "talking"]], "he talks")
        phone.reaches(ear, 900.0)
        ear.reaches(phone, 1200.0)
        caller.bye()
        at_home.expect("BYE")
    home.engine.wait_idle()
    record = next(r for r in home.engine.records(1) if r["caller"] == CUSTOMER)
    assert (record["outcome"], record["agent"], record["released_by"]) == ("answered", "2001", "caller")
    home.order("2002", "ready")


def packets_in(engine: EngineProcess) -> int:
    return sum(worker["packets_in"] for worker in engine.ask("status")["workers"])


def caller_name(home: Home) -> str:
    (call,) = home.engine.ask("calls")["calls"]
    return str(call["id"])


def test_a_voice_mail_that_answers_is_nobody_and_the_next_agent_is_rung(home: Home) -> None:
    """2002 has been idle for longer; his voice mail answers after a moment, and says its tone."""
    home.order("2001", "break")
    with Ear(codec=8) as ear, Ear(codec=8) as voice_mail, Ear(codec=8) as phone:
        caller = home.trunk.call(home.hotline, "95588", caller="13900000002", rtp=ear.port)
        caller.connect()
        machine = home.trunk.ringing(OTHER)
        home.order("2001", "ready")
        assert machine.invite is not None
        machine.pick_up(voice_mail.port, codecs="8 101")
        machine.expect("ACK")
        voice_mail.target = media_of(machine.invite.body)
        voice_mail.speak(1400.0, 1.0)
        machine.expect("BYE")
        at_home = home.trunk.ringing(HOME)
        assert at_home.invite is not None
        assert ear.samples(), "the caller heard music all the while"
        with pytest.raises(AssertionError):
            ear.wait_for_tone(1400.0, timeout_s=0.1)
        at_home.pick_up(phone.port, codecs="8 101")
        at_home.expect("ACK")
        phone.target = media_of(at_home.invite.body)
        phone.wait_for_tone(LOANS_WHISPER)
        phone.press("1")
        wait_until(lambda: home.agent("2001")["work"] == [[caller_name(home), "talking"]], "he talks")
        assert home.agent("2002")["calls"] == 0, "his voice mail was no call of his"
        caller.bye()
        at_home.expect("BYE")
    home.engine.wait_idle()
    record = next(r for r in home.engine.records(2) if r["caller"] == "13900000002")
    assert (record["outcome"], record["agent"]) == ("answered", "2001")
    assert record["wait_s"] > 10, "what the voice mail took was waiting"


def test_the_reasons_a_carrier_gives_are_in_the_record(home: Home) -> None:
    home.order("2002", "break")
    caller = home.trunk.call(home.hotline, "95588", caller="13900000034")
    caller.connect()
    home.trunk.ringing(HOME).refuse(503, 'Reason: Q.850;cause=34;text="No circuit\t<script>"\r\n')
    wait_until(lambda: "cause=34" in home.engine.log.read_text(), "he was rung in vain")
    caller.bye(lines="Reason: Q.850;cause=16\r\n")
    home.engine.wait_idle()
    wait_until(lambda: home.engine.ask("status")["records_waiting"] == 0, "the record is written")
    record = next(r for r in home.engine.records(1) if r["caller"] == "13900000034")
    *_, queue = json.loads(record["segments"])
    assert (record["outcome"], record["reason"]) == ("abandoned", "Q.850;cause=16")
    assert (queue["kind"], queue["result"], queue["reason"]) == (
        "queue",
        "abandoned",
        'Q.850;cause=34;text="No circuit<script>"',
    )
    home.order("2002", "ready")
    wait_until(lambda: home.agent("2001")["presence"] == "ready", "2001 may be rung again")


@pytest.mark.parametrize("status", [486, 480, 404])
def test_a_number_that_does_not_take_the_call_leaves_its_agent_to_be_rung_later(home: Home, status: int) -> None:
    home.order("2002", "break")
    caller = home.trunk.call(home.hotline, "95588", caller=f"1390000{status}")
    caller.connect()
    at_home = home.trunk.ringing(HOME)
    at_home.ring()
    at_home.refuse(status)
    again = home.trunk.ringing(HOME)
    again.ring()
    assert home.agent("2001")["presence"] == "ready", "a number cannot register: it is rung again in time"
    caller.bye()
    assert again.ended.wait(SOON_S)
    home.order("2002", "ready")
    home.engine.wait_idle()


def test_his_line_stays_up_and_the_next_caller_is_whispered_at_once(tmp_path: Path) -> None:
    port = free_port()
    bank = Bank(
        tmp_path,
        flow="steps: [answer, {queue: loans}]",
        agents=0,
        caller_port=port,
        queue=QUEUE,
        trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{port}", caller: "{OURS}"}}',
        devices=f'  home: {{number: "{HOME}", through: carrier, confirm: "1", nailed_up_s: 600}}',
        more_agents='  "2001": {device: home, skills: {loans: 5}, sign_on: at_start}',
    )
    hotline = ("127.0.0.1", bank.trunk_port)
    text = bank.text.replace("workers: 1", "workers: 2")
    with (
        EngineProcess(tmp_path, text) as engine,
        RawSip(port) as trunk,
        Ear(codec=8) as ear,
        Ear(codec=8) as phone,
    ):
        here = Home(engine, trunk, hotline)
        first = trunk.call(hotline, "95588", caller=CUSTOMER, rtp=ear.port)
        first.connect()
        at_home = trunk.ringing(HOME)
        assert at_home.invite is not None
        at_home.pick_up(phone.port, codecs="8 101")
        at_home.expect("ACK")
        phone.target = media_of(at_home.invite.body)
        phone.wait_for_tone(350.0)  # the whisper
        phone.press("1")
        wait_until(lambda: here.agent("2001")["work"] == [["1-1", "talking"]], "he talks")
        before = packets_in(engine)
        phone.press("1")  # too early for the next
        wait_until(lambda: packets_in(engine) == before + 8, "it was heard")
        first.bye()
        wait_until(lambda: here.agent("2001")["work"] == [], "he is free")
        assert "BYE" not in at_home.words
        assert here.agent("2001")["line_ends_at"] is not None
        since = time.monotonic()
        second = trunk.call(hotline, "95588", caller="13900000009", rtp=ear.port)
        second.connect()
        phone.wait_for_tone(350.0, since=since)
        assert here.agent("2001")["work"] == [["1-2", "answered"]]
        phone.press("1")
        wait_until(lambda: here.agent("2001")["work"] == [["1-2", "talking"]], "he talks again")
        phone.reaches(ear, 900.0)
        second.bye()
        wait_until(lambda: here.agent("2001")["work"] == [], "he is free")
        here.order("2001", "break")
        at_home.expect("BYE")
        engine.wait_idle()
        assert here.agent("2001")["line_ends_at"] is None
        assert [(r["agent"], r["outcome"]) for r in engine.records(2)] == [("2001", "answered")] * 2
    assert trunk.arrivals[HOME].empty(), "he was called once"
