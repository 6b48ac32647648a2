"""A telephone behind a proxy that adds itself to the Path of its REGISTER is called through it, after a restart too."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.rawsip import RawSip

pytestmark = pytest.mark.peer


def test_a_call_comes_by_the_proxy(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    bank = Bank(
        tmp_path, agents=0, flow="steps: [answer, {queue: loans}]",
        devices="  desk: {password: {file: secret}, path: true}",
        more_agents='  "2001": {name: Ann, device: desk, skills: {loans: 5}, sign_on: at_start}',
    )  # fmt: skip
    with RawSip(free_port()) as proxy, RawSip(bank.caller_port) as trunk, EngineProcess(tmp_path, bank.text) as engine:
        path = f"<sip:127.0.0.1:{proxy.port};lr>"
        registrar = ("127.0.0.1", bank.phone_port)
        assert proxy.register(registrar, "desk", "sesame", lines=f"Supported: path\r\nPath: {path}\r\n") == 200
        for life in range(2):
            if life:
                wait_until((tmp_path / "run" / "journal" / "bindings.json").exists, "the registration is saved")
                engine.kill()
                engine.start()
            caller = trunk.call(("127.0.0.1", bank.trunk_port), "95588")
            caller.connect()
            agent = proxy.ringing("desk")
            assert agent.invite is not None
            assert agent.invite["route"] == path
            agent.pick_up(proxy.sink, "8 101")
            agent.expect("ACK")
            caller.bye()
            agent.expect("BYE")
            engine.wait_idle()
