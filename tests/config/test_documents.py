"""The guides' examples are true."""

import re
from pathlib import Path

from acd.config.load import check
from acd.config.schema import HotlineFile, QueueAt
from acd.config.yaml import parse
from acd.core.flow import STEPS
from acd.flows.compile import BUILT_IN, Known, compile_flow, settle
from acd.flows.rehearsal import LINES

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)


def test_the_small_hotline_is_right(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text("steps: [queue: orders]\n")
    (tmp_path / "hotline.yaml").write_text(blocks("configuration.md")[0])
    told = [(problem.severity, problem.what) for problem in check(tmp_path / "hotline.yaml")]
    assert told in ([], [("warning", "the environment variable DESK17 is not set")])


def test_the_flow_is_right() -> None:
    known = Known(
        queues=frozenset({"senior", "loans", "cards", "general"}),
        prompts=frozenset({"main-menu", "wrong-key", "sorry"}),
        flows=frozenset({"survey"}),
    )
    compiled = compile_flow(parse(blocks("ivr-designer.md")[0], "main.yaml"), "main", known)
    assert compiled.problems + settle([compiled], ["age"]) == []


def test_every_key_step_variable_and_line_is_in_the_guides() -> None:
    configuration, designer = (DOCS / "configuration.md").read_text(), (DOCS / "ivr-designer.md").read_text()
    for name in (*HotlineFile.model_fields, *QueueAt.model_fields):
        assert f"`{name}" in configuration, name
    for name in (*STEPS, *BUILT_IN, *LINES):
        assert f"`{name}" in designer, name
