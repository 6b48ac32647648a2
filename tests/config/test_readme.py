"""What a newcomer copies first is right: the hotlines of the README and the guide pass `acd check`."""

import re
from pathlib import Path

import pytest

from acd.config.load import check
from tests.config.texts import silence

ROOT = Path(__file__).parents[2]
FLOW = "steps:\n  - answer\n  - queue: orders\n"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def the_hotline(page: str) -> str:
    (hotline,) = [block for block in blocks(page) if block.startswith("version: 1")]
    return hotline


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESK17", "sesame")
    (tmp_path / "flows").mkdir()
    (tmp_path / "prompts").mkdir()
    return tmp_path


def test_the_readme_describes_a_whole_hotline(folder: Path) -> None:
    for name in ("welcome", "main-menu", "hold"):
        silence(folder / "prompts" / f"{name}.wav")
    hotline, flow = blocks("README.md")
    (folder / "hotline.yaml").write_text(hotline)
    (folder / "flows" / "main.yaml").write_text(flow)
    assert check(folder / "hotline.yaml") == []


def test_the_guide_begins_with_a_hotline_that_needs_only_a_flow(folder: Path) -> None:
    (folder / "hotline.yaml").write_text(the_hotline("docs/configuration.md"))
    (folder / "flows" / "main.yaml").write_text(FLOW)
    assert check(folder / "hotline.yaml") == []
