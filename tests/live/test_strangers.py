"""An agent's telephone behind NAT: where its audio comes from is learnt once, from its own address; nobody else is
taken for it, then or later, nor ends its call by RTCP."""

from pathlib import Path

import pytest

from media import rtcp
from tests.live.bank import Bank
from tests.live.ear import Ear, hears_tone
from tests.live.harness import EngineProcess, wait_until
from tests.live.rawsip import RawSip, media_of, sdp

pytestmark = pytest.mark.peer

BEHIND = "127.0.0.9"  # what the telephone takes for its address; nobody is there
THEFT = 1500.0


def test_audio_is_latched_once_and_nobody_steals_it(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow="steps: [answer, {queue: loans}]", device="codecs: [PCMA], nat: true")
    with (
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.caller_port) as trunk,
        RawSip(bank.agent_port) as phones,
        Ear(codec=8) as caller,
        Ear(codec=8) as phone,
        Ear(codec=8) as neighbour,
        Ear(codec=8, host="127.0.0.2") as stranger,
    ):
        call = trunk.call(("127.0.0.1", bank.trunk_port), "95588", rtp=caller.port)
        caller.target = media_of(call.connect().body)
        agent = phones.ringing("a1")
        assert agent.invite is not None
        host, port = media_of(agent.invite.body)
        agent.respond(agent.invite, 200, sdp(phone.port, codecs="8 101", host=BEHIND))
        agent.expect("ACK")
        phone.target = neighbour.target = stranger.target = (host, port)

        stranger.speak(THEFT, 0.2)  # quicker than the telephone, but not from where its signalling comes
        phone.reaches(caller, 900.0)
        caller.reaches(phone, 1100.0)

        for thief in (neighbour, stranger):  # the neighbour is behind the same NAT
            thief.speak(THEFT, 0.3)
            thief.press("1")
            for beside in (port, port + 1):
                thief.socket.sendto(rtcp.build(thief.ssrc, b"thief", None, None, bye=True), (host, beside))
        phone.reaches(caller, 900.0)
        caller.reaches(phone, 1100.0)
        wait_until(lambda: engine.ask("status")["workers"][0]["strangers"] >= 40, "who is foreign is counted")
        assert not hears_tone(caller.samples(), THEFT)
        assert not caller.digits()
        assert not neighbour.packets
        assert not stranger.packets
        call.bye()
        agent.expect("BYE")
        [record] = engine.records(1)
        assert (record["outcome"], record["released_by"]) == ("answered", "caller")
        engine.wait_idle()
