"""What goes wrong in the world: trunks that die, telephones that fall silent. Surges belong to the workload."""

from typing import Final

from acd.core import events as e
from simulator.desks import Desk, struck
from simulator.world.agents import ready
from simulator.world.callers import hangs_up
from simulator.world.context import World

NOTICED_S: Final = 30.0  # until it is noticed that a telephone is gone: bindings expire, probes fail


def arrange(world: World) -> None:
    """Let the scenario's faults happen in their time."""
    faults = world.scenario.model.world.faults
    for trunk in faults.trunk_down:
        world.at(trunk.at_s, _trunk_down, trunk.trunk)
        world.at(trunk.at_s + trunk.lasts_s, _trunk_up, trunk.trunk)
    for phones, desk in struck(world.scenario, world.desks, world.replication):
        world.at(phones.at_s, _dies, desk)
        if phones.lasts_s > NOTICED_S:
            world.at(phones.at_s + NOTICED_S, _noticed, desk)
        world.at(phones.at_s + phones.lasts_s, _revives, desk)


def _trunk_down(world: World, trunk: str) -> None:
    """Its calls are cut, and further ones do not arrive."""
    world.trunks_down[trunk] = world.trunks_down.get(trunk, 0) + 1
    for line in list(world.lines.values()):
        if line.caller.trunk == trunk:
            hangs_up(world, line, "network", "failed")


def _trunk_up(world: World, trunk: str) -> None:
    world.trunks_down[trunk] -= 1


def _dies(world: World, desk: Desk) -> None:
    desk.dead = True


def _noticed(world: World, desk: Desk) -> None:
    """No RTP, no registration: his call is lost, and nothing more is offered to him."""
    for ring in [ring for ring in world.rings.values() if ring.desk is desk and not ring.ended]:
        world.step(e.MediaLost(ring.leg, "silent"))
    world.step(e.DeviceDown(desk.device))


def _revives(world: World, desk: Desk) -> None:
    desk.dead = False
    world.step(e.DeviceUp(desk.device))
    ready(world, desk)  # what he said before was of no use
