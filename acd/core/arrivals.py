"""A call comes in: taken, or refused with the right status (RFC 3261 §21)."""

from typing import Final

from acd.core import interpreter, surges
from acd.core.calls import Call, Leg, LegState
from acd.core.conditions import flow_of
from acd.core.context import Core
from acd.core.events import LegArrived
from acd.core.record import Record
from acd.core.release import answer, end_call, ring_back
from acd.core.targets import NotThere, within
from acd.core.transfers import put_through

RETRY_AFTER_S: Final = 10.0
_ARRIVED: Final = LegState.ARRIVED  # a name of its own: see `calls`


def arrive(core: Core, event: LegArrived) -> None:
    """Begin a call for a leg that arrived. A leg or call already known is a repetition and changes nothing."""
    state = core.state
    if event.leg in core.legs or event.call in state.calls:
        return
    call = _new(core, event)
    number = state.settings.numbers.get(event.called)
    flows = state.flows.get(call.version, {})
    flow = flow_of(core, number) if number is not None else ""
    surges.somebody_calls(core)
    if (busy := _overload(core, event.source)) is not None:
        _refuse(core, call, 503, busy)
    elif number is None and event.source.startswith("device:"):
        _dialled_within(core, call, event)
    elif number is None or flow not in flows:
        _refuse(core, call, 404, "unknown number")
    else:
        if number.answer == "at_once":
            answer(core, call)
        elif number.answer == "by_agent":
            ring_back(core, core.legs[event.leg])
        interpreter.start(core, call, flow)


def _dialled_within(core: Core, call: Call, event: LegArrived) -> None:
    """A telephone of ours calls no number of the hotline: a colleague, a device, a queue."""
    device = event.source.partition(":")[2]
    by = next((agent.id for agent in core.state.agents.values() if agent.device == device), "")
    try:
        party = within(core, call, by, event.called)
    except NotThere as why:
        _refuse(core, call, why.status, str(why))
        return
    if party is None:
        _refuse(core, call, 404, "unknown number")
    elif party.rings is None:
        interpreter.start(core, call, party.flow)
    else:
        put_through(core, call, party)


def _new(core: Core, event: LegArrived) -> Call:
    state, offset = core.state, core.state.wall_offset_s
    record = Record(event.call, event.source, event.called, event.caller, core.now + offset)
    record.session_id = event.session_id
    record.diverted_from, record.diverted_reason = event.diverted_from, event.diverted_reason
    call = Call(event.call, core.now, offset, record, event.leg, event.caller_name, event.asserted, event.channel)
    leg = Leg(event.leg, event.call, "caller", _ARRIVED, core.now)
    call.legs[leg.id] = core.legs[leg.id] = leg
    call.version = state.version
    call.variables = {
        **(event.attributes or {}),
        "caller": event.caller,
        "called": event.called,
        "caller_name": event.caller_name,
        "source": event.source,
        "trusted": event.asserted,
        "diverted_from": event.diverted_from,
        "diverted_reason": event.diverted_reason,
    }
    state.calls[call.id] = call
    state.offered += 1
    state.live += 1
    state.by_source[event.source] = state.by_source.get(event.source, 0) + 1
    return call


def _overload(core: Core, source: str) -> str | None:
    """Why no further call is taken now, or None. The call in question has been counted already."""
    state = core.state
    if state.configured is None:
        return "not configured"
    if state.draining:
        return "draining"
    if state.live > state.settings.max_calls:
        return "too many calls"
    kind, _, name = source.partition(":")
    trunk = state.settings.trunks.get(name) if kind == "trunk" else None
    if trunk is not None and trunk.max_calls and state.by_source[source] > trunk.max_calls:
        return f"too many calls from {source}"
    return None


def _refuse(core: Core, call: Call, status: int, why: str) -> None:
    retry_after_s = RETRY_AFTER_S if status == 503 else None
    end_call(core, call, "refused", "engine", cause="rejected", status=status, detail=why, retry_after_s=retry_after_s)
