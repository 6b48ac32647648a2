"""`acd quality`, on records as an engine writes them."""

import json
from typing import Literal

import pytest
from typer.testing import CliRunner, Result

from acd.cli import app as cli
from acd.core.record import LegRecord, Quality, Record
from tests.cli.test_past import in_shanghai, rows, store  # noqa: F401 - a fixture that is at work by itself

BEGAN = 1_772_409_600.0  # 2026-03-02T08:00:00+08:00
GOOD = Quality("PCMA", False, 500, 0.0, 0.002, 4.3)
POOR = Quality("G722", True, 400, 0.2, 0.030, 2.4, far_loss=0.1, far_jitter_s=0.02, round_trip_s=0.25)
SILENT = Quality("PCMA", False, 0, 0.0, 0.0, 1.0)


def leg(call: int, number: int, quality: Quality) -> LegRecord:
    role: Literal["caller", "agent"] = "agent" if number else "caller"
    agent, device = ("1001", f"desk-{number}") if number else (None, None)
    return LegRecord(f"1-{call}", f"1-{call}.{number}", role, agent, device, quality)


def call(number: int) -> Record:
    return Record(f"1-{number}", "trunk:carrier", "95588", "138", BEGAN + 3600 * number, "answered")


@pytest.fixture(autouse=True)
def two_calls() -> None:
    store(
        call(1),
        call(2),
        legs=[leg(1, 0, GOOD), leg(1, 1, POOR), leg(2, 0, GOOD), leg(2, 2, SILENT), leg(3, 0, POOR)],
    )


def acd(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli.build(), ["quality", *words])
    assert result.exit_code == code, result.output
    return result


def test_of_a_call_each_leg() -> None:
    assert rows(acd("1-1")) == [
        "call leg since role party agent codec SRTP packets MOS loss jitter far loss far jitter round trip",
        "1-1 1-1.0 2026-03-02T09:00:00+08:00 caller trunk:carrier – PCMA no 500 4.30 0.0 % 2 ms – – –",
        "1-1 1-1.1 2026-03-02T09:00:00+08:00 agent device:desk-1 1001 G722 yes 400 2.40 20.0 % 30 ms 10.0 % 20 ms"
        " 250 ms",
    ]
    (_, agents) = json.loads(acd("1-1", "--json").stdout)
    assert (agents["party"], agents["mos"], agents["loss"], agents["secure"]) == ("device:desk-1", 2.4, 0.2, True)


def test_of_a_time_by_trunk_and_device_the_worst_first() -> None:
    assert rows(acd("--from", "2026-03-02")) == [
        "party legs silent poor MOS worst loss worst jitter worst far loss round trip",
        "device:desk-1 1 0 1 2.40 2.40 20.0 % 20.0 % 30 ms 30 ms 10.0 % 250 ms",
        "trunk:carrier 2 0 0 4.30 4.30 0.0 % 0.0 % 2 ms 2 ms – –",
        "device:desk-2 1 1 0 – – – – – – – –",
    ]
    early = json.loads(acd("--to", "2026-03-02T09:30", "--by", "codec", "--json").stdout)
    assert [(row["codec"], row["legs"], row["mean_mos"]) for row in early] == [("G722", 1, 2.4), ("PCMA", 1, 4.3)]
    assert [row["agent"] for row in json.loads(acd("--by", "agent", "--json").stdout)] == ["1001"]


def test_the_worst_legs_of_all_those_whose_call_is_still_up_too() -> None:
    worst = json.loads(acd("--worst", "2", "--json").stdout)
    assert [(one["leg"], one["party"], one["started_at"]) for one in worst] == [
        ("1-1.1", "device:desk-1", "2026-03-02T09:00:00+08:00"),
        ("1-3.0", "unknown", None),
    ]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["1-99"], 1, "the records do not know how 1-99 sounded"),
        (["1-1", "--worst", "3"], 2, "a call, or a time and --worst; not both"),
        (["--records", "nowhere.sqlite"], 2, "nowhere.sqlite: unable to open database file"),
        (["--records", "postgresql://acd:sesame@db/x"], 2, "a password does not belong on a command line"),
        (["--from", "noon"], 2, "'noon' is no time"),
    ],
)
def test_what_cannot_be_told(words: list[str], code: int, says: str) -> None:
    result = acd(*words, code=code)
    assert says in result.stderr
    assert "sesame" not in result.stderr
