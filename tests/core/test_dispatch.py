"""The dispatcher, rule by rule, as transcripts (DESIGN §6)."""

import math
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from acd.core.agents import Input
from acd.core.dispatch import Dispatcher, Offer, Withdraw
from acd.core.expected_wait import ONE_BY_ONE, expected_wait_s
from acd.core.settings import Agent, Device, Queue, Reserve, Ring, Settings, WrapUp
from tests.core.histories import Floor


def hotline(agents: dict[str, dict[str, Any]], queues: dict[str, dict[str, Any]], **more: Any) -> Settings:
    """Everybody signed on at a telephone of his own, in the order named."""
    return Settings(
        "1",
        agents={name: Agent(name, device=f"d-{name}", sign_on="at_start", **about) for name, about in agents.items()},
        queues={name: Queue(name, **{"nobody_signed_on": "wait", **about}) for name, about in queues.items()},
        devices={f"d-{name}": Device(f"d-{name}", number="1") for name in agents},
        **more,
    )


class Desk(Floor):
    """A floor on which a test acts in one line; `said` is what a match decided, as ``c1>ann`` or ``c1<ann``."""

    def at(self, now: float) -> list[str]:
        self.now = now
        return self.said()

    def said(self) -> list[str]:
        return [f"{d.contact}{'>' if isinstance(d, Offer) else '<'}{d.agent}" for d in self.dispatcher.match(self.now)]

    def joins(self, contact: str, queue: str = "q", **how: Any) -> list[str]:
        assert self.dispatcher.join(contact, queue, self.now, **how) is None
        return self.said()

    def takes(self, contact: str, agent: str) -> list[str]:
        """He accepts; who is withdrawn."""
        return [f"{w.contact}<{w.agent}" for w in self.do_accept(contact, agent)]

    def hangs_up(self, contact: str, agent: str) -> list[str]:
        self.agents.advance(agent, contact, Input.HUNG_UP, self.now)
        return self.said()

    def misses(self, contact: str, agent: str, how: str) -> list[str]:
        self.do_miss(contact, agent, how)
        return self.said()

    def busy(self, *agents: str) -> None:
        """Keep them on the telephone, with ``x-`` and their name."""
        for agent in agents:
            self.agents.offer(agent, f"x-{agent}", None, self.now)
            self.agents.advance(agent, f"x-{agent}", Input.ACCEPTED, self.now)

    def freed(self, *agents: str) -> list[str]:
        for agent in agents:
            self.agents.advance(agent, f"x-{agent}", Input.HUNG_UP, self.now)
        return self.said()


def desk(agents: dict[str, dict[str, Any]], queues: dict[str, dict[str, Any]], **more: Any) -> Desk:
    floor = Desk(hotline(agents, queues, **more))
    floor.said()
    return floor


# ------------------------------------------------------------------------------------------------------------- order


def test_first_come_first_served_and_the_longest_idle_first() -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {}})
    assert floor.joins("c1") == ["c1>ann"]
    assert floor.joins("c2") == ["c2>bob"]
    assert floor.joins("c3") == []
    assert floor.joins("c4") == []
    floor.takes("c1", "ann"), floor.takes("c2", "bob")
    floor.now = 10.0
    assert floor.hangs_up("c2", "bob") == ["c3>bob"]
    floor.now = 11.0
    assert floor.hangs_up("c1", "ann") == ["c4>ann"]


def test_tier_wins_over_all_then_the_agents_preference_then_age() -> None:
    floor = desk(
        {"ann": {"queues": {"first": 1, "second": 2}}},
        {"first": {"tier": 1}, "second": {"tier": 1}, "vip": {"tier": 0}},
    )
    floor.busy("ann")
    for now, (contact, queue) in enumerate([("s1", "second"), ("f1", "first"), ("f2", "first"), ("v1", "vip")]):
        floor.now = float(now)
        assert floor.joins(contact, queue) == []
    taken = []
    floor.now = 50.0
    said = floor.freed("ann")
    while said:
        contact = said[0].partition(">")[0]
        taken.append(contact)
        floor.takes(contact, "ann")
        said = floor.hangs_up(contact, "ann")
    assert taken == ["v1", "f1", "f2", "s1"]


def test_credit_is_seconds_of_virtual_age_and_no_more() -> None:
    floor = desk({"ann": {}}, {"q": {}})
    floor.busy("ann")
    floor.joins("old")
    floor.now = 29.0
    floor.joins("senior", credit_s=30.0)
    floor.now = 31.0
    floor.joins("late senior", credit_s=30.0)
    floor.now = 40.0
    assert floor.freed("ann") == ["senior>ann"]
    floor.takes("senior", "ann")
    assert floor.hangs_up("senior", "ann") == ["old>ann"]


def test_the_senior_lane_goes_first_and_nobody_is_overtaken_beyond_the_credit() -> None:
    """The bank's lanes are configuration: seniors have two minutes of credit, lost cards an earlier tier."""
    queues: dict[str, dict[str, Any]] = {
        "loans": {"tier": 2},
        "senior": {"tier": 2, "credit_s": 120.0},
        "lost card": {"tier": 1},
    }
    floor = desk({f"a{i}": {} for i in range(3)}, queues)
    floor.busy("a0", "a1", "a2")
    random, joined = Random(4), {}
    for now in range(0, 400, 2):
        queue = random.choices(list(queues), (80, 15, 5))[0]
        floor.now = float(now)
        floor.joins(f"{queue} {now}", queue)
        joined[f"{queue} {now}"] = float(now)
    order: list[str] = []
    said = floor.freed("a0")
    while said:
        contact = said[0].partition(">")[0]
        order.append(contact)
        floor.takes(contact, "a0")
        said = floor.hangs_up(contact, "a0")
    assert sorted(order) == sorted(joined)
    lost = [contact for contact in order if contact.startswith("lost")]
    assert order[: len(lost)] == sorted(lost, key=joined.__getitem__)
    rest = order[len(lost) :]
    first_loan = next(i for i, contact in enumerate(rest) if contact.startswith("loans"))
    assert all(joined[contact] <= 120.0 for contact in rest[:first_loan])
    assert first_loan > 5
    for i, contact in enumerate(rest):
        for later in rest[i + 1 :]:
            credit_s = 120.0 if contact.startswith("senior") and later.startswith("loans") else 0.0
            assert joined[contact] - joined[later] <= credit_s, f"{contact} overtook {later}"


def test_put_back_keeps_its_key_and_goes_to_someone_else_at_once() -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {"rejected_delay_s": 3.0, "exclude_after_reject_s": 60.0}})
    floor.busy("bob")
    assert floor.joins("c1") == ["c1>ann"]
    floor.now = 1.0
    assert floor.joins("c2") == []
    assert floor.misses("c1", "ann", "rejected") == []  # ann has a penalty
    assert floor.freed("bob") == ["c1>bob"]
    assert floor.misses("c1", "bob", "no_answer") == []
    assert floor.at(4.0) == ["c2>ann"]  # c1 is first, but she has rejected it
    assert floor.at(6.0) == ["c1>bob"]


def test_urgency_is_wait_by_target() -> None:
    queues = {"slow": {"target_s": 60.0}, "fast": {"target_s": 10.0}}
    floor = desk({"ann": {}}, queues, order_by="urgency")
    floor.busy("ann")
    floor.joins("s1", "slow")
    floor.now = 10.0
    floor.joins("f1", "fast")
    floor.joins("f2", "fast")
    floor.now = 20.0
    assert floor.freed("ann") == ["f1>ann"]  # 10/10 before 20/60
    floor.takes("f1", "ann")
    floor.now = 200.0
    assert floor.hangs_up("f1", "ann") == ["f2>ann"]


def test_many_freed_at_once_the_best_pair_first() -> None:
    floor = desk(
        {"ann": {"queues": {"q": 2}}, "bob": {"queues": {"q": 1}}, "eve": {"queues": {"q": 1}, "skills": {"fr": 1}}},
        {"q": {}},
    )
    floor.busy("ann", "bob", "eve")
    for contact, needs in {"c1": {}, "c2": {"fr": 1}, "c3": {}}.items():
        floor.joins(contact, needs=needs)
    assert floor.freed("ann", "bob", "eve") == ["c1>bob", "c2>eve", "c3>ann"]


# --------------------------------------------------------------------------------------------------- who may be rung


def test_skills_with_levels_the_queues_and_the_callers() -> None:
    floor = desk(
        {
            "ann": {"skills": {"loans": 2, "en": 9}},
            "bob": {"skills": {"loans": 3}},
            "eve": {"skills": {"loans": 5, "en": 4}},
        },
        {"q": {"needs": {"loans": 3}}},
    )
    assert floor.joins("c1") == ["c1>bob"]
    assert floor.joins("c2", needs={"en": 4, "loans": 1}) == ["c2>eve"]
    assert floor.joins("c3") == []
    floor.agents.set_skills("ann", {"loans": 3}, 0.0)
    assert floor.said() == ["c3>ann"]


def test_a_head_nobody_can_serve_blocks_nobody() -> None:
    floor = desk({"ann": {"skills": {"en": 1}}}, {"q": {}})
    assert floor.joins("c1", needs={"fr": 1}) == []
    assert floor.joins("c2", needs={"en": 1}) == ["c2>ann"]


def test_rings_widen_with_waiting() -> None:
    floor = desk(
        {"ann": {"teams": ("red",), "site": "north"}, "bob": {"teams": ("blue",), "site": "south"}, "eve": {}},
        {
            "q": {
                "teams": ("blue",),
                "sites": ("north",),
                "rings": (Ring(5.0, sites=("north", "south")), Ring(10.0, teams=("blue", "red"))),
            }
        },
    )
    assert floor.joins("c1") == []
    assert floor.joins("c2") == []
    assert (floor.dispatcher.deadline(), floor.at(4.9)) == (5.0, [])
    assert floor.at(5.0) == ["c1>bob"]
    assert (floor.dispatcher.deadline(), floor.at(10.0)) == (10.0, ["c2>ann"])


def test_who_is_rung_for_at_once_leaves_no_deadline_behind() -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {"rings": (Ring(5.0, teams=()),)}})
    floor.busy("bob")
    assert floor.joins("c1") == ["c1>ann"]
    assert floor.dispatcher.deadline() is None
    assert floor.joins("c2") == []
    assert floor.dispatcher.deadline() == 5.0


def test_a_preference_level_becomes_active_after_its_delay() -> None:
    levels = {"ann": 1, "bob": 2, "eve": 3, "zoe": 4}
    floor = desk({n: {"queues": {"q": level}} for n, level in levels.items()}, {"q": {"level_delays_s": (0, 10, 30)}})
    floor.busy("ann", "zoe")
    assert floor.joins("c1") == []
    assert floor.joins("c2") == []
    assert floor.at(10.0) == ["c1>bob"]
    assert (floor.dispatcher.deadline(), floor.at(30.0)) == (30.0, ["c2>eve"])
    assert floor.freed("zoe") == []
    assert floor.joins("c3") == ["c3>zoe"]  # levels beyond the delays: at once


def test_the_preferred_agents_window() -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {"preferred_for_s": 8.0}})
    floor.busy("bob")
    assert floor.joins("c1", preferred="bob") == []
    assert floor.joins("c2", preferred="bob") == []
    assert floor.joins("c3", preferred="ann") == ["c3>ann"]
    floor.takes("c3", "ann")
    floor.hangs_up("c3", "ann")
    assert floor.freed("bob") == ["c1>bob"]
    assert (floor.dispatcher.deadline(), floor.at(8.0)) == (8.0, ["c2>ann"])


@pytest.mark.parametrize("leaves", ["take_break", "sign_off"])
def test_the_window_is_void_at_once_when_he_leaves(leaves: str) -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {"preferred_for_s": 8.0}})
    floor.busy("bob")
    assert floor.joins("c1", preferred="bob") == []
    floor.now = 2.0
    floor.do_ask(leaves, "bob", *(("tea",) if leaves == "take_break" else ()))
    assert floor.said() == []  # in a call: he only wishes it
    assert floor.freed("bob") == ["c1>ann"]
    assert floor.joins("c2", preferred="nobody") == []


def test_the_window_ends_when_he_does_not_take_it() -> None:
    floor = desk({"ann": {}, "bob": {}}, {"q": {"preferred_for_s": 8.0}})
    assert floor.joins("c1", preferred="bob") == ["c1>bob"]
    assert floor.misses("c1", "bob", "no_answer") == ["c1>ann"]


def test_own_site_first() -> None:
    floor = desk({"ann": {"site": "north"}, "bob": {"site": "south"}}, {"q": {"own_site_for_s": 4.0}})
    assert floor.joins("c1", site="south") == ["c1>bob"]
    assert floor.joins("c2", site="south") == []
    assert (floor.dispatcher.deadline(), floor.at(4.0)) == (4.0, ["c2>ann"])


def test_a_rejected_call_comes_back_to_him_only_later() -> None:
    floor = desk({"ann": {}}, {"q": {"rejected_delay_s": 5.0, "exclude_after_reject_s": 30.0}})
    floor.joins("c1")
    assert floor.misses("c1", "ann", "rejected") == []
    assert floor.joins("c2") == []
    assert (floor.agents.deadline(), floor.at(5.0)) == (5.0, ["c2>ann"])
    floor.takes("c2", "ann")
    assert floor.hangs_up("c2", "ann") == []
    assert (floor.dispatcher.deadline(), floor.at(30.0)) == (30.0, ["c1>ann"])


def test_wrap_up_of_one_queue_holds_in_every_queue() -> None:
    floor = desk({"ann": {}}, {"q": {"wrap_up": WrapUp("timed", 10.0)}, "r": {}})
    floor.joins("c1")
    floor.takes("c1", "ann")
    assert floor.hangs_up("c1", "ann") == []
    assert floor.joins("c2", "r") == []
    assert floor.at(10.0) == ["c2>ann"]


def test_chats_up_to_his_capacity_and_a_call_on_top() -> None:
    both = {"capacity": {"voice": 1, "chat": 2}, "interrupts": {"voice": ("chat",)}}
    floor = desk({"ann": both}, {"q": {}})
    assert floor.joins("t1", channel="chat") == ["t1>ann"]
    assert floor.joins("t2", channel="chat") == ["t2>ann"]
    assert floor.joins("t3", channel="chat") == []
    assert floor.joins("c1") == ["c1>ann"]
    assert floor.joins("c2") == []
    floor.takes("t1", "ann"), floor.takes("c1", "ann")
    assert floor.hangs_up("t1", "ann") == []  # no chat on top of a call
    assert floor.hangs_up("c1", "ann") == ["t3>ann", "c2>ann"]


# ----------------------------------------------------------------------------------------------------------- reserve


def test_a_reserve_keeps_agents_for_its_lane() -> None:
    gold = {"needs": {"gold": 1}, "tier": 0, "reserve": Reserve(1, 20.0)}
    floor = desk({"ann": {"skills": {"gold": 1}}, "bob": {"skills": {"gold": 1}}, "eve": {}}, {"gold": gold, "q": {}})
    assert floor.joins("c1") == ["c1>ann"]  # another of gold remains
    assert floor.joins("c2") == ["c2>eve"]  # bob is kept
    assert floor.joins("c3") == []
    assert floor.joins("g1", "gold") == ["g1>bob"]
    floor.takes("g1", "bob")
    floor.now = 5.0
    assert floor.hangs_up("g1", "bob") == []
    assert (floor.dispatcher.deadline(), floor.at(20.0)) == (20.0, ["c3>bob"])  # it lapses


def test_a_reserve_met_again_frees_those_who_were_kept() -> None:
    gold = {"needs": {"gold": 1}, "tier": 0, "reserve": Reserve(1, 1000.0)}
    agents = {"ann": {"skills": {"gold": 1, "fr": 1}}, "bob": {"skills": {"gold": 1}}}
    floor = desk(agents, {"gold": gold, "q": {"needs": {"fr": 1}}})
    floor.busy("bob")
    assert floor.joins("c1") == []
    assert floor.freed("bob") == ["c1>ann"]


def test_a_lane_is_bound_by_earlier_tiers_only() -> None:
    queues = {name: {"tier": tier, "reserve": Reserve(1, 99.0)} for name, tier in (("a", 0), ("b", 1), ("c", 1))}
    floor = desk({"ann": {}}, queues)
    assert floor.joins("b1", "b") == []
    assert floor.joins("a1", "a") == ["a1>ann"]
    floor = desk({"ann": {}}, {name: queues[name] for name in "bc"})
    assert floor.joins("b1", "b") == ["b1>ann"]


# -------------------------------------------------------------------------------------------------------- strategies


@pytest.mark.parametrize(
    ("strategy", "order"),
    [
        ("longest_idle", "bcad"),
        ("most_skilled", "cabd"),
        ("least_skilled", "dbac"),
        ("least_occupied", "dcba"),
        ("fewest_calls", "dcab"),
        ("in_order", "abcd"),
        ("round_robin", "abcd"),
        ("ring_progressively", "bcad"),
    ],
)
def test_each_strategy_in_its_order(strategy: str, order: str) -> None:
    agents = {
        "a": {"skills": {"x": 6, "y": 1}},
        "b": {"skills": {"x": 2}},
        "c": {"skills": {"x": 9}},
        "d": {"skills": {"x": 2}},
    }
    agents["d"]["skills"] = {"x": 1}
    floor = desk(agents, {"q": {"strategy": strategy, "needs": {"x": 1}, "ring_step_s": 1e6}})
    for agent, (idle_since, busy_s, calls) in {
        "a": (30.0, 90.0, 3),
        "b": (10.0, 80.0, 4),
        "c": (20.0, 70.0, 2),
        "d": (40.0, 60.0, 1),
    }.items():
        state = floor.agents.states[agent]
        state.idle_since, state.busy_s, state.calls = idle_since, busy_s, calls
        floor.agents.changed[agent] = None
    floor.now = 100.0
    assert "".join(floor.joins(f"c{i}")[0][-1] for i in range(4)) == order


def test_round_robin_goes_on_after_the_last() -> None:
    floor = desk({name: {} for name in "abc"}, {"q": {"strategy": "round_robin"}})
    rung = []
    for i in range(7):
        rung += floor.joins(f"c{i}")
        agent = rung[-1][-1]
        floor.takes(f"c{i}", agent)
        floor.hangs_up(f"c{i}", agent)
    assert [each[-1] for each in rung] == list("abcabca")


def test_fewest_calls_does_not_flood_whoever_signs_on() -> None:
    floor = desk({"old": {}, "new": {}}, {"q": {"strategy": "fewest_calls"}})
    floor.agents.sign_off("new", 0.0)
    floor.agents.states["old"].calls = 10  # in an hour
    floor.now = 3590.0
    floor.agents.sign_on("new", None, 3590.0)
    taken: Counter[str] = Counter()
    for i in range(4):
        floor.now += 10.0
        agent = floor.joins(f"c{i}")[0].partition(">")[2]
        taken[agent] += 1
        floor.takes(f"c{i}", agent)
        floor.hangs_up(f"c{i}", agent)
    assert taken == {"new": 1, "old": 3}


def test_random_is_even_and_comes_from_the_seed() -> None:
    def told(seed: int) -> list[str]:
        floor = Desk(hotline({name: {} for name in "abcd"}, {"q": {"strategy": "random"}}), seed=seed)
        said = []
        for i in range(400):
            said += floor.joins(f"c{i}")
            floor.takes(f"c{i}", said[-1][-1])
            floor.hangs_up(f"c{i}", said[-1][-1])
        return [each[-1] for each in said]

    assert told(1) == told(1) != told(2)
    assert all(70 < count < 130 for count in Counter(told(3)).values())


# ------------------------------------------------------------------------------------------- ringing several at once


def ringing(strategy: str = "ring_all", **more: Any) -> Desk:
    return desk({name: {} for name in ("ann", "bob", "eve")}, {"q": {"strategy": strategy, **more}, "r": {}})


def test_ring_all_the_first_to_accept_wins() -> None:
    floor = ringing()
    floor.now = 5.0
    assert floor.joins("c1") == ["c1>ann", "c1>bob", "c1>eve"]
    assert floor.takes("c1", "bob") == ["c1<ann", "c1<eve"]
    assert floor.said() == []
    assert floor.dispatcher.accepted("c1", "eve", 5.0) == []  # too late
    ann = floor.agents.states["ann"]
    assert (ann.idle_since, ann.calls, ann.missed, ann.not_before) == (0.0, 0, 0, 0.0)
    floor.now = 6.0
    assert floor.joins("c2", "r") == ["c2>ann"]


def test_ring_all_is_longest_idle_when_more_wait() -> None:
    floor = ringing()
    assert floor.joins("c1") == ["c1>ann", "c1>bob", "c1>eve"]
    assert floor.joins("c2") == ["c1<bob", "c1<eve", "c2>bob"]  # eve is quiet while two wait
    assert floor.joins("c3") == ["c3>eve"]
    floor.takes("c2", "bob")
    assert floor.hangs_up("c2", "bob") == []
    floor.takes("c3", "eve")
    assert floor.said() == ["c1>bob"]  # c1 is alone again


def test_ring_all_takes_in_who_comes_free() -> None:
    floor = ringing()
    floor.busy("bob")
    assert floor.joins("c1") == ["c1>ann", "c1>eve"]
    floor.now = 1.0
    assert floor.freed("bob") == ["c1>bob"]
    assert floor.misses("c1", "ann", "busy") == []  # the others ring on
    floor.do_abandon("c1")
    assert floor.joins("c2") == ["c2>eve", "c2>bob"]


def test_ring_all_with_one_who_picked_up() -> None:
    """Whoever picked up is not rung off for another caller."""
    floor = ringing()
    floor.joins("c1")
    floor.agents.advance("eve", "c1", Input.ANSWERED, 0.0)
    assert floor.joins("c2", "r") == ["c1<ann", "c1<bob", "c2>ann"]


def test_ring_progressively_adds_one_after_each_step() -> None:
    floor = ringing("ring_progressively", ring_step_s=5.0)
    assert floor.joins("c1") == ["c1>ann"]
    assert (floor.dispatcher.deadline(), floor.at(4.9)) == (5.0, [])
    assert floor.at(5.0) == ["c1>bob"]
    assert (floor.dispatcher.deadline(), floor.at(10.0)) == (10.0, ["c1>eve"])
    assert floor.takes("c1", "bob") == ["c1<ann", "c1<eve"]
    assert floor.dispatcher.deadline() is None


# ------------------------------------------------------------------------------------- joining, leaving, announcing


def test_why_one_may_not_join() -> None:
    floor = desk(
        {"ann": {"skills": {"en": 1}}}, {"q": {"nobody_signed_on": "leave", "max_length": 1}, "shut": {"blocked": True}}
    )
    floor.busy("ann")
    join = floor.dispatcher.join
    assert join("c0", "shut", 0.0) == "blocked"
    assert join("c0", "no such queue", 0.0) == "blocked"
    assert join("c1", "q", 0.0, needs={"fr": 1}) == "nobody_signed_on"
    assert join("c1", "q", 0.0, needs={"en": 1}) is None
    assert join("c2", "q", 0.0) == "queue_full"
    floor.dispatcher.leave("c1")
    floor.dispatcher.leave("c1")  # nothing happens
    floor.agents.sign_off("ann", 0.0)
    floor.freed("ann")
    assert join("c3", "q", 1.0) == "nobody_signed_on"


def test_one_whom_a_later_ring_reaches_counts_as_signed_on() -> None:
    rings = {"needs": {"fr": 1}, "nobody_signed_on": "leave", "rings": (Ring(30.0, needs={}),)}
    floor = desk({"ann": {}}, {"q": rings})
    assert floor.joins("c1") == []
    assert floor.at(30.0) == ["c1>ann"]


def test_those_stranded_when_the_last_signs_off() -> None:
    floor = desk({"ann": {}, "bob": {"skills": {"fr": 1}}}, {"q": {"nobody_signed_on": "leave"}, "r": {}})
    floor.busy("ann", "bob")
    floor.joins("c1"), floor.joins("c2", needs={"fr": 1}), floor.joins("c3", "r", needs={"fr": 1})
    assert floor.dispatcher.stranded() == []
    floor.agents.advance("bob", "x-bob", Input.HUNG_UP, 1.0)
    floor.agents.sign_off("bob", 1.0)
    floor.said()
    assert floor.dispatcher.stranded() == ["c2"]


def test_position_by_tier_and_key() -> None:
    floor = desk({"ann": {}}, {"q": {}, "r": {}})
    floor.busy("ann")
    floor.joins("c1"), floor.joins("c2"), floor.joins("other", "r"), floor.joins("c3")
    assert [floor.dispatcher.position(c, 0.0) for c in ("c1", "c2", "c3")] == [1, 2, 3]
    floor.dispatcher.change_tier("c3", 0)
    floor.said()
    assert [floor.dispatcher.position(c, 0.0) for c in ("c1", "c2", "c3")] == [2, 3, 1]
    floor.do_abandon("c1")
    assert [floor.dispatcher.position(c, 0.0) for c in ("c2", "c3")] == [2, 1]


def test_expected_wait_until_measured_and_after() -> None:
    """Σ 1/(r + i·θ), r at first n·µ: two agents, 100 s a call, patience 50 s."""
    floor = desk({"ann": {}, "bob": {}}, {"q": {"handle_s": 100.0, "patience_s": 50.0}})
    floor.busy("ann", "bob")
    for i in range(3):
        floor.joins(f"c{i}")
    expected = [floor.dispatcher.expected_wait_s(f"c{i}", 0.0) for i in range(3)]
    assert expected == [50.0, 75.0, 92.0]  # 1/0.02, + 1/0.04, + 1/0.06, rounded up
    now = 0.0
    for i in range(3, 40):  # one taken every 10 s while three wait
        now += 10.0
        floor.now = now
        floor.joins(f"c{i}")
        said = floor.freed("ann") if i == 3 else floor.hangs_up(f"c{i - 4}", "ann")
        assert said == [f"c{i - 3}>ann"]
        floor.takes(f"c{i - 3}", "ann")
    head = floor.dispatcher.expected_wait_s("c37", now)
    assert head is not None
    assert 9.0 <= head <= 11.0
    for agent in ("ann", "bob"):
        floor.agents.sign_off(agent, now)
    floor.hangs_up("c36", "ann"), floor.freed("bob")
    assert floor.dispatcher.expected_wait_s("c37", now) is None


@pytest.mark.parametrize("patience_s", [1.0, 40.0, 446.0, 1e9, math.inf])
@pytest.mark.parametrize("rate", [0.00031, 0.023, 1.7, 31.0])
def test_a_long_sum_of_expected_wait_is_that_of_its_terms(rate: float, patience_s: float) -> None:
    for ahead in (0, 1, ONE_BY_ONE - 1, ONE_BY_ONE, ONE_BY_ONE + 1, 1000, 9999):
        term_by_term = math.ceil(math.fsum(1.0 / (rate + i / patience_s) for i in range(ahead + 1)))
        assert expected_wait_s(ahead, rate, patience_s) == term_by_term


def test_an_expected_wait_too_long() -> None:
    floor = desk({"ann": {}}, {"q": {"handle_s": 100.0, "patience_s": 1e9, "max_expected_wait_s": 150.0}})
    floor.busy("ann")
    floor.joins("c1")
    assert floor.dispatcher.join("c2", "q", 0.0) == "expected_wait_too_long"


def test_asking_leaves_no_trace() -> None:
    """What a status command asks is no event: it must not change what comes after."""
    floor = desk({"ann": {}}, {"q": {}})
    floor.busy("ann")
    floor.joins("c1")
    lane = replace(floor.dispatcher.lanes["q"])
    for now in (10.0, 20.0):
        floor.dispatcher.expected_wait_s("c1", now)
    assert floor.dispatcher.lanes["q"] == lane


def test_a_removed_queue_takes_no_new_calls_and_lives_until_empty() -> None:
    floor = desk({"ann": {}}, {"q": {"needs": {}}, "r": {}})
    floor.busy("ann")
    floor.joins("c1", "r")
    without = hotline({"ann": {}}, {"q": {}})
    floor.do_configure(without)
    assert floor.dispatcher.join("c2", "r", 1.0) == "blocked"
    assert floor.freed("ann") == ["c1>ann"]
    floor.takes("c1", "ann")
    floor.do_configure(without)
    assert list(floor.dispatcher.queues) == ["q"]


def test_a_restart_goes_on_where_it_was() -> None:
    """From the plain values alone, down to the serials by which ties break."""
    floor = desk({"ann": {}}, {"q": {}, "r": {}})
    floor.busy("ann")
    floor.joins("c1"), floor.joins("c2", "r")
    floor.do_abandon("c2")
    floor.do_restart()
    assert floor.joins("c3") == []
    assert [w.serial for w in floor.dispatcher.waiting.values()] == [1, 3]
    assert floor.freed("ann") == ["c1>ann"]


def test_a_queue_unknown_after_a_restart_is_emptied_all_the_same() -> None:
    floor = desk({"ann": {}}, {"q": {}, "r": {}})
    floor.busy("ann")
    floor.joins("c1", "r")
    waiting = floor.dispatcher.waiting
    floor.dispatcher = Dispatcher(floor.agents, waiting, Random(1))
    floor.dispatcher.configure(hotline({"ann": {}}, {"q": {}}), 0.0)
    assert floor.freed("ann") == ["c1>ann"]


def test_a_withdrawal_says_whom() -> None:
    floor = ringing()
    floor.do_join("c1", "q", {})
    floor.do_match()
    assert floor.do_accept("c1", "ann") == [Withdraw("c1", "bob"), Withdraw("c1", "eve")]


def test_memory_is_bounded() -> None:
    """Thousands of requirements and skill sets that came and went leave little behind."""
    floor = desk({"ann": {}}, {"q": {}})
    floor.busy("ann")
    for i in range(5000):
        floor.joins(f"c{i}", needs={f"s{i}": 1})
        floor.dispatcher.leave(f"c{i}")
        floor.agents.set_skills("ann", {f"s{i}": 1}, 0.0)
        floor.said()
    market = floor.dispatcher._market  # type: ignore[attr-defined]  # its size is the point
    assert len(market.plans) <= 2100
    assert len(market._pools) <= 100
    assert sum(len(links) for pool in market._pools.values() for _, links in pool.ranks) <= 2100 * 100
