"""A caller in a queue: joining, music and announcements, leaving with a reason (DESIGN §6)."""

from typing import Final

from acd.core.calls import CALL, Call, CallInput
from acd.core.commands import PROMPTS, Play, Publish, Stop, music
from acd.core.conditions import is_open, joined
from acd.core.context import Core
from acd.core.flow import Enqueue
from acd.core.ids import QueueId
from acd.core.records import close_segment, open_segment
from acd.core.release import can_hear, cut, ring_caller
from acd.core.settings import Queue
from acd.core.tables import advance

WAITING: Final = ("wait", "announce", "unanswered")  # deadlines of a call in a queue
SHORTEST_S: Final = 0.01  # of a wait, so that no flow can keep the engine at one instant
_ENQUEUED: Final = CallInput.ENQUEUED  # a name of its own: see `calls`
_LEFT: Final = CallInput.LEFT


def join(core: Core, call: Call, step: Enqueue, already_s: float = 0.0) -> str | None:
    """Let the caller wait, as a step of his flow says; `already_s` older than he is. Returns None, or why he may not:
    then he has already left."""
    preferred, site = _named(call, step.preferred_agent), _named(call, step.site)
    queue = core.state.settings.queues.get(step.queue)
    if queue is None:  # removed by a reload since this flow began
        core.counts(step.queue).offered += 1
        return _turned_away(core, call, step.queue, "blocked")
    credit_s = (queue.credit_s if step.credit_s is None else step.credit_s) + already_s
    why = _enter(core, call, queue, step.needs, step.tier, credit_s, preferred or None, site)
    patience_s = step.max_wait_s
    if why is None and patience_s is not None and (queue.max_wait_s is None or patience_s < queue.max_wait_s):
        core.timers.set(("wait", call.id), core.now + max(patience_s, SHORTEST_S))
    return why


def _named(call: Call, variable: str | None) -> str:
    """What a variable of the flow holds; empty if it holds nothing."""
    value = call.variables.get(variable) if variable is not None else None
    return str(value) if value else ""


def move(core: Core, call: Call, queue: QueueId | None, tier: int | None) -> str | None:
    """Take a waiting call to another queue, or tier, or both, with the time it has waited. Returns None or why not;
    then it is where it was."""
    waiting = core.dispatcher.waiting[call.id]
    if queue is None or queue == waiting.queue:
        if tier is not None:
            core.dispatcher.change_tier(call.id, tier)
        return None
    needs, to = dict(waiting.needs), core.state.settings.queues[queue]
    if (why := _refusal(core, call, to, needs)) is not None:
        return why
    leave(core, call, "moved")
    return _enter(core, call, to, needs, tier, None, None, waiting.site)


def empty(core: Core, queue: QueueId, to: QueueId) -> tuple[int, int]:
    """Move everybody from one queue to another, in the order they stand. Returns how many went and how many stayed."""
    there = [waiting for waiting in core.dispatcher.waiting.values() if waiting.queue == queue]
    there.sort(key=lambda waiting: (waiting.tier, waiting.key, waiting.serial))
    stayed = sum(move(core, core.state.calls[waiting.contact], to, None) is not None for waiting in there)
    return len(there) - stayed, stayed


def _refusal(core: Core, call: Call, queue: Queue, needs: dict[str, int]) -> str | None:
    """Why the call may not join, asked for a stand-in so that it keeps its place."""
    if _is_closed(core, queue):
        return "closed"
    stand_in = f"{call.id}?"
    why = core.dispatcher.join(stand_in, queue.id, core.now, needs=needs, channel=call.channel)
    core.dispatcher.leave(stand_in)
    return why


def _is_closed(core: Core, queue: Queue) -> bool:
    return queue.hours is not None and not is_open(core, queue.hours)


def _enter(
    core: Core,
    call: Call,
    queue: Queue,
    needs: dict[str, int] | None,
    tier: int | None,
    credit_s: float | None,
    preferred: str | None,
    site: str,
) -> str | None:
    """Join, with all the time waited since the first queue of this wait: an overflow costs nobody his place."""
    counts = core.counts(queue.id)
    counts.offered += 1
    if _is_closed(core, queue):
        return _turned_away(core, call, queue.id, "closed")
    waited_s = core.now - call.joined_at if call.joined_at is not None else 0.0
    why = core.dispatcher.join(
        call.id,
        queue.id,
        core.now,
        needs=needs,
        tier=tier,
        credit_s=(queue.credit_s if credit_s is None else credit_s) + waited_s,
        preferred=preferred,
        site=site,
        channel=call.channel,
    )
    if why is not None:
        return _turned_away(core, call, queue.id, why)
    _leave_out_the_departing(core, call)
    close_segment(core, call, "queue")
    open_segment(core, call, "queue", queue.id, queue=queue.id)
    call.state = advance(CALL, call.state, _ENQUEUED)
    call.record.queue = queue.id
    call.left = ""
    if call.joined_at is None:
        call.joined_at = core.now
    joined(core, queue.id, call.id, call.joined_at)
    call.waited_until = None
    call.announced = None
    if queue.max_wait_s is not None:
        core.timers.set(("wait", call.id), core.now + max(queue.max_wait_s, SHORTEST_S))
    if queue.announce is not None:
        core.timers.set(("announce", call.id), core.now + max(queue.announce.every_s, 1.0))
    core.out.append(Publish("call/waiting", {"call": call.id, "queue": queue.id}))
    entertain(core, call, queue)
    return None


def _leave_out_the_departing(core: Core, call: Call) -> None:
    """Somebody whose phone we are still releasing from this very call is not offered it meanwhile."""
    for leg in call.legs.values():
        if leg.agent is not None and leg.owes is not None:
            until = core.now + core.state.settings.bye_answer_s
            core.dispatcher.waiting[call.id].excluded[leg.agent] = until


def entertain(core: Core, call: Call, queue: Queue) -> None:
    """What the caller hears while he waits: music once he can hear anything, before that ringing."""
    leg = core.caller(call)
    if can_hear(leg):
        core.hears(leg, music(queue.music))
    else:
        ring_caller(core, call, leg)


def announce(core: Core, call: Call) -> None:
    """It is time to tell the caller how it stands. A position once told never rises."""
    queue = core.state.settings.queues[call.record.queue or ""]
    said = queue.announce
    if said is None:
        return
    core.timers.set(("announce", call.id), core.now + max(said.every_s, 1.0))
    leg = core.caller(call)
    if call.op is not None or not can_hear(leg):
        return
    prompts = said.prompts
    if said.position:
        position = core.dispatcher.position(call.id, core.now)
        if call.announced is not None:
            position = min(position, call.announced)
        call.announced = position
        prompts += ("queue_position", f"number:{position}")
    if said.expected_wait:
        wait_s = core.dispatcher.expected_wait_s(call.id, core.now)
        if wait_s is not None:
            minutes = max(1, -int(-wait_s // 60))
            prompts += ("expected_wait", f"number:{minutes}", "minutes")
    if prompts:
        call.op = core.name_op(call)
        call.collecting = False
        core.hears(leg, PROMPTS)
        core.out.append(Play(call.op, leg.id, prompts, 1, barge_in=False))


def announced(core: Core, call: Call) -> None:
    """The announcement is over: back to the music."""
    call.op = None
    core.hears(core.caller(call), music(core.state.settings.queues[call.record.queue or ""].music))


def leave(core: Core, call: Call, result: str) -> None:
    """The call waits no longer and nobody served it; its flow goes on."""
    core.dispatcher.leave(call.id)
    release_offers(core, call)
    waits_no_longer(core, call)
    call.waited_until = core.now
    call.left = result
    call.variables["queue_result"] = result
    core.counts(call.record.queue or "").leaves(result)
    close_segment(core, call, result)
    call.state = advance(CALL, call.state, _LEFT)


def waits_no_longer(core: Core, call: Call) -> None:
    core.timers.cancel_each(WAITING, call.id)
    if call.op is not None:
        core.out.append(Stop(call.op))
        call.op = None


def release_offers(core: Core, call: Call) -> None:
    """Whoever is being rung for this call need not any more."""
    for leg in list(call.legs.values()):
        if leg.role == "agent" and not leg.accepted:
            cut(core, leg, "cancelled")


def _turned_away(core: Core, call: Call, queue: QueueId, why: str) -> str:
    close_segment(core, call, "queue")
    open_segment(core, call, "queue", queue, queue=queue)
    close_segment(core, call, why)
    call.record.queue = queue
    call.left = why
    call.variables["queue_result"] = why
    core.counts(queue).leaves(why)
    return why
