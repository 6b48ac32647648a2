"""An engine whose records go to a database, which is taken away under it and under kill -9."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import EngineProcess, wait_until
from tests.live.rawsip import RawSip
from tests.records.cluster import HOST, Cluster

PASSWORD = "sesame-open"
pytestmark = pytest.mark.peer


def test_calls_go_on_while_the_database_is_gone_and_each_has_its_one_record_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDS_PASSWORD", PASSWORD)
    waiting = tmp_path / "run" / "records.waiting"
    with Cluster() as cluster:
        url_of_owner = cluster.database()
        cluster.sql(url_of_owner, f"create role engine login password '{PASSWORD}'")
        cluster.sql(url_of_owner, "grant all on schema public to engine")
        url = url_of_owner.replace("//hotline@", "//engine@")
        bank = Bank(
            tmp_path,
            flow="steps: [answer, {say: welcome}]",
            extra=f"records: {{url: '{url}', password: {{env: RECORDS_PASSWORD}}}}",
        )
        with RawSip(bank.caller_port) as trunk, EngineProcess(tmp_path, bank.text) as engine:

            def one_call(number: int) -> None:
                call = trunk.call((HOST, bank.trunk_port), "95588", caller=f"138{number:04}")
                call.connect()
                call.expect("BYE")

            def callers() -> list[str]:
                return [row[0] for row in cluster.sql(url_of_owner, "select caller from calls order by started_at")]

            one_call(1)
            wait_until(lambda: callers() == ["1380001"], "the first record is in the database")
            cluster.stop()
            one_call(2)
            wait_until(lambda: "records" in alarms(engine), "the alarm stands")
            one_call(3)
            wait_until(lambda: waiting.exists() and b"1380003" in waiting.read_bytes(), "both wait on disk")
            engine.kill()
            engine.start()
            one_call(4)
            wait_until(lambda: b"1380004" in waiting.read_bytes(), "it waits there too")
            assert engine.ask("status")["records_waiting"] >= 3
            cluster.start()
            wait_until(lambda: "records" not in alarms(engine), "the alarm is over")
            wait_until(lambda: engine.ask("status")["records_waiting"] == 0, "nothing waits")
            assert callers() == ["1380001", "1380002", "1380003", "1380004"]
            assert not waiting.exists()

            told = subprocess.run(
                [sys.executable, "-m", "acd", "report", "--config", str(engine.file), "--by", "", "--json"],
                capture_output=True,
                check=True,
            )
            assert json.loads(told.stdout)[0]["outcomes"] == {"self_service": 4}
        for file in (engine.log, *tmp_path.glob("run/**/*")):
            assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()


def alarms(engine: EngineProcess) -> list[str]:
    return [alarm["name"] for alarm in engine.ask("alarms")["alarms"]]
