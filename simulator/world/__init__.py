"""The world around the engine under virtual time: callers, agents and a network that carry out its commands.

The engine is the real one, unchanged.
"""

from collections.abc import Callable, Mapping
from heapq import heappop
from math import inf
from typing import Any, Final

from acd.config.hours import Calendar, instants
from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.settings import Settings
from simulator import collector
from simulator.desks import roster
from simulator.scenario import Scenario
from simulator.tally import Book, Ended, Stay
from simulator.workload import DAY, Caller
from simulator.world import agents, callers, faults, media
from simulator.world.context import World, turn

__all__ = ["World", "play"]


def _ends(world: World, command: c.EndLeg) -> None:
    ring = world.rings.get(command.leg)
    if ring is not None:
        agents.ended(world, ring, command)
    elif (line := world.lines.get(command.leg)) is not None:
        callers.ended(world, line, command)


DO: Final[dict[type, Callable[[World, Any], None]]] = {
    c.AnswerLeg: callers.answered,
    c.EndLeg: _ends,
    c.StartLeg: agents.rings,
    c.ProbeDevice: agents.probed,
    c.Hears: callers.hears,
    c.Play: media.plays,
    c.Stop: media.stops,
    c.Listen: media.listens,
    c.Collect: media.collects,
    c.LookUp: media.looks_up,
    c.WriteRecord: callers.recorded,
    c.Publish: callers.told,
}
"""What the world does at a command. Those that are not here ask nothing of it: provisional answers, replies, alarms."""


def play(
    settings: Settings,
    scenario: Scenario,
    replication: int,
    *,
    prompts: Mapping[str, float] | None = None,
    hours: Mapping[str, Calendar] | None = None,
    core: Engine | None = None,
    progress: Callable[[float], None] | None = None,
) -> Book:
    """Play one replication to its end and return what was counted.

    `prompts` are lengths in seconds by name; `hours` are the hotline's calendars; `core` is the engine, if it shall do
    more than decide; `progress` is told the virtual time now and then.
    """
    world = World(core or Engine(), settings, scenario, replication, prompts or {}, DO)
    with collector.seldom():
        _begin(world, hours or {})
        _run(world, progress or (lambda now: None))
    _close(world)
    return world.book


def _begin(world: World, hours: Mapping[str, Calendar]) -> None:
    run = world.scenario.model.run
    world.step(e.Started(1, world.wall_offset_s, run.seed))
    world.step(e.Configured(world.settings))
    if hours:
        _told_hours(world, hours)
    for device in dict.fromkeys(desk.device for desk in world.desks.values()):
        if world.settings.devices[device].number is None:
            world.step(e.DeviceUp(device))
    for duty in roster(world.scenario, world.desks, world.replication):
        desk = world.desks[duty.agent]
        world.at(duty.begins, agents.comes, (desk, duty.ends))
        for at, lasts_s, reason in duty.breaks:
            world.at(at, agents.wants_break, (desk, lasts_s, reason))
        if duty.ends < run.length_s:
            world.at(duty.ends, agents.goes, desk)
    faults.arrange(world)
    _next(world, world.workload.callers())


def _told_hours(world: World, hours: Mapping[str, Calendar]) -> None:
    """The core is told of openings and closings some weeks ahead, anew every day."""
    world.step(e.HoursSet(instants(hours, world.now + world.wall_offset_s)))
    if world.now + DAY < world.book.end:
        world.at(world.now + DAY, _told_hours, hours)


def _next(world: World, coming: Any) -> None:
    """The next caller is drawn when the one before him calls, so that none waits in memory."""
    caller: Caller | None = next(coming, None)
    if caller is not None:
        world.at(caller.at, _calls, (caller, coming))


def _calls(world: World, what: tuple[Caller, Any]) -> None:
    _next(world, what[1])
    callers.calls(world, what[0])


def _run(world: World, progress: Callable[[float], None]) -> None:
    """The engine's deadlines and the world's events in the order of time; at one instant the engine's come first."""
    heap, end = world.heap, world.book.end
    woke = e.Woke()
    while True:
        for _ in range(4096):
            at, due = heap[0][0] if heap else inf, world.due
            if at >= world.soon:
                turn(world)
                at = heap[0][0] if heap else inf
            if due is not None and due <= at:
                if due >= end and _is_over(world, due):
                    return
                if due > world.now:
                    world.now = due
                world.step(woke)
            else:
                if at >= end and _is_over(world, at):
                    return
                world.now, _, what, argument = heappop(heap)
                what(world, argument)
        progress(world.now)


def _is_over(world: World, at: float) -> bool:
    """Behind the end of the run: whether what comes then is not waited for."""
    return at > world.last or not (world.lines or any(not ring.kept for ring in world.rings.values()))


def _close(world: World) -> None:
    """Count those who are still there, and stop the clocks."""
    now = world.last
    world.book.steps = world.steps
    for line in world.lines.values():
        if line.counted:
            continue
        stays = [Stay(line.queue, line.joined_at, now, "unfinished")] if line.joined_at is not None else []
        wait_s = now - line.joined_at if line.joined_at is not None else 0.0
        delayed = line.delayed if line.rung else bool(stays)
        world.book.call(Ended(line.caller.kind, line.caller.at, "unfinished", stays, wait_s, delayed))
    for desk in world.desks.values():
        desk.close(now, world.book)
