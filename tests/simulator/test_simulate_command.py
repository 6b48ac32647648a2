"""`acd simulate`, as a planner types it, on the bank example."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from typer.testing import Result

from acd.config.yaml import read
from acd.journal import replay
from simulator.scenario import load

BANK = Path(__file__).parents[2] / "examples" / "bank"
HOTLINE, SCENARIO = str(BANK / "hotline.yaml"), str(BANK / "scenario.yaml")


@pytest.fixture
def quarter(tmp_path: Path) -> str:
    """The bank's scenario, cut down to its first hour."""
    text = (BANK / "scenario.yaml").read_text(encoding="utf-8")
    text = text.replace("length_s: 36000", "length_s: 3600").replace("warm_up_s: 1800", "warm_up_s: 600")
    path = tmp_path / "quarter.yaml"
    path.write_text(text.replace("interval_s: 1800, short", "interval_s: 900, short"), encoding="utf-8")
    return str(path)


def test_the_banks_scenario_has_the_published_defaults() -> None:
    model = load(SCENARIO).model
    talk = model.handling[-1].talk
    assert talk is not None
    assert talk.lognormal is not None
    assert talk.build().mean == 90
    assert talk.lognormal.sd_s / talk.lognormal.mean_s == pytest.approx(248 / 201, abs=0.01)
    patience = model.callers["general"].patience
    assert patience.build().mean == pytest.approx(446, abs=0.1)
    assert patience.hazard is not None
    assert [step.from_s for step in patience.hazard if step.per_s > 0.005] == [0, 30, 60, 90]
    assert (model.busyness.daily_cv, model.busyness.interval_cv) == (0.063, 0.053)
    assert model.busyness.weekdays["mon"] / model.busyness.weekdays["thu"] == pytest.approx(1.18)


def test_the_schema_tells_an_editor_what_may_be_written(acd_json: Callable[..., Any], tmp_path: Path) -> None:
    judge = Draft202012Validator(acd_json("simulate", "--schema"))
    judge.check_schema(judge.schema)
    bank = read(Path(SCENARIO), SCENARIO).value
    assert [error.message for error in judge.iter_errors(bank)] == []
    assert isinstance(bank, dict)
    for section, wrong in (("run", {"length": 60}), ("callers", {"all": {"number": "1"}}), ("agents", [])):
        assert list(judge.iter_errors({**bank, section: wrong})), section


def test_an_hour_at_the_bank(acd_json: Callable[..., Any], quarter: str) -> None:
    facts = acd_json("simulate", HOTLINE, quarter, "--seeds", "3", "--processes", "1")
    assert facts["replications"] == 3
    assert set(facts["queues"]) == {"senior", "lost-card", "vip", "loans", "cards", "general"}
    assert facts["total"]["offered"]["mean"] > 50
    assert facts["total"]["answered"]["mean"] / facts["total"]["queued"]["mean"] > 0.8
    assert set(facts["total"]["service_level"]) == {"6", "20"}
    assert {"site/beijing", "team/day"} <= set(facts["agent_groups"])
    assert acd_json("simulate", HOTLINE, quarter, "--seeds", "3") == facts  # in two processes, the same


class Outside(HTMLParser):
    """What a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "data")]
        self.found += [tag] * (tag in ("script", "link", "iframe", "img"))


def test_a_report_that_stands_alone(acd: Callable[..., Result], quarter: str, tmp_path: Path) -> None:
    done = acd("simulate", HOTLINE, quarter, "--seeds", "2", "--processes", "1", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "queue senior" in done.stdout
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    outside = Outside()
    outside.feed(page)
    assert outside.found == []
    pictures = ["<svg" + part.split("</svg>")[0] + "</svg>" for part in page.split("<svg")[1:]]
    titles = [ElementTree.fromstring(picture)[0].text for picture in pictures]
    assert titles == [
        "Calls per interval",
        "Answered in 6 s",
        "Mean wait, seconds",
        "90 % wait no longer than, seconds",
        "Callers waiting",
        "Gave up",
        "Agents at work",
        "Occupancy of agents",
    ]
    facts = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert facts["total"]["offered"]["mean"] > 0


def changed(old: str, new: str, path: Path) -> str:
    """The bank's hotline, changed, in another folder."""
    text = (BANK / "hotline.yaml").read_text(encoding="utf-8")
    plain = text.replace(old, new)
    assert plain != text
    for name, where in (("../../ivr_flows", BANK.parents[1] / "ivr_flows"), ("prompts: prompts", BANK / "prompts")):
        plain = plain.replace(name, f"prompts: {where}" if name.startswith("prompts") else str(where))
    plain = plain.replace("music/hold.wav", str(BANK / "music/hold.wav")).replace(
        "secrets.env", str(BANK / "secrets.env")
    )
    path.write_text(plain, encoding="utf-8")
    return str(path)


def test_two_configurations(acd: Callable[..., Result], quarter: str, tmp_path: Path) -> None:
    """Without the senior lane's reserve and first tier, the same callers: the old wait longer."""
    first = "    tier: 0\n    rings: [{after_s: 6"
    other = changed(first, first.replace("0", "9"), tmp_path / "plain.yaml")
    done = acd("simulate", HOTLINE, other, quarter, "--seeds", "4", "--processes", "1")
    assert done.exit_code == 0, done.output
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  senior: ")]
    assert line.startswith("  senior: wait +")


def test_a_journal_that_replays(acd: Callable[..., Result], quarter: str, tmp_path: Path) -> None:
    journal = tmp_path / "00000001.journal"
    done = acd("simulate", HOTLINE, quarter, "--seeds", "1", "--journal", str(journal))
    assert done.exit_code == 0, done.output
    result = replay([journal])
    assert result.exact
    assert result.records > 50


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length_s: 3600", "length: 3600", "unknown key 'length' – did you mean 'length_s'?"),
        (
            'number: "95588", share: 44',
            'number: "95589", share: 44',
            "number '95589' does not exist – did you mean '95588'?",
        ),
    ],
)
def test_mistakes_are_said(acd: Callable[..., Result], quarter: str, old: str, new: str, message: str) -> None:
    path = Path(quarter)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    done = acd("simulate", HOTLINE, quarter)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr


def test_one_file_is_not_enough(acd: Callable[..., Result]) -> None:
    done = acd("simulate", SCENARIO)
    assert done.exit_code == 2
    assert "give a configuration (or two) and a scenario" in done.stderr
