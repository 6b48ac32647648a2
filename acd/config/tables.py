"""Agents and devices out of a CSV file, one row each: `agents: {csv: agents.csv}`.

The first row names the columns; the rows become what the YAML would have said, and their places are remembered. A list
within a cell is separated by spaces; a level is ``skill:level``.
"""

import csv
from collections.abc import Callable
from pathlib import Path

from acd.config.problem import Problem, did_you_mean, one_of, shown
from acd.config.yaml import Document, Place, Step

_Cell = Callable[[str], object]


def _levels(text: str) -> object:
    """``loans:7 english:4``; a level that is no number stays a text, which the schema refuses."""
    found: dict[str, object] = {}
    for part in text.split():
        name, _, level = part.partition(":")
        found[name] = int(level) if level.isdecimal() else level
    return found


def _seconds(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text  # which the schema refuses


def _yes(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


_COLUMNS: dict[str, dict[str, tuple[tuple[str, ...], _Cell]]] = {
    "agents": {
        "name": (("name",), str),
        "device": (("device",), str),
        "skills": (("skills",), _levels),
        "teams": (("teams",), str.split),
        "site": (("site",), str),
        "queues": (("queues",), _levels),
        "sign_on": (("sign_on",), str),
    },
    "devices": {
        "network": (("network",), str),
        "password_env": (("password", "env"), str),
        "password_file": (("password", "file"), str),
        "password_key": (("password", "key"), str),
        "contact": (("contact",), str),
        "number": (("number",), str),
        "through": (("through",), str),
        "confirm": (("confirm",), str),
        "nailed_up_s": (("nailed_up_s",), _seconds),
        "codecs": (("codecs",), str.split),
        "nat": (("nat",), _yes),
        "path": (("path",), _yes),
    },
}


def fill_in(document: Document, base: Path) -> tuple[list[Path], list[Problem]]:
    """Put the rows in the place of each ``{csv: file}``. Gives the files read, and what is wrong with them."""
    assert isinstance(document.value, dict)
    files: list[Path] = []
    problems: list[Problem] = []
    for section, columns in _COLUMNS.items():
        at = document.value.get(section)
        if not (isinstance(at, dict) and set(at) == {"csv"} and isinstance(at["csv"], str)):
            continue
        path = base / at["csv"]
        rows: dict[str, object] = {}
        try:
            _rows(document, section, columns, path, rows, problems)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            problems.append(document.problem((section, "csv"), f"{at['csv']} cannot be read: {why}"))
        document.value[section] = rows
        files.append(path)
    return files, problems


def _rows(
    document: Document,
    section: str,
    columns: dict[str, tuple[tuple[str, ...], _Cell]],
    path: Path,
    rows: dict[str, object],
    problems: list[Problem],
) -> None:
    file = shown(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    header: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells, places = _cells(line, number)
        if not header:
            header = [cell.strip() for cell in cells]
            for name, place in zip(header, places, strict=True):
                if name != "id" and name not in columns:
                    fix = did_you_mean(name, columns, one_of(["id", *columns]))
                    problems.append(Problem(file, *place, f"unknown column {name!r}", fix))
            if "id" not in header:
                problems.append(Problem(file, number, 1, "no column 'id'", "name one column id"))
                return
            continue
        _row(document, section, columns, file, header, cells, places, rows, problems)


def _row(
    document: Document,
    section: str,
    columns: dict[str, tuple[tuple[str, ...], _Cell]],
    file: str,
    header: list[str],
    cells: list[str],
    places: list[Place],
    rows: dict[str, object],
    problems: list[Problem],
) -> None:
    if len(cells) > len(header):
        place = places[len(header)]
        problems.append(Problem(file, *place, "more cells than columns", "put a cell that holds a comma in quotes"))
        return
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    where = dict(zip(header, places, strict=False))
    name = values.get("id", "")
    if not name:
        problems.append(Problem(file, *places[0], "a row without an id", "give it one, or remove the row"))
        return
    if name in rows:
        problems.append(Problem(file, *where["id"], f"id {name!r} twice", "rename one"))
        return
    row: dict[str, object] = {}
    document.elsewhere[(section, name)] = (file, where["id"])
    for column, text in values.items():
        if column not in columns or not text:
            continue
        path, read = columns[column]
        inner = row
        for step in path[:-1]:
            inner = inner.setdefault(step, {})  # type: ignore[assignment]  # only dicts are put in on the way
        inner[path[-1]] = read(text)
        spot: tuple[Step, ...] = (section, name, *path)
        document.elsewhere[spot] = (file, where[column])
    rows[name] = row


def _cells(line: str, number: int) -> tuple[list[str], list[Place]]:
    """The cells of a line, and where each begins. A cell does not go over lines."""
    cells = next(csv.reader([line]))
    places: list[Place] = []
    at = 0
    for _ in cells:
        places.append((number, at + 1))
        quoted = False
        while at < len(line) and (quoted or line[at] != ","):
            quoted ^= line[at] == '"'
            at += 1
        at += 1
    return cells, places
