"""What a reload would change, in lines a person can read."""

import re
from dataclasses import fields, is_dataclass
from typing import Any, Final

from acd.config.hours import Calendar, described
from acd.config.shell import Hotline
from acd.core.flow import Flow
from acd.flows.expressions import written

SKIPPED: Final = frozenset({"file", "files", "version", "settings"})
RESTART: Final = frozenset({"name", "listen", "media", "control", "journal", "records", "log", "dns"})
"""What a running engine keeps until it is started again …"""
LIVE: Final = re.compile(r"listen\.[^.]+\.tls\.").match
"""… but for certificates."""


def difference(old: Hotline, new: Hotline) -> list[str]:
    """Each change as ``queues.loans.tier: 5 → 2``; empty if the two mean the same. Secrets are compared by their
    place alone, prompts and music by their files' names."""
    found = _core(old.settings, new.settings)
    for field in fields(Hotline):
        if field.name not in SKIPPED:
            ending = " (takes a restart)" if field.name in RESTART else ""
            before, after = getattr(old, field.name), getattr(new, field.name)
            found += [line if LIVE(line) else line + ending for line in _lines(field.name, before, after)]
    return list(dict.fromkeys(found))  # what core and shell both know is said once


def _core(old: Any, new: Any) -> list[str]:
    return [
        line
        for field in fields(old)
        if field.name not in SKIPPED and field.name != "name"
        for line in _lines(field.name, getattr(old, field.name), getattr(new, field.name))
    ]


def _lines(name: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, Calendar) and isinstance(new, Calendar):
        return _lines(name, described(old), described(new))
    if isinstance(old, Flow) and isinstance(new, Flow):
        return [f"{name}: changed"]
    if isinstance(old, dict) and isinstance(new, dict):
        return [line for key in sorted(old.keys() | new.keys()) for line in _entry(f"{name}.{key}", key, old, new)]
    if is_dataclass(old) and is_dataclass(new) and type(old) is type(new):
        return [
            line
            for field in fields(old)
            for line in _lines(f"{name}.{field.name}", getattr(old, field.name), getattr(new, field.name))
        ]
    return [f"{name}: {_shown(old)} → {_shown(new)}"]


def _entry(name: str, key: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    if key not in old:
        return [f"{name}: added" + _value(new[key])]
    if key not in new:
        return [f"{name}: removed" + _value(old[key])]
    return _lines(name, old[key], new[key])


def _value(value: Any) -> str:
    return f" ({value})" if isinstance(value, (str, int, float)) else ""


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, list):  # a condition
        return written(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
