"""Agents: both tables over every pair, and what people do, as transcripts."""

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.agents import PRESENCE, WORK, Agents, Ask, Input, Presence, Refused, Work
from acd.core.settings import Agent, Device, Queue, Settings, WrapUp
from acd.core.tables import Impossible

OFF, READY, BREAK, DEAF, LOST = Presence


def hotline(**queue: object) -> Settings:
    """Ann and Bob at desks, Eve at home on a telephone; one queue."""
    return Settings(
        "1",
        agents={
            "ann": Agent("ann", device="desk-1", skills={"en": 5}, sign_on="at_start"),
            "bob": Agent("bob", device="desk-2", capacity={"voice": 1, "chat": 2}, interrupts={"voice": ("chat",)}),
            "eve": Agent("eve", device="home"),
        },
        devices={"desk-1": Device("desk-1"), "desk-2": Device("desk-2"), "home": Device("home", number="139")},
        queues={"q": Queue("q", **queue)},  # type: ignore[arg-type]  # whatever a test sets
    )


def agents(**queue: object) -> Agents:
    floor = Agents()
    floor.configure(hotline(**queue), 0.0)
    for desk in ("desk-1", "desk-2"):
        floor.device_changed(desk, True, 0.0)
    return floor


def talking(floor: Agents, now: float = 10.0) -> None:
    floor.offer("ann", "c1", "q", now)
    floor.advance("ann", "c1", Input.ACCEPTED, now)


# ------------------------------------------------------------------------------------------------------- the tables


@pytest.mark.parametrize("presence", Presence)
@pytest.mark.parametrize("ask", Ask)
def test_every_presence_takes_every_ask_or_refuses_it(presence: Presence, ask: Ask) -> None:
    """Only a person's wish can be absent: what happens to a phone always has an answer."""
    after = PRESENCE.get((presence, ask))
    if after is None:
        assert (presence, ask) in {(OFF, Ask.READY), (OFF, Ask.BREAK), (LOST, Ask.READY)}
    elif ask is Ask.SIGN_OFF:
        assert after is OFF
    elif ask is Ask.BREAK:
        assert after is BREAK
    elif ask in (Ask.DEVICE_LOST, Ask.DEVICE_BACK):
        assert after is presence or {after, presence} == {READY, LOST}


def expected_work(work: Work, given: Input) -> Work | None:
    """The table once more, in words."""
    active = work in (Work.TALKING, Work.HELD, Work.CONSULTING)
    match given:
        case Input.ANSWERED:
            return Work.ANSWERED if work is Work.OFFERED else None
        case Input.ACCEPTED:
            return Work.TALKING if work in (Work.OFFERED, Work.ANSWERED) else None
        case Input.HOLD | Input.RESUME if active:
            return work if work is Work.CONSULTING else Work.HELD if given is Input.HOLD else Work.TALKING
        case Input.CONSULT:
            return Work.CONSULTING if work in (Work.TALKING, Work.HELD) else None
        case Input.CONSULT_ENDED:
            return Work.TALKING if work is Work.CONSULTING else None
        case Input.MISSED:
            return Work.ENDED if work in (Work.OFFERED, Work.ANSWERED) else None
        case Input.WITHDRAWN:
            return {Work.OFFERED: Work.ENDED, Work.ANSWERED: Work.RELEASING}.get(work)
        case Input.RELEASED:
            return Work.RELEASING if active or work is Work.ANSWERED else None
        case Input.HUNG_UP | Input.GONE:
            return Work.WRAP_UP if active or work is Work.RELEASING else Work.ENDED if work is Work.ANSWERED else None
        case Input.DONE:
            return Work.ENDED if work is Work.WRAP_UP else None
    return None


@pytest.mark.parametrize("given", Input)
@pytest.mark.parametrize("work", Work)
def test_work_over_every_pair(work: Work, given: Input) -> None:
    assert WORK.get((work, given)) is expected_work(work, given)
    floor = agents(wrap_up=WrapUp("until_done"))
    floor.offer("ann", "c1", "q", 10.0)
    task = floor.states["ann"].tasks["c1"]
    task.work, task.answered_at = work, 10.0
    after = expected_work(work, given)
    if after is None:
        with pytest.raises(Impossible, match=given.name):
            floor.advance("ann", "c1", given, 11.0)
    else:
        assert floor.advance("ann", "c1", given, 11.0) is after
        assert ("c1" in floor.states["ann"].tasks) is (after is not Work.ENDED)


def test_what_is_not_his_is_a_bug_but_for_a_withdrawal_that_crossed() -> None:
    floor = agents()
    assert floor.advance("ann", "c9", Input.WITHDRAWN, 1.0) is Work.ENDED
    assert floor.advance("zoe", "c9", Input.WITHDRAWN, 1.0) is Work.ENDED
    with pytest.raises(Impossible, match="ann has no c9 to take HUNG_UP"):
        floor.advance("ann", "c9", Input.HUNG_UP, 1.0)
    floor.offer("ann", "c1", "q", 1.0)
    with pytest.raises(Impossible, match="c1 is with ann already"):
        floor.offer("ann", "c1", "q", 1.0)


# ---------------------------------------------------------------------------------------------------------- presence


def test_a_shift_at_shared_desks() -> None:
    floor = agents()
    ann, bob = floor.states["ann"], floor.states["bob"]
    assert (ann.presence, bob.presence) == (READY, OFF)
    with pytest.raises(Refused, match="somebody else is signed on at desk-1"):
        floor.sign_on("bob", "desk-1", 1.0)
    floor.sign_off("ann", 2.0)
    floor.sign_on("bob", "desk-1", 3.0)
    assert (bob.presence, bob.device, bob.signed_on_at) == (READY, "desk-1", 3.0)
    floor.sign_on("bob", "desk-2", 4.0)  # he moves
    floor.sign_on("ann", None, 5.0)  # her own desk is free again
    assert (ann.device, bob.device, bob.signed_on_at) == ("desk-1", "desk-2", 3.0)


def test_requests_that_cannot_be_granted_say_why() -> None:
    floor = agents()
    floor.settings["eve"].device = None
    asks: dict[Callable[[], None], str] = {
        (lambda: floor.sign_on("eve", None, 1.0)): "has no device of his own",
        (lambda: floor.sign_on("eve", "desk-9", 1.0)): "there is no device desk-9",
        (lambda: floor.sign_on("zoe", None, 1.0)): "there is no agent zoe",
        (lambda: floor.ready("eve", 1.0)): "eve is signed_off",
        (lambda: floor.take_break("eve", "tea", 1.0)): "eve is signed off",
        (lambda: floor.extend_wrap_up("ann", 5.0, 1.0)): "in no timed wrap-up",
        (lambda: floor.set_skills("zoe", {}, 1.0)): "there is no agent zoe",
    }
    for ask, why in asks.items():
        with pytest.raises(Refused, match=why):
            ask()
    talking(floor)
    with pytest.raises(Refused, match="ann is in a call at desk-1"):
        floor.sign_on("ann", "home", 11.0)


def test_a_phone_that_comes_and_goes() -> None:
    floor = agents()
    ann, bob = floor.states["ann"], floor.states["bob"]
    floor.device_changed("desk-1", False, 1.0)
    assert (ann.presence, ann.since, ann.missed, ann.not_before) == (LOST, 1.0, 0, 0.0)
    with pytest.raises(Refused, match="his phone"):
        floor.ready("ann", 2.0)
    floor.device_changed("desk-1", True, 3.0)
    assert (ann.presence, ann.idle_since) == (READY, 0.0)  # no break: his idle time is his
    floor.device_changed("desk-2", False, 4.0)
    floor.sign_on("bob", None, 5.0)
    assert bob.presence is LOST
    floor.take_break("bob", "tea", 6.0)
    floor.device_changed("desk-2", True, 7.0)
    assert bob.presence is BREAK
    floor.device_changed("desk-2", False, 8.0)
    floor.ready("bob", 9.0)
    assert bob.presence is LOST  # noticed when he is back
    floor.sign_on("eve", None, 10.0)
    assert floor.states["eve"].presence is READY  # a telephone is always up


def test_a_break_asked_for_in_a_call_comes_after_it() -> None:
    floor = agents(wrap_up=WrapUp("timed", 5.0))
    ann = floor.states["ann"]
    talking(floor)
    floor.take_break("ann", "hard call", 12.0)
    assert (ann.presence, ann.wish, floor.free(ann, "voice")) == (READY, BREAK, False)
    floor.advance("ann", "c1", Input.HUNG_UP, 20.0)
    assert ann.presence is READY  # wrap-up is part of it
    floor.wake(25.0)
    assert (ann.presence, ann.reason, ann.since, ann.idle_since) == (BREAK, "hard call", 25.0, 25.0)
    floor.ready("ann", 100.0)
    assert (ann.presence, ann.idle_since) == (READY, 100.0)  # a break resets it


def test_a_sign_off_asked_for_in_a_call_can_be_taken_back() -> None:
    floor = agents()
    ann = floor.states["ann"]
    talking(floor)
    floor.sign_off("ann", 12.0)
    floor.ready("ann", 13.0)
    floor.advance("ann", "c1", Input.HUNG_UP, 20.0)
    assert ann.presence is READY
    talking(floor, 30.0)
    floor.sign_off("ann", 31.0)
    floor.advance("ann", "c1", Input.HUNG_UP, 40.0)
    assert (ann.presence, ann.device) == (OFF, None)


def test_a_break_asked_for_while_ringing_comes_when_the_caller_is_gone() -> None:
    floor = agents()
    floor.offer("ann", "c1", "q", 1.0)
    floor.take_break("ann", "tea", 2.0)
    floor.advance("ann", "c1", Input.WITHDRAWN, 3.0)
    assert floor.states["ann"].presence is BREAK


# ----------------------------------------------------------------------------------------------------------- wrap-up


@pytest.mark.parametrize(
    ("wrap_up", "free_at"), [(WrapUp(), 20.0), (WrapUp("timed", 5.0), 25.0), (WrapUp("until_done"), None)]
)
def test_wrap_up_counts_from_the_hang_up(wrap_up: WrapUp, free_at: float | None) -> None:
    floor = agents(wrap_up=wrap_up)
    ann = floor.states["ann"]
    talking(floor)
    floor.advance("ann", "c1", Input.HUNG_UP, 20.0)
    assert floor.deadline() == (None if free_at == 20.0 else free_at)
    floor.wake(24.9)
    assert floor.free(ann, "voice") is (free_at == 20.0)
    floor.wake(25.0)
    assert floor.free(ann, "voice") is (free_at is not None)
    if free_at is None:
        floor.ready("ann", 70.0)
        free_at = 70.0
    assert (ann.idle_since, ann.busy_s, ann.calls) == (free_at, free_at - 10.0, 1)


def test_one_we_hang_up_on_is_free_when_his_bye_is_answered() -> None:
    floor = agents(wrap_up=WrapUp("timed", 5.0))
    talking(floor)
    assert floor.advance("ann", "c1", Input.RELEASED, 20.0) is Work.RELEASING
    assert floor.advance("ann", "c1", Input.GONE, 21.5) is Work.WRAP_UP
    assert floor.deadline() == 25.0
    floor = agents(wrap_up=WrapUp("timed", 1.0))
    talking(floor)
    floor.advance("ann", "c1", Input.RELEASED, 20.0)
    assert floor.advance("ann", "c1", Input.GONE, 21.5) is Work.ENDED  # it was over meanwhile


def test_wrap_up_is_extended_or_ended() -> None:
    floor = agents(wrap_up=WrapUp("timed", 5.0))
    ann = floor.states["ann"]
    talking(floor)
    floor.advance("ann", "c1", Input.HUNG_UP, 20.0)
    floor.extend_wrap_up("ann", 10.0, 22.0)
    floor.wake(25.0)
    assert (ann.tasks["c1"].work, floor.deadline()) == (Work.WRAP_UP, 35.0)
    floor.take_break("ann", "tea", 30.0)  # no call any more: at once
    assert (ann.presence, ann.tasks, floor.deadline()) == (BREAK, {}, None)


def test_one_who_never_accepted_has_nothing_to_wrap_up() -> None:
    floor = agents(wrap_up=WrapUp("until_done"))
    floor.offer("ann", "c1", "q", 1.0)
    floor.advance("ann", "c1", Input.ANSWERED, 2.0)
    assert floor.advance("ann", "c1", Input.WITHDRAWN, 3.0) is Work.RELEASING
    assert floor.advance("ann", "c1", Input.GONE, 3.1) is Work.ENDED
    assert (floor.states["ann"].calls, floor.states["ann"].idle_since) == (0, 0.0)


# ------------------------------------------------------------------------------------------------------------ missed


@pytest.mark.parametrize(("how", "delay_s"), [("rejected", 7.0), ("busy", 8.0), ("no_answer", 9.0), ("unreachable", 0)])
def test_each_miss_has_its_delay(how: str, delay_s: float) -> None:
    floor = agents(rejected_delay_s=7.0, busy_delay_s=8.0, no_answer_delay_s=9.0)
    ann = floor.states["ann"]
    floor.offer("ann", "c1", "q", 10.0)
    floor.missed("ann", "c1", how, 20.0)
    assert (ann.tasks, ann.idle_since, ann.missed) == ({}, 0.0, int(how == "no_answer"))
    assert (ann.not_before, floor.deadline()) == ((20.0 + delay_s, 20.0 + delay_s) if delay_s else (0.0, None))
    floor.changed.clear()
    floor.wake(30.0)
    assert list(floor.changed) == (["ann"] if delay_s else [])


def test_not_responding_after_so_many_in_a_row() -> None:
    floor = agents(max_no_answer=2)
    ann = floor.states["ann"]

    def miss(how: str) -> Presence:
        floor.offer("ann", "c1", "q", 1.0)
        floor.missed("ann", "c1", how, 2.0)
        return ann.presence

    assert [miss("no_answer"), miss("rejected")] == [READY, READY]
    talking(floor)  # one accepted: not in a row
    floor.advance("ann", "c1", Input.HUNG_UP, 3.0)
    assert [miss("no_answer"), miss("busy"), miss("no_answer")] == [READY, READY, DEAF]
    floor.device_changed("desk-1", False, 4.0)
    floor.device_changed("desk-1", True, 5.0)
    assert ann.presence is DEAF  # his phone being there does not say that he is
    floor.ready("ann", 6.0)
    assert [ann.presence, miss("no_answer")] == [READY, READY]


# --------------------------------------------------------------------------------------------- capacity, and reloads


def test_capacity_counts_by_channel() -> None:
    floor = agents()
    floor.sign_on("bob", None, 0.0)
    bob = floor.states["bob"]

    def free() -> tuple[bool, bool]:
        return floor.free(bob, "voice"), floor.free(bob, "chat")

    assert free() == (True, True)
    floor.offer("bob", "t1", "q", 1.0, "chat")
    assert free() == (True, True)  # a call may come on top of a chat
    floor.offer("bob", "t2", "q", 1.0, "chat")
    assert free() == (True, False)
    floor.offer("bob", "c1", "q", 1.0)
    floor.advance("bob", "t1", Input.WITHDRAWN, 2.0)
    assert free() == (False, False)  # but no chat on top of a call
    assert not floor.free(bob, "fax")


def test_busy_time_is_not_counted_twice() -> None:
    floor = agents()
    floor.sign_on("bob", None, 0.0)
    for contact, start in (("t1", 10.0), ("t2", 15.0)):
        floor.offer("bob", contact, "q", start, "chat")
        floor.advance("bob", contact, Input.ACCEPTED, start)
    floor.advance("bob", "t1", Input.HUNG_UP, 20.0)
    floor.advance("bob", "t2", Input.HUNG_UP, 30.0)
    assert floor.states["bob"].busy_s == 20.0


def test_a_reload_signs_nobody_off_and_loses_no_count() -> None:
    floor = agents()
    talking(floor)
    before = copy.deepcopy(floor.states)
    floor.set_skills("ann", {"de": 2}, 11.0)
    floor.configure(hotline(), 12.0)
    before["ann"].skills = {"de": 2}
    assert floor.states == before
    assert floor.skills("ann") == {"de": 2}  # the overlay survives until reset
    floor.set_skills("ann", None, 13.0)
    assert floor.skills("ann") == {"en": 5}


def test_a_removed_agent_finishes_his_call_and_is_gone() -> None:
    floor = agents(wrap_up=WrapUp("timed", 5.0))
    talking(floor)
    without = hotline(wrap_up=WrapUp("timed", 5.0))
    del without.agents["ann"], without.agents["eve"]
    floor.configure(without, 11.0)
    assert list(floor.states) == ["ann", "bob"]
    assert not floor.free(floor.states["ann"], "voice")
    floor.advance("ann", "c1", Input.HUNG_UP, 20.0)
    floor.wake(25.0)
    assert list(floor.states) == ["bob"]
    floor.sign_on("bob", "desk-1", 26.0)  # nobody sits there any more


@given(
    st.lists(st.tuples(st.sampled_from(("offer", "accept", "hang_up", "break", "wake")), st.floats(0, 9)), max_size=30)
)
def test_what_a_snapshot_holds_is_enough(steps: list[tuple[str, float]]) -> None:
    """Agents built from the plain values go on as the old ones would."""
    floor = agents(wrap_up=WrapUp("timed", 4.0))
    now = 0.0
    for what, later in steps:
        now += later
        ann = floor.states["ann"]
        task = ann.tasks.get("c1")
        if what == "offer" and floor.free(ann, "voice"):
            floor.offer("ann", "c1", "q", now)
        elif what == "accept" and task is not None and task.work is Work.OFFERED:
            floor.advance("ann", "c1", Input.ACCEPTED, now)
        elif what == "hang_up" and task is not None and task.work is Work.TALKING:
            floor.advance("ann", "c1", Input.HUNG_UP, now)
        elif what == "break":
            floor.take_break("ann", "tea", now)
        else:
            floor.wake(now)
    again = Agents(*copy.deepcopy((floor.states, floor.up, floor.settings, floor.queues)))
    again.configure(hotline(wrap_up=WrapUp("timed", 4.0)), now)
    assert again.deadline() == floor.deadline()
    for each in (floor, again):
        each.wake(now + 4.0)
    assert again.states == floor.states
