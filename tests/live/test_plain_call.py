"""The plain case, with SIPp as trunk and as agent's phone and raw sockets for their ears: prompt, key, music, agent,
talk, hang-up, record."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.live.bank import MUSIC, WELCOME, Bank
from tests.live.ear import Ear
from tests.live.harness import EngineProcess, wait_until

pytestmark = pytest.mark.peer


def test_a_caller_hears_a_prompt_presses_a_key_waits_to_music_and_talks_to_an_agent(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    with Ear() as caller, Ear() as agent, EngineProcess(tmp_path, bank.text) as engine:
        agent.codec = 8
        with bank.phone(agent) as phone, bank.caller(caller) as trunk:
            caller.wait_for_tone(WELCOME)
            caller.press("1")
            wait_until(lambda: engine.ask("status")["agents_busy"] == 1, "an agent talks")
            call = wait_until(lambda: [c for c in engine.ask("calls")["calls"] if c["state"] == "talking"], "talking")
            assert call[0]["agent"] == "1001"
            caller.reaches(agent, 900.0)
            agent.reaches(caller, 1100.0)
            trunk.hang_up()
            phone.done()
        [record] = engine.records(1)
        assert (record["outcome"], record["agent"], record["queue"]) == ("answered", "1001", "loans")
        assert record["released_by"] == "caller"
        assert len({packet.ssrc for packet in caller.packets}) == 1, "one stream for the leg's life"
        sequences = [packet.sequence for packet in caller.packets]
        steps = {(after - before) & 0xFFFF for before, after in pairwise(sequences)}
        assert steps == {1}, "prompt, music and conversation follow each other without a gap"
        engine.wait_idle()


def test_a_caller_waits_to_music_until_an_agent_is_free(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow="steps: [answer, {queue: loans}]", queue="{needs: {loans: 1}, nobody_signed_on: wait}")
    with Ear() as caller, EngineProcess(tmp_path, bank.text) as engine:
        engine.ask("agent", id="1001", op="break", reason="lunch")
        with bank.caller(caller) as trunk:
            caller.wait_for_tone(MUSIC)
            trunk.hang_up()
        [record] = engine.records(1)
        assert (record["outcome"], record["released_by"]) == ("abandoned", "caller")
