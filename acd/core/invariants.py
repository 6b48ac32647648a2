"""What must hold after every step (DESIGN §6). Tests call this after each; it costs as much as there are calls."""

from typing import Final

from acd.core.agents import Work
from acd.core.calls import Call, CallState, LegState
from acd.core.context import Core
from acd.core.engine import Engine


class Broken(AssertionError):
    """An invariant does not hold: a bug of the core."""


def check_invariants(engine: Engine, now: float) -> None:
    """Raise `Broken` with what is wrong."""
    core = engine._core
    checks = [_calls, _legs, _timers, _waiting, _agents, _sums]
    due = engine.deadline()
    if due is None or due > now:  # else `Woke` is still owed, and what it brings
        checks.append(_unmatched)
    for check in checks:
        for wrong in check(core, now):
            raise Broken(f"at {now:g}: {wrong}")


def _calls(core: Core, now: float) -> list[str]:
    return [wrong for call in core.state.calls.values() for wrong in _call(core, call)]


def _call(core: Core, call: Call) -> list[str]:
    wrong = []
    ours = [leg for leg in call.legs.values() if leg.state is not LegState.ENDING]
    accepted = [leg for leg in ours if leg.role == "agent" and leg.accepted]
    if call.state is CallState.ENDING:
        if not call.legs:
            wrong.append(f"{call.id} has ended and has no legs, but is still there")
        if any(leg.state is not LegState.ENDING for leg in call.legs.values()):
            wrong.append(f"{call.id} has ended with a leg that is not released")
        return wrong
    if call.caller_leg not in call.legs:
        wrong.append(f"{call.id} lives without its caller")
    if len(accepted) > 1:
        wrong.append(f"{call.id} is connected to {len(accepted)} agents")
    together = call.state in (CallState.TALKING, CallState.CONSULTING)
    consulting = call.state in (CallState.CONSULTING, CallState.TRANSFERRING)
    if together != (call.agent_leg in call.legs) and call.state is not CallState.FLOW:
        wrong.append(f"{call.id} is {call.state} with agent leg {call.agent_leg}")
    if (call.state is CallState.WAITING) != (call.id in core.dispatcher.waiting):
        wrong.append(f"{call.id} is {call.state}, the dispatcher disagrees")
    if (call.consultation is not None) != consulting:
        wrong.append(f"{call.id} is {call.state} with consultation {call.consultation}")
    ringing = [leg for leg in call.legs.values() if leg.role == "agent" and not leg.accepted]
    if call.state is not CallState.WAITING and any(leg.state is not LegState.ENDING for leg in ringing):
        wrong.append(f"{call.id} rings agents, but is {call.state}")
    return wrong


def _legs(core: Core, now: float) -> list[str]:
    named = {leg.id for call in core.state.calls.values() for leg in call.legs.values()}
    named |= {leg.id for leg in core.state.nailed.values()}
    wrong = [f"leg {leg} is in no call" for leg in core.legs if leg not in named]
    wrong += [f"leg {leg} is not indexed" for leg in sorted(named) if leg not in core.legs]
    for leg in core.legs.values():
        if leg.agent is not None:
            state = core.state.agents.get(leg.agent)
            if state is None or leg.call not in state.tasks:
                wrong.append(f"leg {leg.id} is of {leg.agent}, who knows nothing of it")
    return wrong


def _timers(core: Core, now: float) -> list[str]:
    wrong = []
    for name in core.timers.at:
        kind, owner = name
        if kind == "look":  # at the surges: it belongs to nobody
            continue
        if owner not in (core.legs if kind in LEG_TIMERS else core.state.calls):
            wrong.append(f"timer {name} has no owner")
        elif kind in LEG_TIMERS:
            leg = core.legs[owner]
            if leg.state not in LEG_TIMERS[kind] or leg.accepted != (kind == "bye" and leg.accepted):
                wrong.append(f"timer {name} of a leg that is {leg.state}")
        else:
            call = core.state.calls[owner]
            if call.state not in CALL_TIMERS[kind]:
                wrong.append(f"timer {name} of a call that is {call.state}")
            elif kind == "unanswered" and core.caller(call).state is not LegState.ARRIVED:
                wrong.append(f"timer {name} of a call that is answered")
    return wrong


LEG_TIMERS: Final = {
    "ring": (LegState.STARTING, LegState.RINGING, LegState.UP),
    "bye": (LegState.ENDING,),
    "nailed": (LegState.UP,),
}
CALL_TIMERS: Final = {
    "step": (CallState.FLOW,),
    "wait": (CallState.WAITING,),
    "announce": (CallState.WAITING,),
    "unanswered": (CallState.FLOW, CallState.WAITING),
}


def _waiting(core: Core, now: float) -> list[str]:
    calls, waiting = core.state.calls, core.dispatcher.waiting
    wrong = [f"{id} waits, but there is no such call" for id in waiting if id not in calls]
    for queue, oldest in core.oldest.items():
        here = [(calls[w.contact].joined_at, w.contact) for w in waiting.values() if w.queue == queue]
        wrong += [f"{id} in {queue} is not counted as waiting longest" for at, id in here if (at, id) not in oldest]
    return wrong


def _agents(core: Core, now: float) -> list[str]:
    wrong = []
    for state in core.state.agents.values():
        settings = core.agents.settings[state.id]
        for channel in sorted({task.channel for task in state.tasks.values()}):
            held = sum(task.channel == channel for task in state.tasks.values())
            if held > settings.capacity.get(channel, 0):
                wrong.append(f"agent {state.id} has {held} on {channel}")
        for contact, task in state.tasks.items():
            legs = [leg for leg in core.legs.values() if leg.call == contact and leg.agent == state.id]
            if task.work is not Work.WRAP_UP and len(legs) != 1:
                wrong.append(f"agent {state.id} is {task.work} in {contact} on {len(legs)} legs")
    return wrong


def _sums(core: Core, now: float) -> list[str]:
    state = core.state
    live = sum(call.state is not CallState.ENDING for call in state.calls.values())
    wrong = []
    if live != state.live or live != sum(state.by_source.values()):
        wrong.append(f"{live} calls live, {state.live} counted, by source {state.by_source}")
    if state.offered != live + sum(state.outcomes.values()):
        wrong.append(f"{state.offered} offered, {live} live, outcomes {state.outcomes}")
    for queue, counts in state.counts.items():
        within = sum(c.state is CallState.WAITING and c.record.queue == queue for c in state.calls.values())
        left = counts.answered + counts.abandoned + sum(counts.left.values())
        if counts.offered != left + within:
            wrong.append(f"queue {queue}: {counts.offered} offered, {left} left, {within} waiting")
    return wrong


def _unmatched(core: Core, now: float) -> list[str]:
    """No pair for which `may_match` holds is left."""
    return [
        f"{waiting.contact} and {state.id} are left unmatched"
        for waiting in core.dispatcher.waiting.values()
        if not waiting.rung
        for state in core.state.agents.values()
        if core.dispatcher.may_match(waiting.contact, state.id, now)
    ]
