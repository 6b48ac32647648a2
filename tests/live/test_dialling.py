"""An agent calls out for his caller, by a rule; and is told why not, where there is none."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.rawsip import RawSip
from tests.nameserver import NameServer

pytestmark = pytest.mark.peer


def bank(directory: Path, port: int) -> Bank:
    """A carrier at this port that may be called for the Shanghai numbers of those who came by the queue loans."""
    return Bank(
        directory, caller_port=port, flow="steps: [answer, {queue: loans}]",
        trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{port}", caller: "95588"}}, '
        r'rewrite: {dialled: [{match: "0(.*)", to: "+86\\1"}]}',
        extra=r"dialling: {allow: [{numbers: '02\d{6,}', through: carrier, queues: loans}]}",
    )  # fmt: skip


def test_a_number_is_called_by_rule_and_no_other(tmp_path: Path) -> None:
    port = free_port()
    shop = bank(tmp_path, port)
    with RawSip(port) as carrier, RawSip(shop.agent_port) as desk, EngineProcess(tmp_path, shop.text) as engine:
        caller = carrier.call(("127.0.0.1", shop.trunk_port), "95588", caller="13900000000")
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


def test_a_carrier_may_name_another_host_and_of_the_numbers_those_that_anybody_may_dial(tmp_path: Path) -> None:
    port, beside = free_port(), free_port()
    gateway = f"gw.carrier.example:{beside}"
    with NameServer({("gw.carrier.example", "A"): ["127.0.0.1"]}) as server:
        host, dns_port = server.address
        shop = Bank(
            tmp_path, caller_port=port, flow="steps: [answer, {queue: loans}]",
            trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{port}", caller: "95588"}}, '
            r"rewrite: {dialled: [{match: '0(.*)', to: '+86\1'}], caller: [{match: '\+86(.*)', to: '0\1'}]}",
            extra=r"dialling: {special: ['0900'], allow: [{numbers: '02\d{6,}', through: carrier, queues: loans}, "
            r"{numbers: '0[39]\d{6,}', through: carrier}]}" + f'\ndns: {{servers: ["{host}:{dns_port}"]}}',
        )  # fmt: skip
        with (
            RawSip(port) as carrier, RawSip(beside) as other, RawSip(shop.agent_port) as desk,
            EngineProcess(tmp_path, shop.text) as engine,
        ):  # fmt: skip
            caller = carrier.call(("127.0.0.1", shop.trunk_port), "95588")
            caller.connect()
            agent = desk.ringing("a1")
            agent.pick_up(desk.sink, "8 101")
            agent.expect("ACK")
            for contact in (f"+862765432@{gateway}", f"+86900123456@{gateway}", "+862123456@nowhere.example"):
                engine.ask("agent", id="1001", op="consult", to="021 23456")
                outside = carrier.ringing("+862123456")
                assert outside.invite is not None
                outside.respond(outside.invite, 302, lines=f"Contact: <sip:{contact}>\r\n")
                outside.expect("ACK")
                wait_until(lambda: len(engine.ask("calls")["calls"][0]["legs"]) == 2, "the consultation has failed")
            for number in ("+862123456", "+863123456"):
                engine.ask("agent", id="1001", op="consult", to="021 23456")
                outside = carrier.ringing("+862123456")
                assert outside.invite is not None
                outside.respond(outside.invite, 302, lines=f"Contact: <sip:{number}@{gateway}>\r\n")
                there = other.ringing(number)
                assert there.invite is not None
                assert there.invite.uri == f"sip:{number}@{gateway}"
                there.pick_up(other.sink, "8 101")
                there.expect("ACK")
                engine.ask("agent", id="1001", op="cancel")
                there.expect("BYE")
            caller.bye()
            agent.expect("BYE")
            engine.wait_idle()
        assert ("gw.carrier.example", "A") in server.asked
        assert engine.log.read_text().count("redirect refused") == 2


def test_the_telephones_own_transfer_key_goes_by_the_same_rule(tmp_path: Path) -> None:
    port = free_port()
    shop = bank(tmp_path, port)
    with RawSip(port) as carrier, RawSip(shop.agent_port) as desk, EngineProcess(tmp_path, shop.text) as engine:
        caller = carrier.call(("127.0.0.1", shop.trunk_port), "95588")
        caller.connect()
        agent = desk.ringing("a1")
        agent.pick_up(desk.sink, "8 101")
        agent.expect("ACK")
        lines = f"Contact: <sip:a1@127.0.0.1:{shop.agent_port}>\r\nRefer-To: <sip:%s@127.0.0.1>\r\n"
        agent.request("REFER", lines=lines % "0900123456")
        agent.expect("202 REFER")
        told = agent.expect("NOTIFY")
        while "403" not in told.body:
            told = agent.expect("NOTIFY")
        agent.request("REFER", lines=lines % "02123456")
        outside = carrier.ringing("+862123456")
        outside.pick_up(carrier.sink, "8 101")
        outside.expect("ACK")
        agent.bye()
        caller.bye()
        outside.expect("BYE")
        engine.wait_idle()
