"""Codecs and SRTP of trunks and devices: as asked for, where they are installed and where keys are safe."""

from importlib import util
from pathlib import Path

import pytest

from acd.config import shell_half
from acd.config.load import ConfigError, check, load
from tests.config.texts import HOTLINE, broken, lay_out

TRUNK, DEVICE = "trusted: true", 'a1: {contact: "sip:a1@127.0.0.1:7070"}'


def test_off_unless_asked_for(tmp_path: Path) -> None:
    hotline = load(lay_out(tmp_path, HOTLINE))
    assert {trunk.srtp for trunk in hotline.trunks.values()} == {"off"}
    assert {device.srtp for device in hotline.devices.values()} == {"off"}
    text = HOTLINE.replace(TRUNK, "srtp: required").replace(DEVICE, DEVICE[:-1] + ", srtp: preferred, codecs: [G722]}")
    hotline = load(lay_out(tmp_path, text))
    assert (hotline.trunks["carrier"].srtp, hotline.devices["a1"].srtp) == ("required", "preferred")
    assert hotline.devices["a1"].codecs == ("G722",)


def test_keys_in_the_clear_are_warned_of(tmp_path: Path) -> None:
    text, line, column = broken(HOTLINE, TRUNK, "srtp: «required")
    problems = [one for one in check(lay_out(tmp_path, text)) if one.what.startswith("the keys are in SDP")]
    assert [(one.line, one.column, one.severity) for one in problems] == [(line, column, "warning")]
    assert problems[0].what == "the keys are in SDP, and network 'trunks' has no tls"


@pytest.mark.parametrize(
    ("new", "what", "fix"),
    [
        ("srtp: «preferred", "SRTP is not installed", "pip install 'hotline-acd[srtp]'"),
        ("codecs: [PCMA, «G722]", "G722 is not installed", "pip install 'hotline-acd[g722]'"),
    ],
)
def test_what_is_not_installed_is_said(
    new: str, what: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = ("pylibsrtp", "G722")
    monkeypatch.setattr(shell_half, "find_spec", lambda name: None if name in absent else util.find_spec(name))
    text, line, column = broken(HOTLINE, TRUNK, new)
    with pytest.raises(ConfigError) as raised:
        load(lay_out(tmp_path, text))
    assert (line, column, what, fix) in [(one.line, one.column, one.what, one.fix) for one in raised.value.problems]
