"""Keys told by INFO, and a telephone that tells each key twice."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.ear import Ear
from tests.live.harness import EngineProcess
from tests.live.rawsip import Call, RawSip

pytestmark = pytest.mark.peer

FLOW = """
steps:
  - answer
  - menu: {prompts: welcome, timeout_s: 20, retries: 0, keys: {"1": [], "2": [hang_up]}, otherwise: [hang_up]}
  - menu: {prompts: survey, timeout_s: 20, retries: 0, keys: {"1": [hang_up], "2": [{queue: loans}]}}
"""


def _info(call: Call, key: str) -> None:
    call.request("INFO", f"Signal={key}\r\nDuration=100\r\n", lines="Content-Type: application/dtmf-relay\r\n")
    call.expect("200 INFO")


@pytest.mark.parametrize("ways", ["info", "rtp and info", "info and rtp"])
def test_each_key_counts_once(tmp_path: Path, ways: str) -> None:
    bank = Bank(tmp_path, flow=FLOW)
    with Ear() as ear, RawSip(bank.caller_port) as trunk, EngineProcess(tmp_path, bank.text) as engine:
        with RawSip(bank.agent_port) as phone:
            call = trunk.call(("127.0.0.1", bank.trunk_port), "95588", rtp=ear.port)
            call.connect()
            ear.wait_for_packets()
            for key in "12":
                for way in ways.split(" and "):
                    if way == "info":
                        _info(call, key)
                    else:
                        ear.press(key)
            agent = phone.ringing("a1")
            agent.pick_up(phone.sink)
            agent.expect("ACK")
            call.bye()
        engine.wait_idle()
        [record] = engine.records(1)
        assert (record["queue"], record["outcome"]) == ("loans", "answered")
