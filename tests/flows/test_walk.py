"""A flow walked through by hand, its picture, and rehearsals at a given time."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from acd.config.load import load
from acd.core.expr import ASKED
from acd.core.flow import Expr
from acd.flows.expressions import parse, written
from acd.flows.picture import draw, outline
from acd.flows.rehearsal import CallFrom, Fails, rehearse
from acd.flows.walk import HELP, Walk
from tests.config.texts import FLOW, HOTLINE, lay_out

HOURS = 'hours: {office: {week: {mon-fri: "09:00-17:00"}}}\nsurges: {storm: {}}\n'


def walk(directory: Path, flow: str = FLOW, call: CallFrom | None = None, *, agents: bool = True) -> Walk:
    there = load(lay_out(directory, HOTLINE + HOURS, flow))
    return Walk(there, "main", call or CallFrom.model_construct(), agents=agents)


def told(lines: list[str]) -> list[str]:
    """Without the time."""
    return [line.partition(" s  ")[2] for line in lines]


def test_a_call_from_beginning_to_end(tmp_path: Path) -> None:
    there = walk(tmp_path)
    assert there.begun == ["   0.0 s  the call is answered", "   0.0 s  hears: welcome"]
    assert there.enter("\n") == ["   1.0 s  hears: menu"]
    assert told(there.enter("1")) == ["waits in loans", "hears music: default", "the telephone a1 rings"]
    assert told(there.enter("r")) == []
    assert told(there.enter("w 40")) == ["the telephone a1 rings"]
    assert told(there.enter("a")) == ["talks with agent 1001 after 41 s"]
    assert not there.over
    assert told(there.enter("e")) == ["the call is over: answered"]
    assert there.over


def test_a_key_pressed_while_something_else_is_played_counts_when_it_is_asked_for(tmp_path: Path) -> None:
    assert told(walk(tmp_path).enter("2")) == [
        "hears: menu",
        "waits in cards",
        "hears music: default",
        "the telephone desk rings",
    ]


ACCOUNT = (
    "steps:\n  - collect: {into: account, prompts: menu, min: 4, max: 8, wrong: welcome}\n  - say: digits:{account}\n"
)


def test_digits_are_typed_as_on_a_telephone(tmp_path: Path) -> None:
    there = walk(tmp_path, ACCOUNT)
    there.enter("")
    assert told(there.enter("47#")) == ["hears: welcome, menu"]
    assert told(there.enter("")) == ["4 to 8 digits are asked for, # ends them"]
    assert told(there.enter("4711#")) == ["hears: digits:4711"]
    assert "account = '4711'" in there.enter("v")


def test_digits_typed_ahead_of_the_prompt(tmp_path: Path) -> None:
    there = walk(tmp_path, ACCOUNT)
    assert told(there.enter("12345678")) == ["4 to 8 digits are asked for, # ends them", "hears: digits:12345678"]


def test_nobody_types_anything(tmp_path: Path) -> None:
    there = walk(tmp_path, ACCOUNT)
    there.enter("")
    assert told(there.enter("")) == ["hears: welcome, menu"]


WRONG = {
    "a": "no agent's telephone rings: the caller hears welcome",
    "r": "no agent's telephone rings: the caller hears welcome",
    "e": "no agent talks to the caller: the caller hears welcome",
    "w": "wait how many seconds? for example: w 30",
    "w soon": "wait how many seconds? for example: w 30",
    "w -1": "wait how many seconds? for example: w 30",
    "w nan": "wait how many seconds? for example: w 30",
    "dance": "'dance' is nothing that can be done here: ? helps",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_cannot_be_done_is_said_and_nothing_happens(line: str, tmp_path: Path) -> None:
    there = walk(tmp_path)
    with pytest.raises(Fails, match=f"^{re.escape(WRONG[line])}$"):
        there.enter(line)
    assert there.enter("") == ["   1.0 s  hears: menu"]


def test_help_and_the_two_ways_to_leave(tmp_path: Path) -> None:
    there = walk(tmp_path)
    assert there.enter("?") == HELP.splitlines()
    assert told(there.enter("h")) == ["the call is over: hung_up_in_flow"]
    assert there.over
    quitter = walk(tmp_path)
    quitter.enter("q")
    assert quitter.over


def test_nobody_signed_on(tmp_path: Path) -> None:
    there = walk(tmp_path, agents=False)
    there.enter("")
    assert told(there.enter("1")) == ["the call is over: nobody_signed_on"]
    assert there.over


ASKING = """\
steps:
  - answer
  - when:
      - if: surge("storm")
        do: [say: menu]
      - if: open("office")
        do: [say: welcome]
  - hang_up
"""


@pytest.mark.parametrize(
    ("call", "surges", "hears"),
    [
        ("{}", "[]", "welcome"),
        ('{at: "2026-03-02 10:00"}', "[]", "welcome"),
        ('{at: "2026-03-02T10:00"}', "[storm]", "menu"),
        ('{at: "2026-03-02 18:00"}', "[]", None),
    ],
)
def test_a_rehearsal_at_a_given_time_in_a_given_surge(
    call: str, surges: str, hears: str | None, tmp_path: Path
) -> None:
    lay_out(tmp_path, HOTLINE + HOURS, ASKING)
    lines = [f"hears: {hears}"] if hears else []
    script = "".join(f"  - {line}\n" for line in [*lines, "ends: self_service"])
    head = f"hotline: hotline.yaml\ntests:\n- test: it\n  call: {call}\n  surges: {surges}\n  script:\n"
    (tmp_path / "main.test.yaml").write_text(head + script)
    assert rehearse(tmp_path / "main.test.yaml") == (1, [])


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("surges: [strom]", "it: there is no surge 'strom': one of storm"),
        ('call: {at: "yesterday"}', "it: 'yesterday' is no date and time: write 2026-10-01 09:30"),
    ],
)
def test_a_rehearsal_that_cannot_begin_is_told(more: str, what: str, tmp_path: Path) -> None:
    lay_out(tmp_path, HOTLINE + HOURS, ASKING)
    (tmp_path / "main.test.yaml").write_text(
        f"hotline: hotline.yaml\ntests:\n- test: it\n  {more}\n  script: [hangs_up]\n"
    )
    _, (problem,) = rehearse(tmp_path / "main.test.yaml")
    assert problem.what == what


EXPRESSIONS = [
    "age >= 65 and trusted",
    'caller in ["1", "2"]',
    "not vip",
    'waiting("loans") > 20 or surge("storm")',
    'queue_result == "answered"',
    "n + 1 < 3",
    "true",
    "none",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_written_as_it_was(text: str) -> None:
    assert written(parse(text)[0]) == text
    assert ASKED


def test_the_picture_is_well_formed_and_says_everything(tmp_path: Path) -> None:
    flow = load(lay_out(tmp_path, HOTLINE + HOURS, FLOW)).settings.flows["main"]
    root = ElementTree.fromstring(draw(flow))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    expected = ["main", "answer", "say", "welcome", "menu", "menu", "key 1", "queue loans", "key 2", "queue cards"]
    assert texts == [*expected, "otherwise", "hang up"]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(box.get("x", 0)) <= width - float(box.attrib["width"])
        assert 0 <= float(box.get("y", 0)) <= height - float(box.attrib["height"])


def test_boxes_do_not_overlap() -> None:
    root_directory = Path(__file__).parents[2]
    for flow in load(root_directory / "examples/bank/hotline.yaml").settings.flows.values():
        root = ElementTree.fromstring(draw(flow))
        boxes = [
            tuple(float(box.get(name, 0)) for name in ("x", "y", "width", "height"))
            for box in root.iter("{http://www.w3.org/2000/svg}rect")
        ][1:]
        for index, (x, y, w, h) in enumerate(boxes):
            for other_x, other_y, other_w, other_h in boxes[:index]:
                apart = x >= other_x + other_w or other_x >= x + w or y >= other_y + other_h or other_y >= y + h
                assert apart, flow.name


def test_the_outline(tmp_path: Path) -> None:
    flow = load(lay_out(tmp_path, HOTLINE + HOURS, ASKING)).settings.flows["main"]
    assert outline(flow) == [
        "main",
        "  answer",
        "  when",
        '    [surge("storm")]',
        "      say: menu",
        '    [open("office")]',
        "      say: welcome",
        "    [else]",
        "  hang up",
    ]


def test_a_name_cannot_break_the_picture(tmp_path: Path) -> None:
    condition: Expr = ["==", ["var", "caller"], '</text><script>"']
    assert written(condition) == 'caller == "</text><script>""'
    flow = load(
        lay_out(
            tmp_path, HOTLINE, ASKING.replace('surge("storm")', 'caller == "<&>"').replace('open("office")', "true")
        )
    ).settings.flows["main"]
    texts = [element.text for element in ElementTree.fromstring(draw(flow)).iter("{http://www.w3.org/2000/svg}text")]
    assert 'caller == "<&>"' in texts
