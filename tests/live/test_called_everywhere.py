"""One name for a call on every leg, in log, record and trace (RFC 7989); who sent it on to us is known (RFC 5806)."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess
from tests.live.rawsip import RawSip

pytestmark = pytest.mark.peer

OURS = "ab30317f1a784dc48ff824d0d3715d86"
NIL = "0" * 32
FLOW = """
steps:
  - when:
      - if: diverted_from == "4711" and diverted_reason == "user-busy"
        do: [answer, {queue: loans}]
      - else: [{hang_up: 486}]
"""


def test_the_callers_session_id_and_who_sent_him_on(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow=FLOW)
    hotline = ("127.0.0.1", bank.trunk_port)
    with (
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.caller_port) as trunk,
        RawSip(bank.agent_port) as desk,
    ):
        given = f"Session-ID: {OURS};remote={NIL}\r\nDiversion: <sip:4711@branch.example>;reason=user-busy\r\n"
        caller = trunk.call(hotline, "95588", lines=given)
        answer = caller.connect()
        assert answer["session-id"].endswith(f";remote={OURS}")
        agent = desk.ringing("a1")
        assert agent.invite is not None
        assert agent.invite["session-id"] == f"{OURS};remote={NIL}"
        agent.pick_up(desk.sink)
        agent.expect("ACK")
        assert [call["session_id"] for call in engine.ask("calls")["calls"]] == [OURS]
        caller.bye()
        agent.expect("BYE")
        plain = trunk.call(hotline, "95588", lines="Session-ID: rubbish\r\nDiversion: <<<\r\n")
        plain.expect("486 INVITE")
        found = engine.ask("trace", call=OURS)
        assert {message["leg"] for message in found["messages"]} == {"1-1.0", "1-1.1"}
        first, second = engine.records(2)
        assert (first["session_id"], first["diverted_from"], first["diverted_reason"]) == (OURS, "4711", "user-busy")
        assert len(second["session_id"]) == 32
        assert second["diverted_from"] is None
        engine.wait_idle()
    assert f'"session_id":"{OURS}"' in engine.log.read_text()
