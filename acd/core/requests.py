"""What a person asks for: each request gets one `Reply`, whatever it names."""

from collections.abc import Callable
from typing import Any, Final

from acd.core import nailed, surges, transfers
from acd.core.agents import Refused
from acd.core.calls import CallState
from acd.core.commands import Reply
from acd.core.context import Core
from acd.core.events import (
    BlockQueue,
    Break,
    CancelTransfer,
    CompleteTransfer,
    Consult,
    Drain,
    EmptyQueue,
    ExtendWrapUp,
    HangUp,
    MoveCall,
    Ready,
    ResetOverlay,
    SetHours,
    SetQueues,
    SetSkills,
    SetSurge,
    SetTeams,
    SignOff,
    SignOn,
    Swap,
    Transfer,
)
from acd.core.ids import QueueId
from acd.core.overlay import apply, regroup, reset
from acd.core.queueing import empty, move
from acd.core.records import outcome_of
from acd.core.release import end_call
from acd.core.state import Grouping
from acd.core.transfers import ConsultInput


def grant(core: Core, event: Any) -> None:
    """Do what is asked and say so, or say why not."""
    try:
        detail = REQUESTS[type(event)](core, event)
    except Refused as why:
        core.out.append(Reply(event.request, False, str(why)))
    else:
        core.out.append(Reply(event.request, True, detail or ""))


def _sign_on(core: Core, event: SignOn) -> None:
    core.agents.sign_on(event.agent, event.device, core.now)


def _sign_off(core: Core, event: SignOff) -> str | None:
    core.agents.sign_off(event.agent, core.now)
    return _after_the_call(core, event.agent)


def _ready(core: Core, event: Ready) -> None:
    core.agents.ready(event.agent, core.now)


def _break(core: Core, event: Break) -> str | None:
    core.agents.take_break(event.agent, event.reason, core.now)
    return _after_the_call(core, event.agent)


def _after_the_call(core: Core, agent: str) -> str | None:
    state = core.state.agents.get(agent)
    return "after the call" if state is not None and state.wish is not None else None


def _extend_wrap_up(core: Core, event: ExtendWrapUp) -> None:
    if not 0.0 < event.seconds <= 86_400.0:
        raise Refused("extend by more than 0 and at most 86400 seconds")
    core.agents.extend_wrap_up(event.agent, event.seconds, core.now)


def _set_skills(core: Core, event: SetSkills) -> None:
    known = core.state.settings.skills
    for skill, level in (event.skills or {}).items():
        if known is not None and skill not in known:
            raise Refused(f"there is no skill {skill}")
        if not 1 <= level <= 10:
            raise Refused(f"skill {skill}: a level is 1 to 10, not {level}")
    core.agents.set_skills(event.agent, event.skills, core.now)


def _set_teams(core: Core, event: SetTeams) -> None:
    known = core.state.settings.teams
    for team in event.teams or ():
        if known is not None and team not in known:
            raise Refused(f"there is no team {team}")
    given = core.state.grouped.get(event.agent, Grouping())
    regroup(core, event.agent, Grouping(event.teams, given.queues))


def _set_queues(core: Core, event: SetQueues) -> None:
    for queue, level in (event.queues or {}).items():
        _must_take_calls(core, queue)
        if not 1 <= level <= 9:
            raise Refused(f"queue {queue}: a preference level is 1 to 9, not {level}")
    given = core.state.grouped.get(event.agent, Grouping())
    regroup(core, event.agent, Grouping(given.teams, event.queues))


def _must_take_calls(core: Core, queue: QueueId) -> None:
    """Raises `Refused` for a queue that is not, or that a reload has removed: who waits in it is served, and that is
    all."""
    state = core.state
    if queue not in state.settings.queues:
        raise Refused(f"there is no queue {queue}")
    if state.configured is not None and queue not in state.configured.queues:
        raise Refused(f"queue {queue} is configured no longer: it takes no new calls, and is gone after its last one")


def _hang_up(core: Core, event: HangUp) -> None:
    call = core.state.calls.get(event.call)
    if call is None or call.state is CallState.ENDING:
        raise Refused(f"there is no call {event.call}")
    end_call(core, call, outcome_of(call, "hung_up_by_operator"), "operator", status=480, detail=event.by)


def _move_call(core: Core, event: MoveCall) -> None:
    call = core.state.calls.get(event.call)
    if call is None or call.state is not CallState.WAITING:
        raise Refused(f"no call {event.call} waits in a queue")
    if event.queue is None and event.tier is None:
        raise Refused("name a queue, or a tier, or both")
    if event.queue is not None:
        _must_take_calls(core, event.queue)
    if event.tier is not None and event.tier < 0:
        raise Refused("a tier is 0 or more")
    why = move(core, call, event.queue, event.tier)
    if why is not None:
        raise Refused(f"queue {event.queue}: {why.replace('_', ' ')}")


def _block_queue(core: Core, event: BlockQueue) -> None:
    _must_take_calls(core, event.queue)
    core.state.blocked.pop(event.queue, None)
    apply(core)
    if core.state.settings.queues[event.queue].blocked != event.blocked:  # else it is as configured
        core.state.blocked[event.queue] = event.blocked
        apply(core)


def _empty_queue(core: Core, event: EmptyQueue) -> str:
    if event.queue not in core.state.settings.queues:
        raise Refused(f"there is no queue {event.queue}")
    _must_take_calls(core, event.to)
    if event.queue == event.to:
        raise Refused("name another queue")
    moved, stayed = empty(core, event.queue, event.to)
    return f"{moved} moved" + (f", {stayed} could not join {event.to} and stay" if stayed else "")


def _set_hours(core: Core, event: SetHours) -> None:
    if event.calendar not in core.state.hours:
        raise Refused(f"there is no calendar {event.calendar}")
    _lay(core.state.hours_set, event.calendar, event.open)
    surges.look(core)


def _set_surge(core: Core, event: SetSurge) -> None:
    if event.surge not in core.state.settings.surges:
        raise Refused(f"there is no surge {event.surge}")
    _lay(core.state.surges_set, event.surge, event.on)
    surges.look(core)


def _lay(overlay: dict[str, bool], name: str, value: bool | None) -> None:
    if value is None:
        overlay.pop(name, None)
    else:
        overlay[name] = value


def _reset_overlay(core: Core, event: ResetOverlay) -> str:
    taken = reset(core, event.name)
    apply(core)
    surges.look(core)
    return f"{taken} taken off"


def _drain(core: Core, event: Drain) -> str:
    core.state.draining = True
    nailed.let_go_all(core)
    return f"{core.state.live} calls left"


def _consult(core: Core, event: Consult) -> None:
    transfers.consult(core, event.agent, event.to)


def _swap(core: Core, event: Swap) -> None:
    transfers.ask(core, event.agent, ConsultInput.SWAP)


def _complete(core: Core, event: CompleteTransfer) -> None:
    transfers.ask(core, event.agent, ConsultInput.COMPLETE)


def _cancel(core: Core, event: CancelTransfer) -> None:
    transfers.ask(core, event.agent, ConsultInput.CANCEL)


def _transfer(core: Core, event: Transfer) -> None:
    transfers.send_on(core, event.agent, event.to)


REQUESTS: Final[dict[type, Callable[[Core, Any], str | None]]] = {
    SignOn: _sign_on,
    SignOff: _sign_off,
    Ready: _ready,
    Break: _break,
    ExtendWrapUp: _extend_wrap_up,
    SetSkills: _set_skills,
    SetTeams: _set_teams,
    SetQueues: _set_queues,
    HangUp: _hang_up,
    MoveCall: _move_call,
    BlockQueue: _block_queue,
    EmptyQueue: _empty_queue,
    SetHours: _set_hours,
    SetSurge: _set_surge,
    ResetOverlay: _reset_overlay,
    Drain: _drain,
    Consult: _consult,
    Swap: _swap,
    CompleteTransfer: _complete,
    CancelTransfer: _cancel,
    Transfer: _transfer,
}
