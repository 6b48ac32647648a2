"""Transfers by the phone's own key: REFER (RFC 3515), with Replaces where the agent has called somebody from the same
phone (RFC 3891, RFC 5589 §7).

The party is told 202 and then how it went, whatever that is: a refusal in the answer itself ends the dialog of some
phones (RFC 5057 §5.1).
"""

from acd.core.agents import Refused
from acd.core.calls import CALL, Call, CallInput, CallState, Leg
from acd.core.commands import AnswerRefer
from acd.core.context import Core
from acd.core.events import LegReferred
from acd.core.records import close_segment
from acd.core.release import cut, end_call, report
from acd.core.tables import advance
from acd.core.targets import NotThere
from acd.core.transfers import send_on, take_over


def referred(core: Core, event: LegReferred) -> None:
    """A party asks for a transfer. Only an agent who talks with a caller may."""
    leg = core.legs.get(event.leg)
    if leg is None:
        return
    if not leg.call:  # nailed up, between calls
        core.out.append(AnswerRefer(leg.id, event.op, 403))
        return
    pair = _pair(core, leg, event.replaces)
    talks = pair[0] if pair is not None else leg
    if talks.agent is None or core.call_of(talks).agent_leg != talks.id or leg.refer is not None:
        core.out.append(AnswerRefer(leg.id, event.op, 403))
        return
    leg.refer = event.op
    core.out.append(AnswerRefer(leg.id, event.op, 202))
    try:
        if pair is not None:
            _join(core, *pair, leg)
        elif event.replaces is not None:
            raise NotThere(481, "no call of his")
        else:
            send_on(core, talks.agent, event.target)
    except NotThere as why:
        report(core, leg, why.status)
    except Refused:
        report(core, leg, 603)


def _pair(core: Core, leg: Leg, replaces: str | None) -> tuple[Leg, Leg] | None:
    """The two legs of one phone that are to become one call without it: that of the caller it was given, and that of
    the call it made. None if they are not both of the same phone: nobody may take over what he only guesses."""
    other = core.legs.get(replaces or "")
    if other is None or not other.call:
        return None
    given, made = (leg, other) if leg.role == "agent" else (other, leg)
    if given.role != "agent" or given.device is None or made.role != "caller":
        return None
    return (given, made) if core.call_of(made).record.source == f"device:{given.device}" else None


def _join(core: Core, given: Leg, made: Leg, asked: Leg) -> None:
    """The caller goes to the party that the agent has called. Raises `NotThere`."""
    call, other = core.call_of(given), core.call_of(made)
    party = core.legs.get(other.agent_leg or "")
    if call.state is not CallState.TALKING or other.state is not CallState.TALKING or party is None:
        raise NotThere(480, "nobody has answered there")
    if party.agent is not None and any(leg.agent == party.agent for leg in call.legs.values()):
        raise NotThere(486, "he is in this call already")
    report(core, asked, 200)
    _move(core, party, other, call)
    take_over(core, call, party)
    cut(core, given)
    other.agent_leg = None
    close_segment(core, other, "transferred")
    other.state = advance(CALL, other.state, CallInput.AGENT_LEFT)
    end_call(core, other, "answered", "agent", detail=f"joined to {call.id}")


def _move(core: Core, party: Leg, other: Call, call: Call) -> None:
    del other.legs[party.id]
    call.legs[party.id] = party
    party.call = call.id
    if party.agent is not None:
        core.agents.moved(party.agent, other.id, call.id)
