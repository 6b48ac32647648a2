"""A shift of calls on the tests' small hotline, as turns to write down."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeAlias

from acd.core.commands import Command
from acd.core.engine import Engine
from acd.core.events import Break, Event, Ready
from acd.journal.writer import JournalWriter
from tests.core.hotline import hotline
from tests.core.world import Phone, World

TurnOf: TypeAlias = tuple[float, Event, list[Command]]


@cache
def shift(calls: int = 30, seed: int = 1) -> tuple[TurnOf, ...]:
    """Callers who press a key and talk, give up, or are put through to phones that reject; an agent takes a break."""
    random = Random(seed)
    world = World(hotline(agents=3), seed=seed)
    world.phones["desk-3"] = Phone(refuses=486)
    for number in range(calls):
        call = world.call(caller=f"1380000{number:04}")
        leg = world.legs[f"{call}.0"]
        world.run(random.uniform(0.5, 4.0))
        if not leg.gone and random.random() < 0.9:
            world._key(leg, random.choice("12"))
        world.run(random.uniform(0.0, 9.0))
        if number == calls // 2:
            world.ask(Break, agent="1001", reason="lunch")
        if number == calls * 2 // 3:
            world.ask(Ready, agent="1001")
        for other in list(world.legs.values()):
            if not other.gone and other.id.endswith(".0") and random.random() < 0.4:
                world._end(other, "peer", "hangup" if other.up else "cancelled", 0)
                world.run()
    world.run(5.0)
    return tuple((now, event, given) for (now, event), given in zip(world.events, world.commands, strict=True))


class Told:
    """What the writer had to say, and the engine whose journal it is."""

    def __init__(self) -> None:
        self.troubles: list[tuple[bool, str]] = []
        self.notices: list[str] = []
        self.engine = Engine()

    def trouble(self, on: bool, detail: str) -> None:
        self.troubles.append((on, detail))


def writer_of(directory: Path, told: Told, **more: object) -> JournalWriter:
    return JournalWriter(
        directory,
        trouble=told.trouble,
        snapshot=lambda: told.engine.snapshot(),
        notice=told.notices.append,
        **{"follow": False, **more},  # type: ignore[arg-type] # whichever option the test is about
    )


def written(directory: Path, turns: Iterable[TurnOf], **more: object) -> Told:
    """A journal of these turns, closed."""
    told = Told()
    writer = writer_of(directory, told, **more)
    writer.open(boot=1, seed=1, now=0.0, wall_offset_s=1e6)
    for now, event, commands in turns:
        writer.turn(now, event, commands)
        writer.flush()
    writer.close()
    return told
