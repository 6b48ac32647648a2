"""Agents: their days by the roster, their telephones, and what they do after a call."""

from typing import Final

from acd.core import commands as c
from acd.core import events as e
from simulator.desks import Desk
from simulator.world.context import Ring, World, step

TRANSACTION_S: Final = 32.0  # until a SIP request that nobody answers is given up (RFC 3261, timers B and F)
BACK_S: Final = 60.0  # until an agent notices that he was taken off for not answering

# --------------------------------------------------------------------------------------------------- their days


def request(world: World) -> str:
    return f"simulator-{world.name()}"


def comes(world: World, what: tuple[Desk, float]) -> None:
    """His day begins, when the telephone he shares with an earlier shift is free."""
    desk, until = what
    desk.until = until
    there = world.at_device.get(desk.device)
    if there is not None and there is not desk and (there.at_work or there.tasks):
        world.at_the_door.setdefault(desk.device, []).append(desk)
        return
    world.at_device[desk.device] = desk
    desk.at_work, desk.resting = True, ""
    desk.clock_in(world.now)
    world.step(e.SignOn(request(world), "simulator", desk.agent.id))


def goes(world: World, desk: Desk) -> None:
    desk.until = 0.0
    if desk.at_work:
        desk.at_work, desk.resting = False, ""
        desk.clock_out(world.now, world.book)
        world.step(e.SignOff(request(world), "simulator", desk.agent.id))
        _makes_room(world, desk)


def _makes_room(world: World, desk: Desk) -> None:
    """Whoever waits for this telephone may have it now, unless his own day is over."""
    at_the_door = world.at_the_door.get(desk.device)
    if at_the_door and not desk.at_work and not desk.tasks:
        after = at_the_door.pop(0)
        if after.until > world.now:
            comes(world, (after, after.until))
        else:
            _makes_room(world, desk)


def wants_break(world: World, what: tuple[Desk, float, str]) -> None:
    """Now, or after the call he is in; it lasts as long either way."""
    desk, lasts_s, reason = what
    if not desk.at_work:
        return
    desk.resting, desk.rest_s = reason, lasts_s
    world.step(e.Break(request(world), "simulator", desk.agent.id, reason))
    if not desk.tasks:
        _rests(world, desk)


def _rests(world: World, desk: Desk) -> None:
    desk.clock_out(world.now, world.book)
    world.at(world.now + desk.rest_s, _back, desk)


def _back(world: World, desk: Desk) -> None:
    if desk.at_work and desk.resting:
        desk.resting = ""
        desk.clock_in(world.now)
        world.step(e.Ready(request(world), "simulator", desk.agent.id))


def ready(world: World, desk: Desk) -> None:
    """He was taken off for not answering, or could not be called, and is back."""
    if desk.at_work and not desk.resting and not desk.tasks:
        world.step(e.Ready(request(world), "simulator", desk.agent.id))


def _free(world: World, desk: Desk) -> None:
    desk.put(world.now, world.book)
    if desk.resting and not desk.tasks:
        _rests(world, desk)
    elif not desk.at_work:
        world.at(world.now, _makes_room, desk)  # after the step in which the engine hears of it


def _done(world: World, desk: Desk) -> None:
    """Wrap-up is over when he says so, by saying what he does next."""
    _free(world, desk)
    agent = desk.agent.id
    if not desk.at_work:
        world.step(e.SignOff(request(world), "simulator", agent))
    elif desk.resting:
        world.step(e.Break(request(world), "simulator", agent, desk.resting))
    else:
        world.step(e.Ready(request(world), "simulator", agent))


# --------------------------------------------------------------------------------------------- their telephones


def rings(world: World, command: c.StartLeg) -> None:
    """An offer: it rings, and the agent picks up, or rejects, or is not there."""
    line, desk = world.lines[command.beside or ""], world.at_device[command.to.device or ""]
    ring = world.rings[command.leg] = Ring(command.leg, line, desk, line.queue, latest=world.now)
    _offered(world, ring)
    if desk.dead:
        return
    there, back = world.latency(), world.latency()
    if world.failed and world.network() < world.failed:
        gone(world, ring, there + back, e.LegEnded(ring.leg, "network", "failed", 503))
        return
    chance, ring_s = desk.uniform(), desk.ring_delay.quantile(desk.uniform())
    if ring_s or chance < desk.no_answer:
        world.deliver(ring, there + back, step, e.LegRinging(ring.leg))
    if chance < desk.no_answer:
        return
    ring.rejects = chance < desk.no_answer + desk.reject
    ring.responds_at = world.now + there + ring_s
    ring.response_at = ring.responds_at + world.latency()
    world.at(ring.response_at, _responds, ring)


def _offered(world: World, ring: Ring) -> None:
    line = ring.line
    if not line.rung:
        line.rung, line.delayed = True, line.joined_at != world.now
    if line.asking is not None:
        line.asking.ring = ring
    ring.desk.take(world.now)


def _responds(world: World, ring: Ring) -> None:
    """His answer arrives, unless our cancel reached the telephone first."""
    if ring.cut_at < ring.responds_at or ring.desk.dead:
        return
    if ring.rejects:
        gone(world, ring, 0.0, e.LegEnded(ring.leg, "peer", "rejected", 603))
    else:
        world.step(e.LegAnswered(ring.leg))


def confirms(world: World, ring: Ring) -> None:
    """Asked for the confirm key: a person presses it."""
    key = world.settings.devices[ring.desk.device].confirm_key
    if key is not None and not ring.absent and not ring.desk.dead:
        after = ring.desk.confirm.quantile(ring.desk.uniform())
        world.at(world.now + after + world.latency(), _confirmed, (ring, key))


def _confirmed(world: World, what: tuple[Ring, str]) -> None:
    ring, key = what
    if not ring.ended:
        world.step(e.Digit(ring.leg, key))


def ended(world: World, ring: Ring, command: c.EndLeg) -> None:
    """We cancel an offer, or hang up on the agent. A dead telephone does not answer that either."""
    there = world.latency()
    ring.cut_at, ring.released_at = world.now + there, world.now
    if ring.responds_at <= ring.cut_at:  # his response is on its way, and comes first
        ring.latest = max(ring.latest, ring.response_at)
    if ring.desk.dead:
        gone(world, ring, TRANSACTION_S, e.LegEnded(ring.leg, "network", "unreachable", 408))
    else:
        gone(world, ring, there + world.latency(), e.LegEnded(ring.leg, "us", command.cause))
    if command.cause == "no_answer":
        _missed(world, ring)


def _missed(world: World, ring: Ring) -> None:
    desk = ring.desk
    desk.missed += 1
    if desk.missed >= world.settings.queues[ring.queue].max_no_answer:
        desk.missed = 0
        world.at(world.now + BACK_S, ready, desk)


def gone(world: World, ring: Ring, delay: float, event: e.LegEnded) -> None:
    """The end of an agent's leg is on its way to the engine."""
    if not ring.ended:
        ring.ended = True
        world.deliver(ring, delay, _leg_gone, (ring, event))


def _leg_gone(world: World, what: tuple[Ring, e.LegEnded]) -> None:
    ring, event = what
    del world.rings[ring.leg]
    if ring.kept:
        world.step(event)
        return
    wraps_up = _wraps_up(world, ring)
    if not wraps_up:
        _free(world, ring.desk)  # before the engine hears of it: it may offer him the next call in that very step
    world.step(event)
    if wraps_up:
        _wrap_up(world, ring)


def _wraps_up(world: World, ring: Ring) -> bool:
    return ring.accepted and world.settings.queues[ring.queue].wrap_up.kind != "none"


def _wrap_up(world: World, ring: Ring) -> None:
    desk, wrap_up = ring.desk, world.settings.queues[ring.queue].wrap_up
    desk.missed = 0
    if wrap_up.kind == "until_done":
        world.at(world.now + ring.wrap_up_s, _done, desk)
    else:
        hung_up_at = ring.released_at if ring.released_at is not None else world.now
        world.at(max(world.now, hung_up_at + wrap_up.timed_s), _free, desk)


def keeps(world: World, ring: Ring) -> None:
    """His call is over and the line stays up. What was still to happen in that call happens no more; only the end of
    the leg does, if it is on its way."""
    if ring.ended:
        ring.kept = True
    else:
        ring.ended = True
        world.rings[ring.leg] = Ring(ring.leg, ring.line, ring.desk, ring.queue, kept=True, latest=ring.latest)
    if _wraps_up(world, ring):
        _wrap_up(world, ring)
    else:
        _free(world, ring.desk)


def told(world: World, ring: Ring) -> None:
    """The next caller is whispered to him on the line that is up: nothing rings."""
    ring.line = world.lines[f"{world.core.call_on(ring.leg)}.0"]
    ring.queue, ring.kept, ring.accepted = ring.line.queue, False, False
    ring.absent = ring.desk.uniform() < ring.desk.no_answer + ring.desk.reject
    _offered(world, ring)


def hold(world: World, what: tuple[Ring, bool]) -> None:
    """The agent puts his caller on hold, or takes him back."""
    ring, on = what
    if not ring.ended:
        world.step(e.LegHeld(ring.leg, on))


def probed(world: World, command: c.ProbeDevice) -> None:
    """OPTIONS: a telephone that lives answers."""
    desk = world.at_device[command.device]
    if not desk.dead:
        world.at(world.now + world.latency() + world.latency(), step, e.DeviceUp(command.device))
