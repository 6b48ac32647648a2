"""What is near and what is far, in the order of their instants."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sip.timers import SPAN_S, Alarm, Timers


def test_the_earliest_first_and_in_order_of_setting() -> None:
    timers, rung = Timers(), list[str]()
    for name, when in (("b", 2.0), ("a", 1.0), ("c", 2.0)):
        timers.set(Alarm(lambda now, name=name: rung.append(f"{name}@{now}")), when)  # type: ignore[misc]  # default binds
    assert timers.next() == 1.0
    timers.run(1.5)
    timers.run(2.5)
    assert (rung, timers.next(), len(timers)) == (["a@1.5", "b@2.5", "c@2.5"], None, 0)


def test_set_again_moves_and_cancel_forgets() -> None:
    timers, rung = Timers(), list[float]()
    alarm = Alarm(rung.append)
    timers.set(alarm, 1)
    timers.set(alarm, 3)
    timers.run(2)
    assert (rung, len(timers), timers.next()) == ([], 1, 3)
    timers.cancel(alarm)
    timers.cancel(alarm)
    timers.run(9)
    assert (rung, len(timers), timers.next()) == ([], 0, None)


def test_one_that_sets_itself_again_rings_again() -> None:
    timers, rung = Timers(), list[float]()

    def ring(now: float) -> None:
        rung.append(now)
        if len(rung) < 3:
            timers.set(alarm, now + 1)

    alarm = Alarm(ring)
    timers.set(alarm, 1)
    for now in (1.0, 2.0, 3.0, 4.0):
        timers.run(now)
    assert rung == [1, 2, 3]


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers()
    kept = Alarm(lambda now: None)
    timers.set(kept, 1000.25)
    for number in range(20_000):
        alarm = Alarm(lambda now: None)
        timers.set(alarm, 500 + number % 500)
        timers.cancel(alarm)
    assert len(timers) == 1
    assert len(timers._heap) <= 500 / SPAN_S + 2
    assert timers.next() == 1000, "its span begins"
    timers.run(1000)
    assert timers.next() == 1000.25


def test_a_far_one_is_moved_nearer_and_farther() -> None:
    timers, rung = Timers(), list[str]()
    alarms = [Alarm(lambda now, name=name: rung.append(f"{name}@{now:g}")) for name in "ab"]  # type: ignore[misc]  # default binds
    for alarm, whens in zip(alarms, ([100.0, 2.0, 50.0], [3.0, 200.0, 51.0]), strict=True):
        for when in whens:
            timers.set(alarm, when)
    for now in range(0, 300, 10):
        timers.run(now)
    assert (rung, len(timers), timers.next()) == (["a@50", "b@60"], 0, None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, 0.0, 0.5, 7.9, 8.0, 8.1, 31.0, 300.0])), max_size=60)
)
def test_each_fires_once_in_its_order_as_if_all_were_sorted(steps: list[tuple[int, float | None]]) -> None:
    timers, rung, now, due = Timers(), list[tuple[float, int]](), 0.0, dict[int, float]()
    alarms = [Alarm(lambda at, number=number: rung.append((at, number))) for number in range(6)]  # type: ignore[misc]  # default binds
    for number, wait in steps:
        if wait is None:
            timers.cancel(alarms[number])
            due.pop(number, None)
        else:
            timers.set(alarms[number], now + wait)
            due[number] = now + wait
        assert len(timers) == len(due)
        now += number
        rung.clear()
        while (when := timers.next()) is not None and when <= now:
            timers.run(when)
        expected = sorted([(when, number) for number, when in due.items() if when <= now])
        assert sorted(rung) == expected
        assert [when for when, _ in rung] == [when for when, _ in expected]
        due = {number: when for number, when in due.items() if when > now}
