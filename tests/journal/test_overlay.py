"""Hours, surges and what is laid over them by hand go through the journal and a snapshot to the last command."""

from pathlib import Path

from acd.core import events as e
from acd.core.engine import Engine
from acd.core.flow import Answer, Case, Enqueue, Say, When
from acd.core.settings import Number, Queue, Settings, Surge
from acd.journal import replay
from acd.journal.codec import decode_snapshot, decode_turn, encode_snapshot, encode_turn
from tests.core.hotline import flow, hotline
from tests.core.world import World
from tests.journal.shift import TurnOf, written


def settings() -> Settings:
    closed = When((Case(["not", ["open", "office"]], (Say(("closed",)),)),), (Enqueue("loans", max_wait_s=20.0),))
    made = hotline(flow(Answer(), closed, Enqueue("cards")), agents=2)
    crowd = Surge(
        "crowd",
        on=["or", [">", ["waiting", "loans"], 1], [">", ["longest_wait_s", "loans"], 15.5]],
        off=["==", ["waiting", "loans"], 0],
        least_s=7.5,
        queues={"loans": Queue("loans", {"loans": 1}, max_length=3, hours="office")},
    )
    made.surges = {"crowd": crowd}
    made.numbers["95588"] = Number("95588", "main", "by_flow", "office", "main")
    return made


def day() -> tuple[list[TurnOf], World]:
    """The office closes at 60 s; a crowd comes; somebody does this and that by hand."""
    world = World(settings())
    world.send(e.HoursSet({"office": [(1_000_000.0, True), (1_000_060.0, False)], "none": []}))
    by_hand: list[tuple[type, dict[str, object]]] = [
        (e.SetSurge, {"surge": "crowd", "on": True}),
        (e.SetHours, {"calendar": "office", "open": True}),
        (e.EmptyQueue, {"queue": "loans", "to": "cards"}),
        (e.SetSurge, {"surge": "crowd", "on": None}),
        (e.SetSkills, {"agent": "1002", "skills": {"cards": 9}}),
        (e.ResetOverlay, {"name": "hours:office"}),
        (e.ResetOverlay, {}),
    ]
    for number in range(14):
        world.call()
        world.run(6)
        if number % 2:
            kind, what = by_hand[number // 2]
            assert world.ask(kind, **what).ok
    for leg in [leg for leg in world.legs.values() if leg.id.endswith(".0") and not leg.gone]:
        world.hang_up(leg.name)
        world.run(9)
    turns = [(now, event, given) for (now, event), given in zip(world.events, world.commands, strict=True)]
    return turns, world


def test_a_day_with_a_crowd_replays_to_the_last_command(tmp_path: Path) -> None:
    turns, world = day()
    assert len([line for line in world.story if "alarm surge:crowd" in line]) >= 2
    written(tmp_path, turns)
    result = replay([tmp_path])
    assert result.exact, result.difference
    assert result.records == len(world.records) > 5


def test_from_a_snapshot_at_any_moment_the_rest_is_the_same() -> None:
    turns, _ = day()
    engine = Engine()
    for number, (now, event, given) in enumerate(turns):
        if number % 11 == 0:
            engine = Engine(decode_snapshot(encode_snapshot(engine.snapshot())))
        read = decode_turn(encode_turn(now, event, given))
        assert engine.step(read.event, read.now) == given
