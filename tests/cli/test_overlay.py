"""Hours, surges and the overlay as a person types and sees them; and a flow's own commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from acd.cli import app as cli
from tests.cli.engine import WALL_OFFSET_S, FakeEngine, serving
from tests.config.texts import FLOW, HOTLINE, lay_out

ROOT = Path(__file__).parents[2]
SCRIPT = "hotline: hotline.yaml\ntests:\n- test: it\n  script: [hears: welcome, hears: menu, hangs_up]\n"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    monkeypatch.setenv("ACD_CONTROL", str(tmp_path / "acd.sock"))
    monkeypatch.setenv("COLUMNS", "120")
    fake = FakeEngine()
    with serving(tmp_path / "acd.sock", fake):
        yield fake


def acd(*words: str, types: str = "") -> Result:
    return CliRunner().invoke(cli.build(), list(words), input=types)


def rows(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def answer(engine: FakeEngine, verb: str, **data: Any) -> None:
    engine.answers[verb] = {"ok": True, "data": {"now": 100.0, "wall_offset_s": WALL_OFFSET_S, **data}}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("hours office closed", ("hours", {"id": "office", "op": "closed"})),
        ("hours office as-planned", ("hours", {"id": "office", "op": "as-planned"})),
        ("surge storm on", ("surge", {"id": "storm", "op": "on"})),
        ("surge storm auto", ("surge", {"id": "storm", "op": "auto"})),
        ("overlay --reset", ("reset", {"name": None})),
        ("overlay hours:office --reset", ("reset", {"name": "hours:office"})),
        ("agent 1001 teams day night", ("agent", {"id": "1001", "op": "teams", "teams": ["day", "night"]})),
        ("agent 1001 teams --reset", ("agent", {"id": "1001", "op": "teams", "teams": None})),
        ("agent 1001 queues loans=2", ("agent", {"id": "1001", "op": "queues", "queues": {"loans": 2}})),
        ("agent 1001 queues --reset", ("agent", {"id": "1001", "op": "queues", "queues": None})),
        ("queue loans empty --to cards", ("queue", {"id": "loans", "op": "empty", "to": "cards"})),
    ],
)
def test_orders_reach_the_engine_with_who_gave_them(
    engine: FakeEngine, words: str, asked: tuple[str, dict[str, Any]]
) -> None:
    for verb in ("hours", "surge", "reset", "queue", "agent"):
        answer(engine, verb, detail="")
    result = acd(*words.split())
    assert (result.exit_code, result.stdout) == (0, "Done.\n")
    ((verb, args),) = engine.asked
    assert args.pop("by").startswith("cli")
    assert (verb, args) == asked


def test_the_tables(engine: FakeEngine) -> None:
    office = {"id": "office", "open": False, "by_hand": True, "next_change_at": WALL_OFFSET_S + 3600}
    always = {"id": "always", "open": True, "by_hand": False, "next_change_at": None}
    answer(engine, "calendars", calendars=[office, always])
    storm = {"id": "storm", "on": True, "by_hand": False, "since": 35.0}
    never = {"id": "never", "on": False, "by_hand": False, "since": None}
    answer(engine, "surges", surges=[storm, never])
    answer(engine, "overlay", overlay={"hours:office": "closed", "agent:1001": "loans=7"})
    hours = rows(acd("hours"))
    assert hours[0] == "calendar is why planned to change"
    assert hours[1].startswith("office closed by hand 2026-03-02T")
    assert hours[2] == "always open as planned –"
    assert rows(acd("surge")) == ["surge is why for", "storm on auto 1:05", "never off auto –"]
    assert rows(acd("overlay")) == ["what is", "hours:office closed", "agent:1001 loans=7"]
    assert rows(acd("overlay", "agent:1001")) == ["what is", "agent:1001 loans=7"]
    assert json.loads(acd("overlay", "--json").stdout) == {"hours:office": "closed", "agent:1001": "loans=7"}
    assert json.loads(acd("hours", "--json").stdout)[0]["next_change_at"].startswith("2026-03-02T")
    assert json.loads(acd("surge", "--json").stdout)[0]["since"].startswith("2026-03-02T")


def test_nothing_to_show(engine: FakeEngine) -> None:
    answer(engine, "calendars", calendars=[])
    answer(engine, "surges", surges=[])
    answer(engine, "overlay", overlay={})
    assert acd("hours").stdout == "No calendar.\n"
    assert acd("surge").stdout == "No surge.\n"
    assert acd("overlay").stdout == "Nothing was changed live.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("hours office", "office should be what? open, closed or as-planned"),
        ("hours office shut", "office should be what? open, closed or as-planned"),
        ("agent 1001 teams", "name the teams, or --reset"),
        ("agent 1001 teams day --reset", "name the teams, or --reset"),
        ("agent 1001 queues", "name the queues with their levels, such as cards=3, or --reset"),
        ("agent 1001 queues loans", "'loans' is a name without a level: write for example loans=7"),
        ("surge storm maybe", "storm should be what? on, off or auto"),
    ],
)
def test_wrong_usage(engine: FakeEngine, words: str, says: str) -> None:
    result = acd(*words.split())
    assert (result.exit_code, result.stderr, engine.asked) == (2, f"acd: {says}\n", [])


HELPED = [
    ["hours"], ["surge"], ["overlay"], ["queue", "loans", "empty"],
    ["agent", "1001", "teams"], ["agent", "1001", "queues"],
    ["flow", "check"], ["flow", "test"], ["flow", "try"], ["flow", "graph"],
]  # fmt: skip


@pytest.mark.parametrize("words", HELPED, ids=" ".join)
def test_every_command_helps_with_an_example(words: list[str]) -> None:
    result = acd(*words, "--help")
    assert result.exit_code == 0
    assert "Example: acd " in result.stdout


# ---------------------------------------------------------------------------------------------------------------- flow


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    lay_out(tmp_path)
    file = tmp_path / "flows" / "main.yaml"
    (tmp_path / "flows" / "main.test.yaml").write_text(SCRIPT.replace("hotline.yaml", "../hotline.yaml"))
    return file


def test_check_names_only_the_mistakes_of_this_flow(flow: Path) -> None:
    assert acd("flow", "check", str(flow)).exit_code == 0
    flow.write_text(FLOW.replace("queue: loans", "queue: loan"))
    (flow.parent.parent / "hotline.yaml").write_text(HOTLINE.replace("device: a1", "device: a9"))
    result = acd("flow", "check", str(flow))
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 1)
    assert "queue 'loan' does not exist" in result.stdout
    problems = json.loads(acd("flow", "check", str(flow), "--json").stdout)["problems"]
    assert [(problem["line"], problem["severity"]) for problem in problems] == [(7, "error")]


def test_a_flow_is_tested_by_its_own_name_or_that_of_its_tests(flow: Path) -> None:
    for file in (flow, flow.with_name("main.test.yaml")):
        result = acd("flow", "test", str(file))
        assert (result.exit_code, result.stderr) == (0, "acd: 1 tests, none failed\n")
    flow.write_text(FLOW.replace("- say: welcome", "- say: menu"))
    failed = acd("flow", "test", str(flow))
    assert failed.exit_code == 1
    assert "it: expected to hear welcome, but the caller hears menu" in failed.stdout
    counted = json.loads(acd("flow", "test", str(flow), "--json").stdout)
    assert (counted["tests"], counted["failed"]) == (1, 1)


def test_try_reads_lines_and_prints_what_is_heard(flow: Path) -> None:
    result = acd("flow", "try", str(flow), types="\n1\ndance\na\ne\n")
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "0.0 s the call is answered",
        "0.0 s hears: welcome",
        "1.0 s hears: menu",
        "1.0 s waits in loans",
        "1.0 s hears music: default",
        "1.0 s the telephone a1 rings",
        "'dance' is nothing that can be done here: ? helps",
        "2.0 s talks with agent 1001 after 1 s",
        "62.0 s the call is over: answered",
    ]


def test_try_ends_with_its_input(flow: Path) -> None:
    assert acd("flow", "try", str(flow), "--attribute", "age=70", "--from", "1").exit_code == 0


def test_graph_prints_an_outline_or_writes_a_picture(flow: Path, tmp_path: Path) -> None:
    assert acd("flow", "graph", str(flow)).stdout.splitlines()[:3] == ["main", "  answer", "  say: welcome"]
    out = tmp_path / "main.svg"
    assert acd("flow", "graph", str(flow), "--out", str(out)).exit_code == 0
    assert out.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["check", "nothing.yaml"], 2, "does not exist"),
        (
            ["try", "{flow}", "--attribute", "height=2"],
            2,
            "'height=2' is no attribute: write NAME=VALUE, NAME one of age",
        ),
        (["try", "{flow}", "--at", "noon"], 2, "'noon' is no date and time"),
        (["try", "{flow}", "--hotline", "none.yaml"], 2, "none.yaml: no such file"),
        (["graph", "{flow}", "--out", "/nowhere/at/all.svg"], 2, "/nowhere/at/all.svg: No such file or directory"),
        (["graph", "{stranger}"], 2, "of which hotline? name its file by --hotline"),
        (["graph", "{stranger}", "--hotline", "{hotline}"], 2, "the hotline has no flow 'stranger'"),
        (["test", "{stranger}"], 2, "stranger.test.yaml: no such file"),
    ],
)
def test_wrong_usage_of_flow(words: list[str], code: int, says: str, flow: Path) -> None:
    stranger = flow.parent.parent / "stranger.yaml"
    stranger.write_text(FLOW)
    hotline = flow.parent.parent / "hotline.yaml"
    result = acd("flow", *(word.format(flow=flow, stranger=stranger, hotline=hotline) for word in words))
    assert result.exit_code == code
    assert says in " ".join(result.stderr.replace("│", " ").split())


def test_the_example_s_flows_are_right() -> None:
    assert acd("flow", "test", str(ROOT / "ivr_flows/bank/main.yaml")).exit_code == 0
