"""What a right configuration becomes: the core's settings, the shell's values, every default filled in."""

import dataclasses
import json
from pathlib import Path

import pytest

from acd.config.load import check, json_schema, load
from acd.config.schema import QueueAt
from acd.config.shell import Address, DialOut, DialTarget, Listen
from acd.core.flow import Answer
from acd.core.settings import Agent, Announce, Device, Queue, Reserve, Ring, WrapUp
from acd.records.place import DatabaseAt
from acd.secret import Secret, SecretMissing
from tests.config.texts import HOTLINE, lay_out, silence


def test_the_core_gets_plain_settings(tmp_path: Path) -> None:
    settings = load(lay_out(tmp_path)).settings
    assert settings.name == "test"
    assert settings.trunks["carrier"].trusted
    assert settings.devices == {"a1": Device("a1"), "desk": Device("desk")}
    assert settings.agents["1001"] == Agent("1001", device="a1", skills={"loans": 7}, teams=("day",))
    assert settings.queues["loans"] == Queue("loans", needs={"loans": 3}, wrap_up=WrapUp("timed", 3.0))
    assert settings.numbers["95588"].flow == "main"
    assert settings.flows["main"].steps[0] == Answer()


def test_the_shell_gets_addresses_files_and_places_of_secrets(tmp_path: Path) -> None:
    hotline = load(lay_out(tmp_path))
    assert hotline.listen["agents"] == Listen(
        "agents", (Address("udp", "127.0.0.1", 5062),), "127.0.0.1", "127.0.0.1", "127.0.0.1", ("MD5",)
    )
    assert hotline.trunks["carrier"].network == "trunks"
    assert hotline.trunks["carrier"].sources == (("127.0.0.1", 7060),)
    assert hotline.devices["a1"].network == "agents"
    assert hotline.devices["a1"].contact == "sip:a1@127.0.0.1:7070"
    assert hotline.devices["desk"].password == Secret(file=tmp_path / "secrets.env", key="DESK")
    assert hotline.prompts["welcome"] == tmp_path / "prompts" / "welcome.wav"
    assert hotline.music == {"default": tmp_path / "hold.wav"}
    assert hotline.attributes == {"age": "X-Age"}
    assert (hotline.control, hotline.journal) == (tmp_path / "run" / "acd.sock", tmp_path / "run" / "journal")
    assert hotline.files == (tmp_path / "hotline.yaml", tmp_path / "flows" / "main.yaml")


def test_the_version_tells_two_configurations_apart_by_their_files(tmp_path: Path) -> None:
    first = load(lay_out(tmp_path)).settings.version
    assert load(tmp_path / "hotline.yaml").settings.version == first
    with (tmp_path / "flows" / "main.yaml").open("a") as flow:
        flow.write("# a remark\n")
    assert load(tmp_path / "hotline.yaml").settings.version != first


def test_everything_a_queue_can_be_is_written_under_its_own_name() -> None:
    assert set(QueueAt.model_fields) == {field.name for field in dataclasses.fields(Queue)} - {"id"}
    untouched = Queue("q")
    for name, field in QueueAt.model_fields.items():
        if isinstance(field.default, (int, float, str, type(None))) and name != "wrap_up":
            assert field.default == getattr(untouched, name), name


def test_a_queue_with_everything(tmp_path: Path) -> None:
    text = HOTLINE.replace(
        "    needs: {cards: 3}\n",
        """\
    needs: {cards: 3}
    teams: day
    sites: [beijing]
    strategy: random
    tier: 0
    credit_s: 30
    level_delays_s: [0, 10, 30]
    rings: [{after_s: 6, needs: {cards: 1}, teams: [], sites: []}, {after_s: 9, needs: {}}]
    wrap_up: until_done
    reserve: {agents: 1, reserve_for_s: 20}
    announce: {every_s: 30, prompts: welcome}
    max_length: 10
    nobody_signed_on: wait
    blocked: true
""",
    )
    queue = load(lay_out(tmp_path, text)).settings.queues["cards"]
    assert queue == Queue(
        "cards",
        needs={"cards": 3},
        teams=("day",),
        sites=("beijing",),
        strategy="random",
        tier=0,
        credit_s=30.0,
        level_delays_s=(0.0, 10.0, 30.0),
        rings=(Ring(6.0, {"cards": 1}, (), ()), Ring(9.0, {})),
        wrap_up=WrapUp("until_done"),
        reserve=Reserve(1, 20.0),
        announce=Announce(30.0, ("welcome",)),
        max_length=10,
        max_wait_s=60.0,
        nobody_signed_on="wait",
        blocked=True,
    )


def test_an_agent_at_home_is_a_number_through_a_trunk(tmp_path: Path) -> None:
    text = HOTLINE.replace('{contact: "sip:a1@127.0.0.1:7070"}', '{number: "138", through: carrier, confirm: key}')
    text = text.replace(
        "    trusted: true\n",
        "    trusted: true\n"
        '    dial_out: {to: "sip:192.0.2.9:5070", caller: "95588", user: u, password: {env: TRUNK}}\n',
    )
    path = lay_out(tmp_path, text)
    silence(tmp_path / "prompts" / "whisper.wav")
    hotline = load(path)
    assert hotline.settings.devices["a1"] == Device("a1", "138", "carrier", "1")
    assert hotline.trunks["carrier"].dial_out == DialOut(
        (DialTarget("192.0.2.9", 5070, "udp"),), None, "95588", "u", Secret(env="TRUNK")
    )


def test_addresses_a_bank_behind_a_firewall_writes(tmp_path: Path) -> None:
    text = HOTLINE.replace(
        '{sip: "udp:127.0.0.1:5060"}',
        '{sip: ["udp:0.0.0.0:5060", "udp:[::1]:5060"], media: 10.0.0.1, advertise: 203.0.113.10}',
    ).replace('["127.0.0.1:7060"]', '["192.0.2.0/24", "[2001:db8::1]:5060", "192.0.2.7"]')
    hotline = load(lay_out(tmp_path, text))
    assert hotline.listen["trunks"] == Listen(
        "trunks",
        (Address("udp", "0.0.0.0", 5060), Address("udp", "::1", 5060)),
        "203.0.113.10",
        "10.0.0.1",
        "203.0.113.10",
        ("SHA-256", "MD5"),
    )
    assert hotline.trunks["carrier"].sources == (("192.0.2.0/24", 0), ("2001:db8::1", 5060), ("192.0.2.7", 0))


def test_journal_and_records_can_be_left_out(tmp_path: Path) -> None:
    hotline = load(lay_out(tmp_path, HOTLINE + "journal: none\nrecords:\n"))
    assert (hotline.journal, hotline.records) == (None, None)


def test_records_go_to_a_file_or_to_a_database(tmp_path: Path) -> None:
    def records(text: str) -> object:
        return load(lay_out(tmp_path, HOTLINE + f"records: {text}\n")).records

    url, waiting = (
        "postgresql://acd@db.bank.example:5433/hotline?sslmode=verify-full",
        tmp_path / "run" / "records.waiting",
    )
    assert load(lay_out(tmp_path)).records == tmp_path / "run" / "records.sqlite"
    assert records("r.sqlite") == records("{file: r.sqlite}") == tmp_path / "r.sqlite"
    assert records("none") is None
    assert records(url) == DatabaseAt(url, None, waiting)
    secret = Secret(file=tmp_path / "secrets.env", key="DESK")
    with_more = records(f"{{url: '{url}', password: {{file: secrets.env, key: DESK}}, waiting: /var/spool/r}}")
    assert with_more == DatabaseAt(url, secret, Path("/var/spool/r"))


def test_recordings_are_looked_into(tmp_path: Path) -> None:
    path = lay_out(tmp_path)
    silence(tmp_path / "prompts" / "menu.wav", rate=16000)
    (tmp_path / "hold.wav").write_bytes(b"")
    found = [(p.line, p.column, p.severity, Path(p.what.split(" is ")[0]).name) for p in check(path)]
    assert found == [(31, 10, "warning", "menu.wav"), (32, 18, "error", "hold.wav")]


def test_the_first_directory_of_prompts_wins(tmp_path: Path) -> None:
    path = lay_out(tmp_path, HOTLINE.replace("prompts: prompts", "prompts: [own, prompts]"))
    (tmp_path / "own" / "menus").mkdir(parents=True)
    silence(tmp_path / "own" / "welcome.wav")
    silence(tmp_path / "own" / "menus" / "main.wav")
    prompts = load(path).prompts
    assert prompts["welcome"] == tmp_path / "own" / "welcome.wav"
    assert prompts["menus/main"] == tmp_path / "own" / "menus" / "main.wav"
    assert prompts["menu"] == tmp_path / "prompts" / "menu.wav"


# -------------------------------------------------------------------------------------------------- secrets


def test_a_secret_is_read_when_asked_for_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole").write_text("open sesame\n")
    (tmp_path / "env").write_text("# remark\nA = one\nB=two=2\n")
    assert Secret(file=tmp_path / "whole").reveal() == "open sesame"
    assert Secret(file=tmp_path / "env", key="A").reveal() == "one"
    assert Secret(file=tmp_path / "env", key="B").reveal() == "two=2"
    monkeypatch.setenv("HOTLINE_TEST", "three")
    assert Secret(env="HOTLINE_TEST").reveal() == "three"
    assert "sesame" not in repr(load(lay_out(tmp_path)))


def test_a_secret_that_is_not_there_is_told_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTLINE_TEST", raising=False)
    (tmp_path / "empty").touch()
    for secret, words in [
        (Secret(env="HOTLINE_TEST"), "HOTLINE_TEST is not set"),
        (Secret(file=tmp_path / "none"), "cannot be read"),
        (Secret(file=tmp_path / "empty"), "is empty"),
        (Secret(file=tmp_path / "empty", key="A"), "has no line A="),
    ]:
        with pytest.raises(SecretMissing, match=words):
            secret.reveal()


def test_a_missing_secret_is_an_error_in_a_file_and_a_warning_in_the_environment(tmp_path: Path) -> None:
    told = [
        ("{file: nowhere}", 27, "error"),
        ("{file: secrets.env, key: DESKS}", 45, "error"),
        ("{env: HOTLINE_NOWHERE}", 26, "warning"),
    ]
    for secret, column, severity in told:
        found = check(lay_out(tmp_path, HOTLINE.replace("{file: secrets.env, key: DESK}", secret)))
        assert [(p.line, p.column, p.severity) for p in found] == [(14, column, severity)], found


# --------------------------------------------------------------------------------------------------- schema


def test_the_json_schema_tells_an_editor_what_may_be_written() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "listen"]
    queue = schema["$defs"]["QueueAt"]["properties"]
    assert "longest_idle" in queue["strategy"]["enum"]
    assert queue["tier"]["description"] == "0 is served first, strictly"
    assert {"type": "string"} in schema["$defs"]["ListenAt"]["properties"]["sip"]["anyOf"]
    assert schema["properties"]["agents"]["anyOf"][0]["required"] == ["csv"]


def test_every_key_says_what_it_means() -> None:
    schema = json_schema()
    models = {"the file": schema, **schema["$defs"]}
    silent = [
        f"{model}.{key}"
        for model, at in models.items()
        for key, value in at.get("properties", {}).items()
        if not value.get("description")
    ]
    assert silent == []
