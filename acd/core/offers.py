"""Offers: an agent's phone rings for a waiting call until a person takes it, or not (DESIGN §5, §6).

Picked up and accepted are two things: where the device has a confirm key, a whisper names the queue and the person
presses it; voice mail never does.
"""

from collections.abc import Iterable
from typing import Final, Literal

from acd.core import nailed
from acd.core.agents import Input
from acd.core.calls import CALL, LEG, Call, CallInput, Leg, LegInput, LegState
from acd.core.commands import PROMPTS, Play, Publish, StartLeg, Stop, Target, from_leg
from acd.core.context import Core
from acd.core.dispatch import Offer, Withdraw
from acd.core.events import LegEnded
from acd.core.ids import AgentId
from acd.core.queueing import waits_no_longer
from acd.core.records import close_segment, open_segment, waited_s
from acd.core.release import answer, cut, cut_withdrawn, is_number, lose_device
from acd.core.tables import advance

CONFIRM_S: Final = 10.0  # after picking up, to press the key
WHISPERS: Final = 3

REJECTED: Final = frozenset({480, 487, 603})  # by a key on the phone, or do-not-disturb
_STARTING: Final = LegState.STARTING  # a name of its own: see `calls`
_LEG_ANSWERED: Final = LegInput.ANSWERED
_ANSWERED: Final = Input.ANSWERED
_ACCEPTED: Final = Input.ACCEPTED
_CONNECTED: Final = CallInput.CONNECTED


def carry_out(core: Core, decisions: Iterable[Offer | Withdraw]) -> None:
    """Do as the dispatcher says."""
    for decision in decisions:
        call = core.state.calls[decision.contact]
        if isinstance(decision, Offer):
            ring(core, call, decision)
        else:
            withdraw(core, call, decision)


def ring(core: Core, call: Call, offer: Offer) -> None:
    """Ring the agent at his device, with the caller's number; or tell him on the line that is up."""
    settings = core.state.settings
    device = core.device_of(offer.agent)
    assert device is not None, "an agent without a device is never matched"
    at = settings.devices[device]
    line = nailed.take(core, call, offer.agent) if core.state.nailed else None
    leg = line or start(core, call, "agent", Target(device, at.number, at.through if at.number is not None else None))
    leg.agent = offer.agent
    leg.queue = offer.queue
    leg.confirm_key = at.confirm_key
    if line is not None:
        picked_up(core, call, line)
    else:
        core.timers.set(("ring", leg.id), core.now + settings.queues[offer.queue].ring_s)


def start(core: Core, call: Call, role: Literal["agent", "consult"], target: Target) -> Leg:
    """A leg to a device or a number outside for this call, beside the caller's."""
    outside = target.number if target.device is None else None
    leg = Leg(core.name_leg(call), call.id, role, _STARTING, core.now, None, target.device, outside)
    call.legs[leg.id] = core.legs[leg.id] = leg
    core.out.append(
        StartLeg(leg.id, call.id, target, call.caller_leg, call.record.caller, call.caller_name, call.asserted)
    )
    return leg


def picked_up(core: Core, call: Call, leg: Leg) -> None:
    """The phone was picked up: that is enough, or a person has to confirm."""
    leg.state = advance(LEG, leg.state, _LEG_ANSWERED)
    leg.rang_s = core.now - leg.since
    core.tell_agent(leg, _ANSWERED)
    if leg.confirm_key is None:
        accept(core, call, leg)
        return
    whisper(core, leg)


def whisper(core: Core, leg: Leg) -> None:
    """Name the queue and wait for the key."""
    core.timers.set(("ring", leg.id), core.now + CONFIRM_S)
    core.hears(leg, PROMPTS)
    core.out.append(Play(f"{leg.id}.w", leg.id, (f"whisper:{leg.queue}",), WHISPERS, barge_in=True))
    core.listen(leg)


def confirms(core: Core, leg: Leg, digit: str) -> bool:
    """A key on the phone of somebody who is being offered a call: whether it is the one."""
    leg.listening = "off"
    if digit == leg.confirm_key:
        core.out.append(Stop(f"{leg.id}.w"))
        return True
    core.listen(leg)
    return False


def accept(core: Core, call: Call, leg: Leg) -> None:
    """A person took the call: caller and agent hear each other, all in this step."""
    assert leg.agent is not None
    core.timers.cancel(("ring", leg.id))
    leg.accepted = True
    core.tell_agent(leg, _ACCEPTED)
    for other in core.dispatcher.accepted(call.id, leg.agent, core.now):
        withdraw(core, call, other)
    waits_no_longer(core, call)
    answer(core, call)
    caller = core.caller(call)
    core.listen_no_more(caller)
    core.hears(caller, from_leg(leg.id))
    core.hears(leg, from_leg(caller.id))
    call.agent_leg = leg.id
    call.state = advance(CALL, call.state, _CONNECTED)
    wait_s = waited_s(call, core.now)
    call.record.wait_s += wait_s
    call.waiting_since = call.joined_at
    call.joined_at = None  # a further queue is a new wait
    close_segment(core, call, "answered")
    talks(core, call, leg)
    queue = call.record.queue or ""
    counts = core.counts(queue)
    counts.answered += 1
    settings = core.state.settings.queues.get(queue)
    if settings is not None and wait_s <= settings.target_s:
        counts.in_service_level += 1
    core.out.append(Publish("call/answered", {"call": call.id, "agent": leg.agent, "queue": queue, "wait_s": wait_s}))


def talks(core: Core, call: Call, leg: Leg) -> None:
    """From now on the caller is with this agent (or with the party he was transferred to)."""
    record = call.record
    nailed.begins(core, leg)
    name = leg.agent or leg.device or leg.number or ""
    segment = open_segment(core, call, "agent", name, queue=leg.queue, device=leg.device)
    segment.ring_s = leg.rang_s
    call.talking_since = core.now
    record.agent = name
    if record.agent_answered_at is None:
        record.agent_answered_at = core.now + call.wall_offset_s


def not_answered(core: Core, call: Call, leg: Leg) -> None:
    """It has rung long enough, or the key was not pressed."""
    miss(core, call, leg, "no_answer")
    cut(core, leg, "no_answer")


def refused(core: Core, call: Call, leg: Leg, event: LegEnded) -> None:
    """The leg ended before a person took the call."""
    how = reason(leg, event)
    agent, device = leg.agent, leg.device
    if how == "unreachable" and is_number(core, device):
        how = "busy"  # there is no registration to wait for: only time
    miss(core, call, leg, how)
    if how == "unreachable":
        lose_device(core, agent, device)


def reason(leg: Leg, event: LegEnded) -> str:
    """What a refusal says about the agent: rejected, busy, no_answer, unreachable. A phone that says no, whatever its
    reason, is there: only one that says nothing is unreachable, and offered nothing before it is heard of. So none can
    be rung again and again without a pause."""
    if event.cause == "no_answer":
        return "no_answer"
    if event.by != "peer" or (event.cause == "unreachable" and not event.status):
        return "unreachable"
    if leg.state is LegState.UP or event.status in REJECTED or (event.cause == "rejected" and not event.status):
        return "rejected"
    return "busy"


def miss(core: Core, call: Call, leg: Leg, how: str) -> None:
    """The offer came to nothing: it counts against the agent as it should, the caller keeps his place."""
    assert leg.agent is not None
    agent: AgentId = leg.agent
    leg.agent = None
    core.timers.cancel(("ring", leg.id))
    core.agents.missed(agent, call.id, how, core.now)
    core.dispatcher.put_back(call.id, agent, core.now, exclude=how == "rejected")


def withdraw(core: Core, call: Call, decision: Withdraw) -> None:
    """Stop ringing somebody: another was quicker, or the dispatcher needs him elsewhere."""
    for leg in list(call.legs.values()):
        if leg.agent == decision.agent and leg.owes is None:
            cut_withdrawn(core, leg)
