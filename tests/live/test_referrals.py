"""Transfers by a telephone's own key: baresip's /transfer, and REFER with Replaces from a raw one whose two calls are
in two media workers."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.live.bank import MUSIC, Bank
from tests.live.ear import Ear, write_tone
from tests.live.harness import EngineProcess, wait_until
from tests.live.peers.baresip import Baresip
from tests.live.rawsip import HOST, Call, Message, RawSip, media_of, sdp, tag_of

pytestmark = pytest.mark.peer

QUEUE = "{needs: {loans: 1}, wrap_up: none, ring_s: 30}"


@dataclass
class Floor:
    engine: EngineProcess
    bank: Bank
    trunk: RawSip
    phones: RawSip
    directory: Path

    def agent(self, id: str) -> dict[str, object]:
        return next(agent for agent in self.engine.ask("agents")["agents"] if agent["id"] == id)

    def order(self, id: str, op: str) -> None:
        self.engine.ask("agent", id=id, op=op, reason="aside")

    def calls_in(self, ear: Ear) -> Call:
        caller = self.trunk.call(("127.0.0.1", self.bank.trunk_port), "95588", rtp=ear.port)
        caller.connect()
        return caller

    def answers(self, user: str, ear: Ear) -> Call:
        """The telephone of that agent is picked up."""
        call = self.phones.ringing(user)
        assert call.invite is not None
        call.pick_up(ear.port, codecs="8 101")
        call.expect("ACK")
        ear.target = media_of(call.invite.body)
        return call

    def sends_on(self, ear: Ear, desk: Ear) -> tuple[Call, Call]:
        """A caller talks to 1001, who asks for him to be sent on to 1002: the caller's call and the agent's."""
        self.order("1001", "ready")
        caller = self.calls_in(ear)
        agent = self.answers("a1", desk)
        self.order("1002", "ready")
        agent.request("REFER", lines=f"Refer-To: <sip:1002@127.0.0.1:{self.bank.phone_port}>\r\n{contact(agent)}")
        agent.expect("202 REFER")
        return caller, agent


def contact(call: Call) -> str:
    return f"Contact: <sip:{HOST}:{call.sip.port}>\r\n"


def notified(call: Call) -> str:
    """What the telephone is told of its transfer."""
    message = call.expect("NOTIFY")
    call.respond(message, 200)
    return message.body


def proof(challenge: Message, user: str, password: str, uri: str) -> str:
    """The Authorization line that answers a 401 to an INVITE."""
    asked = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge["www-authenticate"]))
    ha1, ha2 = (md5(text) for text in (f"{user}:{asked['realm']}:{password}", f"INVITE:{uri}"))
    response = md5(f"{ha1}:{asked['nonce']}:00000001:abcd:auth:{ha2}")
    return (
        f'Authorization: Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
        'algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd", '
        f'response="{response}"\r\n'
    )


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    directory = tmp_path_factory.mktemp("referrals")
    (directory / "passwords").write_text("BARE=bare-word\nRAW=raw-word\n")
    bank = Bank(
        directory,
        flow="steps: [answer, {queue: loans}]",
        agents=2,
        queue=QUEUE,
        devices="""
  bare: {password: {file: passwords, key: BARE}, codecs: [PCMA]}
  raw: {password: {file: passwords, key: RAW}, codecs: [PCMA]}
""",
        more_agents="""
  "2001": {device: bare, skills: {loans: 5}}
  "2002": {device: raw, skills: {loans: 5}}
""",
    )
    text = bank.text.replace("workers: 1", "workers: 2")
    with EngineProcess(directory, text) as engine, RawSip(bank.caller_port) as trunk, RawSip(bank.agent_port) as phones:
        for agent in ("1001", "1002"):
            engine.ask("agent", id=agent, op="break", reason="aside")
        yield Floor(engine, bank, trunk, phones, directory)
        engine.wait_idle()


def test_baresip_sends_its_caller_on_to_a_colleague(floor: Floor, tmp_path: Path) -> None:
    registrar = ("127.0.0.1", floor.bank.phone_port)
    voice = write_tone(tmp_path / "voice.wav", 900.0, 30.0)
    with (
        Baresip(tmp_path, user="bare", password="bare-word", registrar=registrar, voice=voice, answers=True) as phone,
        Ear(codec=8) as ear,
        Ear(codec=8) as desk,
    ):
        phone.registered()
        wait_until(lambda: floor.engine.request("agent", id="2001", op="sign-on")["ok"], "2001 signs on")
        caller = floor.calls_in(ear)
        ear.wait_for_tone(900.0)
        floor.order("1002", "ready")
        wait_until(lambda: floor.agent("2001")["work"] != [], "2001 talks")
        phone.tell("transfer", f"sip:1002@127.0.0.1:{floor.bank.phone_port}")
        colleague = floor.answers("a2", desk)
        desk.reaches(ear, 1100.0)
        wait_until(lambda: floor.agent("2001")["work"] == [], "baresip's call is over")
        caller.bye()
        colleague.expect("BYE")
        record = floor.engine.last_record()
        assert (record["outcome"], record["agent"], record["released_by"]) == ("answered", "1002", "caller")
    floor.order("1002", "break")
    floor.order("2001", "sign-off")
    floor.engine.wait_idle()


def test_who_is_sent_on_to_somebody_busy_is_back_with_his_agent(floor: Floor) -> None:
    with Ear(codec=8) as ear, Ear(codec=8) as desk:
        caller, agent = floor.sends_on(ear, desk)
        assert "SIP/2.0 100 Trying" in notified(agent)
        floor.phones.ringing("a2").refuse(486)
        assert "SIP/2.0 486 Busy Here" in notified(agent)
        desk.reaches(ear, 1100.0)
        caller.request("REFER", lines=f"Refer-To: <sip:0900@127.0.0.1>\r\n{contact(caller)}")
        caller.expect("403 REFER")
        caller.bye()
        agent.expect("BYE")
    floor.order("1001", "break")
    floor.order("1002", "break")
    floor.engine.wait_idle()


def test_a_telephone_that_hangs_up_at_once_is_told_that_no_more_comes(floor: Floor) -> None:
    with Ear(codec=8) as ear, Ear(codec=8) as desk:
        caller, agent = floor.sends_on(ear, desk)
        agent.bye()
        while "terminated" not in (told := agent.expect("NOTIFY"))["subscription-state"]:
            pass
        agent.respond(told, 481)
        colleague = floor.answers("a2", desk)
        caller.bye()
        colleague.expect("BYE")
    floor.order("1001", "break")
    floor.order("1002", "break")
    floor.engine.wait_idle()


def test_two_calls_of_one_telephone_become_one_without_it(floor: Floor) -> None:
    """The agent calls a colleague from his own phone, and brings caller and colleague together. The calls are in two
    media workers: one leg moves, and is told where."""
    hotline = ("127.0.0.1", floor.bank.phone_port)
    assert floor.phones.register(hotline, "raw", "raw-word") == 200
    with Ear(codec=8) as ear, Ear(codec=8) as desk, Ear(codec=8) as other, Ear(codec=8) as second:
        wait_until(lambda: floor.engine.request("agent", id="2002", op="sign-on")["ok"], "2002 signs on")
        caller = floor.calls_in(ear)
        agent = floor.answers("raw", desk)
        agent.reoffer(desk.port, "sendonly")
        ear.wait_for_tone(MUSIC)
        floor.order("1002", "ready")
        challenge = floor.phones.call(hotline, "1002", caller="raw").expect("401 INVITE")
        line = proof(challenge, "raw", "raw-word", f"sip:1002@{hotline[0]}:{hotline[1]}")
        made = floor.phones.call(hotline, "1002", caller="raw", rtp=second.port, lines=line)
        made.expect("180 INVITE")
        colleague = floor.answers("a2", other)
        made.connect()
        replaces = quote(f"{made.call_id};to-tag={tag_of(made.far)};from-tag={made.tag}")
        target = f"Refer-To: <sip:1002@{hotline[0]}:{hotline[1]}?Replaces={replaces}>\r\n"
        agent.request("REFER", lines=target + contact(agent))
        agent.expect("202 REFER")
        moved = caller.expect("INVITE")
        caller.respond(moved, 200, sdp(ear.port, codecs="8 101"))
        caller.expect("ACK")
        ear.target = media_of(moved.body)
        agent.expect("BYE")
        made.expect("BYE")
        other.reaches(ear, 1100.0)
        ear.reaches(other, 1300.0)
        caller.bye()
        colleague.expect("BYE")
    floor.order("1002", "break")
    floor.order("2002", "sign-off")
    floor.engine.wait_idle()


def test_a_call_goes_on_with_another_telephone_of_the_same_party(floor: Floor) -> None:
    """INVITE with Replaces: the exchange behind the trunk hands its call over. Nobody else can, whatever he knows."""
    hotline, trunk = ("127.0.0.1", floor.bank.phone_port), ("127.0.0.1", floor.bank.trunk_port)
    floor.order("1001", "ready")
    with Ear(codec=8) as ear, Ear(codec=8) as desk, Ear(codec=8) as newcomer:
        caller = floor.calls_in(ear)
        agent = floor.answers("a1", desk)
        desk.reaches(ear, 1100.0)
        replaces = f"Replaces: {caller.call_id};to-tag={tag_of(caller.far)};from-tag={caller.tag}"

        challenge = floor.phones.call(hotline, "95588", caller="raw").expect("401 INVITE")
        line = proof(challenge, "raw", "raw-word", f"sip:95588@{hotline[0]}:{hotline[1]}")
        floor.phones.call(hotline, "95588", caller="raw", lines=f"{line}{replaces}\r\n").expect("481 INVITE")
        floor.trunk.call(trunk, "95588", body="", lines=f"{replaces}\r\n").expect("488 INVITE")
        for changed, answer in ((f"{replaces}x", "481 INVITE"), (f"{replaces};early-only", "486 INVITE")):
            floor.trunk.call(trunk, "95588", lines=f"{changed}\r\n").expect(answer)

        later = floor.trunk.call(trunk, "95588", rtp=newcomer.port, lines=f"Require: replaces\r\n{replaces}\r\n")
        newcomer.target = media_of(later.connect().body)
        assert "Replaced" in caller.expect("BYE")["reason"]
        desk.reaches(newcomer, 1200.0)
        newcomer.reaches(desk, 1300.0)
        later.bye()
        agent.expect("BYE")
    record = floor.engine.last_record()
    assert (record["outcome"], record["agent"], record["released_by"]) == ("answered", "1001", "caller")
    floor.order("1001", "break")
    floor.engine.wait_idle()
