"""What every regular expression that reads octets from outside keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import acd
import media
import sip

POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+")  # an escaped bracket is a character
SOURCES = [
    path for package in (acd, media, sip) for folder in package.__path__ for path in sorted(Path(folder).rglob("*.py"))
]


@pytest.mark.parametrize("pattern", [r"(?:ab?c)*+", r"(?::([0-9]++))?+", r"(a)++", r"(?:a|b){1,3}+"])
def test_a_possessive_group_is_seen(pattern: str) -> None:
    assert POSSESSIVE_GROUP.search(pattern)


def test_no_group_is_possessive() -> None:
    """Python before 3.11.5 matches them wrongly: see sip/grammar.py."""
    found = [
        f"{path}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if POSSESSIVE_GROUP.search(line)
    ]
    assert not found, f"write the group without the second '+': {found}"
