"""An agent's phone that is busy, refuses, or rings in vain: the caller keeps his place and goes to the next agent. And
what a call brings to the agent: who calls, and that he was put on hold."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.live.bank import MUSIC, Bank
from tests.live.ear import Ear
from tests.live.harness import SOON_S, EngineProcess, wait_until
from tests.live.rawsip import RawSip, media_of

pytestmark = pytest.mark.peer

DELAYS = "rejected_delay_s: 30, busy_delay_s: 30, no_answer_delay_s: 30"
QUEUE = f"{{needs: {{loans: 1}}, wrap_up: none, ring_s: 30, {DELAYS}}}"
BRIEF = f"{{needs: {{loans: 1}}, wrap_up: none, ring_s: 3, {DELAYS}}}"  # who does not answer is given up soon
ALL = "{needs: {loans: 1}, wrap_up: none, ring_s: 30, strategy: ring_all}"
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


class Floor:
    """An engine, a trunk that calls it and its agents' phones, all scripted; every agent is on a break at first."""

    def __init__(self, bank: Bank, engine: EngineProcess, trunk: RawSip, phones: RawSip) -> None:
        self.bank, self.engine, self.trunk, self.phones = bank, engine, trunk, phones
        self.hotline = ("127.0.0.1", bank.trunk_port)
        for n in range(1, bank.agents + 1):
            engine.ask("agent", id=f"{1000 + n}", op="break", reason="aside")

    def ready(self, n: int) -> None:
        self.engine.ask("agent", id=f"{1000 + n}", op="ready")

    def presence(self, n: int) -> str:
        return str(next(a["presence"] for a in self.engine.ask("agents")["agents"] if a["id"] == f"{1000 + n}"))

    def away(self, *agents: int) -> None:
        for n in agents:
            self.engine.ask("agent", id=f"{1000 + n}", op="break", reason="aside")


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    directory = tmp_path_factory.mktemp("offers")
    bank = Bank(
        directory, flow="steps: [answer, {queue: loans}]", agents=15, queue=f"{QUEUE}\n  brief: {BRIEF}\n  all: {ALL}"
    )
    (directory / "flows" / "brief.yaml").write_text("steps: [answer, {queue: brief}]")
    (directory / "flows" / "all.yaml").write_text("steps: [answer, {queue: all}]")
    text = bank.text.replace("numbers: {", 'numbers: {"95599": {flow: brief}, "95577": {flow: all}, ')
    with (
        EngineProcess(directory, text) as engine,
        RawSip(bank.caller_port) as trunk,
        RawSip(bank.agent_port) as phones,
    ):
        yield Floor(bank, engine, trunk, phones)
        engine.wait_idle()


@pytest.mark.parametrize(
    ("pair", "answer", "left"),
    [(1, 486, "ready"), (3, 603, "ready"), (5, 480, "ready"), (7, 503, "ready"), (9, 0, "ready")],
    ids=["busy", "rejected", "not wanted", "out of order", "no answer"],
)
def test_the_caller_keeps_his_place_and_goes_to_the_next_agent(floor: Floor, pair: int, answer: int, left: str) -> None:
    first, second = f"1380000{pair}001", f"1380000{pair}002"
    called = "95588" if answer else "95599"
    floor.ready(pair)
    older = floor.trunk.call(floor.hotline, called, caller=first)
    older.connect()
    refuser = floor.phones.ringing(f"a{pair}")
    younger = floor.trunk.call(floor.hotline, called, caller=second)
    younger.connect()
    refuser.ring()
    if answer:
        refuser.refuse(answer)
    else:
        refuser.expect("CANCEL")
        assert refuser.ended.wait(SOON_S)
        floor.engine.file.write_text(floor.engine.file.read_text().replace("ring_s: 3,", "ring_s: 30,"))
        floor.engine.ask("reload")  # whoever is rung from now on has time to answer
    wait_until(lambda: not floor.engine.ask("status")["agents_busy"], "the refuser's phone is quiet")
    assert floor.presence(pair) == left
    floor.ready(pair + 1)
    taker = floor.phones.ringing(f"a{pair + 1}")
    assert taker.invite is not None
    assert f"sip:{first}@" in taker.invite["from"], "the older caller goes first"
    taker.pick_up(floor.phones.sink)
    taker.expect("ACK")
    older.bye()
    taker.expect("BYE")
    again = floor.phones.ringing(f"a{pair + 1}")
    assert again.invite is not None
    assert f"sip:{second}@" in again.invite["from"]
    again.pick_up(floor.phones.sink)
    again.expect("ACK")
    again.bye()
    younger.expect("BYE")
    floor.away(pair, pair + 1)
    records = {r["caller"]: r for r in floor.engine.records(1)}
    wait_until(
        lambda: records.update({r["caller"]: r for r in floor.engine.records(1)}) or second in records, "records"
    )
    assert (records[first]["outcome"], records[first]["released_by"]) == ("answered", "caller")
    assert (records[second]["outcome"], records[second]["released_by"]) == ("answered", "agent")
    assert records[first]["agent"] == records[second]["agent"] == f"{1001 + pair}"


def test_a_telephone_that_does_not_answer_a_bye_is_asked_until_it_is_there_again(floor: Floor) -> None:
    floor.ready(11)
    caller = floor.trunk.call(floor.hotline, "95588", caller="13800011001")
    caller.connect()
    agent = floor.phones.ringing("a11")
    agent.pick_up(floor.phones.sink)
    agent.expect("ACK")
    agent.deaf = True
    floor.phones.deaf_users.add("a11")
    caller.bye()
    wait_until(lambda: floor.presence(11) == "unreachable", "its agent is unreachable")
    following = floor.trunk.call(floor.hotline, "95588", caller="13800011002")
    following.connect()
    assert not floor.engine.ask("status")["agents_busy"], "nothing is offered to him"
    floor.phones.deaf_users.clear()
    agent.deaf = False
    call = floor.phones.ringing("a11")
    call.pick_up(floor.phones.sink)
    call.expect("ACK")
    following.bye()
    call.expect("BYE")
    floor.away(11)


def test_who_calls_is_told_to_the_agent_and_a_hold_stays_on_its_own_leg(floor: Floor) -> None:
    floor.ready(12)
    with Ear(codec=8) as ear, Ear(codec=8) as phone:
        caller = floor.trunk.call(
            floor.hotline, "95588", caller="anonymous", rtp=ear.port, name="Anonymous",
            lines='P-Asserted-Identity: "Ann Li" <sip:13912345678@carrier.example>\r\n',
        )  # fmt: skip
        caller.connect()
        agent = floor.phones.ringing("a12")
        assert agent.invite is not None
        assert '"Ann Li" <sip:13912345678@' in agent.invite["from"]
        assert '"Ann Li" <sip:13912345678@' in agent.invite["p-asserted-identity"]
        agent.pick_up(phone.port)
        agent.expect("ACK")
        phone.target = media_of(agent.invite.body)
        phone.reaches(ear, 900.0)
        held = agent.reoffer(phone.port, "sendonly")
        assert held.word == "200 INVITE"
        assert "a=recvonly" in held.body
        since = time.monotonic()
        ear.wait_for_tone(MUSIC, since=since)
        assert caller.words.count("INVITE") == 0, "a hold is not passed on"
        ear.speak(1300.0, 0.3)
        assert not [packet for packet in phone.packets if packet.at > since], "who holds hears nobody"
        resumed = agent.reoffer(phone.port, "sendrecv")
        assert "a=sendrecv" in resumed.body or "a=" not in resumed.body.partition("m=audio")[2].replace("a=rtpmap", "")
        phone.reaches(ear, 1000.0)
        ear.reaches(phone, 1200.0)
        for key in "5#":
            ear.press(key)
        wait_until(lambda: phone.digits() == "5#", f"each key once, not {phone.digits()}")
        caller.bye()
        agent.expect("BYE")
    floor.away(12)


def test_all_ring_two_answer_at_once_and_one_has_the_caller(floor: Floor) -> None:
    for n in (13, 14, 15):
        floor.ready(n)
    caller = floor.trunk.call(floor.hotline, "95577", caller="13800777")
    caller.connect()
    first, second, third = [floor.phones.ringing(f"a{n}") for n in (13, 14, 15)]
    third.ring()
    first.pick_up(floor.phones.sink)
    second.pick_up(floor.phones.sink)  # before anybody can have told him
    cancel = third.expect("CANCEL")
    assert cancel["reason"] == ELSEWHERE
    for phone in (first, second):
        phone.expect("ACK")
    wait_until(lambda: first.ended.is_set() or second.ended.is_set(), "one of them is sent away")
    has_him, late = (second, first) if first.ended.is_set() else (first, second)
    assert late.expect("BYE")["reason"] == ELSEWHERE
    wait_until(lambda: floor.engine.ask("status")["agents_busy"] == 1, "one has the caller, the others are free")
    caller.bye()
    has_him.expect("BYE")
    floor.away(13, 14, 15)
    record = wait_until(
        lambda: [r for r in floor.engine.records(1) if r["caller"] == "13800777"], "the call has its record"
    )[0]
    assert record["outcome"] == "answered"
    served = [part["result"] for part in json.loads(record["segments"]) if part["kind"] == "agent"]
    assert served.count("answered") == 1, served
