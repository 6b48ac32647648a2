"""What the commands print: tables for people, JSON for programs, times as ISO 8601 with zone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from acd.text import harmless

if TYPE_CHECKING:
    from rich.console import Console


def iso(wall_s: float) -> str:
    """Wall clock seconds since the epoch as local time with its offset: ``2026-03-02T08:00:00+08:00``."""
    return datetime.fromtimestamp(wall_s).astimezone().isoformat(timespec="seconds")


def with_times(data: Any, wall_offset_s: float) -> Any:
    """The data with its instants as ISO times: ``…_at`` is wall clock seconds, ``since`` and ``cleared`` are the
    engine's own."""
    if isinstance(data, list):
        return [with_times(item, wall_offset_s) for item in data]
    if not isinstance(data, dict):
        return data
    done = {}
    for key, value in data.items():
        if isinstance(value, int | float) and key.endswith("_at"):
            done[key] = iso(value)
        elif isinstance(value, int | float) and key in ("since", "cleared"):
            done[key] = iso(value + wall_offset_s)
        else:
            done[key] = with_times(value, wall_offset_s)
    return done


def duration(seconds: float | None) -> str:
    """``7 s``, ``12:05``, ``3:02:41``; a dash for none."""
    if seconds is None:
        return "–"
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def print_json(data: Any) -> None:
    """Indented, on standard output; what a terminal might obey is written as an escape."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    lines = [line if line.isprintable() else _escaped(line) for line in text.split("\n")]
    print("\n".join(lines))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A column whose name ends in ``>`` is set to the right; `empty` is said when there is no row."""
    from rich.table import Table  # here, because it takes its time to import
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    if table.row_count == 0:
        print(empty)
        return
    console().print(table)


def shown(cell: object) -> str:
    if cell is None or cell == "":
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:g}"
    if isinstance(cell, list):
        return ", ".join(map(shown, cell)) or "–"
    if isinstance(cell, dict):
        return ", ".join(f"{key} {shown(value)}" for key, value in cell.items()) or "–"
    return harmless(str(cell))


def console() -> Console:
    """Standard output; to a file or pipe without colour and without a right margin that would cut a table."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 1000)


def complain(text: str) -> None:
    """Say what is wrong, on standard error."""
    print(f"acd: {text}", file=sys.stderr)


def _escaped(line: str) -> str:
    return "".join(char if char.isprintable() else _escape(char) for char in line)


def _escape(char: str) -> str:
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
