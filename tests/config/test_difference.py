"""What `acd reload --dry-run` prints."""

from pathlib import Path

import pytest

from acd.config.load import difference, load
from tests.config.texts import FLOW, HOTLINE, lay_out

CHANGES = {
    "nothing": ("version: 1\n", "version: 1\n# a remark\n", []),
    "a number": ("max_wait_s: 60", "max_wait_s: 90", ["queues.cards.max_wait_s: 60.0 → 90.0"]),
    "a limit set": ("    max_wait_s: 60\n", "", ["queues.cards.max_wait_s: 60.0 → none"]),
    "a level": ("{loans: 7}", "{loans: 8}", ["agents.1001.skills.loans: 7 → 8"]),
    "a skill given": ("{loans: 7}", "{loans: 7, cards: 1}", ["agents.1001.skills.cards: added (1)"]),
    "an agent gone": (
        '  "1002": {device: desk, skills: {cards: 3}, site: beijing}\n',
        '  "1003": {device: desk, skills: {cards: 3}, site: beijing}\n',
        ["agents.1002: removed", "agents.1003: added"],
    ),
    "a trunk trusted no more": ("trusted: true", "trusted: false", ["trunks.carrier.trusted: true → false"]),
    "a contact": (":7070", ":7071", ["devices.a1.contact: sip:a1@127.0.0.1:7070 → sip:a1@127.0.0.1:7071"]),
    "a password's place": ("DESK", "DESK2", ["devices.desk.password.key: DESK → DESK2"]),
    "a listener": (
        "5062",
        "5064",
        ["listen.agents.sip: [udp:127.0.0.1:5062] → [udp:127.0.0.1:5064] (takes a restart)"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_one_line(name: str, tmp_path: Path) -> None:
    old, new, lines = CHANGES[name]
    assert HOTLINE.count(old) == 1
    before = load(lay_out(tmp_path))
    (tmp_path / "secrets.env").write_text("DESK=sesame\nDESK2=sesame\n")
    (tmp_path / "hotline.yaml").write_text(HOTLINE.replace(old, new))
    assert difference(before, load(tmp_path / "hotline.yaml")) == lines


def test_a_flow_changed_and_one_came(tmp_path: Path) -> None:
    before = load(lay_out(tmp_path))
    (tmp_path / "flows" / "night.yaml").write_text("steps: [hang_up]\n")
    after = load(lay_out(tmp_path, flow=FLOW.replace("hang_up", "go_to: night")))
    assert difference(before, after) == ["flows.main: changed", "flows.night: added"]
