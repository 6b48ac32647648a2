"""Warm transfers: an agent consults, swaps, completes or cancels (DESIGN §5).

What the three parties hear follows from the stage alone; `place` says it in one go.
"""

from enum import StrEnum
from typing import Final

from acd.core.agents import Input, Presence, Refused
from acd.core.calls import CALL, LEG, Call, CallInput, Consultation, Consulting, Leg, LegInput
from acd.core.commands import Source, from_leg, music
from acd.core.context import Core
from acd.core.ids import AgentId, DeviceId
from acd.core.offers import start, talks
from acd.core.records import close_segment, put_on_hold, take_back
from acd.core.release import cut
from acd.core.tables import advance

RINGBACK: Final = Source("music", "ringback")


class ConsultInput(StrEnum):
    ANSWERED = "answered"
    SWAP = "swap"
    COMPLETE = "complete"
    CANCEL = "cancel"
    ENDED = "ended"  # the consulted party refused or hung up

    __hash__ = str.__hash__


_S, _I = Consulting, ConsultInput
CONSULT: Final[dict[tuple[Consulting, ConsultInput], Consulting]] = {
    (_S.CALLING, _I.ANSWERED): _S.ASIDE,
    (_S.CALLING, _I.CANCEL): _S.OVER,
    (_S.CALLING, _I.ENDED): _S.OVER,
    (_S.ASIDE, _I.SWAP): _S.BACK,
    (_S.ASIDE, _I.COMPLETE): _S.DONE,
    (_S.ASIDE, _I.CANCEL): _S.OVER,
    (_S.ASIDE, _I.ENDED): _S.OVER,
    (_S.BACK, _I.SWAP): _S.ASIDE,
    (_S.BACK, _I.COMPLETE): _S.DONE,
    (_S.BACK, _I.CANCEL): _S.OVER,
    (_S.BACK, _I.ENDED): _S.OVER,
}
"""An absent pair of a request is one that a person is refused."""


def talking_leg(core: Core, agent: AgentId) -> Leg:
    """The leg of the conversation this agent is in. Raises `Refused` if there is none."""
    state = core.state.agents.get(agent)
    if state is None:
        raise Refused(f"there is no agent {agent}")
    for contact in state.tasks:
        call = core.state.calls.get(contact)
        leg = core.legs.get(call.agent_leg or "") if call is not None else None
        if leg is not None and leg.agent == agent and leg.accepted and leg.owes is None:
            return leg
    raise Refused(f"agent {agent} is not talking with a caller")


def consult(core: Core, agent: AgentId, to: str) -> None:
    """The caller hears music while the agent calls `to`. Raises `Refused`."""
    leg = talking_leg(core, agent)
    call = core.call_of(leg)
    if call.consultation is not None:
        raise Refused(f"agent {agent} is consulting already")
    device, colleague = _target(core, agent, to)
    other = start(core, call, "consult", device)
    if colleague is not None:
        core.agents.offer(colleague, call.id, leg.queue, core.now)
        other.agent, other.queue = colleague, leg.queue
    call.consultation = Consultation(other.id)
    call.state = advance(CALL, call.state, CallInput.CONSULTED)
    core.tell_agent(leg, Input.CONSULT)
    queue = core.state.settings.queues.get(leg.queue or "")
    core.timers.set(("ring", other.id), core.now + (queue.ring_s if queue is not None else 20.0))
    put_on_hold(core, call)
    place(core, call)


def ask(core: Core, agent: AgentId, given: ConsultInput) -> None:
    """Swap, complete or cancel. Raises `Refused`."""
    call = core.call_of(talking_leg(core, agent))
    consultation = call.consultation
    if consultation is None:
        raise Refused(f"agent {agent} is not consulting")
    if (consultation.stage, given) not in CONSULT:
        raise Refused("the consulted party has not answered")
    proceed(core, call, consultation, given)


def answered(core: Core, call: Call, leg: Leg) -> None:
    """The consulted party picked up."""
    leg.state = advance(LEG, leg.state, LegInput.ANSWERED)
    leg.rang_s = core.now - leg.since
    core.timers.cancel(("ring", leg.id))
    leg.accepted = True
    if leg.agent is not None:
        core.tell_agent(leg, Input.ACCEPTED)
    assert call.consultation is not None
    proceed(core, call, call.consultation, ConsultInput.ANSWERED)


def ended(core: Core, call: Call, leg: Leg) -> None:
    """The consulted party is gone, or never came: agent and caller are together again."""
    core.timers.cancel(("ring", leg.id))
    if leg.agent is not None:
        core.tell_agent(leg, Input.HUNG_UP if leg.accepted else Input.WITHDRAWN)
        leg.agent = None
    assert call.consultation is not None
    proceed(core, call, call.consultation, ConsultInput.ENDED)


def not_answered(core: Core, call: Call, leg: Leg) -> None:
    """It has rung long enough."""
    assert call.consultation is not None
    proceed(core, call, call.consultation, ConsultInput.CANCEL)


def proceed(core: Core, call: Call, consultation: Consultation, given: ConsultInput) -> None:
    """One step by the table, and what follows from the stage reached."""
    consultation.stage = stage = advance(CONSULT, consultation.stage, given)
    if stage is Consulting.OVER:
        _over(core, call, consultation)
    elif stage is Consulting.DONE:
        _done(core, call, consultation)
    else:
        if stage is Consulting.BACK:
            take_back(core, call)
        else:
            put_on_hold(core, call)
        place(core, call)


def place(core: Core, call: Call) -> None:
    """Who hears whom, from the stage."""
    caller, agent = core.caller(call), core.legs[call.agent_leg or ""]
    queue = core.state.settings.queues.get(agent.queue or "")
    hold = music(queue.music) if queue is not None else music("default")
    consultation = call.consultation
    if consultation is None or consultation.stage is Consulting.BACK:
        core.hears(caller, from_leg(agent.id))
        core.hears(agent, from_leg(caller.id))
        if consultation is not None:
            core.hears(core.legs[consultation.leg], hold)
        return
    core.hears(caller, hold)
    if consultation.stage is Consulting.CALLING:
        core.hears(agent, RINGBACK)
        return
    core.hears(agent, from_leg(consultation.leg))
    core.hears(core.legs[consultation.leg], from_leg(agent.id))


def _over(core: Core, call: Call, consultation: Consultation) -> None:
    """Back to caller and agent; the consulted party's leg, if it is there, goes."""
    call.consultation = None
    call.state = advance(CALL, call.state, CallInput.CONSULT_ENDED)
    agent = core.legs[call.agent_leg or ""]
    core.tell_agent(agent, Input.CONSULT_ENDED)
    take_back(core, call)
    other = core.legs.get(consultation.leg)
    if other is not None:
        cut(core, other, "hangup" if other.accepted else "cancelled")
    place(core, call)


def _done(core: Core, call: Call, consultation: Consultation) -> None:
    """The caller stays with the consulted party; the agent who consulted is released."""
    agent, other = core.legs[call.agent_leg or ""], core.legs[consultation.leg]
    hand_over(core, call, other)
    cut(core, agent)


def hand_over(core: Core, call: Call, other: Leg) -> None:
    """From now on the caller's agent is the party on `other`."""
    call.consultation = None
    call.state = advance(CALL, call.state, CallInput.CONSULT_ENDED)
    close_segment(core, call, "transferred")
    other.role = "agent"
    call.agent_leg = other.id
    talks(core, call, other)
    caller = core.caller(call)
    core.hears(caller, from_leg(other.id))
    core.hears(other, from_leg(caller.id))


def _target(core: Core, by: AgentId, to: str) -> tuple[DeviceId, AgentId | None]:
    """``agent:ID`` or ``device:ID``; a device's agent comes with it. Raises `Refused`."""
    kind, _, name = to.partition(":")
    if kind == "agent":
        state = core.state.agents.get(name)
        if state is None:
            raise Refused(f"there is no agent {name}")
        if name == by:
            raise Refused("nobody consults himself")
        if state.presence is not Presence.READY or state.tasks or state.device is None:
            raise Refused(f"agent {name} is {'busy' if state.tasks else state.presence.replace('_', ' ')}")
        return state.device, name
    if kind == "device" and name in core.state.settings.devices:
        for state in core.state.agents.values():
            if state.device == name and state.presence is not Presence.SIGNED_OFF:
                return _target(core, by, f"agent:{state.id}")
        return name, None
    if kind == "device":
        raise Refused(f"there is no device {name}")
    raise Refused(f"{to!r}: consult agent:ID or device:ID; outside numbers are not allowed")
