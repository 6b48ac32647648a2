"""What is not wrong but will surprise somebody."""

from pathlib import Path

import pytest

from acd.config.load import check, load
from tests.config.texts import HOTLINE, broken, lay_out

SURPRISES = {
    "a queue nobody can serve": (
        "needs: {loans: 3}",
        "needs: {loans: 9}",
        "  «loans:\n",
        "no agent can ever serve queue 'loans'",
        "nobody has loans at 9, the best has 7",
    ),
    "a skill nobody asks for": (
        "skills: [loans, cards]",
        "skills: [loans, cards, «bonds]",
        "",
        "no queue and no flow asks for skill 'bonds'",
        "remove it, or use it",
    ),
    "a queue no flow leads to": (
        "  cards:\n    needs",
        "  «bonds: {}\n  cards:\n    needs",
        "",
        "no flow leads to queue 'bonds'",
        "add a queue step, or remove it",
    ),
    "a ring that never widens": (
        "max_wait_s: 60",
        "rings: [«{after_s: 10, needs: {cards: 2}}]",
        "",
        "this ring of queue 'cards' never widens: it reaches nobody new",
        "ask for less in it, or remove it",
    ),
    "a ring that loses an agent": (
        "max_wait_s: 60",
        "rings: [«{after_s: 10, needs: {loans: 1}}]",
        "",
        "from this ring of queue 'cards' on agent 1002 can no longer serve it",
        "ask for what they have, too, or for less",
    ),
    "a ring that begins too late": (
        "max_wait_s: 60",
        "max_wait_s: 60\n    rings: [{«after_s: 60, needs: {}}]",
        "",
        "this ring begins after callers have left: max_wait_s is 60",
        "begin it earlier",
    ),
    "a reserve that keeps everybody": (
        "max_wait_s: 60",
        "«reserve: {agents: 1, reserve_for_s: 5}",
        "",
        "the reserve of queue 'cards' keeps all 1 agents who serve it",
        "later tiers get one of them only when the reserve lapses: keep fewer",
    ),
    "two reserves over the same agents": (
        "    wrap_up: {timed_s: 3}\n  cards:\n    needs: {cards: 3}\n",
        "    reserve: {agents: 1, reserve_for_s: 5}\n"
        "  cards:\n    needs: {loans: 1}\n    «reserve: {agents: 1, reserve_for_s: 5}\n",
        "",
        "queues 'loans' and 'cards' both reserve 1 of the same agents",
        "keep one reserve, or give them agents of their own",
    ),
    "callers who may wait without bound": (
        "  cards:\n    needs: {cards: 3}\n    max_wait_s: 60\n",
        "  «cards:\n    needs: {loans: 1}\n    tier: 6\n",
        "",
        "callers of queue 'cards' may wait without bound: all its agents serve 'loans' first",
        "an earlier tier always wins: set max_wait_s, or put them into one tier with a credit_s",
    ),
    "callers whose agents each serve another lane first": (
        "  cards:\n    needs: {cards: 3}\n    max_wait_s: 60\n",
        "  cards:\n    needs: {cards: 3}\n    max_wait_s: 60\n  «anything:\n    tier: 6\n",
        "",
        "callers of queue 'anything' may wait without bound: all its agents serve 'loans' or 'cards' first",
        "an earlier tier always wins: set max_wait_s, or put them into one tier with a credit_s",
    ),
    "a window for an agent nobody names": (
        "max_wait_s: 60",
        "max_wait_s: 60\n    «preferred_for_s: 10",
        "",
        "preferred_for_s of queue 'cards' never counts: no flow says whose",
        "name a variable in the queue step: {to: cards, preferred_agent: VARIABLE}",
    ),
    "a window for a site nobody names": (
        "max_wait_s: 60",
        "max_wait_s: 60\n    «own_site_for_s: 10",
        "",
        "own_site_for_s of queue 'cards' never counts: no flow says whose",
        "name a variable in the queue step: {to: cards, site: VARIABLE}",
    ),
    "two agents at one telephone": (
        '  "1002": {device: desk, skills: {cards: 3}, site: beijing}',
        '  "1002": {device: desk, skills: {cards: 3}, sign_on: at_start}\n'
        '  "1003": {«device: desk, skills: {cards: 3}, sign_on: at_start}',
        "",
        "agents '1002' and '1003' both sign on at device 'desk' at start",
        "give each a device, or let one sign on by hand",
    ),
}


@pytest.mark.parametrize("name", SURPRISES)
def test_a_surprise_is_a_warning_at_its_place(name: str, tmp_path: Path) -> None:
    old, new, elsewhere, what, fix = SURPRISES[name]
    if elsewhere:
        text, line, column = broken(HOTLINE.replace(old, new), elsewhere.replace("«", ""), elsewhere)
    else:
        text, line, column = broken(HOTLINE, old, new)
    path = lay_out(tmp_path, text)
    found = check(path)
    assert (line, column, "warning", what, fix) in [(p.line, p.column, p.severity, p.what, p.fix) for p in found], found
    load(path)  # and yet it may be used


def test_the_bank_example_is_beyond_reproach() -> None:
    assert check(Path(__file__).parents[2] / "examples" / "bank" / "hotline.yaml") == []
