"""Figures as stories and by hand; over random worlds they agree with the engine's own counters."""

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.core import events as e
from acd.core.activity import Observer, Shifts
from acd.core.flow import Answer, Enqueue
from acd.core.metrics import LEVELS, STAFFED, Book, Dimension, Stay, Tally, handled_of, waits_of
from acd.core.record import Outcome, Record, Segment
from acd.core.settings import Agent, Queue, WrapUp
from tests.core.hotline import flow, hotline
from tests.core.test_explain import agent, bank, loans, watched
from tests.core.test_machine import Machine
from tests.core.world import Phone, World


def stay(queue: str, began: float, ended: float, result: str, agent: str | None = None) -> list[Segment]:
    """A stay in a queue, and the talk of a minute with whoever answered."""
    segments = [Segment("queue", queue, began, ended, result, queue)]
    if agent is not None:
        segments.append(Segment("agent", agent, ended, ended + 60.0, "hung_up", queue, None, 3.0, 60.0, 10.0))
    return segments


def record(*segments: list[Segment], outcome: Outcome = "answered", by: str = "caller") -> Record:
    made = Record("1-1", "trunk:carrier", "95588", "138", segments[0][0].started_at, outcome, released_by=by)
    made.segments = [segment for some in segments for segment in some]
    return made


# ------------------------------------------------------------------------------------------------------- by hand


def test_five_definitions_of_the_service_level() -> None:
    """Ten callers, target 20 s, short calls under 5 s: six answered, four of them in time; one gave up after 2 s, one
    after 12 s, one after 90 s; one left by a key."""
    book = Book(("queue",), within_s=20.0, short_s=5.0)
    for waited_s in (1.0, 5.0, 19.0, 20.0, 21.0, 300.0):
        book.record(record(stay("loans", 0.0, waited_s, "answered", "ann")))
    for waited_s in (2.0, 12.0, 90.0):
        book.record(record(stay("loans", 0.0, waited_s, "abandoned"), outcome="abandoned"))
    book.record(record(stay("loans", 0.0, 30.0, "key_pressed"), outcome="key_pressed"))
    tally = book.rows["loans",]
    assert (tally.offered, tally.answered, tally.abandoned, tally.abandoned_short) == (10, 6, 3, 1)
    assert tally.left == {"key_pressed": 1}
    assert {name: tally.level(name) for name in LEVELS} == {
        "default": 4 / 9,
        "of_queued": 4 / 10,
        "of_answered": 4 / 6,
        "abandoned_in_time_as_met": 6 / 10,
        "less_abandoned_in_time": 4 / 8,
    }
    assert tally.asa_s == pytest.approx(61.0)
    assert tally.longest_wait_s == 300.0


def test_nothing_has_no_share() -> None:
    assert {Tally().level(name) for name in LEVELS} == {None}
    assert Tally().asa_s is Tally().aht_s is Tally().occupancy is None


def test_another_target_for_the_past() -> None:
    calls = [record(stay("loans", 0.0, waited_s, "answered", "ann")) for waited_s in (10.0, 25.0)]
    levels = []
    for within_s in (None, 25.0, 9.0):
        book = Book((), within_s=within_s)
        book.queues["loans"] = Queue("loans", target_s=20.0)
        for call in calls:
            book.record(call)
        levels.append(book.rows[()].level())
    assert levels == [0.5, 1.0, 0.0]


def test_an_overflow_is_offered_to_both_queues_and_is_one_wait() -> None:
    call = record(stay("loans", 100.0, 130.0, "max_wait"), stay("cards", 135.0, 145.0, "answered", "ann"))
    assert waits_of(call) == [
        [Stay("loans", 100.0, "max_wait", 30.0), Stay("cards", 135.0, "answered", 45.0, "ann")],
    ]
    by_queue, whole = Book(("queue",)), Book(())
    by_queue.record(call)
    whole.record(call)
    loans, cards, both = by_queue.rows["loans",], by_queue.rows["cards",], whole.rows[()]
    assert (loans.offered, loans.left, cards.offered, cards.answered) == (1, {"max_wait": 1}, 1, 1)
    assert (both.offered, both.answered, both.left, both.asa_s) == (1, 1, {}, 45.0)
    assert (both.calls, both.outcomes) == (1, {"answered": 1})


def test_turned_away_at_the_door_is_no_joining() -> None:
    call = record(stay("loans", 100.0, 100.0, "queue_full"), stay("cards", 110.0, 115.0, "answered", "ann"))
    assert [s.wait_s for s in waits_of(call)[0]] == [0.0, 5.0]


def test_a_second_wait_is_its_own() -> None:
    """The record's outcome is answered: the caller had been served once."""
    call = record(stay("loans", 0.0, 8.0, "answered", "ann"), stay("cards", 70.0, 90.0, "answered"))
    assert waits_of(call) == [
        [Stay("loans", 0.0, "answered", 8.0, "ann")],
        [Stay("cards", 70.0, "abandoned", 20.0)],
    ]
    assert [(part.agent, part.talk_s, part.hold_s, part.offered_at) for part in handled_of(call)] == [
        ("ann", 50.0, 10.0, 0.0)
    ]


def test_an_interval_owns_the_calls_offered_in_it() -> None:
    book = Book(("queue", "interval"), interval_s=900.0)
    book.record(record(stay("loans", 899.0, 1000.0, "answered", "ann")))
    book.record(record(stay("loans", 900.0, 901.0, "answered", "ann")))
    book.spell("ann", "wrap_up", 1060.0, 1070.0, ("loans",), "loans", 899.0)
    book.spell("ann", "idle", 800.0, 1000.0, ("loans",))
    first, second = book.rows["loans", 0.0], book.rows["loans", 900.0]
    assert (first.offered, first.asa_s, first.wrap_up_s) == (1, 101.0, 10.0)
    assert (second.offered, second.asa_s, second.wrap_up_s) == (1, 1.0, 0.0)
    assert (first.staffed_s, second.staffed_s, second.busy_s) == (100.0, 110.0, 10.0)


def test_only_what_was_offered_in_time() -> None:
    book = Book((), since=100.0, until=200.0)
    for began in (99.0, 100.0, 199.0, 200.0):
        book.record(record(stay("loans", began, began + 500.0, "answered", "ann")))
    book.spell("ann", "idle", 0.0, 1000.0)
    assert (book.rows[()].offered, book.rows[()].staffed_s) == (2, 100.0)


def test_teams_and_sites() -> None:
    book = Book(("team", "site"))
    book.agents = {"ann": Agent("ann", teams=("red", "blue"), site="north"), "bob": Agent("bob")}
    book.record(record(stay("loans", 0.0, 5.0, "answered", "ann")))
    book.record(record(stay("loans", 0.0, 5.0, "answered", "bob")))
    book.record(record(stay("loans", 0.0, 5.0, "abandoned"), outcome="abandoned"))
    assert {key: tally.answered for key, tally in book.rows.items()} == {
        ("red", "north"): 1,
        ("blue", "north"): 1,
        ("", ""): 1,
    }


# ------------------------------------------------------------------------------------------------ agents' doings


def fill(book: Book, world: World) -> None:
    shifts = Shifts(book, records=True)
    watched(world, Observer(shifts.take))
    shifts.end()


def report(world: World, *by: Dimension) -> Book:
    """All that the journal of this world gives."""
    book = Book(by, origin=1_000_000.0)
    fill(book, world)
    return book


def test_the_hour_of_an_agent() -> None:
    queue = loans(wrap_up=WrapUp("timed", 10.0))
    world = World(bank({"ann": agent("ann", teams=("red",)), "bob": agent("bob", False)}, queue))
    world.run(20)
    world.call("loans")  # rings for 3 s
    world.run(33)
    world.hold("ann")
    world.run(10)
    world.hold("ann", on=False)
    world.run(10)
    world.hang_up("ann")
    world.run(17)  # 10 of wrap-up
    world.ask(e.Break, agent="ann", reason="tea")
    world.run(60)
    world.ask(e.Ready, agent="ann")
    world.run(50)
    world.send(e.Woke())
    tally = report(world, "agent").rows["ann",]
    assert (tally.offered, tally.rung, tally.handled) == (1, 1, 1)
    assert (tally.ring_s, tally.talk_s, tally.hold_s, tally.wrap_up_s) == (3.0, 40.0, 10.0, 10.0)
    assert tally.aht_s == 63.0
    assert (tally.staffed_s, tally.busy_s, tally.break_s) == (140.0, 63.0, 60.0)
    assert tally.occupancy == 0.45
    assert set(report(world, "agent").rows) == {("ann",)}, "bob never signed on"
    assert report(world, "team", "queue").rows["red", "loans"] == tally
    assert report(world, "queue").rows["loans",].occupancy == 0.45


def test_an_offer_that_comes_to_nothing_is_rung_and_busy() -> None:
    world = World(bank({"ann": agent("ann")}, loans(ring_s=12.0, no_answer_delay_s=30.0)))
    world.phones["ann"] = Phone(answers_after_s=None)
    world.call("loans")
    world.run(15)
    world.hang_up("caller")
    tally = report(world, "agent").rows["ann",]
    assert (tally.rung, tally.offered, tally.handled) == (1, 0, 0)
    assert tally.busy_s == pytest.approx(12.0, abs=0.2)
    assert tally.staffed_s == 15.0


def test_time_is_the_team_s_of_that_time() -> None:
    settings = bank({"ann": agent("ann", teams=("red",)), "bob": agent("bob", teams=("blue",))}, loans())
    world = World(settings)
    world.run(10)
    world.ask(e.SetTeams, agent="ann", teams=("blue",))
    world.run(20)
    settings = bank({"ann": agent("ann", teams=("red",)), "bob": agent("bob", teams=("red",))}, loans())
    world.send(e.Configured(settings))
    world.run(5)
    world.send(e.Woke())
    staffed_s = {key: tally.staffed_s for key, tally in report(world, "team").rows.items()}
    assert staffed_s == {("red",): 10.0 + 5.0, ("blue",): 20.0 + 30.0 + 5.0}


def test_a_reload_and_a_restart_keep_the_books() -> None:
    settings = bank({"ann": agent("ann")}, loans())
    world = World(settings)
    world.call("loans")
    world.run(10)
    world.send(e.Configured(settings))
    world.hang_up("caller")
    world.run(10)
    world.send(e.Started(2, 1_000_000.0, 1))
    world.call("loans")
    world.run(10)
    world.hang_up("caller2")
    tally = report(world, "queue").rows["loans",]
    assert (tally.offered, tally.answered, tally.talk_s) == (2, 2, 14.0)


# ------------------------------------------------------------------------------------------------- random worlds


class Agreeing(Machine):
    """Whatever happened in a random world, the figures agree with the engine's counters, and agents' time is whole."""

    def teardown(self) -> None:
        super().teardown()
        world = self.world
        spells = Spells(("queue",))
        fill(spells, world)
        for name, counts in world.engine._core.state.counts.items():
            tally = spells.rows.get((name,), Tally())
            assert (tally.offered, tally.answered) == (counts.offered, counts.answered), name
            assert tally.offered == tally.answered + tally.abandoned + sum(tally.left.values())
        whole = report(world)
        assert sum(tally.calls for tally in whole.rows.values()) == len(world.records)
        spells.check(world.now)


class Spells(Book):
    """A book that also keeps every spell."""

    def __init__(self, by: tuple[Dimension, ...]) -> None:
        super().__init__(by)
        self.of: dict[str, list[tuple[str, float, float]]] = {}

    def spell(self, agent, doing, began, ended, *more) -> None:  # type: ignore[no-untyped-def] # passed on as it is
        self.of.setdefault(agent, []).append((doing, began, ended))
        super().spell(agent, doing, began, ended, *more)

    def check(self, length_s: float) -> None:
        """Nobody does two things at once (the wall clock may be set back: lengths tell), none lasts less than
        nothing."""
        for spells in self.of.values():
            for doing, began, ended in spells:
                assert doing in STAFFED | {"break", "not_responding", "unreachable"}
                assert ended >= began
            assert sum(ended - began for _, began, ended in spells) <= length_s + 1e-3


TestAgreeing = Agreeing.TestCase
TestAgreeing.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_by_anything_add_up_to_the_whole(seed: int) -> None:
    random = Random(seed)
    calls = []
    for _ in range(30):
        began = random.uniform(0.0, 7200.0)
        ended = began + random.expovariate(0.1)
        agent = random.choice(("ann", "bob", None))
        result = "answered" if agent is not None else random.choice(("abandoned", "max_wait"))
        calls.append(record(stay(random.choice(("loans", "cards")), began, ended, result, agent)))
    sums = []
    kinds: tuple[tuple[Dimension, ...], ...] = ((), ("queue",), ("interval",), ("queue", "interval"))
    for by in kinds:
        book = Book(by)
        for call in calls:
            book.record(call)
        total: Counter[str] = Counter()
        for tally in book.rows.values():
            for name in ("offered", "answered", "abandoned", "abandoned_short", "answered_within", "handled"):
                total[name] += getattr(tally, name)
            total["left"] += sum(tally.left.values())
        sums.append(total)
    assert sums[0]["offered"] == 30
    assert all(total == sums[0] for total in sums)


def test_the_same_through_a_whole_hotline() -> None:
    world = World(hotline(flow(Answer(), Enqueue("loans")), agents=1))
    world.call()
    world.run(8)
    world.hang_up("desk-1")
    world.run(15)
    assert {key: (t.calls, t.answered, t.wrap_up_s) for key, t in report(world, "interval").rows.items()} == {
        (1_000_000.0,): (1, 1, 10.0)
    }
