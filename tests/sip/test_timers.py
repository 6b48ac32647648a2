"""One heap, lazily emptied."""

from __future__ import annotations

from sip.timers import Alarm, Timers


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
    timers.set(kept, 1000)
    for number in range(20_000):
        alarm = Alarm(lambda now: None)
        timers.set(alarm, 500 + number)
        timers.cancel(alarm)
    assert len(timers) == 1
    assert len(timers._heap) <= 257
    assert timers.next() == 1000
