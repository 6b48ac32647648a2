"""Caller and agent together: hold, hang-ups, loss of media (DESIGN §5)."""

from typing import Final

from acd.core import interpreter, transfers
from acd.core.agents import Input
from acd.core.calls import CALL, Call, CallInput, CallState, Consulting, Leg, LegState
from acd.core.commands import from_leg, music
from acd.core.context import Core
from acd.core.events import LegEnded
from acd.core.offers import miss
from acd.core.record import Outcome
from acd.core.records import close_segment, outcome_of, put_on_hold, take_back
from acd.core.release import cut, end_call, is_answered, lose_device
from acd.core.tables import advance

BY = {"peer": "caller", "us": "engine", "network": "network"}
_UP: Final = LegState.UP  # a name of its own: see `calls`
_ANSWERING: Final = LegState.ANSWERING
_HUNG_UP: Final = Input.HUNG_UP
_AGENT_LEFT: Final = CallInput.AGENT_LEFT


def caller_gone(core: Core, call: Call, leg: Leg, event: LegEnded) -> None:
    """The caller's leg has ended: every other leg is released."""
    otherwise: Outcome = "hung_up_in_flow" if leg.state is _UP else "cancelled"
    if event.by == "network" or (leg.state is _ANSWERING and event.cause == "not_acknowledged"):
        otherwise = "media_lost" if event.cause == "media_lost" else "failed"
    outcome = outcome_of(call, otherwise)
    detail = event.cause if outcome == "failed" else ""
    end_call(core, call, outcome, BY[event.by], detail=detail)


def agent_gone(core: Core, call: Call, leg: Leg, event: LegEnded) -> None:
    """The agent has hung up (or was lost): his segment ends, and the caller goes on in his flow. In a consultation he
    leaves his caller with the party he was talking to."""
    if leg.agent is not None:  # nobody is signed on at the device he was transferred to
        core.tell_agent(leg, _HUNG_UP)
    if event.by == "network" and event.cause != "media_lost":
        lose_device(core, leg.agent, leg.device)
    by = "agent" if event.by == "peer" else BY[event.by]
    consultation = call.consultation
    if consultation is not None and consultation.stage is Consulting.SENT:
        transfers.left(core, call, consultation)
        return
    if consultation is not None and consultation.stage is not Consulting.CALLING:
        transfers.hand_over(core, call, core.legs[consultation.leg])
        return
    if consultation is not None:
        call.consultation = None
        cut(core, core.legs[consultation.leg], "cancelled")
    close_segment(core, call, "hung_up" if by == "agent" else "lost")
    call.agent_leg = None
    call.record.released_by = by
    call.state = advance(CALL, call.state, _AGENT_LEFT)
    interpreter.served(core, call)


def held(core: Core, call: Call, leg: Leg, on: bool) -> None:
    """A party put us on hold by its phone. An agent's caller hears music meanwhile; what a caller's own phone plays
    to the agent is the caller's business."""
    leg.on_hold = on
    if leg.id == call.agent_leg and call.state is CallState.CONSULTING:
        transfers.place(core, call)
    if leg.id != call.agent_leg or call.state is not CallState.TALKING or leg.agent is None:
        return
    caller = core.caller(call)
    queue = core.state.settings.queues.get(leg.queue or "")
    if on:
        core.tell_agent(leg, Input.HOLD)
        put_on_hold(core, call)
        core.hears(caller, music(queue.music if queue is not None else "default"))
    else:
        core.tell_agent(leg, Input.RESUME)
        take_back(core, call)
        core.hears(caller, from_leg(leg.id))


def media_lost(core: Core, call: Call, leg: Leg, how: str) -> None:
    """A leg has no media any more. Without the caller's or his agent's there is no call; somebody who was only being
    rung is not to blame."""
    leg.nailed_until = 0.0
    if leg.role == "consult":
        transfers.not_answered(core, call, leg)
    elif leg.role == "agent" and not leg.accepted:
        miss(core, call, leg, "busy")
        cut(core, leg, "media_lost")
    else:
        answered = is_answered(core.caller(call))
        end_call(core, call, "media_lost", "engine", cause="media_lost", status=0 if answered else 503, detail=how)
