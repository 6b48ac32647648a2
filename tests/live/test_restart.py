"""kill -9 in mid-call: the engine is up again at once, says goodbye to both parties in their dialogs, writes the one
record of each call, and keeps who was signed on, on a break, registered."""

from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.ear import Ear
from tests.live.harness import EngineProcess, wait_until

pytestmark = pytest.mark.peer


def test_after_kill_9_both_parties_get_a_bye_and_the_call_its_record(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow="steps: [answer, {queue: loans}]", agents=2)
    with Ear() as ear, EngineProcess(tmp_path, bank.text) as engine:
        engine.ask("agent", id="1002", op="break", reason="lunch")
        with bank.phone(ear) as phone, bank.caller(ear, "caller_stays") as trunk:
            wait_until(lambda: any(c["state"] == "talking" for c in engine.ask("calls")["calls"]), "they talk")
            engine.kill()
            engine.start()
            phone.done()  # its script ends with our BYE
            trunk.done()
        [record] = engine.records(1)
        assert record["outcome"] == "interrupted"
        presence = {agent["id"]: agent["presence"] for agent in engine.ask("agents")["agents"]}
        assert presence == {"1001": "ready", "1002": "break"}
        engine.wait_idle()
        assert engine.ask("status")["boot"] == 2


def test_a_blocked_trunk_stays_blocked_until_it_is_unblocked(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    with EngineProcess(tmp_path, bank.text) as engine:
        for op, state in (("block", "blocked"), ("unblock", "up")):
            engine.ask("trunk", id="carrier", op=op)
            engine.kill()
            engine.start()
            assert engine.ask("trunks")["trunks"][0]["state"] == state
            alarms = [alarm["name"] for alarm in engine.ask("alarms")["alarms"]]
            assert ("trunk_blocked:carrier" in alarms) == (state == "blocked")
