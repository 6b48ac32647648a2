"""How a leg sounded: recorded with whose leg it was, before its end, whoever ended it."""

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.record import LegRecord, Quality
from tests.core.hotline import PLAIN, hotline
from tests.core.world import World

GOOD = Quality("PCMA", False, 500, 0.0, 0.001, 4.38)
BAD = Quality("G722", True, 400, 0.2, 0.030, 2.4, far_loss=0.1, far_jitter_s=0.02, round_trip_s=0.25)


def written(world: World, leg: str, quality: Quality) -> list[LegRecord]:
    done = world.engine.step(e.LegQuality(leg, quality), world.now)
    assert all(isinstance(command, c.WriteLeg) for command in done)
    return [command.record for command in done if isinstance(command, c.WriteLeg)]


def test_of_the_caller_and_of_his_agent() -> None:
    world = World(hotline(PLAIN, agents=1))
    call = world.call()
    world.run(3)
    assert written(world, f"{call}.0", GOOD) == [LegRecord(call, f"{call}.0", "caller", None, None, GOOD)]
    assert written(world, f"{call}.1", BAD) == [LegRecord(call, f"{call}.1", "agent", "1001", "desk-1", BAD)]


def test_a_leg_that_is_gone_has_no_record_any_more() -> None:
    assert Engine().step(e.LegQuality("1-1.0", GOOD), 0.0) == []
