"""Same events, same commands, to the byte; and a snapshot goes on where its engine stood."""

import random

import msgspec
import pytest

from acd.core import events as e
from acd.core.commands import Command
from acd.core.engine import Engine
from acd.journal.codec import decode_snapshot, encode_commands, encode_snapshot
from tests.core.test_machine import config
from tests.core.world import World


def a_busy_hour(seed: int) -> World:
    """A random but reproducible world."""
    dice = random.Random(seed)
    world = World(config(0, dice.choice(["longest_idle", "random", "ring_all"])), seed=seed)
    for _ in range(150):
        what = dice.random()
        alive = [leg for leg in world.legs.values() if not leg.gone]
        if what < 0.35:
            world.call(dice.choice("1223"))
        elif what < 0.55 and alive:
            world._key(dice.choice(alive), dice.choice("1259"))
        elif what < 0.65 and alive:
            world._end(dice.choice(alive), "peer", "hangup")
        elif what < 0.7:
            world.ask(dice.choice([e.Ready, e.SignOff, e.SignOn]), agent=dice.choice(["1001", "1002", "1003"]))
        world.run(dice.choice([0.0, 0.5, 2.0, 5.0]))
    return world


def encoded(commands: list[Command]) -> bytes:
    return encode_commands(commands)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_events_give_the_same_bytes(seed: int) -> None:
    world = a_busy_hour(seed)
    again = Engine()
    for (now, event), given in zip(world.events, world.commands, strict=True):
        assert encoded(again.step(event, now)) == encoded(given)


@pytest.mark.parametrize("seed", range(4))
def test_a_snapshot_goes_on_where_its_engine_stood(seed: int) -> None:
    world = a_busy_hour(seed)
    engine = Engine()
    for turn, ((now, event), given) in enumerate(zip(world.events, world.commands, strict=True)):
        if turn % 20 == 19:
            engine = Engine(decode_snapshot(encode_snapshot(engine.snapshot())))
        assert encoded(engine.step(event, now)) == encoded(given)


def test_a_snapshot_is_a_copy() -> None:
    world = a_busy_hour(1)
    snapshot = world.engine.snapshot()
    before = msgspec.msgpack.encode(snapshot)
    world.call("2")
    world.run(30)
    assert msgspec.msgpack.encode(snapshot) == before
