"""A device that is registered at two places: the newer is rung, the older where nobody is at the newer any more."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess, free_port
from tests.live.rawsip import RawSip

pytestmark = pytest.mark.peer

FLOW = "steps: [answer, {queue: loans}]"
HOST = "127.0.0.1"


def path_to(phone: RawSip) -> str:
    return f"<sip:{HOST}:{phone.port};lr>"


def test_who_is_gone_from_the_newer_contact_is_rung_at_the_older(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    bank = Bank(
        tmp_path, agents=0, flow=FLOW, devices="  desk: {password: {file: secret}, path: true}",
        more_agents='  "2001": {name: Ann, device: desk, skills: {loans: 5}, sign_on: at_start}',
    )  # fmt: skip
    with (
        RawSip(free_port()) as older,
        RawSip(free_port()) as newer,
        RawSip(bank.caller_port) as trunk,
        EngineProcess(tmp_path, bank.text) as engine,
    ):
        for phone in (older, newer):
            lines = f"Supported: path\r\nPath: {path_to(phone)}\r\n"
            assert phone.register((HOST, bank.phone_port), "desk", "sesame", lines=lines) == 200

        newer.deaf_users.add("desk")
        caller = trunk.call((HOST, bank.trunk_port), "95588")
        caller.connect()
        agent = older.ringing("desk")
        assert agent.invite is not None
        assert agent.invite["route"] == path_to(older), "not the other's proxy"
        agent.pick_up(older.sink, "8 101")
        agent.expect("ACK")
        caller.bye()
        agent.expect("BYE")
        engine.wait_idle()

        newer.deaf_users.clear()
        caller = trunk.call((HOST, bank.trunk_port), "95588")
        caller.connect()
        agent = newer.ringing("desk")
        assert agent.invite is not None
        assert agent.invite["route"] == path_to(newer)
        agent.refuse(486)
        agent.expect("ACK")
        older.caught_up()
        assert older.arrivals["desk"].empty(), "busy is the device's answer"
        caller.bye()
        engine.wait_idle()
        first, second = engine.records(2)
        assert [first["outcome"], second["outcome"]] == ["answered", "abandoned"]
