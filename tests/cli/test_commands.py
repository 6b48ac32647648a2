"""What a person types and sees, against an engine that is none."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from acd.cli import app as cli
from acd.core import engine as core
from tests.cli.engine import FakeEngine, serving

LISTS = ["status", "queues", "agents", "calls", "trunks", "alarms"]
ORDERS = [["agent"], ["call"], ["reload"], ["drain"]]
IN_GROUPS = [["agent", "1", verb] for verb in ("sign-on", "sign-off", "ready", "break")] + [["call", "1", "hang-up"]]
OTHERS = [["run"], ["check"], ["replay"], ["top"]]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    monkeypatch.setenv("ACD_CONTROL", str(tmp_path / "acd.sock"))
    fake = FakeEngine()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        with serving(tmp_path / "acd.sock", fake):
            yield fake
    time.tzset()


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACD_CONTROL", raising=False)
    monkeypatch.setenv("COLUMNS", "120")


def acd(*words: str) -> Result:
    return CliRunner().invoke(cli.build(), list(words))


def rows(result: Result) -> list[str]:
    """The lines of a table, however wide its columns are."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("words", [[verb] for verb in LISTS] + ORDERS + IN_GROUPS + OTHERS, ids=" ".join)
def test_every_command_helps_with_an_example(words: list[str]) -> None:
    result = acd(*words, "--help")
    assert result.exit_code == 0
    assert "Example: acd " in result.stdout


def test_the_tables_a_person_reads(engine: FakeEngine) -> None:
    assert rows(acd("queues")) == [
        "queue waiting longest signed on idle offered answered abandoned in level open blocked surge",
        "loans 1 4 s 2 0 20 18 1 17 – no –",
    ]
    assert rows(acd("agents")) == [
        "agent name presence work device for calls",
        "1001 李雷 ready talking 3-1 home-3 (line up) 1:03 12",
        "1002 韩梅梅 break (lunch) – desk-18 (down) 1:40 3",
    ]
    _, talking, waiting = rows(acd("calls"))
    assert talking == ("3-1 2026-03-02T08:00:30+08:00 1:10 trunk:carrier 13800000001 95588 talking loans – 6 s 1001")
    assert r"\x1b[31m[red]evil\n" in waiting


def test_what_is_within_a_worker_has_a_row_of_its_own(engine: FakeEngine) -> None:
    engine.answers["status"] = {"ok": True, "data": {"calls": 0, "workers": [{"pid": 7, "legs": 2}, {"pid": 8}]}}
    assert rows(acd("status")) == ["what value", "calls 0", "workers.1.pid 7", "workers.1.legs 2", "workers.2.pid 8"]


def test_no_colour_where_nobody_looks(engine: FakeEngine) -> None:
    assert all("\x1b" not in acd(verb).stdout for verb in LISTS if verb not in ("trunks", "alarms"))


def test_json_has_iso_times_and_no_control_character(engine: FakeEngine) -> None:
    status = json.loads(acd("status", "--json").stdout)
    assert status.items() >= {"calls": 2, "legs": 3, "ports": 6, "timers": 4, "agents_busy": 1}.items()
    assert status["started_at"] == "2026-03-02T08:00:00+08:00"
    text = acd("calls", "--json").stdout
    assert text.replace("\n", "").isprintable()
    assert [call["since"] for call in json.loads(text)] == ["2026-03-02T08:00:30+08:00", "2026-03-02T08:01:35+08:00"]
    assert json.loads(text)[1]["caller"] == "\x1b[31m[red]evil\n"


def test_trunks_and_alarms_show_whatever_the_engine_knows_of_them(engine: FakeEngine) -> None:
    engine.answers["trunks"] = {"ok": True, "data": {"trunks": [{"id": "carrier", "sources": ["a", "b"], "calls": 7}]}}
    assert rows(acd("trunks")) == ["id sources calls", "carrier a, b 7"]
    engine.answers["alarms"] = {"ok": True, "data": {"alarms": []}}
    assert acd("alarms").stdout == "No alarm.\n"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("agent 1001 sign-on --at desk-17", ("agent", {"id": "1001", "op": "sign-on", "at": "desk-17"})),
        ("agent 1001 sign-on", ("agent", {"id": "1001", "op": "sign-on", "at": None})),
        ("agent 1001 sign-off", ("agent", {"id": "1001", "op": "sign-off"})),
        ("agent 1001 ready", ("agent", {"id": "1001", "op": "ready"})),
        ("agent 1001 break lunch", ("agent", {"id": "1001", "op": "break", "reason": "lunch"})),
        ("call 3-17 hang-up", ("call", {"id": "3-17", "op": "hang-up"})),
        ("reload --dry-run", ("reload", {"dry_run": True})),
        ("reload", ("reload", {"dry_run": False})),
        ("drain", ("drain", {})),
    ],
)
def test_orders_reach_the_engine_with_who_gave_them(
    engine: FakeEngine, words: str, asked: tuple[str, dict[str, Any]]
) -> None:
    result = acd(*words.split())
    assert result.exit_code == 0
    ((verb, args),) = engine.asked
    assert args.pop("by").startswith("cli")
    assert (verb, args) == asked


def test_a_reload_says_what_changed(engine: FakeEngine) -> None:
    engine.answers["reload"] = {"ok": True, "data": {"changes": ["queues.loans.tier: 2 → 1"]}}
    assert acd("reload", "--dry-run").stdout == "queues.loans.tier: 2 → 1\nNothing was done (--dry-run).\n"
    assert acd("reload").stdout == "queues.loans.tier: 2 → 1\n"
    assert json.loads(acd("reload", "--json").stdout) == {"changes": ["queues.loans.tier: 2 → 1"]}


def test_a_no_of_the_engine_is_exit_1_with_its_reason(engine: FakeEngine) -> None:
    engine.answers["agent"] = {"ok": False, "error": "agent 1001 is not signed on"}
    result = acd("agent", "1001", "break", "lunch")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "acd: agent 1001 is not signed on\n")


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--control", "gone.sock"],
        ["top", "--control", "gone.sock"],
        ["agent", "1001", "ready", "--control", "gone.sock"],
        ["agent", "1001", "break"],
        ["agent", "1001", "dance"],
        ["agent"],
        ["check"],
        ["check", "nothing.yaml"],
        ["run", "nothing.yaml"],
        ["run", "x.yaml", "--log", "loud"],
        ["replay", "nothing"],
        ["replay"],
        ["status", "--what"],
        ["fly"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_usage_and_no_engine_are_exit_2_and_said(words: list[str]) -> None:
    result = acd(*words)
    assert result.exit_code == 2
    assert result.stderr or words in ([], ["agent"])  # these two print the help


def test_which_socket_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "run/acd.sock: no engine runs here" in acd("status").stderr
    monkeypatch.setenv("ACD_CONTROL", "from-env.sock")
    assert "from-env.sock: no engine runs here" in acd("status").stderr
    assert "named.sock: no engine runs here" in acd("status", "--control", "named.sock").stderr


def test_the_socket_of_a_configuration_is_asked(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "bank" / "hotline.yaml"
    result = acd("status", "--config", str(example))
    assert result.exit_code == 2
    assert result.stderr.startswith("acd: /")
    assert "/run/acd.sock: no engine runs here" in result.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\nqueeus: {}\n")
    result = acd("status", "--config", str(broken))
    assert result.exit_code == 2
    assert "broken.yaml:" in result.stderr


def test_check_names_each_mistake_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "hotline.yaml"
    file.write_text("version: 1\nqueeus: {}\n")
    result = acd("check", str(file))
    assert result.exit_code == 1
    assert "hotline.yaml:2:1: unknown key 'queeus'" in result.stdout
    answer = json.loads(acd("check", str(file), "--json").stdout)
    assert answer["ok"] is False
    assert {"file", "line", "column", "what", "fix", "severity"} == set(answer["problems"][0])
    schema = json.loads(acd("check", "--schema").stdout)
    assert "queues" in schema["properties"]


def test_check_is_content_with_the_example() -> None:
    example = Path(__file__).parents[2] / "examples" / "bank" / "hotline.yaml"
    result = acd("check", str(example))
    assert (result.exit_code, "error" in result.stdout) == (0, False)


def test_replay_of_a_journal_and_of_an_altered_one(tmp_path: Path) -> None:
    from acd.journal.segments import segments
    from tests.journal.shift import shift, written

    written(tmp_path / "journal", shift())
    result = acd("replay", str(tmp_path / "journal"))
    assert result.exit_code == 0
    assert result.stdout.endswith("records: the same to the last command\n")
    (path,) = segments(tmp_path / "journal")
    path.write_bytes(path.read_bytes().replace(b'"digit":"1"', b'"digit":"2"', 1))
    result = acd("replay", str(path))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{path}:")
    answer = json.loads(acd("replay", str(path), "--json").stdout)
    assert answer["exact"] is False
    assert answer["difference"]["line"] > 1


class Plugin:
    """An entry point of the group."""

    def __init__(self, name: str, loads: object) -> None:
        self.name, self.value, self.loads = name, f"{name}.commands:register", loads

    def load(self) -> object:
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads


def test_other_packages_add_commands_and_a_broken_one_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def register(app: typer.Typer) -> None:
        @app.command()
        def simulate() -> None:
            """Ask what if."""
            print("what if")

    plugins = [Plugin("good", register), Plugin("bad", ImportError("no module named numpy")), Plugin("worse", 7)]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: plugins if group == "acd.commands" else [])
    assert acd("simulate").stdout == "what if\n"
    assert capsys.readouterr().err.splitlines() == [
        "acd: the commands of 'bad' (bad.commands:register) are left out: ImportError: no module named numpy",
        "acd: the commands of 'worse' (worse.commands:register) are left out: TypeError: 'int' object is not callable",
    ]


def test_a_command_of_our_own_does_not_wait_for_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(group: str) -> list[Plugin]:
        raise AssertionError("asked for plugins")

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    for words in (["status"], ["agent", "1001", "ready"], ["replay", "run"]):
        cli.build(words)
    for words in ([], ["--help"], ["simulate"]):
        with pytest.raises(AssertionError, match="asked for plugins"):
            cli.build(words)


def test_the_version() -> None:
    told = acd("--version").stdout
    assert told.startswith("acd 0.")
    assert told.endswith(" compiled\n") == (not str(core.__file__).endswith(".py"))


def test_a_command_is_found_in_the_module_that_has_it_and_waits_for_no_other() -> None:
    names = [name for commands in cli.PARTS.values() for name in commands]
    assert len(names) == len(set(names))
    for part, commands in cli.PARTS.items():
        app = typer.Typer()
        import_module(f"acd.cli.{part}").register(app)
        named = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
        assert [*named, *(group.name for group in app.registered_groups)] == list(commands)
    tell = "import sys; from acd.cli import app; app.build(sys.argv[1:]); print(*sys.modules)"
    for name in (commands[0] for commands in cli.PARTS.values()):
        done = subprocess.run([sys.executable, "-c", tell, name], capture_output=True, check=True, text=True)
        heavy = {"acd.core.engine", "acd.config", "acd.live", "simulator", "softphone", "numpy", "asyncio", "msgspec"}
        assert heavy.isdisjoint(done.stdout.split()), name
