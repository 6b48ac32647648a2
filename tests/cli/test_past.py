"""`acd report` and `acd explain` as a floor manager types them, on a journal of a shift and on a simulated day."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from acd.cli import app as cli
from acd.cli.picture import bar, stacked
from acd.core.commands import WriteRecord
from acd.core.record import LegRecord, Record
from acd.records.store import RecordStore
from tests.core.hotline import hotline
from tests.core.test_explain import agent, bank, loans
from tests.core.world import Phone, World
from tests.journal.shift import TurnOf, shift, written

BANK = Path(__file__).parents[2] / "examples" / "bank"


@pytest.fixture(autouse=True)
def in_shanghai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


def acd(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli.build(), list(words))
    assert result.exit_code == code, result.output
    return result


def rows(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def turns(world: World) -> list[TurnOf]:
    return [(now, event, given) for (now, event), given in zip(world.events, world.commands, strict=True)]


@pytest.fixture
def morning() -> World:
    """Ann alone: a caller whom she takes, one who gives up after 12 s, one who waits for her."""
    world = World(bank({"ann": agent("ann", teams=("red",), site="north")}, loans(target_s=10.0)))
    world.call("loans")
    world.run(5)
    world.call("loans")
    world.run(12)
    world.hang_up("caller2")
    world.call("loans")
    world.run(20)
    world.hang_up("ann")
    world.run(13)
    world.hang_up("caller3")
    written(Path("run/journal"), turns(world))
    return world


def store(*records: Record, legs: Sequence[LegRecord] = ()) -> Path:
    path = Path("run/records.sqlite")

    async def put() -> None:
        kept = await RecordStore.open(path, trouble=lambda on, detail: None)
        for one in records:
            kept.put(one)
        for leg in legs:
            kept.put_leg(leg)
        await kept.close()

    asyncio.run(put())
    return path


# ------------------------------------------------------------------------------------------------------- report


def test_the_table_of_a_queue(morning: World) -> None:
    assert rows(acd("report")) == [
        "queue offered answered abandoned short level default ASA s longest s ring s talk s hold s wrap-up s AHT s"
        " rung occupancy",
        "loans 3 2 1 0 33.3 % 13.0 23.0 3.0 22.0 0.0 0.0 25.0 2 100.0 %",
    ]


def test_one_definition_or_another(morning: World) -> None:
    for name, level in (("of_answered", "50.0 %"), ("abandoned_in_time_as_met", "33.3 %")):
        assert level in acd("report", "--level", name).stdout
    assert "100.0 %" in acd("report", "--level", "of_answered", "--within", "23").stdout
    assert "50.0 %" in acd("report", "--short", "15").stdout


def test_by_agent_team_site_and_interval(morning: World) -> None:
    facts = json.loads(acd("report", "--by", "agent,team,site,interval", "--json").stdout)
    assert [(row["agent"], row["team"], row["site"], row["interval"], row["answered"]) for row in facts] == [
        ("ann", "red", "north", "1970-01-12T21:30:00+08:00", 2)
    ]
    assert facts[0]["busy_s"] == 50.0


def test_from_to(morning: World) -> None:
    assert acd("report", "--from", "2026-03-02").stdout == "No call and nobody at work in that time.\n"
    after_10_s = json.loads(acd("report", "--from", "1970-01-12T21:46:50+08:00", "--json").stdout)
    assert [row["offered"] for row in after_10_s] == [1]
    before = json.loads(acd("report", "--to", "1970-01-12T13:46:50Z", "--json").stdout)
    assert [row["offered"] for row in before] == [2]


def test_csv_has_every_figure(morning: World) -> None:
    (row,) = csv.DictReader(io.StringIO(acd("report", "--by", "", "--csv").stdout))
    assert (row["calls"], row["offered"], row["outcomes.abandoned"], row["outcomes.answered"]) == ("3", "3", "1", "2")
    assert row["service_level.default"] == "0.333333"


def test_records_alone_give_all_but_agents_time(morning: World) -> None:
    whole = json.loads(acd("report", "--json").stdout)[0]
    path = store(*morning.records)
    alone = json.loads(acd("report", "--records", str(path), "--within", "10", "--json").stdout)[0]
    unknown = [name for name in whole if alone[name] is None]
    assert unknown == ["wrap_up_s", "rung", "staffed_s", "busy_s", "break_s", "aht_s", "mean_wrap_up_s", "occupancy"]
    assert {name: alone[name] for name in whole if name not in unknown} == {
        name: whole[name] for name in whole if name not in unknown
    }
    both = json.loads(acd("report", "--json").stdout)[0]
    assert both == whole, "calls from the records, agents from the journal"


def test_what_cannot_be_reported() -> None:
    for words, said in (
        (["report"], "neither run/records.sqlite nor run/journal is there"),
        (["report", "--by", "weather"], "--by weather: there are queue, agent, team, site, interval"),
        (["report", "--level", "best"], "no service level 'best'"),
        (["report", "--from", "noon"], "'noon' is no time"),
        (["report", "--journal", "nowhere"], "nowhere: no such journal"),
        (["report", "--records", "nowhere"], "unable to open database file"),
        (["report", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["explain"], "explain what?"),
        (["explain", "1-1", "--queue", "loans"], "explain what?"),
        (["explain", "1-1"], "no such journal"),
    ):
        assert said in acd(*words, code=2).output, words


def test_a_shift_with_everything_replays_into_a_report() -> None:
    written(Path("run/journal"), shift())
    ended = sum(isinstance(command, WriteRecord) for _, _, commands in shift() for command in commands)
    (row,) = json.loads(acd("report", "--by", "", "--json").stdout)
    assert row["calls"] == ended == sum(row["outcomes"].values())
    assert row["offered"] == row["answered"] + row["abandoned"] + sum(row["left"].values())
    assert row["break_s"] > 0


def test_a_journal_that_does_not_replay_is_read_as_far_as_it_does(morning: World) -> None:
    path = Path("run/journal/00000001.journal")
    path.write_bytes(path.read_bytes().replace(b'"released_by":"caller"', b'"released_by":"nobody"'))
    result = acd("report", "--by", "", "--json")
    assert "does not replay with this version; what follows is left out" in result.stderr
    (row,) = json.loads(result.stdout)
    assert row["calls"] == 1, "the one whose end does not replay is the last"


def test_a_journal_that_this_engine_cannot_follow(morning: World) -> None:
    path = Path("run/journal/00000001.journal")
    path.write_bytes(path.read_bytes().replace(b'"LegAnswered",{"leg":"1-1.1"', b'"LegAnswered",{"leg":"1-1.1","x":1'))
    assert acd("report", code=0).exit_code == 0, "a field of a later version is left out"
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if b'"Configured"' not in line[:40]]
    path.write_bytes(b"".join(lines))
    assert "does not replay with this version" in acd("report").stderr


# ------------------------------------------------------------------------------------------------------- explain


def test_where_the_wait_of_a_call_went(morning: World) -> None:
    told = rows(acd("explain", "1-3"))
    assert told == [
        "1-3 joined loans at 1970-01-12T21:46:57+08:00, waited 23.0 s: answered",
        "",
        "at for queue cause",
        "+0.0 s 20.0 s loans all busy (talking 20.0 s)",
        "+20.0 s 3.0 s loans ringing for this call (ann)",
        "",
        "+0.0 s joined loans",
        "talking: ann",
        "+20.0 s offered to ann",
        "",
    ]


def test_the_same_as_json(morning: World) -> None:
    (wait,) = json.loads(acd("explain", "1-3", "--json").stdout)["waits"]
    assert wait["wait_s"] == sum(part["for_s"] for part in wait["parts"]) == 23.0
    assert [(part["cause"], part["did_s"]) for part in wait["parts"]] == [
        ("all_busy", {"talking": 20.0}),
        ("ringing", {}),
    ]
    assert [decision["passed_over"] for decision in wait["decisions"]] == [{"ann": "talking"}, {}]


def test_a_call_that_is_not_there(morning: World) -> None:
    assert "there is no call 9-9 in run/journal" in acd("explain", "9-9", code=1).output


def test_a_call_that_never_waited() -> None:
    world = World(hotline())
    world.call()
    world.run(1)
    world.hang_up("caller")
    written(Path("run/journal"), turns(world))
    assert acd("explain", "1-1").stdout == "1-1 never waited in a queue.\n"


def test_where_the_waiting_for_a_queue_went(morning: World) -> None:
    told = rows(acd("explain", "--queue", "loans", "--out", "waiting.svg"))
    assert told == [
        "loans: 3 waits, 38.0 s in all",
        "",
        "cause time share",
        "all busy: talking 32.0 s 84.2 % █████████████████████████████████▋",
        "ringing for this call 6.0 s 15.8 % ██████▍",
    ]
    root = ElementTree.fromstring(Path("waiting.svg").read_text(encoding="utf-8"))
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Where the waiting for loans went, in minutes", "all busy: talking", "21:30"} <= texts
    assert "href" not in Path("waiting.svg").read_text(encoding="utf-8")


def test_a_queue_by_interval_as_json(morning: World) -> None:
    facts = json.loads(acd("explain", "--queue", "loans", "--interval", "1", "--json").stdout)
    assert facts == {
        "queue": "loans",
        "intervals": [
            {
                "interval": "1970-01-12T21:46:00+08:00",
                "waits": 3,
                "wait_s": 38.0,
                "causes_s": {"ringing": 6.0, "all_busy/talking": 32.0},
            }
        ],
    }
    assert acd("explain", "--queue", "cards").stdout == "Nobody joined cards in that time.\n"


def test_a_phone_that_says_no_is_a_decision() -> None:
    world = World(bank({"ann": agent("ann"), "bob": agent("bob")}, loans()))
    world.phones["ann"] = Phone(refuses=603)
    world.call("loans")
    world.run(10)
    world.hang_up("caller")
    written(Path("run/journal"), turns(world))
    assert rows(acd("explain", "1-1"))[6:] == [
        "+0.0 s offered to ann",
        "came after by the strategy: bob",
        "+0.1 s offered to bob",
        "he had rejected this call: ann",
        "+0.1 s ann did not take it",
        "",
    ]


def test_where_the_waiting_went_by_interval() -> None:
    world = World(bank({"ann": agent("ann")}, loans()))
    for _ in range(3):
        world.call("loans")
        world.run(50)
    for caller in ("caller", "caller2", "caller3"):
        world.hang_up(caller)
        world.run(5)
    written(Path("run/journal"), turns(world))
    told = rows(acd("explain", "--queue", "loans", "--interval", "1", "--out", "waiting.svg"))
    assert [" ".join(line.split(" ")[:4]) for line in told[9:]] == [
        "1970-01-12T21:46:00+08:00 1 3.0 s",
        "1970-01-12T21:47:00+08:00 1 103.1 s",
        "1970-01-12T21:48:00+08:00 1 58.1 s",
    ]
    assert "an agent came free and went to another call: it had waited longer 3.0 s 1.8 % ▊" in told
    assert told[-1].endswith("all busy: talking")
    drawn = Path("waiting.svg").read_text(encoding="utf-8")
    assert drawn.count("<rect") == 1 + (1 + 3 + 4) + 4, "the ground, a layer for each cause of each stack, a legend"


@pytest.mark.parametrize("command", ["report", "explain"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: acd {command} " in acd(command, "--help").stdout


# ------------------------------------------------------------------------------------------------- a simulated day


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Two hours of the bank example, by the simulator's own books, and its journal."""
    place = tmp_path_factory.mktemp("day")
    text = (BANK / "scenario.yaml").read_text(encoding="utf-8")
    text = text.replace("length_s: 36000", "length_s: 7200").replace("warm_up_s: 1800", "warm_up_s: 0")
    (place / "scenario.yaml").write_text(text, encoding="utf-8")
    words = ["simulate", str(BANK / "hotline.yaml"), str(place / "scenario.yaml"), "--seeds", "1", "--json"]
    result = CliRunner().invoke(cli.build(), [*words, "--journal", str(place / "day.journal")])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), place / "day.journal"


SAME = {
    "offered": "offered",
    "answered": "answered",
    "abandoned": "abandoned",
    "abandoned_short": "abandoned_short",
    "asa_s": "mean_wait_answered_s",
    "mean_ring_s": "mean_ring_s",
    "mean_hold_s": "mean_hold_s",
}


def test_the_report_of_a_simulation_is_what_the_simulator_counted(day: tuple[dict[str, Any], Path]) -> None:
    """Two sets of books that share no line of code."""
    simulated, journal = day
    words = ["--journal", str(journal), "--within", "20", "--short", "5", "--json"]
    rows = json.loads(acd("report", *words).stdout)
    assert {row["queue"] for row in rows} == set(simulated["queues"])
    for row in rows:
        theirs = simulated["queues"][row["queue"]]
        assert {name: row[name] for name in SAME} == pytest.approx(
            {name: theirs[other]["mean"] for name, other in SAME.items()}, rel=1e-6, abs=1e-6
        )
        cut_off_s = row["handled"] * (theirs["mean_wrap_up_s"]["mean"] - row["mean_wrap_up_s"])
        assert -1e-6 < cut_off_s <= 3.0, "the journal ends in the last wrap-up"
        levels = theirs["service_level"]["20"]
        assert row["service_level"] == pytest.approx({name: levels[name]["mean"] for name in levels})


def test_the_waits_of_a_simulation_are_explained_to_the_last_second(day: tuple[dict[str, Any], Path]) -> None:
    _, journal = day
    queues = json.loads(acd("report", "--journal", str(journal), "--json").stdout)
    for row in queues:
        facts = json.loads(acd("explain", "--queue", row["queue"], "--journal", str(journal), "--json").stdout)
        assert sum(one["waits"] for one in facts["intervals"]) == row["offered"]
        assert sum(one["wait_s"] for one in facts["intervals"]) == pytest.approx(row["wait_s"], abs=0.01)
        for one in facts["intervals"]:
            assert sum(one["causes_s"].values()) == pytest.approx(one["wait_s"])


# -------------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (1e-9, "▏"), (0.5, "██"), (1.0, "████"), (3.0, "████")])
def test_bars(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


@pytest.mark.parametrize("make", [lambda: stacked("none", [], [], []), lambda: stacked("<0>", ["a"], ["b"], [[0.0]])])
def test_a_picture_of_nothing(make: Callable[[], str]) -> None:
    assert ElementTree.fromstring(make()).tag.endswith("svg")
