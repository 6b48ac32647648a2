"""The record of a call, built as it goes, with its segments; written once, at the instant the call ends."""

from typing import Final, Literal

from acd.core.calls import Call, CallState, Leg, wall
from acd.core.commands import WriteRecord
from acd.core.context import Core
from acd.core.ids import DeviceId, QueueId
from acd.core.record import Outcome, Segment

_WAITING: Final = CallState.WAITING  # a name of its own: see `calls`

# How a queue was left, as the outcome of a call that nobody served afterwards.
LEFT: dict[str, Outcome] = {
    "max_wait": "max_wait",
    "queue_full": "queue_full",
    "nobody_signed_on": "nobody_signed_on",
    "expected_wait_too_long": "expected_wait_too_long",
    "closed": "closed",
    "key_pressed": "key_pressed",
    "blocked": "refused",
    "failed": "failed",
}


def open_segment(
    core: Core,
    call: Call,
    kind: Literal["flow", "queue", "agent"],
    name: str,
    queue: QueueId | None = None,
    device: DeviceId | None = None,
) -> Segment:
    """Begin a stretch of the call; the one before it must have been closed."""
    segment = Segment(kind, name, core.now + call.wall_offset_s, 0.0, "", queue, device)
    call.record.segments.append(segment)
    return segment


def close_segment(core: Core, call: Call, result: str) -> None:
    """End the open stretch, if there is one, with what came of it."""
    segments = call.record.segments
    if not segments or segments[-1].result:
        return
    segment = segments[-1]
    segment.ended_at = core.now + call.wall_offset_s
    segment.result = result
    if segment.kind == "agent":
        take_back(core, call)
        segment.talk_s = core.now - call.talking_since
        call.record.talk_s += segment.talk_s


def note_reason(call: Call, leg: Leg, reason: str) -> None:
    """What a party says of why it refuses or ends its leg. The caller's ends the call: it hides no other's."""
    record = call.record
    record.reason = reason
    if leg.role != "caller" and record.segments and not record.segments[-1].result:
        record.segments[-1].reason = reason


def waited_s(call: Call, now: float) -> float:
    """How long the wait under way has lasted: from joining the first queue, overflow and re-queue included."""
    assert call.joined_at is not None
    return (call.waited_until if call.waited_until is not None else now) - call.joined_at


def in_flow(core: Core, call: Call) -> None:
    """The caller is with his flow: a stretch of its own, unless it is under way."""
    segments = call.record.segments
    if not segments or segments[-1].result:
        open_segment(core, call, "flow", call.flow)


def put_on_hold(core: Core, call: Call) -> None:
    if call.held_since is None:
        call.held_since = core.now


def take_back(core: Core, call: Call) -> None:
    if call.held_since is not None:
        call.record.segments[-1].hold_s += core.now - call.held_since
        call.held_since = None


def outcome_of(call: Call, otherwise: Outcome) -> Outcome:
    """How a call that ends now is counted: a talk with a person outweighs all, then how it left its last queue."""
    if call.record.agent is not None and (
        call.record.answered_at is not None or otherwise not in ("cancelled", "failed")
    ):
        return "answered"
    if call.state is _WAITING:
        return "abandoned" if otherwise in ("hung_up_in_flow", "cancelled") else otherwise
    return LEFT.get(call.left, otherwise)


def write(core: Core, call: Call, outcome: Outcome, by: str, detail: str) -> None:
    """Fill in the rest and give the record out: the only place that does."""
    record, state = call.record, core.state
    record.outcome = outcome
    record.detail = detail
    record.released_by = by
    record.ended_at = wall(call, core.now)
    if call.joined_at is not None:
        record.wait_s += waited_s(call, core.now)
    state.outcomes[outcome] = state.outcomes.get(outcome, 0) + 1
    state.live -= 1
    left = state.by_source[record.source] - 1
    if left:
        state.by_source[record.source] = left
    else:
        del state.by_source[record.source]
    core.out.append(WriteRecord(record))
