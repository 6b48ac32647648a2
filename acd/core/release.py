"""Answering, cutting and ending: what may be done to legs and calls, whatever the caller is doing."""

from typing import Final

from acd.core import nailed
from acd.core.agents import Input
from acd.core.calls import CALL, LEG, Call, CallInput, CallState, Leg, LegInput, LegState
from acd.core.commands import AnswerLeg, AnswerRefer, EndLeg, ProbeDevice, ProgressLeg
from acd.core.context import Core
from acd.core.ids import AgentId, DeviceId
from acd.core.record import Outcome
from acd.core.records import close_segment, write
from acd.core.tables import advance

PROVISIONAL_S = 60.0  # an unanswered wait repeats its provisional this often (RFC 3261 §13.3.1.1)
_ARRIVED: Final = LegState.ARRIVED  # a name of its own: see `calls`
_ANSWERING: Final = LegState.ANSWERING
_UP: Final = LegState.UP
_ENDING: Final = LegState.ENDING
_ANSWER: Final = LegInput.ANSWER
_END: Final = LegInput.END
_WAITING: Final = CallState.WAITING
_ENDED: Final = CallInput.ENDED
_RELEASED: Final = Input.RELEASED
_GONE: Final = Input.GONE


def answer(core: Core, call: Call) -> None:
    """Answer the caller, if that has not been done."""
    leg = call.legs[call.caller_leg]
    if leg.state is _ARRIVED:
        leg.state = advance(LEG, leg.state, _ANSWER)
        core.timers.cancel(("unanswered", call.id))
        core.out.append(AnswerLeg(leg.id))


def is_answered(leg: Leg) -> bool:
    return leg.state is _UP or leg.state is _ANSWERING


def can_hear(leg: Leg) -> bool:
    """The caller has been answered, or has early media."""
    return leg.early or is_answered(leg)


def give_early_media(core: Core, leg: Leg) -> None:
    if not can_hear(leg):
        leg.early = True
        core.out.append(ProgressLeg(leg.id, 183))


def ring_caller(core: Core, call: Call, leg: Leg) -> None:
    """An unanswered caller waits: he hears ringing, and that for a bounded time."""
    ring_back(core, leg)
    watch_unanswered(core, call)


def ring_back(core: Core, leg: Leg) -> None:
    if leg.state is _ARRIVED and not leg.early and not leg.ringing:
        leg.ringing = True
        core.out.append(ProgressLeg(leg.id, 180))


def watch_unanswered(core: Core, call: Call) -> None:
    latest = call.began + core.state.settings.unanswered_max_s
    core.timers.set(("unanswered", call.id), min(core.now + PROVISIONAL_S, latest))


PARTINGS: Final = frozenset({"hangup", "cancelled"})
"""Causes that find no fault with the leg itself."""


def cut(core: Core, leg: Leg, cause: str = "hangup", status: int = 0, retry_after_s: float | None = None) -> None:
    """End a leg of ours, or only its part in the call if it is nailed up; idempotent. Its agent is told when the leg is
    gone, or is found unreachable."""
    if leg.state is _ENDING:
        return
    report(core, leg, 487)
    if not leg.accepted:
        core.timers.cancel(("ring", leg.id))  # a device that nobody sits at has one, too
    if cause in PARTINGS and nailed.stays(core, leg):
        nailed.keep(core, leg)
        return
    if leg.agent is not None:
        if leg.state is not _UP:
            _owe(core, leg, Input.WITHDRAWN)
        else:
            core.tell_agent(leg, _RELEASED)
            _owe(core, leg, _GONE)
    leg.state = advance(LEG, leg.state, _END)
    core.out.append(EndLeg(leg.id, status, cause, retry_after_s))


def report(core: Core, leg: Leg, status: int) -> None:
    """Tell the party how the transfer went that it asked for; once."""
    if leg.refer is not None:
        core.out.append(AnswerRefer(leg.id, leg.refer, status))
        if status >= 200:
            leg.refer = None


def cut_withdrawn(core: Core, leg: Leg) -> None:
    """End the leg to somebody whom the dispatcher has withdrawn already: he is free unless he had picked up."""
    core.timers.cancel(("ring", leg.id))
    if nailed.stays(core, leg):
        nailed.keep(core, leg)
        return
    if leg.state is _UP:
        _owe(core, leg, _GONE)
    else:
        leg.agent = None
    leg.state = advance(LEG, leg.state, _END)
    core.out.append(EndLeg(leg.id, 0, "answered_elsewhere"))


def _owe(core: Core, leg: Leg, given: Input) -> None:
    leg.owes = given
    core.timers.set(("bye", leg.id), core.now + core.state.settings.bye_answer_s)


def settle(core: Core, leg: Leg) -> None:
    """An ending leg is gone, or will not be waited for any longer: its agent is free of it."""
    if leg.agent is not None and leg.owes is not None:
        core.timers.cancel(("bye", leg.id))
        core.tell_agent(leg, leg.owes)
        leg.agent = leg.owes = None


def unheard(core: Core, leg: Leg) -> None:
    """The phone did not answer our BYE or CANCEL in time: its agent is unreachable until it is heard of again."""
    agent, device = leg.agent, leg.device
    settle(core, leg)
    lose_device(core, agent, device)


def is_number(core: Core, device: DeviceId | None) -> bool:
    """A telephone number through a trunk: it has no binding that could come or go."""
    settings = core.state.settings.devices.get(device or "")
    return settings is not None and settings.number is not None


def lose_device(core: Core, agent: AgentId | None, device: DeviceId | None) -> None:
    """Nothing is offered to this agent at this device before it has been heard of."""
    if agent is None or device is None or is_number(core, device):
        return
    if core.device_of(agent) == device:
        core.agents.device_changed(device, False, core.now)
    core.out.append(ProbeDevice(device))


GAVE_UP: Final[dict[str, Outcome]] = {"caller": "abandoned", "operator": "hung_up_by_operator"}
"""How a call that was served before leaves the queue it waits in again, by who ended it."""


def end_call(
    core: Core,
    call: Call,
    outcome: Outcome,
    by: str,
    *,
    cause: str = "hangup",
    status: int = 0,
    detail: str = "",
    retry_after_s: float | None = None,
) -> None:
    """The call is over now: its record goes out, every leg that is left is released, no timer stays."""
    last: Outcome = outcome  # how the stretch it is in now has ended
    if call.state is _WAITING:
        if outcome == "answered":  # somebody served it before, not in this queue
            last = GAVE_UP.get(by, "failed")
        core.counts(call.record.queue or "").leaves(last)
    call.state = advance(CALL, call.state, _ENDED)
    core.dispatcher.leave(call.id)
    core.timers.cancel_each(("step", "wait", "announce", "unanswered"), call.id)
    call.op = call.consultation = None
    close_segment(core, call, last)
    for leg in list(call.legs.values()):
        if leg.role == "caller":
            cut(core, leg, cause, status, retry_after_s)
        else:
            cut(core, leg, "hangup" if leg.accepted else "cancelled")
    write(core, call, outcome, by, detail)
    forget_if_gone(core, call)


def forget_if_gone(core: Core, call: Call) -> None:
    if not call.legs:
        del core.state.calls[call.id]
