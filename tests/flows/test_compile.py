"""Flow files: each step as it is written and as the core gets it; each mistake with its place."""

from pathlib import Path

import pytest

from acd.config.load import check
from acd.config.yaml import parse
from acd.core.flow import (
    STEPS,
    Answer,
    Case,
    CollectDigits,
    Enqueue,
    GoTo,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    Step,
    When,
)
from acd.flows.compile import Known, compile_flow, settle
from tests.config.texts import FLOW, broken, lay_out

KNOWN = Known(
    queues=frozenset({"loans", "cards"}),
    skills=frozenset({"loans", "english"}),
    prompts=frozenset({"welcome", "menu", "sorry", *(f"digit-{digit}" for digit in range(10))}),
    flows=frozenset({"main", "night"}),
    attributes=frozenset({"age"}),
)

WRITTEN: list[tuple[str, Step]] = [
    ("- answer", Answer()),
    ("- ring: 4", RingTone(4.0)),
    ("- say: welcome", Say(("welcome",))),
    ("- say: [welcome, 'digits:4711']", Say(("welcome", "digits:4711"))),
    ("- say: {prompts: welcome, barge_in: false}", Say(("welcome",), barge_in=False)),
    (
        "- menu: {prompts: menu, keys: {1: [answer], '#': []}, retries: 1, wrong: sorry, otherwise: [answer], into: k}",
        Menu(("menu",), {"1": (Answer(),), "#": ()}, 5.0, 1, ("sorry",), (), (Answer(),), "k"),
    ),
    (
        "- collect: {into: pin, prompts: menu, min: 4, max: 6, secret: true}",
        CollectDigits("pin", ("menu",), 4, 6, secret=True),
    ),
    ("- set: {n: 1, senior: age >= 65}", Set({"n": 1, "senior": [">=", ["var", "age"], 65]})),
    (
        "- when: [{if: age > 1, do: [answer]}, {else: [hang_up: 486]}]",
        When((Case([">", ["var", "age"], 1], (Answer(),)),), (HangUpStep(486),)),
    ),
    ("- queue: loans", Enqueue("loans")),
    (
        "- queue: {to: cards, needs: {english: 3}, tier: 0, credit_s: 30, preferred_agent: age, keys: {9: [answer]}}",
        Enqueue("cards", {"english": 3}, 0, 30.0, "age", {"9": (Answer(),)}),
    ),
    ("- queue: {to: cards, max_wait_s: 9, site: age}", Enqueue("cards", max_wait_s=9.0, site="age")),
    ("- go_to: night", GoTo("night")),
    ("- hang_up", HangUpStep()),
    ("- hang_up: 603", HangUpStep(603)),
]


@pytest.mark.parametrize(("text", "step"), WRITTEN)
def test_a_step_as_written_and_as_the_core_gets_it(text: str, step: Step) -> None:
    compiled = compile_flow(parse(f"steps:\n  {text}\n", "main.yaml"), "main", KNOWN)
    assert compiled.problems + settle([compiled], KNOWN.attributes) == []
    assert compiled.flow.steps == (step,)
    assert compiled.flow.name == "main"


def test_every_step_of_the_core_can_be_written() -> None:
    assert {type(step) for _, step in WRITTEN} == set(STEPS.values())


WRONG: dict[str, tuple[str, str, str, str]] = {
    "an unknown step": ("- answer", "- «anwser", "unknown step 'anwser'", "did you mean 'answer'?"),
    "an unknown step with a body": ("say: welcome", "«speak: welcome", "unknown step 'speak'", "one of answer, "),
    "a prompt without a file": (
        "say: welcome",
        "say: «welcom",
        "prompt 'welcom' does not exist",
        "did you mean 'welcome'?",
    ),
    "one prompt of several": (
        "say: welcome",
        "say: [welcome, «goodbye]",
        "prompt 'goodbye' does not exist",
        "put goodbye.wav into a directory of prompts:",
    ),
    "a queue that is not there": (
        '"1": [queue: loans]',
        '"1": [queue: «loan]',
        "queue 'loan' does not exist",
        "did you mean 'loans'?",
    ),
    "a flow that is not there": (
        "- hang_up",
        "- go_to: «mian",
        "flow 'mian' does not exist",
        "did you mean 'main'?",
    ),
    "a key that no telephone has": (
        '"2": [queue: cards]',
        '«"22": [queue: cards]',
        "'22' cannot be used here",
        "one key: 0 to 9, *, # or A to D",
    ),
    "an unknown field of a step": (
        "prompts: menu",
        "«prompt: menu",
        "unknown key 'prompt'",
        "did you mean 'prompts'?",
    ),
    "a step's body out of its place": (
        "  - menu:\n      prompts: menu\n      keys:\n",
        "  - menu:\n    «prompts: menu\n    keys:\n",
        "a step has one key, its name",
        "indent prompts two more, so that it belongs to menu",
    ),
    "a variable nobody sets": (
        "- hang_up",
        "- when: [{if: age > 1 and «vip, do: [answer]}]",
        "nobody sets the variable 'vip'",
        'set it first, or write "vip" for a text',
    ),
    "a variable nobody sets, in quotes": (
        "- hang_up",
        "- when: [{if: \"called == '1' and «calledr == '2'\", do: [answer]}]",
        "nobody sets the variable 'calledr'",
        "did you mean 'caller'?",
    ),
    "a site where a variable stands": (
        "[queue: cards]",
        "[queue: {to: cards, site: «beijing}]",
        "nobody sets the variable 'beijing'",
        "'beijing' is the site: - set: {wanted: '\"beijing\"'} before this step, and here site: wanted; known: one of",
    ),
    "no site and no variable": (
        "[queue: cards]",
        "[queue: {to: cards, site: «x}]",
        "nobody sets the variable 'x'",
        "set it first, to the name of the site (one of beijing); known: one of age, ",
    ),
    "an agent where a variable stands": (
        "[queue: cards]",
        "[queue: {to: cards, preferred_agent: «'1001'}]",
        "'1001' cannot be used here",
        "the name of a variable: letters, digits and _ only, no digit first",
    ),
    "no agent and no variable": (
        "[queue: cards]",
        "[queue: {to: cards, preferred_agent: «own}]",
        "nobody sets the variable 'own'",
        "set it first, to the name of the agent (one of 1001, 1002); known: one of age, ",
    ),
    "nothing to spell": (
        "say: welcome",
        "say: «digits:{n}",
        "nobody sets the variable 'n'",
        "set it first, or write digits:4711; known: one of age, ",
    ),
    "a wrong condition": (
        "- hang_up",
        "- set: {old: «len(caller) > 3}",
        "there is no such function",
        "known: expected_wait_s",
    ),
    "a name the engine has": (
        "- hang_up",
        "- set: {«caller: 1}",
        "'caller' is told by the engine",
        "choose another name",
    ),
    "else before the end": (
        "- hang_up",
        "- when: [{«else: [answer]}, {if: age > 1, do: [answer]}]",
        "else stands alone, behind all other cases",
        "move it to the end",
    ),
    "a case without steps": (
        "- hang_up",
        "- when:\n      - «if: age > 1",
        "'do' is missing",
        "a case is if: CONDITION, do: [steps]; or else: [steps]",
    ),
    "min above max": (
        "- hang_up",
        "- collect: {into: account, min: «9, max: 4}",
        "min 9 is above max 4",
        "swap them, or raise max",
    ),
    "a secret said aloud": (
        "- hang_up",
        "- collect: {into: pin, secret: true}\n  - say: «digits:{pin}",
        "'pin' was collected in secret",
        "say something else",
    ),
    "a secret compared": (
        "- hang_up",
        '- collect: {into: pin, secret: true}\n  - when: [{if: «pin == "1234", do: [answer]}]',
        "'pin' was collected in secret",
        "the flow never sees its digits",
    ),
    "a text that cannot be spelled": (
        "say: welcome",
        "say: «digits:47x",
        "'47x' cannot be spelled",
        "write digits:4711",
    ),
    "an answer with something behind it": ("- answer", "- answer: {«now: true}", "unknown key 'now'", ""),
    "say without a prompt": ("say: welcome", "«say:", "say needs something behind it", "write say: …"),
    "steps that are never done": (
        "- hang_up",
        "- hang_up\n  - «answer",
        "nothing behind hang_up is ever done",
        "remove it, or put it before",
    ),
    "a status that refuses nothing": ("- hang_up", "- hang_up: «200", "200 is out of range", "at least 400"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_flow_is_told_by_place_fault_and_remedy(name: str, tmp_path: Path) -> None:
    old, new, what, fix = WRONG[name]
    text, line, column = broken(FLOW, old, new)
    found = check(lay_out(tmp_path, flow=text))
    here = [(Path(p.file).name, p.line, p.column, p.what, p.fix[: len(fix)]) for p in found]
    assert ("main.yaml", line, column, what, fix) in here, "\n".join(map(str, found))


def test_a_site_is_named_as_the_remedy_says(tmp_path: Path) -> None:
    flow = FLOW.replace("[queue: cards]", "[set: {wanted: '\"beijing\"'}, {queue: {to: cards, site: wanted}}]")
    assert check(lay_out(tmp_path, flow=flow)) == []


def test_a_menu_without_prompts_is_told_at_the_menu(tmp_path: Path) -> None:
    found = check(lay_out(tmp_path, flow=FLOW.replace("      prompts: menu\n", "")))
    assert [(p.line, p.column, p.what) for p in found] == [(4, 5, "'prompts' is missing")]


def test_a_variable_one_flow_sets_is_known_to_the_next() -> None:
    first = compile_flow(parse("steps: [set: {lane: '\"vip\"'}, go_to: night]\n", "main.yaml"), "main", KNOWN)
    second = compile_flow(parse("steps: [when: [{if: lane == 'vip', do: []}]]\n", "night.yaml"), "night", KNOWN)
    assert settle([first, second], ()) == []
    assert [problem.what for problem in settle([second], ())] == ["nobody sets the variable 'lane'"]
