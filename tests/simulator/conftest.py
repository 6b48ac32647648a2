"""A command line made only of the simulator's commands."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from simulator.commands import register


@pytest.fixture
def acd() -> Callable[..., Result]:
    """Run `acd …` in this process."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})

    return run


@pytest.fixture
def acd_json(acd: Callable[..., Result]) -> Callable[..., Any]:
    """Run `acd … --json`, which must succeed, and read what it printed."""

    def run(*words: str) -> Any:
        done = acd(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run
