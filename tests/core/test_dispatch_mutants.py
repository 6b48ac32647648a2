"""A test of the tests: each deliberate break of agents and dispatcher must make the random histories fail."""

from collections.abc import Callable
from typing import Any

import pytest

import acd.core.agents as agents
import acd.core.deciding as deciding
import acd.core.eligibility as eligibility
import acd.core.floor as floor
import acd.core.matching as matching
import acd.core.pools as pools
import acd.core.strategies as strategies
from acd.core.agents import Agents, AgentState, Input, Presence, Task, Work
from acd.core.dispatch import Dispatcher
from acd.core.matching import Market
from acd.core.pools import Demand, Entry, Line, Plan
from acd.core.settings import WrapUp
from acd.core.waiting import Place, Room, Waiting
from tests.core.histories import compare
from tests.core.reference import ReferenceDispatcher
from tests.core.test_dispatch_histories import a_morning, watched

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
MUTANTS: dict[str, Mutant] = {}


def mutant(break_it: Mutant) -> Mutant:
    MUTANTS[break_it.__name__] = break_it
    return break_it


def after(patch: Patch, owner: Any, name: str, then: Callable[..., object]) -> None:
    """Let `then` spoil what the method did; it gets the same arguments."""
    right = getattr(owner, name)

    def wrong(*args: Any, **more: Any) -> Any:
        answer = right(*args, **more)
        then(*args)
        return answer

    patch.setattr(owner, name, wrong)


def setting(name: str, value: Any) -> Callable[..., None]:
    return lambda self, *_: setattr(self, name, value)


@mutant
def last_come_first_served(patch: Patch) -> None:
    right = Line.push

    def push(line: Line, entry: Entry) -> None:
        key, serial, item = entry
        if isinstance(item, Place):
            item.entry = entry = (-key, -serial, item)
        right(line, entry)

    patch.setattr(Line, "push", push)


@mutant
def wrap_up_forgotten(patch: Patch) -> None:
    def hung_up(self: Agents, state: AgentState, task: Task, wrap_up: WrapUp, now: float) -> Work:
        self._end(state, task, now)
        return Work.ENDED

    patch.setattr(Agents, "_hung_up", hung_up)


@mutant
def wrap_up_never_ends_by_itself(patch: Patch) -> None:
    patch.setattr(Agents, "wake", lambda *_: None)


@mutant
def agents_coming_free_unnoticed(patch: Patch) -> None:
    right = Dispatcher._absorb

    def absorb(self: Dispatcher, now: float) -> None:
        right(self, now)
        self._freed.clear()

    patch.setattr(Dispatcher, "_absorb", absorb)


@mutant
def skills_ignored(patch: Patch) -> None:
    patch.setattr(pools, "serves", lambda *_: True)


@mutant
def levels_ignored(patch: Patch) -> None:
    right = pools.serves
    patch.setattr(pools, "serves", lambda pool, needs, *more: right(pool, tuple((s, 1) for s, _ in needs), *more))


@mutant
def teams_ignored(patch: Patch) -> None:
    right = pools.serves
    patch.setattr(pools, "serves", lambda pool, needs, teams, sites: right(pool, needs, (), sites))


@mutant
def lost_when_put_back(patch: Patch) -> None:
    def put_back(self: Dispatcher, contact: str, agent: str, now: float, *, exclude: bool) -> None:
        self.leave(contact)

    patch.setattr(Dispatcher, "put_back", put_back)


@mutant
def key_lost_when_put_back(patch: Patch) -> None:
    def spoil(self: Dispatcher, contact: str, agent: str, now: float) -> None:
        if contact in self.waiting:
            self.waiting[contact].key = now

    after(patch, Dispatcher, "put_back", spoil)


@mutant
def not_looked_at_when_put_back(patch: Patch) -> None:
    after(patch, Dispatcher, "put_back", lambda self, contact, *_: self._fresh.pop(contact, None))


@mutant
def offered_again_after_rejection(patch: Patch) -> None:
    def spoil(self: Dispatcher, contact: str, *_: Any) -> None:
        if contact in self.waiting:
            self.waiting[contact].excluded.clear()

    after(patch, Dispatcher, "put_back", spoil)


@mutant
def reserve_ignored(patch: Patch) -> None:
    for module in (deciding, eligibility, floor, strategies):
        patch.setattr(module, "blocked", lambda held: False)


@mutant
def reserve_one_short(patch: Patch) -> None:
    for module in (deciding, eligibility, floor, strategies):
        patch.setattr(module, "blocked", lambda held: any(h.free < h.keep for h in held))


@mutant
def reserve_never_lapses(patch: Patch) -> None:
    after(patch, pools.Held, "__init__", setting("lapses_s", 1e9))


@mutant
def reserve_met_again_unnoticed(patch: Patch) -> None:
    after(patch, Market, "_count_for", lambda self, held, pool: held.pools.clear())


@mutant
def tier_ignored(patch: Patch) -> None:
    right = Plan.__init__
    patch.setattr(Plan, "__init__", lambda self, queue, tier, *more: right(self, queue, 1, *more))


@mutant
def preference_level_ignored(patch: Patch) -> None:
    right = Demand.level
    patch.setattr(Demand, "level", lambda self, pool: right(self, pool) and 1)


@mutant
def level_delay_ignored(patch: Patch) -> None:
    after(patch, Demand, "__init__", setting("elapsed_s", 1e9))


@mutant
def own_site_ignored(patch: Patch) -> None:
    after(patch, Demand, "__init__", setting("site", ""))


@mutant
def rings_never_widen(patch: Patch) -> None:
    right = pools.at_stage
    patch.setattr(pools, "at_stage", lambda queue, stage, own=(): right(queue, 0, own))


@mutant
def nobody_woken_when_a_ring_widens(patch: Patch) -> None:
    patch.setattr(Room, "set_deadline", lambda *_: None)


@mutant
def preferred_window_ignored(patch: Patch) -> None:
    after(patch, Place, "__init__", setting("only", None))


@mutant
def preferred_window_kept_while_he_is_away(patch: Patch) -> None:
    right = Room.stand

    def stand(self: Room, w: Waiting, now: float) -> Place:
        place = right(self, w, now)
        if w.preferred in self._agents.states and now < w.preferred_until:
            place.only = w.preferred
        return place

    patch.setattr(Room, "stand", stand)


@mutant
def offered_to_two(patch: Patch) -> None:
    def take_up(self: Room, place: Place) -> Place:
        return place

    patch.setattr(Room, "take_up", take_up)


@mutant
def offered_though_accepted(patch: Patch) -> None:
    right = Dispatcher.accepted

    def accepted(self: Dispatcher, contact: str, agent: str, now: float | None = None) -> Any:
        waiting = self.waiting.get(contact)
        answer = right(self, contact, agent, now)
        if waiting is not None:
            waiting.rung.clear()
            self.waiting[contact] = self._fresh[contact] = waiting
            self._length[waiting.queue] += 1
        return answer

    patch.setattr(Dispatcher, "accepted", accepted)


@mutant
def losers_ring_on(patch: Patch) -> None:
    patch.setattr(Dispatcher, "_withdraw", lambda *_: [])


@mutant
def rings_all_though_another_waits(patch: Patch) -> None:
    patch.setattr(Dispatcher, "_alone", lambda *_: True)


@mutant
def break_asked_in_a_call_forgotten(patch: Patch) -> None:
    after(patch, Agents, "_leave", lambda self, state, *_: setting("wish", None)(state))


@mutant
def capacity_ignored(patch: Patch) -> None:
    patch.setattr(Agents, "free", lambda self, state, channel: state.presence is Presence.READY)
    after(patch, pools.Seat, "__init__", setting("single", False))


@mutant
def penalty_ignored(patch: Patch) -> None:
    def spoil(self: Agents, agent: str, *_: Any) -> None:
        if agent in self.states:
            self.states[agent].not_before = 0.0

    after(patch, Agents, "missed", spoil)


@mutant
def never_not_responding(patch: Patch) -> None:
    for presence in Presence:
        patch.setitem(agents.PRESENCE, (presence, agents.Ask.NOT_ANSWERING), presence)


@mutant
def missed_offer_resets_idle_time(patch: Patch) -> None:
    def spoil(self: Agents, agent: str, contact: str, how: str, now: float) -> None:
        if agent in self.states:
            self.states[agent].idle_since = now

    after(patch, Agents, "missed", spoil)


@mutant
def losing_resets_idle_time(patch: Patch) -> None:
    right = Agents.advance

    def advance(self: Agents, agent: str, contact: str, given: Input, now: float) -> Work:
        work = right(self, agent, contact, given, now)
        if given is Input.WITHDRAWN and agent in self.states:
            self.states[agent].idle_since = now
        return work

    patch.setattr(Agents, "advance", advance)


@mutant
def shortest_idle(patch: Patch) -> None:
    right = Line.push

    def push(line: Line, entry: Entry) -> None:
        since, serial, item = entry
        if not isinstance(item, Place):
            item.entry = entry = (since, -serial, item)
        right(line, entry)

    patch.setattr(Line, "push", push)


@mutant
def skill_change_unnoticed(patch: Patch) -> None:
    after(patch, Agents, "set_skills", lambda self, *_: self.reskilled.clear())


@mutant
def queue_never_full(patch: Patch) -> None:
    right = Dispatcher.join

    def join(self: Dispatcher, contact: str, queue: str, now: float, **how: Any) -> str | None:
        self._length[queue] = 0
        return right(self, contact, queue, now, **how)

    patch.setattr(Dispatcher, "join", join)


@mutant
def round_robin_stands_still(patch: Patch) -> None:
    after(
        patch, Dispatcher, "_offer", lambda self, place, *_: setting("last_serial", -1)(self._lane(place.waiting.queue))
    )


@mutant
def tier_change_unnoticed(patch: Patch) -> None:
    patch.setattr(Dispatcher, "change_tier", lambda *_: None)


@mutant
def head_blocks_the_rest(patch: Patch) -> None:
    """A contact from whom the freed agent is excluded hides all of its demand."""
    right = Room.put

    def put(self: Room, place: Place, now: float) -> None:
        if place.waiting.excluded and place.only is None and place.demand.line.entries:
            place.waiting.excluded = {}
        right(self, place, now)

    patch.setattr(Room, "put", put)


@mutant
def most_skilled_is_least_skilled(patch: Patch) -> None:
    patch.setitem(strategies.SORTS, "most_skilled", strategies.SORTS["least_skilled"])


@mutant
def urgency_ignored(patch: Patch) -> None:
    after(patch, Dispatcher, "configure", setting("_urgency", False))


@mutant
def whoever_leaves_from_the_midst_stays(patch: Patch) -> None:
    def drop(self: Line, entry: Entry) -> None:
        if self.head is entry:
            self.entries.popleft()
            self.head = self.entries[0] if self.entries else None

    patch.setattr(Line, "drop", drop)


@mutant
def put_back_at_the_end(patch: Patch) -> None:
    def push(self: Line, entry: Entry) -> None:
        self.entries.append(entry)
        self.head = self.entries[0]

    patch.setattr(Line, "push", push)


@mutant
def who_was_taken_stays_in_the_crowd(patch: Patch) -> None:
    patch.setattr(matching, "WIDE", 1)
    patch.setattr(pools.Crowd, "first", lambda self: self.entries[0] if self.entries else None)


@mutant
def pools_forget_who_signed_on(patch: Patch) -> None:
    right = Market.refresh

    def refresh(self: Market, member: pools.Member, now: float, freed: Any) -> None:
        member.presence = member.state.presence
        right(self, member, now, freed)

    patch.setattr(Market, "refresh", refresh)


@mutant
def the_bound_of_a_share_taken_for_it(patch: Patch) -> None:
    def bound(share: Callable[[AgentState, float, float], float]) -> Callable[[AgentState, float, float], float]:
        return lambda agent, now, later: share(agent, now, now + pools.BOUND_S)

    for name, share in dict(strategies.SHARES).items():
        patch.setitem(strategies.SHARES, name, bound(share))


@mutant
def drawn_from_the_first_pool(patch: Patch) -> None:
    patch.setattr(strategies, "_at", lambda orders, index: orders[0][index % len(orders[0])][1])


FIRST_SEED = {"reserve_met_again_unnoticed": 190, "most_skilled_is_least_skilled": 60, "losing_resets_idle_time": 60}
"""Where to begin with those that show in few histories."""


def test_there_are_many() -> None:
    assert len(MUTANTS) >= 15


@pytest.mark.spoils
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    first = FIRST_SEED.get(name, 0)
    for seed in range(first, first + 300):
        try:
            compare(seed, 80, Dispatcher, ReferenceDispatcher, plain=seed % 4 == 0)
            watched(seed, 80)
            a_morning(seed, 100)
        except Exception:
            return
    pytest.fail(f"{name} was not noticed in 300 histories")
