"""The engine: events in, commands out, one deadline. See `events`, `commands`, DESIGN §2.

A step is a handler found by the event's type, then one decision of the dispatcher. Handlers of legs and media look up
what the event names and pass it on to the machine concerned; what is named no more was let go already, and that is
legal.
"""

from collections.abc import Callable, Collection
from copy import deepcopy
from typing import Any, Final

from acd.core import interpreter, nailed, offers, surges, transfers
from acd.core.agents import Presence
from acd.core.arrivals import arrive
from acd.core.calls import LEG, Call, CallState, LegInput, LegState
from acd.core.commands import Alarm, Command, EndLeg, ProgressLeg, WriteLeg
from acd.core.context import Core
from acd.core.conversation import agent_gone, caller_gone, held, media_lost
from acd.core.events import (
    Collected,
    Configured,
    DeviceDown,
    DeviceUp,
    Digit,
    Event,
    HoursSet,
    LegAnswered,
    LegArrived,
    LegEnded,
    LegHeld,
    LegQuality,
    LegReferred,
    LegRinging,
    LookedUp,
    MediaLost,
    PlayEnded,
    Started,
    StorageTrouble,
    WallClockSet,
    Woke,
)
from acd.core.ids import CallId, LegId, call_of
from acd.core.overlay import configure
from acd.core.queueing import announce, announced
from acd.core.record import LegRecord
from acd.core.records import note_reason, outcome_of
from acd.core.referrals import referred
from acd.core.release import end_call, forget_if_gone, settle, unheard, watch_unanswered
from acd.core.requests import REQUESTS, grant
from acd.core.state import State
from acd.core.tables import advance
from acd.core.view import View, view

Snapshot = State
_ANSWERING: Final = LegState.ANSWERING  # a name of its own: see `calls`
_STARTING: Final = LegState.STARTING
_RINGING: Final = LegState.RINGING
_UP: Final = LegState.UP
_ENDING: Final = LegState.ENDING
_CALL_WAITING: Final = CallState.WAITING
_CALL_ENDING: Final = CallState.ENDING
_ANSWERED: Final = LegInput.ANSWERED
_RINGS: Final = LegInput.RINGING
_SIGNED_OFF: Final = Presence.SIGNED_OFF


class Engine:
    """The pure core. Same events at the same instants, same commands, to the byte."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._core = core = Core(deepcopy(snapshot) if snapshot is not None else State())
        state = core.state
        if state.random:
            core.random.setstate((state.random[0], tuple(state.random[1:]), None))
        if state.configured is not None:
            core.agents.settings = dict(state.departed)
            core.agents.configure(state.settings, core.now)
            core.dispatcher.configure(state.settings, core.now)

    def step(self, event: Event, now: float) -> list[Command]:
        """Take one event. `now`: monotonic seconds since the journal began, never going back."""
        core = self._core
        state = core.state
        core.now = state.now = now
        out: list[Command] = []
        core.out = out
        HANDLERS[type(event)](core, event)
        changed = core.agents.changed
        if state.nailed:
            nailed.look(core, changed)
        deserted = changed and _somebody_left(core)
        decisions = core.dispatcher.match(now)
        if decisions:
            offers.carry_out(core, decisions)
        if deserted:
            _leave_the_deserted(core)
        return out

    def deadline(self) -> float | None:
        """When `Woke` must come at the latest, or None."""
        core = self._core
        due = core.dispatcher.deadline()
        if (own := core.timers.heap) and (due is None or own[0][0] < due):
            due = own[0][0]
        if (wrap_ups := core.agents.timers) and (due is None or wrap_ups[0][0] < due):
            due = wrap_ups[0][0]
        return due

    def keys_out(self, call: CallId) -> Collection[str]:
        """The keys by which this call's caller may leave the queue he waits in."""
        return interpreter.keys_out(self._core, self._core.state.calls[call])

    def call_on(self, leg: LegId) -> CallId:
        """The call that a leg is in; empty while its line is up between two calls."""
        return self._core.legs[leg].call

    def snapshot(self) -> Snapshot:
        """The state, a copy: what changes is copied deeply, settings and flows never change."""
        state = self._core.state
        unchanging = (state.configured, state.settings, *state.flows.values())
        state = deepcopy(state, {id(one): one for one in unchanging})
        version, numbers, _ = self._core.random.getstate()
        state.random = [version, *numbers]
        return state

    def view(self, now: float) -> View:
        """What a person may see, in one go: for status, top and the invariants, not for every step."""
        return view(self._core, now)


# ----------------------------------------------------------------------------------------------------------- life


def _started(core: Core, event: Started) -> None:
    """Serve. Whatever calls there are belong to an earlier boot: they were interrupted."""
    state = core.state
    if state.boot == 0:
        state.seed = event.seed
        core.random.seed(event.seed)
    state.boot = event.boot
    state.wall_offset_s = event.wall_offset_s
    state.draining = False
    surges.tell(core)
    nailed.let_go_all(core)
    for call in list(state.calls.values()):
        for leg in call.legs.values():
            leg.nailed_until = 0.0
        if call.state is not _CALL_ENDING:
            end_call(core, call, "interrupted", "engine", cause="interrupted", status=503)
        else:  # its record is out; whoever was to end these legs is gone
            core.out.extend(EndLeg(leg, 0, "interrupted") for leg in call.legs)


def _configured(core: Core, event: Configured) -> None:
    core.formulas.clear()
    core.steps.clear()
    configure(core, event.settings)
    nailed.look(core, list(core.state.nailed))
    surges.look(core)


def _wall_clock_set(core: Core, event: WallClockSet) -> None:
    core.state.wall_offset_s = event.wall_offset_s


def _hours_set(core: Core, event: HoursSet) -> None:
    core.state.hours = event.instants


def _woke(core: Core, event: Woke) -> None:
    while (name := core.timers.due(core.now)) is not None:
        DUE[name[0]](core, name[1])
    core.agents.wake(core.now)


def _storage_trouble(core: Core, event: StorageTrouble) -> None:
    if event.on:
        core.state.troubles[event.what] = event.detail
    else:
        core.state.troubles.pop(event.what, None)
    core.out.append(Alarm(event.what, event.on, event.detail))


# ----------------------------------------------------------------------------------------------------------- legs


def _leg_ringing(core: Core, event: LegRinging) -> None:
    leg = core.legs.get(event.leg)
    if leg is not None:
        leg.state = advance(LEG, leg.state, _RINGS)
        if leg.role == "consult" and leg.state is _RINGING:
            transfers.rings(core, core.call_of(leg))


def _leg_answered(core: Core, event: LegAnswered) -> None:
    leg = core.legs.get(event.leg)
    if leg is None or not leg.call:
        return
    call = core.call_of(leg)
    if leg.state is _STARTING or leg.state is _RINGING:
        if leg.role == "consult":
            transfers.answered(core, call, leg)
        else:
            offers.picked_up(core, call, leg)
        return
    if leg.state is _ANSWERING:
        call.record.answered_at = core.now + call.wall_offset_s
    leg.state = advance(LEG, leg.state, _ANSWERED)


def _leg_ended(core: Core, event: LegEnded) -> None:
    leg = core.legs.pop(event.leg, None)
    if leg is None:
        return
    if not leg.call:
        nailed.ended(core, leg)
        return
    call = core.call_of(leg)
    del call.legs[leg.id]
    if event.reason and leg.state is not _ENDING:
        note_reason(call, leg, event.reason)
    if leg.state is _ENDING:
        settle(core, leg)
        if call.state is _CALL_ENDING:
            forget_if_gone(core, call)
    elif leg.role == "caller":
        caller_gone(core, call, leg, event)
    elif leg.role == "consult":
        transfers.ended(core, call, leg, event.status)
    elif leg.accepted:
        agent_gone(core, call, leg, event)
    else:
        offers.refused(core, call, leg, event)


def _leg_held(core: Core, event: LegHeld) -> None:
    leg = core.legs.get(event.leg)
    if leg is not None and leg.state is _UP and leg.call:
        held(core, core.call_of(leg), leg, event.held)


# ---------------------------------------------------------------------------------------------------------- media


def _digit(core: Core, event: Digit) -> None:
    leg = core.legs.get(event.leg)
    if leg is None or leg.state is _ENDING or not leg.call:
        return
    call = core.call_of(leg)
    if leg.role == "caller":
        interpreter.pressed(core, call, event.digit)
    elif leg.confirm_key is None or leg.accepted or leg.state is not _UP:
        return  # none counts before the answer
    elif offers.confirms(core, leg, event.digit):
        accept = offers.accept if leg.role == "agent" else transfers.accepted
        accept(core, call, leg)


def _of_op(core: Core, op: str) -> Call | None:
    """The call that waits for this operation."""
    call = core.state.calls.get(call_of(op))
    return call if call is not None and call.op == op else None


def _play_ended(core: Core, event: PlayEnded) -> None:
    call = _of_op(core, event.op)
    if call is None or call.collecting:
        return
    if call.state is _CALL_WAITING:
        announced(core, call)
    else:
        interpreter.played(core, call)


def _collected(core: Core, event: Collected) -> None:
    call = _of_op(core, event.op)
    if call is not None and call.collecting:
        interpreter.collected(core, call, event)


def _media_lost(core: Core, event: MediaLost) -> None:
    leg = core.legs.get(event.leg)
    if leg is not None and not leg.call:
        nailed.lapse(core, leg.id)
    elif leg is not None and leg.state is not _ENDING:
        media_lost(core, core.call_of(leg), leg, event.how)


def _leg_quality(core: Core, event: LegQuality) -> None:
    leg = core.legs.get(event.leg)
    if leg is not None:
        call = leg.call or call_of(leg.id)  # nailed up, it is told of with its first
        core.out.append(WriteLeg(LegRecord(call, leg.id, leg.role, leg.agent, leg.device, event.quality)))


def _looked_up(core: Core, event: LookedUp) -> None:
    """No step asks for anything yet."""


# -------------------------------------------------------------------------------------------------------- devices


def _device_up(core: Core, event: DeviceUp) -> None:
    core.agents.device_changed(event.device, True, core.now)


def _device_down(core: Core, event: DeviceDown) -> None:
    core.agents.device_changed(event.device, False, core.now)


# ------------------------------------------------------------------------------------------------------ deadlines


def _ring_due(core: Core, name: str) -> None:
    leg = core.legs[name]
    call = core.call_of(leg)
    if leg.role == "consult":
        transfers.not_answered(core, call, leg)
    else:
        offers.not_answered(core, call, leg)


def _bye_due(core: Core, name: str) -> None:
    unheard(core, core.legs[name])


def _step_due(core: Core, name: str) -> None:
    interpreter.step_due(core, core.state.calls[name])


def _wait_due(core: Core, name: str) -> None:
    interpreter.left_queue(core, core.state.calls[name], "max_wait")


def _announce_due(core: Core, name: str) -> None:
    announce(core, core.state.calls[name])


def _unanswered_due(core: Core, name: str) -> None:
    """A minute of ringing: say so again. The longest time of it: the wait is over."""
    call = core.state.calls[name]
    leg = core.caller(call)
    if core.now < call.began + core.state.settings.unanswered_max_s:
        core.out.append(ProgressLeg(leg.id, 183 if leg.early else 180))
        watch_unanswered(core, call)
    elif call.state is _CALL_WAITING:
        interpreter.left_queue(core, call, "max_wait")
    else:
        end_call(core, call, outcome_of(call, "failed"), "engine", status=480, detail="unanswered for too long")


def _look_due(core: Core, name: str) -> None:
    surges.look(core)


DUE: Final[dict[str, Callable[[Core, str], None]]] = {
    "ring": _ring_due,
    "bye": _bye_due,
    "step": _step_due,
    "wait": _wait_due,
    "announce": _announce_due,
    "unanswered": _unanswered_due,
    "look": _look_due,
    "nailed": nailed.lapse,
}
"""What falls due, by the first word of a deadline's name; the second names the leg or call it belongs to, if any."""


def _somebody_left(core: Core) -> bool:
    """Somebody has signed off or been taken a skill."""
    agents = core.agents
    if agents.reskilled:
        return True
    for agent in agents.changed:
        state = agents.states.get(agent)
        if state is None or state.presence is _SIGNED_OFF:
            return True
    return False


def _leave_the_deserted(core: Core) -> None:
    """Those whom nobody signed on can serve any more leave, where their queue says so."""
    for contact in core.dispatcher.stranded():
        interpreter.left_queue(core, core.state.calls[contact], "nobody_signed_on")
    offers.carry_out(core, core.dispatcher.match(core.now))


HANDLERS: Final[dict[type, Callable[[Core, Any], None]]] = {
    Started: _started,
    Configured: _configured,
    WallClockSet: _wall_clock_set,
    HoursSet: _hours_set,
    Woke: _woke,
    LegArrived: arrive,
    LegRinging: _leg_ringing,
    LegAnswered: _leg_answered,
    LegHeld: _leg_held,
    LegReferred: referred,
    LegEnded: _leg_ended,
    Digit: _digit,
    PlayEnded: _play_ended,
    Collected: _collected,
    LegQuality: _leg_quality,
    MediaLost: _media_lost,
    DeviceUp: _device_up,
    DeviceDown: _device_down,
    LookedUp: _looked_up,
    StorageTrouble: _storage_trouble,
    **dict.fromkeys(REQUESTS, grant),
}
