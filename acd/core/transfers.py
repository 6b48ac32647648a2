"""Transfers: an agent consults, swaps, completes or cancels; or he sends his caller on, blind (DESIGN §5).

What the three parties hear follows from the stage alone; `place` says it in one go. Whom a caller was sent on to may
not take him: then he is back with the agent who sent him, or, if that one is gone, in the queue where he was.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from acd.core import interpreter
from acd.core.agents import Input, Refused
from acd.core.calls import CALL, LEG, Call, CallInput, Consultation, Consulting, Leg, LegInput, LegState
from acd.core.commands import SILENCE, Source, from_leg, music
from acd.core.context import Core
from acd.core.ids import AgentId
from acd.core.offers import start, talks, whisper
from acd.core.records import close_segment, outcome_of, put_on_hold, take_back
from acd.core.release import answer, cut, end_call, report, ring_back
from acd.core.tables import advance
from acd.core.targets import Party, find

DIRECT_RING_S: Final = 30.0
RINGBACK: Final = Source("music", "ringback")


class ConsultInput(StrEnum):
    ANSWERED = "answered"
    SWAP = "swap"
    COMPLETE = "complete"
    CANCEL = "cancel"
    LEFT = "left"  # the agent hung up
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
    (_S.SENT, _I.ANSWERED): _S.DONE,
    (_S.SENT, _I.CANCEL): _S.OVER,
    (_S.SENT, _I.LEFT): _S.ALONE,
    (_S.SENT, _I.ENDED): _S.OVER,
    (_S.ALONE, _I.ANSWERED): _S.DONE,
    (_S.ALONE, _I.CANCEL): _S.LOST,
    (_S.ALONE, _I.ENDED): _S.LOST,
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


def _meant(core: Core, agent: AgentId, to: str) -> tuple[Call, Leg, Party]:
    """The call this agent is in, his leg, and whom he means by `to`. Raises `Refused`."""
    leg = talking_leg(core, agent)
    call = core.call_of(leg)
    if call.consultation is not None:
        raise Refused(f"agent {agent} is consulting already")
    return call, leg, find(core, call, agent, to)


def consult(core: Core, agent: AgentId, to: str) -> None:
    """The caller hears music while the agent calls `to`. Raises `Refused`."""
    call, leg, party = _meant(core, agent, to)
    if party.rings is None:
        raise Refused(f"{to!r}: a queue or number of the hotline is not consulted, only transferred to")
    _call_in(core, call, leg, party, Consulting.CALLING)


def send_on(core: Core, agent: AgentId, to: str) -> None:
    """Blind: the caller goes to `to`. Raises `Refused`, and then he has not left his agent."""
    call, leg, party = _meant(core, agent, to)
    if party.rings is None:
        _send_to_flow(core, call, leg, party.flow)
    else:
        _call_in(core, call, leg, party, Consulting.SENT)


def _call_in(core: Core, call: Call, leg: Leg, party: Party, stage: Consulting) -> None:
    """Ring a third party."""
    assert party.rings is not None
    other = start(core, call, "consult", party.rings)
    if stage is Consulting.SENT:
        other.confirm_key = party.confirm_key  # else the agent hears for himself whether it is a voice mail
    if party.agent is not None:
        core.agents.offer(party.agent, call.id, leg.queue, core.now)
        other.agent, other.queue = party.agent, leg.queue
    call.consultation = Consultation(other.id, stage)
    call.state = advance(CALL, call.state, CallInput.CONSULTED)
    core.tell_agent(leg, Input.CONSULT)
    queue = core.state.settings.queues.get(leg.queue or "")
    core.timers.set(("ring", other.id), core.now + (queue.ring_s if queue is not None else 20.0))
    put_on_hold(core, call)
    place(core, call)


def put_through(core: Core, call: Call, party: Party) -> None:
    """A telephone of ours has called another: it rings as if its caller had been sent on to it."""
    assert party.rings is not None
    call.flow, call.path = interpreter.DIRECT, [0]
    other = start(core, call, "consult", party.rings)
    other.confirm_key = party.confirm_key
    if party.agent is not None:
        core.agents.offer(party.agent, call.id, None, core.now)
        other.agent = party.agent
    call.consultation = Consultation(other.id, Consulting.ALONE)
    call.state = advance(CALL, call.state, CallInput.SENT_ON)
    core.timers.set(("ring", other.id), core.now + DIRECT_RING_S)
    ring_back(core, core.caller(call))


def _send_to_flow(core: Core, call: Call, leg: Leg, flow: str) -> None:
    """The caller goes on in a flow or a queue; the agent is released."""
    report(core, leg, 200)
    close_segment(core, call, "transferred")
    call.agent_leg = None
    call.state = advance(CALL, call.state, CallInput.AGENT_LEFT)
    cut(core, leg)
    interpreter.go_to(core, call, flow)


def ask(core: Core, agent: AgentId, given: ConsultInput) -> None:
    """Swap, complete or cancel. Raises `Refused`."""
    call = core.call_of(talking_leg(core, agent))
    consultation = call.consultation
    if consultation is None:
        raise Refused(f"agent {agent} is not consulting")
    if (consultation.stage, given) not in CONSULT:
        raise Refused("the consulted party has not answered")
    proceed(core, call, consultation, given)


def rings(core: Core, call: Call) -> None:
    """The third party's phone does: who sent the caller on by REFER is told."""
    leg = core.legs.get(call.agent_leg or "")
    if leg is not None:
        report(core, leg, 180)


def answered(core: Core, call: Call, leg: Leg) -> None:
    """The third party picked up: that is enough, or a person has to confirm."""
    leg.state = advance(LEG, leg.state, LegInput.ANSWERED)
    leg.rang_s = core.now - leg.since
    if leg.confirm_key is None:
        accepted(core, call, leg)
    else:
        if leg.agent is not None:
            core.tell_agent(leg, Input.ANSWERED)
        whisper(core, leg)


def accepted(core: Core, call: Call, leg: Leg) -> None:
    """The third party is there."""
    core.timers.cancel(("ring", leg.id))
    leg.accepted = True
    if leg.agent is not None:
        core.tell_agent(leg, Input.ACCEPTED)
    assert call.consultation is not None
    proceed(core, call, call.consultation, ConsultInput.ANSWERED)


def ended(core: Core, call: Call, leg: Leg, status: int) -> None:
    """The third party is gone, or never came: agent and caller are together again."""
    core.timers.cancel(("ring", leg.id))
    if leg.agent is not None:
        core.tell_agent(leg, Input.HUNG_UP if leg.state is LegState.UP else Input.WITHDRAWN)
        leg.agent = None
    assert call.consultation is not None
    call.consultation.status = status if status >= 300 else 480
    proceed(core, call, call.consultation, ConsultInput.ENDED)


def not_answered(core: Core, call: Call, leg: Leg) -> None:
    """It has rung long enough."""
    assert call.consultation is not None
    call.consultation.status = 480
    proceed(core, call, call.consultation, ConsultInput.CANCEL)


def left(core: Core, call: Call, consultation: Consultation) -> None:
    """The agent has sent his caller on and hung up, as he may."""
    close_segment(core, call, "transferred")
    call.agent_leg = None
    call.state = advance(CALL, call.state, CallInput.SENT_ON)
    proceed(core, call, consultation, ConsultInput.LEFT)


def proceed(core: Core, call: Call, consultation: Consultation, given: ConsultInput) -> None:
    """One step by the table, and what follows from the stage reached."""
    consultation.stage = stage = advance(CONSULT, consultation.stage, given)
    if stage in LAST:
        LAST[stage](core, call, consultation)
        return
    if stage is Consulting.BACK:
        take_back(core, call)
    elif stage is not Consulting.ALONE:
        put_on_hold(core, call)
    place(core, call)


def place(core: Core, call: Call) -> None:
    """Who hears whom, from the stage."""
    caller, consultation = core.caller(call), call.consultation
    agent = core.legs.get(call.agent_leg or "")
    if consultation is not None and consultation.stage in (Consulting.SENT, Consulting.ALONE):
        core.hears(caller, RINGBACK)
        if agent is not None:
            core.hears(agent, SILENCE)
        return
    assert agent is not None
    queue = core.state.settings.queues.get(agent.queue or "")
    hold = music(queue.music) if queue is not None else music("default")
    if consultation is None or consultation.stage is Consulting.BACK:
        core.hears(caller, hold if agent.on_hold else from_leg(agent.id))
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
    """Back to caller and agent; the third party's leg, if it is there, goes."""
    call.consultation = None
    call.state = advance(CALL, call.state, CallInput.CONSULT_ENDED)
    agent = core.legs[call.agent_leg or ""]
    core.tell_agent(agent, Input.CONSULT_ENDED)
    report(core, agent, consultation.status)
    if agent.on_hold:  # he has not taken his caller back
        core.tell_agent(agent, Input.HOLD)
    else:
        take_back(core, call)
    _let_go(core, consultation)
    place(core, call)


def _done(core: Core, call: Call, consultation: Consultation) -> None:
    """The caller stays with the third party; the agent who called it, if he is still there, is released."""
    agent, other = core.legs.get(call.agent_leg or ""), core.legs[consultation.leg]
    answer(core, call)
    hand_over(core, call, other)
    if agent is not None:
        report(core, agent, 200)
        cut(core, agent)


def _lost(core: Core, call: Call, consultation: Consultation) -> None:
    """Nobody has the caller any more: he waits again."""
    call.consultation = None
    call.state = advance(CALL, call.state, CallInput.AGENT_LEFT)
    _let_go(core, consultation)
    if call.flow == interpreter.DIRECT:
        status = consultation.status
        end_call(core, call, outcome_of(call, "failed"), "engine", status=status, detail=f"not taken: {status}")
    else:
        interpreter.put_back(core, call)


LAST: Final[dict[Consulting, Callable[[Core, Call, Consultation], None]]] = {
    Consulting.OVER: _over,
    Consulting.DONE: _done,
    Consulting.LOST: _lost,
}
"""What the last stages lead to."""


def _let_go(core: Core, consultation: Consultation) -> None:
    other = core.legs.get(consultation.leg)
    if other is not None:
        cut(core, other, "hangup" if other.accepted else "cancelled")


def hand_over(core: Core, call: Call, other: Leg) -> None:
    """From now on the caller's agent is the party on `other`."""
    call.consultation = None
    call.state = advance(CALL, call.state, CallInput.CONSULT_ENDED)
    take_over(core, call, other)


def take_over(core: Core, call: Call, other: Leg) -> None:
    close_segment(core, call, "transferred")
    other.role = "agent"
    call.agent_leg = other.id
    talks(core, call, other)
    caller = core.caller(call)
    core.hears(caller, from_leg(other.id))
    core.hears(other, from_leg(caller.id))
