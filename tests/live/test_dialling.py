"""An agent calls out for his caller, by a rule; and is told why not, where there is none."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess, free_port
from tests.live.rawsip import RawSip

pytestmark = pytest.mark.peer


def test_a_number_is_called_by_rule_and_no_other(tmp_path: Path) -> None:
    port = free_port()
    bank = Bank(
        tmp_path, caller_port=port, flow="steps: [answer, {queue: loans}]",
        trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{port}", caller: "95588"}}, '
        r'rewrite: {dialled: [{match: "0(.*)", to: "+86\\1"}]}',
        extra=r"dialling: {allow: [{numbers: '02\d{6,}', through: carrier, queues: loans}]}",
    )  # fmt: skip
    with RawSip(port) as carrier, RawSip(bank.agent_port) as desk, EngineProcess(tmp_path, bank.text) as engine:
        caller = carrier.call(("127.0.0.1", bank.trunk_port), "95588", caller="13900000000")
        caller.connect()
        agent = desk.ringing("a1")
        agent.pick_up(desk.sink, "8 101")
        agent.expect("ACK")
        refused = engine.request("agent", id="1001", op="consult", to="00442012345")
        assert refused["error"] == "00442012345 may not be dialled: no rule allows that number"
        engine.ask("agent", id="1001", op="consult", to="021 23456")
        outside = carrier.ringing("+862123456")
        assert outside.invite is not None
        assert "<sip:95588@" in outside.invite["from"]
        outside.pick_up(carrier.sink, "8 101")
        outside.expect("ACK")
        engine.ask("agent", id="1001", op="complete")
        agent.expect("BYE")
        caller.bye()
        outside.expect("BYE")
        [record] = engine.records(1)
        assert (record["outcome"], record["agent"]) == ("answered", "02123456")
        engine.wait_idle()
