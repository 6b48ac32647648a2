"""The shipped flows do what their own tests say, and a test that expects something else fails at its line."""

from pathlib import Path

import pytest

from acd.config.load import ConfigError
from acd.flows.rehearsal import rehearse
from tests.config.texts import FLOW, lay_out

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "ivr_flows").rglob("*.test.yaml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_shipped_flows_pass_their_tests(path: Path) -> None:
    count, problems = rehearse(path)
    assert problems == []
    assert count > 5


def script(directory: Path, *lines: str, flow: str = FLOW, agents: str = "all") -> list[str]:
    """What goes wrong with this script, as ``line: what``; the script's first line is line 1."""
    lay_out(directory, flow=flow)
    head = f"hotline: hotline.yaml\ntests:\n- test: it\n  agents: {agents}\n  script:\n"
    (directory / "main.test.yaml").write_text(head + "".join(f"  - {line}\n" for line in lines))
    _, problems = rehearse(directory / "main.test.yaml")
    return [f"{problem.line - head.count(chr(10))}: {problem.what}" for problem in problems]


FAILING = {
    "another prompt": (["hears: menu"], "1: it: expected to hear menu, but the caller hears welcome"),
    "a prompt passed over": (["waits: loans"], "1: it: expected to wait in loans, but the caller hears welcome"),
    "another queue": (
        ["hears: welcome", "hears: menu", "presses: '2'", "waits: loans"],
        "4: it: expected to wait in loans, but the caller waits in cards",
    ),
    "another end": (
        ["hears: welcome", "hangs_up", "ends: answered"],
        "3: it: expected the call to end: answered, but it ended: hung_up_in_flow",
    ),
    "nobody to hang up": (["agent: hangs up"], "1: it: no agent talks to the caller: the caller hears welcome"),
    "digits nobody asks for": (
        ["hears: welcome", "types: '47'"],
        "2: it: expected to be asked for digits, but the caller hears menu",
    ),
    "an unknown line": (["hear: welcome"], "1: unknown line 'hear'"),
    "an agent who dances": (["agent: dances"], "1: it: an agent answers, rejects or hangs up, not 'dances'"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_script_that_is_not_kept_fails_at_its_line(name: str, tmp_path: Path) -> None:
    lines, problem = FAILING[name]
    assert script(tmp_path, *lines) == [problem]


ACCOUNT = """\
steps:
  - collect: {into: account, prompts: menu, min: 4, max: 8, wrong: welcome}
  - when:
      - if: account == "4711"
        do: [say: ["digits:{account}"], queue: loans]
  - collect: {into: pin, prompts: menu, secret: true, otherwise: [hang_up]}
  - hang_up
"""


def test_digits_are_typed_and_spelled(tmp_path: Path) -> None:
    said = script(tmp_path, "hears: menu", "types: '4711'", "hears: digits:4711", "waits: loans", flow=ACCOUNT)
    assert said == []


def test_digits_are_asked_for_again_and_a_secret_passes_unseen(tmp_path: Path) -> None:
    lines = ["hears: menu", "types:", "hears: [welcome, menu]", "types: '1234'", "hears: menu", "types: '99'"]
    assert script(tmp_path, *lines, "ends: self_service", flow=ACCOUNT) == []


def test_time_passes_where_the_script_says_so(tmp_path: Path) -> None:
    lines = ["hears: welcome", "hears: menu", "presses: '2'", "waits: cards", "waits: 70", "ends: max_wait"]
    assert script(tmp_path, *lines) == []


def test_a_test_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "a.test.yaml").write_text("hotline: hotline.yaml\ntests: [{test: it}]\n")
    with pytest.raises(ConfigError, match=r"a\.test\.yaml:2:9: 'script' is missing"):
        rehearse(tmp_path / "a.test.yaml")
