"""Random histories: the indexed dispatcher decides as the naive one does, and breaks no rule."""

import os
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.core import matching
from acd.core.agents import Input
from acd.core.dispatch import Dispatcher, Offer, Withdraw
from acd.core.settings import Agent, Device, Queue, Settings, Strategy
from tests.core.histories import Disagreement, Floor, Storyteller, compare, some_settings
from tests.core.reference import ReferenceDispatcher
from tests.core.watch import Broken, Watch

seeds = st.integers(0, 2**32)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def watched(seed: int, steps: int) -> int:
    """One history under watch; the decisions taken. Raises `Broken`."""
    random = Random(seed)
    plain = seed % 4 == 0
    floor = Floor(some_settings(random, plain=plain))
    watch, story = Watch(floor), Storyteller(random, plain=plain)
    decisions = 0
    try:
        for _ in range(steps):
            op = story.next(floor)
            watch.saw(op, floor.do(op))
            if op[0] == "time" or random.random() < 0.7:
                decided = floor.do_match()
                watch.decided(decided)
                decisions += len(decided)
    except Broken as broken:
        raise Broken(f"seed {seed}: {broken}") from None
    return decisions


@few
@given(seeds)
def test_the_indexed_dispatcher_decides_as_the_naive_one(seed: int) -> None:
    assert compare(seed, 80, Dispatcher, ReferenceDispatcher, plain=seed % 4 == 0) >= 0


@few
@given(seeds)
def test_so_it_does_when_it_looks_for_agents_as_where_there_are_hundreds_of_pools(seed: int) -> None:
    with patch.object(matching, "WIDE", 1):
        assert compare(seed, 80, Dispatcher, ReferenceDispatcher, plain=seed % 2 == 0) >= 0


@few
@given(seeds)
def test_no_history_breaks_a_rule(seed: int) -> None:
    assert watched(seed, 150) >= 0


def a_morning(seed: int, steps: int) -> None:
    """Agents of three skills come one after the other, most of them are idle, and whom a call goes to changes with the
    time they have been there. Raises `Disagreement`."""
    random = Random(seed)
    strategy: Strategy = random.choice(("least_occupied", "fewest_calls", "random"))
    names = [f"a{i}" for i in range(16)]
    hotline = Settings(
        "1",
        agents={name: Agent(name, device=f"d-{name}", skills={f"s{i % 3}": 5}) for i, name in enumerate(names)},
        queues={"q": Queue("q", strategy=strategy, nobody_signed_on="wait")},
        devices={f"d-{name}": Device(f"d-{name}", number="1") for name in names},
    )
    floors = [Floor(hotline, make) for make in (Dispatcher, ReferenceDispatcher)]
    now = 0.0
    talking: list[tuple[str, str]] = []
    for call in range(steps):
        now += random.choice((0.0, 0.5, 4.0, 30.0))
        what = random.random()
        ends = talking.pop(random.randrange(len(talking))) if talking and what > 0.6 else None
        decided = []
        for floor in floors:
            floor.now = now
            if names and what < 0.2:
                floor.agents.sign_on(names[0], None, now)
            elif ends is not None:
                floor.do_work(*ends, Input.HUNG_UP)
            else:
                floor.do_join(f"c{call}", "q", {})
            decided.append(floor.do_match())
        if decided[0] != decided[1]:
            raise Disagreement(f"seed {seed}, {strategy}, call {call}: {decided[0]} instead of {decided[1]}")
        if what < 0.2:
            names = names[1:]
        for offer in decided[0]:
            talking.append((offer.contact, offer.agent))
            for floor in floors:
                floor.do_accept(offer.contact, offer.agent)


@few
@given(seeds)
def test_so_it_does_when_it_asks_only_a_few_of_the_idle_for_their_share(seed: int) -> None:
    a_morning(seed, 200)


def test_histories_are_worth_telling() -> None:
    """They decide much, and with every strategy."""
    decisions = [compare(seed, 60, Dispatcher, ReferenceDispatcher) for seed in range(12)]
    assert sum(decisions) > 60, decisions


@pytest.mark.prove
def test_two_million_steps() -> None:
    """Half against the naive dispatcher, half under watch. ACD_SEED repeats a run."""
    first = int(os.environ.get("ACD_SEED", Random().randrange(2**32)))
    print(f"ACD_SEED={first}")
    steps, decisions = 0, 0
    seed = first
    while steps < 2_000_000:
        decisions += compare(seed, 250, Dispatcher, ReferenceDispatcher, plain=seed % 4 == 0)
        decisions += watched(seed, 250)
        steps, seed = steps + 500, seed + 1
    assert decisions > steps // 50


@pytest.mark.spoils
def test_a_disagreement_tells_its_story() -> None:
    """The message is all one needs to repeat it."""

    class Stubborn(Dispatcher):
        def match(self, now: float) -> list[Offer | Withdraw]:
            return []

    with pytest.raises(Disagreement, match=r"seed 3, after \d+ steps:\n.*Settings(.|\n)*'join'"):
        compare(3, 200, Stubborn, ReferenceDispatcher)
