"""Agents and devices out of CSV files, their mistakes told at the cell."""

from pathlib import Path

import pytest

from acd.config.load import ConfigError, check, load
from acd.core.settings import Agent, Device
from tests.config.texts import HOTLINE, SPOT, lay_out

AGENTS = """\
id,name,device,skills,teams,site,sign_on
1001,"Chen, Jie",a1,loans:7 cards:2,day,beijing,at_start

1002,Li Na,desk,cards:3,,,
"""
DEVICES = """\
id,contact,password_file,password_key
a1,sip:a1@127.0.0.1:7070,,
desk,,secrets.env,DESK
"""


def with_tables(directory: Path, agents: str = AGENTS, devices: str = DEVICES) -> Path:
    head, rest = HOTLINE.split("devices:\n")
    tables = "devices: {csv: devices.csv}\nagents: {csv: agents.csv}\n"
    path = lay_out(directory, head + tables + rest[rest.index("skills: [loans") :])
    (directory / "agents.csv").write_text(agents)
    (directory / "devices.csv").write_text(devices)
    return path


def test_rows_become_what_the_yaml_would_have_said(tmp_path: Path) -> None:
    hotline = load(with_tables(tmp_path))
    assert hotline.settings.agents == {
        "1001": Agent("1001", "Chen, Jie", "a1", {"loans": 7, "cards": 2}, ("day",), "beijing", sign_on="at_start"),
        "1002": Agent("1002", "Li Na", "desk", {"cards": 3}),
    }
    assert hotline.settings.devices == {"a1": Device("a1"), "desk": Device("desk")}
    assert hotline.devices["desk"].password is not None
    assert hotline.devices["desk"].password.reveal() == "sesame"
    assert {file.name for file in hotline.files} == {"hotline.yaml", "agents.csv", "devices.csv", "main.yaml"}


WRONG = {
    "an unknown column": ("id,name,device", "id,name,«devise", "unknown column 'devise'", "did you mean 'device'?"),
    "no id": ("id,name,", "«name,", "no column 'id'", "name one column id"),
    "a row without an id": ("1002,Li Na", "«,Li Na", "a row without an id", "give it one, or remove the row"),
    "an id twice": ("1002,Li Na", "«1001,Li Na", "id '1001' twice", "rename one"),
    "too many cells": ('"Chen, Jie",a1', "Chen, Jie,a1", "more cells than columns", "put a cell"),
    "a device that is not there": ("Li Na,desk", "Li Na,«dask", "device 'dask' does not exist", "did you mean 'desk'?"),
    "a skill that is not there": ("cards:3", "«card:3", "skill 'card' does not exist", "did you mean 'cards'?"),
    "a level out of range": ("cards:3", "«cards:30", "30 is out of range", "at most 10"),
    "a level left out": ("cards:3", "«cards", "'' is not a whole number", ""),
    "behind a quoted comma": (",a1,loans:7", ",a1,«loans:11", "11 is out of range", "at most 10"),
    "a word that is none of the choices": ("at_start", "«at start", "'at start' is not one of at_start, manual", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_told_at_its_cell(name: str, tmp_path: Path) -> None:
    old, new, what, fix = WRONG[name]
    assert AGENTS.count(old) == 1
    marked = AGENTS.replace(old, new)
    text = marked.replace(SPOT, "")
    with pytest.raises(ConfigError) as raised:
        load(with_tables(tmp_path, agents=text))
    found = [(Path(p.file).name, p.line, p.column, p.what, p.fix[: len(fix)]) for p in raised.value.problems]
    if SPOT in marked:
        before = marked[: marked.index(SPOT)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    else:
        line, column = 2, text.splitlines()[1].index("at_start") + 1
    assert ("agents.csv", line, column, what, fix) in found, found


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    path = with_tables(tmp_path)
    (tmp_path / "agents.csv").unlink()
    assert [p.what for p in check(path) if p.severity == "error"] == [
        "agents.csv cannot be read: No such file or directory"
    ]
