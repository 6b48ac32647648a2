"""What a carrier's interop test asks, with SIPp in the carrier's place: reliable provisionals, late offer, UPDATE,
session timers, redirects, forking. Each scenario checks what we say; the ears check that there is sound."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.bank import MENU, MUSIC, WELCOME, Bank
from tests.live.ear import PCMA, Ear
from tests.live.harness import EngineProcess, Sipp, free_port, wait_until
from tests.live.rawsip import RawSip, media_of, sdp

pytestmark = pytest.mark.peer

EARLY = "steps: [{say: welcome}, answer, {queue: loans}]"  # what is said before the answer is early media
UNANSWERED = """
steps:
  - say: welcome
  - menu: {prompts: menu, timeout_s: 2, retries: 10, keys: {"1": [answer, {queue: loans}]}, otherwise: [{hang_up: 480}]}
"""


class Trunk:
    """An engine whose agent is a telephone number behind the trunk."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.gateway = directory, free_port()
        self.bank = Bank(
            directory, agents=0, flow=EARLY, queue="{needs: {loans: 1}, wrap_up: none, nobody_signed_on: wait}",
            trunk=f'trusted: true, codecs: [PCMA, PCMU], dial_out: {{to: "sip:127.0.0.1:{self.gateway}"}}',
            devices='  home: {number: "0138", through: carrier, codecs: [PCMA]}',
            more_agents='  "2001": {name: Home, device: home, skills: {loans: 5}, sign_on: manual}',
        )  # fmt: skip
        self.engine = EngineProcess(directory, self.bank.text)

    def callee(self, ear: Ear, scenario: str, port: int = 0, **keys: object) -> Sipp:
        """SIPp where the trunk dials out to; its audio is the ear's."""
        keys = {"rtp_ip": "127.0.0.1", "rtp_port": ear.port, "codec": PCMA, **keys}
        return Sipp(scenario, self.directory, port=port or self.gateway, keys=keys)

    def agent(self, operation: str) -> None:
        self.engine.ask("agent", id="2001", op=operation)

    def talks(self, agent: Ear) -> None:
        """Somebody calls, talks to the agent, and hangs up."""
        self.agent("sign-on")
        with RawSip(self.bank.caller_port) as carrier, Ear() as ear:
            caller = carrier.call(("127.0.0.1", self.bank.trunk_port), "95588", rtp=ear.port)
            caller.connect()
            ear.wait_for_packets()
            ear.reaches(agent, 1100.0)
            agent.reaches(ear, 900.0)
            caller.bye()
        self.agent("sign-off")

    def works(self) -> list[list[str]]:
        return [[work for _, work in agent["work"]] for agent in self.engine.ask("agents")["agents"]]

    def hang_up(self) -> None:
        [call] = self.engine.ask("calls")["calls"]
        self.engine.ask("call", id=call["id"], op="hang-up")

    def said(self, *words: str) -> bool:
        """Whether we have sent a message of the one call that holds all of these."""
        calls = self.engine.ask("calls")["calls"]
        messages = self.engine.ask("trace", call=calls[0]["id"])["messages"] if calls else []
        return any(all(word in message["text"] for word in words) for message in messages)

    def has_answered(self) -> None:
        wait_until(lambda: [c for c in self.engine.ask("calls")["calls"] if c["queue"]], "the call is in its queue")


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trunk]:
    trunk = Trunk(tmp_path_factory.mktemp("trunk"))
    with trunk.engine:
        yield trunk
        trunk.engine.wait_idle()


@pytest.mark.parametrize("scenario", ["caller_100rel", "caller_100rel_late_offer"])
def test_early_media_is_acknowledged_before_the_answer(trunk: Trunk, scenario: str) -> None:
    with Ear() as ear, trunk.bank.caller(ear, scenario) as caller:
        ear.wait_for_tone(WELCOME)
        trunk.has_answered()
        ear.wait_for_tone(MUSIC)  # music: the call has sound after its answer, too
        trunk.hang_up()
        caller.done()
    trunk.engine.wait_idle()


def test_who_moves_before_the_answer_hears_and_presses_where_he_is(tmp_path: Path) -> None:
    bank = Bank(tmp_path, agents=1, flow=UNANSWERED)
    with (
        Ear() as old,
        Ear() as new,
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.agent_port) as desk,
        bank.caller(old, "caller_early_update", extra=("-key", "new_port", str(new.port))) as caller,
    ):
        old.wait_for_tone(WELCOME)
        caller.go_on()
        new.wait_for_tone(MENU)
        new.press("1")
        agent = desk.ringing("a1")  # the 200 has gone out before, and did not call the audio back
        new.wait_for_tone(MUSIC)
        agent.pick_up(desk.sink, "8 101")
        agent.expect("ACK")
        agent.bye()
        caller.done()
        engine.wait_idle()


def test_who_moves_by_his_very_prack_hears_and_presses_where_he_is(tmp_path: Path) -> None:
    bank = Bank(tmp_path, agents=1, flow=UNANSWERED)
    with (
        Ear() as old,
        Ear() as new,
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.agent_port) as desk,
        RawSip(bank.caller_port) as carrier,
    ):
        caller = carrier.call(("127.0.0.1", bank.trunk_port), "95588", rtp=old.port, lines="Require: 100rel\r\n")
        progress = caller.expect("183 INVITE")
        old.wait_for_tone(WELCOME)
        caller.request("PRACK", sdp(new.port, version=2), lines=f"RAck: {progress['rseq']} 1 INVITE\r\n")
        answer = caller.expect("200 PRACK")
        new.target = media_of(answer.body)
        assert new.target == media_of(progress.body), "we stay where we are"
        new.wait_for_tone(MENU)
        new.press("1")
        agent = desk.ringing("a1")
        assert caller.connect().body == "", "the 200 does not call the audio back"
        new.wait_for_tone(MUSIC)
        agent.pick_up(desk.sink, "8 101")
        agent.expect("ACK")
        caller.bye()
        agent.expect("BYE")
        engine.wait_idle()


def test_a_carrier_moves_the_audio_before_its_telephone_is_picked_up(trunk: Trunk) -> None:
    trunk.agent("sign-on")
    with (
        Ear() as ear,
        Ear() as old,
        Ear() as new,
        RawSip(trunk.bank.caller_port) as carrier,
        RawSip(trunk.gateway) as far,
    ):
        caller = carrier.call(("127.0.0.1", trunk.bank.trunk_port), "95588", rtp=ear.port)
        caller.connect()
        agent = far.ringing("0138")
        assert agent.invite is not None
        assert "100rel" in agent.invite["supported"]
        agent.request("UPDATE", sdp(new.port), cseq=1)
        assert agent.expect("491 UPDATE", "481 UPDATE").status == 481, "there is no dialog yet"
        agent.respond(agent.invite, 180, lines="Require: 100rel\r\nRSeq: 1\r\n")
        agent.respond(agent.expect("PRACK"), 200)
        agent.request("UPDATE", sdp(new.port), cseq=2)
        agent.expect("491 UPDATE")  # our offer has no answer yet
        agent.respond(agent.invite, 183, sdp(old.port), "Require: 100rel\r\nRSeq: 2\r\n")
        agent.respond(agent.expect("PRACK"), 200)
        agent.request("UPDATE", sdp(new.port, direction="sendonly", version=2), cseq=3)
        assert "a=recvonly" in agent.expect("200 UPDATE").body
        agent.respond(agent.invite, 200)
        agent.expect("ACK")
        wait_until(lambda: trunk.works() == [["held"]], "an agent who holds is one who does")
        ear.wait_for_tone(MUSIC, since=time.monotonic())
        agent.request("UPDATE", sdp(new.port, version=3), cseq=4)
        new.target = media_of(agent.expect("200 UPDATE").body)
        ear.wait_for_packets()
        ear.reaches(new, 1100.0)
        new.reaches(ear, 900.0)
        assert old.packets == [], "nothing has gone where the answer was"
        caller.bye()
        agent.expect("BYE")
    trunk.agent("sign-off")
    trunk.engine.wait_idle()


def test_who_wants_our_offer_answers_it_in_his_ack(trunk: Trunk) -> None:
    with Ear() as ear, trunk.bank.caller(ear, "caller_late_offer") as caller:
        ear.wait_for_tone(MUSIC)
        trunk.hang_up()
        caller.done()
    trunk.engine.wait_idle()


def test_a_caller_refreshes_holds_and_resumes_by_update(trunk: Trunk) -> None:
    with Ear() as ear, trunk.bank.caller(ear, "caller_updates") as caller:
        wait_until(lambda: trunk.said("SIP/2.0 200", "CSeq: 4 UPDATE"), "his hold is answered")
        wait_until(lambda: time.monotonic() - ear.packets[-1].at > 0.5, "nothing is sent to who holds")
        caller.go_on()
        ear.wait_for_tone(MUSIC, since=time.monotonic())
        trunk.hang_up()
        caller.done()
    trunk.engine.wait_idle()


def test_a_carrier_whose_ringing_is_reliable_is_acknowledged(trunk: Trunk) -> None:
    with Ear() as ear, trunk.callee(ear, "callee_100rel") as callee:
        trunk.talks(ear)
        callee.done()
    trunk.engine.wait_idle()


def test_of_two_telephones_that_answer_the_second_is_hung_up_on(trunk: Trunk) -> None:
    with Ear() as ear, trunk.callee(ear, "callee_forks") as callee:
        trunk.talks(ear)
        callee.done()
    trunk.engine.wait_idle()


def test_a_carrier_names_another_of_its_gateways(trunk: Trunk) -> None:
    elsewhere = free_port()
    with (
        Ear() as ear,
        trunk.callee(ear, "callee_moved", elsewhere=elsewhere) as gateway,
        trunk.callee(ear, "agent_stays", elsewhere) as other,
    ):
        trunk.talks(ear)
        gateway.done()
        other.done()
    trunk.engine.wait_idle()


def test_an_ack_that_should_answer_our_offer_and_does_not_ends_the_call(trunk: Trunk) -> None:
    with RawSip(trunk.bank.caller_port) as carrier:
        caller = carrier.call(("127.0.0.1", trunk.bank.trunk_port), "95588", body="")
        assert "m=audio" in caller.connect().body
        caller.expect("BYE")
    trunk.engine.wait_idle()


@pytest.mark.prove
def test_sessions_are_refreshed_by_us_and_end_where_the_other_side_does_not_refresh_them(trunk: Trunk) -> None:
    for scenario in ("caller_is_refreshed", "caller_forgets"):  # after 45 s, after 60 s
        with Ear() as ear, trunk.bank.caller(ear, scenario) as caller:
            caller.done(90)
        trunk.engine.wait_idle()
