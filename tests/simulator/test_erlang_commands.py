"""`acd erlang`, as a planner types it."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

LOAD = ("--calls-per-hour", "1140", "--aht", "300")


def test_a_hundred_agents(acd_json: Callable[..., Any]) -> None:
    a = acd_json("erlang", "a", "--agents", "100", *LOAD, "--patience", "300", "--within", "20")
    assert a["probability_of_wait"] == pytest.approx(0.317357, abs=1e-6)
    assert a["probability_of_abandon"] == pytest.approx(0.0201657, abs=1e-6)
    assert a["mean_wait_s"] == pytest.approx(6.0497, abs=1e-4)
    assert a["service_level"] == pytest.approx(0.863768, abs=1e-6)
    assert a["occupancy"] == pytest.approx(0.930843, abs=1e-6)
    assert acd_json("erlang", "b", "--agents", "100", *LOAD)["probability_of_blocking"] == pytest.approx(0.0488042)
    assert acd_json("erlang", "c", "--agents", "100", *LOAD)["mean_wait_s"] == pytest.approx(30.38741, abs=1e-4)


def test_one_line_of_options_does_for_all_three(acd_json: Callable[..., Any]) -> None:
    line = ("--agents", "100", *LOAD, "--patience", "300", "--within", "20")
    b, c, a = (acd_json("erlang", formula, *line) for formula in "bca")
    assert b == acd_json("erlang", "b", "--agents", "100", *LOAD)
    assert c == acd_json("erlang", "c", "--agents", "100", *LOAD)
    assert b["probability_of_blocking"] > 0 == c["probability_of_blocking"]
    assert (c["probability_of_wait"], c["service_level"]) == (pytest.approx(0.506457), pytest.approx(0.637108))
    assert a["probability_of_wait"] < c["probability_of_wait"]


def test_agents_for_a_service_level(acd_json: Callable[..., Any]) -> None:
    level = ("--service-level", "0.8", "--within", "20")
    c, a = acd_json("erlang", "c", *level, *LOAD), acd_json("erlang", "a", *level, *LOAD, "--patience", "300")
    assert (c["agents"], a["agents"]) == (103, 98)
    assert c["service_level"] >= 0.8 > acd_json("erlang", "c", "--agents", "102", *LOAD)["service_level"]


def test_a_queue_that_grows_for_ever_is_null_in_json_and_said_in_words(
    acd: Callable[..., Result], acd_json: Callable[..., Any]
) -> None:
    assert acd_json("erlang", "c", "--agents", "90", *LOAD)["mean_wait_s"] is None
    assert "mean wait s               grows for ever" in acd("erlang", "c", "--agents", "90", *LOAD).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", *LOAD, "--patience", "300"), "give either --agents or --service-level"),
        (("b", *LOAD, "--agents", "5", "--service-level", "0.8"), "give either --agents or --service-level"),
        (
            ("c", *LOAD, "--service-level", "80"),
            "80 is no share that can be reached; give one between 0 and 1, such as 0.8",
        ),
        (("a", *LOAD, "--agents", "9", "--patience", "0"), "0 is no time a caller could wait; give seconds above 0"),
        (("a", *LOAD, "--agents", "9", "--patience", "9", "--lines", "8"), "8 lines cannot keep 9 agents busy"),
        (("c", "--calls-per-hour", "0", "--aht", "300", "--agents", "9"), "0 does not do; give a number above 0"),
        (("c", "--calls-per-hour", "many", "--aht", "300", "--agents", "9"), "'--calls-per-hour'"),
    ],
)
def test_mistakes_are_said(acd: Callable[..., Result], words: tuple[str, ...], message: str) -> None:
    done = acd("erlang", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_help_has_an_example(acd: Callable[..., Result]) -> None:
    for formula in "bca":
        assert f"Example: acd erlang {formula} " in acd("erlang", formula, "--help").stdout
