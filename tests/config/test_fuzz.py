"""Whatever stands in the files, `check` answers with problems that have a place in them; it never breaks."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.config.load import check, load
from acd.config.yaml import parse
from tests.config.texts import FLOW, HOTLINE, lay_out

SCRAPS = st.sampled_from(
    ["\t", "\n", "  ", ":", ": ", "- ", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "!!int ", "!x ", "|", ">", "~",
     "null", "no", "0", "-1", "1e9", "é", "名", "%", "@", "? ", "<<: ", "---\n", "...\n", ",", "loans", "\x07"]
)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn, text: str) -> str:
    """The text with a few stretches cut out, moved or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.sampled_from([0, 0, 1, 2, 5, 20])))
        new = draw(st.one_of(SCRAPS, st.just(""), st.just(text[at - 9 : at])))
        text = text[:at] + new + text[end:]
    return text


def judge(hotline: str, flow: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = lay_out(Path(directory), hotline, flow)
        problems = check(path)
        for problem in problems:
            lines = Path(problem.file).read_text().split("\n")
            assert 1 <= problem.line <= len(lines), problem
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
            assert problem.what
        if all(problem.severity == "warning" for problem in problems):
            load(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled(HOTLINE))
def test_a_mangled_hotline_is_judged(text: str) -> None:
    judge(text, FLOW)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled(FLOW))
def test_a_mangled_flow_is_judged(text: str) -> None:
    judge(HOTLINE, text)


VALUES = {
    "no": "no",
    "off": "off",
    "012": 12,
    "0o14": 12,
    "0x1F": 31,
    "+5": 5,
    "1_000": "1_000",
    "12:30": "12:30",
    "2026-01-02": "2026-01-02",
    "1e3": 1000.0,
    ".5": 0.5,
    ".inf": ".inf",
    "~": None,
    "Null": None,
    "TRUE": True,
    "false": False,
    "'true'": "true",
    "13800000000": 13800000000,
    "99999999999999999999": "99999999999999999999",
    "!!str 5": "5",
    "": None,
}


def test_scalars_are_those_of_yaml_1_2() -> None:
    assert {text: parse(f"a: {text}\n", "f").value for text in VALUES} == {text: {"a": VALUES[text]} for text in VALUES}


def test_keys_are_texts_as_written() -> None:
    assert parse('95588: 1\n"0123": 2\n0123x: 3\ntrue: 4\n', "f").value == {
        "95588": 1,
        "0123": 2,
        "0123x": 3,
        "true": 4,
    }


def test_an_alias_stands_for_the_whole_value() -> None:
    assert parse("a: &x {b: 1}\nc: *x\n", "f").value == {"a": {"b": 1}, "c": {"b": 1}}
