"""Callers: they call, press keys, wait as long as their patience lasts, talk, hang up, perhaps call again."""

from typing import Final

from acd.core import commands as c
from acd.core import events as e
from acd.core.record import Record
from simulator.handling import Parts
from simulator.tally import Ended, Stay
from simulator.workload import REACTS_S, Caller
from simulator.world.agents import gone, hold, keeps, request
from simulator.world.context import Asking, Line, Ring, World

SERVED: Final = frozenset({"answered", "self_service", "key_pressed", "hung_up_in_flow"})
"""Outcomes after which nobody calls again for the same errand."""


def calls(world: World, caller: Caller) -> None:
    """His call reaches the hotline, unless its trunk is down."""
    if world.trunks_down.get(caller.trunk):
        if world.measured():
            world.book.unreached += 1
        perhaps_again(world, caller)
        return
    call = f"1-{world.name()}"
    leg = f"{call}.0"
    world.lines[leg] = Line(caller, leg, latest=world.now)
    trunk = world.settings.trunks.get(caller.trunk)
    world.step(
        e.LegArrived(
            leg,
            call,
            f"trunk:{caller.trunk}",
            caller.number,
            caller.calling,
            asserted=trunk is not None and trunk.trusted,
            channel=caller.channel,
            attributes=dict(caller.attributes) or None,
        )
    )


def perhaps_again(world: World, caller: Caller) -> None:
    again = world.workload.again(caller)
    if again is None:
        return
    again.at += world.now
    if again.at < world.book.end:
        world.book.redials += again.at >= world.book.begin
        world.at(again.at, calls, again)


def hangs_up(world: World, line: Line, by: e.Party = "peer", cause: str = "hangup") -> None:
    """The caller's leg ends by himself, or the network loses it."""
    if not line.ended:
        line.ended = True
        world.deliver(line, world.latency(), _gone, (line, e.LegEnded(line.leg, by, cause)))


def _gone(world: World, what: tuple[Line, e.LegEnded]) -> None:
    line, event = what
    world.step(event)
    del world.lines[line.leg]


def answered(world: World, command: c.AnswerLeg) -> None:
    line = world.lines.get(command.leg)
    if line is not None:
        world.deliver(line, world.latency(), _hears_answer, line)


def _hears_answer(world: World, line: Line) -> None:
    world.step(e.LegAnswered(line.leg))


def ended(world: World, line: Line, command: c.EndLeg) -> None:
    """We hang up on the caller, or refuse him."""
    if not line.ended:
        line.ended = True
        event = e.LegEnded(line.leg, "us", command.cause, command.status)
        world.deliver(line, world.latency() + world.latency(), _gone, (line, event))


# ------------------------------------------------------------------------------------------------------- waiting


def waits(world: World, line: Line, queue: str) -> None:
    """He has joined a queue. His patience counts from the first."""
    line.queue, line.waiting = queue, True
    if line.joined_at is None:
        line.joined_at = world.now
        line.loses_at = world.now + line.caller.patience_s
        world.at(line.loses_at, _loses_patience, line.leg)
        if line.caller.waiting_key is not None:
            world.at(world.now + line.caller.waiting_key[1], _leaves, line)
        return
    if world.now >= line.loses_at:
        world.at(world.now, _loses_patience, line.leg)  # after the step in which he joins
    elif line.wants_out:
        world.at(world.now + REACTS_S, _leaves, line)


def _loses_patience(world: World, leg: str) -> None:
    """By the leg's name: most have been served and gone long before, and nothing of them is to be kept until then."""
    line = world.lines.get(leg)
    if line is not None and line.waiting and world.now >= line.loses_at:
        hangs_up(world, line)


def _leaves(world: World, line: Line) -> None:
    """He presses the key that leads out of the queue he waits in, or has it in mind for the next queue."""
    key = line.caller.waiting_key[0] if line.caller.waiting_key is not None else ""
    if line.ended or line.went_out or not key:
        return
    if line.waiting and key in world.core.keys_out(line.leg.removesuffix(".0")):
        line.went_out, line.waiting = True, False  # until he joins another
        world.step(e.Digit(line.leg, key))
    else:
        line.wants_out = True


def told(world: World, command: c.Publish) -> None:
    """What the engine tells the public is how the world knows where a caller is."""
    if command.topic == "call/waiting":
        waits(world, world.lines[f"{command.facts['call']}.0"], str(command.facts["queue"]))


# ------------------------------------------------------------------------------------------------------- talking


def hears(world: World, command: c.Hears) -> None:
    """Once the caller hears an agent, the conversation takes its time."""
    if command.source.kind != "leg":
        if command.source.kind == "silence" and command.leg in world.rings:  # said of an agent only then
            keeps(world, world.rings[command.leg])
        return
    ring = world.rings.get(command.source.legs[0][0])
    if ring is None:
        return
    line = world.lines.get(command.leg)
    if ring.line.asking is not None:
        _hear(world, ring.line.asking, ring, by_caller=line is not None)
    elif line is not None and not ring.accepted:
        line.waiting, line.talking = False, True
        _talk(world, line, ring)


def _talk(world: World, line: Line, ring: Ring) -> None:
    """The caller has this agent now."""
    line.groups = ring.desk.groups
    parts = _accepts(world, line, ring)
    if parts.hold_s:
        begins = world.now + parts.talk_s / 2
        world.at(begins, hold, (ring, True))
        world.at(begins + parts.hold_s, hold, (ring, False))
    world.at(world.now + parts.talk_s + parts.hold_s, _has_talked, (line, ring, parts))


def _accepts(world: World, line: Line, ring: Ring) -> Parts:
    """A person is on the line, and will have to wrap up."""
    parts = world.handling.parts(line.caller, ring.queue, ring.desk.agent.id)
    if not ring.accepted:
        wrap_up = world.settings.queues[ring.queue].wrap_up
        ring.accepted, ring.wrap_up_s = True, parts.wrap_up_s
        if wrap_up.kind != "none":
            line.wrap_up_s += wrap_up.timed_s if wrap_up.kind == "timed" else parts.wrap_up_s
    return parts


def _has_talked(world: World, what: tuple[Line, Ring, Parts]) -> None:
    line, ring, parts = what
    if line.ended or ring.ended or _asks(world, line, ring, parts):
        return
    _finishes(world, line, ring, parts)


def _finishes(world: World, line: Line, ring: Ring, parts: Parts) -> None:
    if parts.transfer_to:
        world.book.transfers += world.book.counts(line.caller.at)
        line.talking, line.joined_at = False, None  # a new wait
        line.caller = world.workload.sent_on(line.caller)
        world.step(e.Transfer(request(world), "simulator", ring.desk.agent.id, f"queue:{parts.transfer_to}"))
    elif parts.agent_ends:
        gone(world, ring, world.latency(), e.LegEnded(ring.leg, "peer", "hangup"))
    else:
        hangs_up(world, line)


# ------------------------------------------------------------------------------------------------------- asking


def _asks(world: World, line: Line, ring: Ring, parts: Parts) -> bool:
    """The agent puts his caller on hold and calls a colleague, if he means to and somebody is free."""
    aside = parts.consult.drawn(world.workload.asking(line.caller)) if parts.consult is not None else None
    if parts.consult is None or aside is None:
        return False
    line.asking = asking = Asking(ring, parts, aside)
    for name in aside.turn([name for name in parts.consult.colleagues if _is_free(world, name)]):
        world.step(e.Consult(request(world), "simulator", ring.desk.agent.id, f"agent:{name}"))
        if asking.ring is not None:  # else refused: that colleague cannot be called just now
            world.book.consultations += world.book.counts(line.caller.at)
            return True
    line.asking = None
    return False


def _is_free(world: World, agent: str) -> bool:
    desk = world.desks.get(agent)
    return desk is not None and desk.at_work and not desk.resting and not desk.tasks


def _hear(world: World, asking: Asking, ring: Ring, *, by_caller: bool) -> None:
    """Somebody hears one of the two agents: the colleague is there, or the caller has one of them."""
    line = asking.by.line
    if not by_caller:
        if ring is asking.ring and not ring.accepted:
            _accepts(world, line, ring)
            world.at(world.now + asking.aside.lasts_s, _have_talked, asking)
        return
    line.asking = None
    if ring is asking.by:
        asking.ends.consult = None
        world.at(world.now + asking.aside.after_s, _has_talked, (line, ring, asking.ends))
    else:
        world.book.transfers += world.book.counts(line.caller.at)
        line.caller = world.workload.sent_on(line.caller)
        _talk(world, line, ring)


def _have_talked(world: World, asking: Asking) -> None:
    """The colleague keeps the caller, or the agent takes him back."""
    line, agent = asking.by.line, asking.by.desk.agent.id
    if line.asking is asking and not line.ended and not asking.by.ended:
        what = e.CompleteTransfer if asking.aside.transfers else e.CancelTransfer
        world.step(what(request(world), "simulator", agent))


# ------------------------------------------------------------------------------------------------------ counting


def parts_of(record: Record, offset_s: float) -> tuple[list[Stay], float, float, float]:
    """Of a call's record: its stays in queues, in seconds since `offset_s`, and the seconds of ringing, talking without
    hold, and hold."""
    stays, ring_s, talk_s, hold_s = [], 0.0, 0.0, 0.0
    for segment in record.segments:
        if segment.kind == "queue":
            began, ended = segment.started_at - offset_s, segment.ended_at - offset_s
            stays.append(Stay(segment.name, began, ended, segment.result))
        elif segment.kind == "agent":
            ring_s += segment.ring_s
            talk_s += segment.talk_s - segment.hold_s
            hold_s += segment.hold_s
    return stays, ring_s, talk_s, hold_s


def recorded(world: World, command: c.WriteRecord) -> None:
    """The call has ended: count it. Who was not served may call again."""
    record = command.record
    line = world.lines[f"{record.call}.0"]
    line.waiting, line.counted = False, True
    stays, ring_s, talk_s, hold_s = parts_of(record, world.wall_offset_s)
    world.book.call(
        Ended(
            line.caller.kind,
            line.caller.at,
            record.outcome,
            stays,
            record.wait_s,
            line.delayed if line.rung else line.joined_at is not None,
            line.groups,
            ring_s,
            talk_s,
            hold_s,
            line.wrap_up_s,
        )
    )
    if record.outcome not in SERVED:
        perhaps_again(world, line.caller)
