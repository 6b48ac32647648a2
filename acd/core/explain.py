"""Where each second of waiting went: every wait as a time line without gaps, one cause at a time.

Between two steps nothing changes, so a cause holds from one step to the next. Time is counted in whole microseconds:
the parts add up to the wait exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from acd.core.commands import Command, Publish, WriteRecord
from acd.core.context import Core
from acd.core.events import Event
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.metrics import result_of
from acd.core.reasons import Cause, Doings, level_of, standing, why_not
from acd.core.record import Record, Segment
from acd.core.values import value
from acd.core.waiting import Place, Waiting

SECOND: Final = 1_000_000  # µs


@dataclass(slots=True)
class Part:
    """A stretch of one cause. Instants in µs of the engine's `now`."""

    cause: str
    began_us: int
    ended_us: int
    queue: QueueId = ""
    about: str = ""
    did: dict[str, int] = field(default_factory=dict)  # all_busy: µs by what the agents did, in sum the whole part


@value
class Decision:
    """The dispatcher looked at it, or an agent who might have served it went elsewhere."""

    at_us: int
    what: str
    candidates: tuple[tuple[AgentId, str], ...] = ()  # who was passed over, and why


@dataclass(slots=True)
class Explained:
    """One wait: from joining a queue to an answer or the end, further queues included."""

    call: CallId
    queue: QueueId  # the first
    joined_us: int
    wall_offset_s: float
    ended_us: int = 0
    result: str = "waiting"  # while it does
    parts: list[Part] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def joined_at(self) -> float:
        """Wall clock seconds."""
        return self.joined_us / SECOND + self.wall_offset_s


@dataclass(slots=True)
class _Track:
    """A wait that is being followed."""

    wait: Explained
    record: Record
    segment: Segment  # of it: the stay in the queue under way, or the last
    waiting: Waiting | None  # None between two queues
    since_us: int
    cause: Cause
    place: Place | None = None
    rung: tuple[AgentId, ...] = ()

    @property
    def answered(self) -> bool:
        """An agent's segment follows."""
        return self.record.segments[-1] is not self.segment and self.segment.result == "answered"


class Explainer:
    """A watcher that explains the waits of one call, or every stay in one queue that began in [since, until), wall
    clock seconds."""

    def __init__(
        self, *, call: CallId | None = None, queue: QueueId | None = None, since: float = -inf, until: float = inf
    ) -> None:
        self.waits: list[Explained] = []
        self.done = False  # nothing that is asked for can come any more
        self._call, self._queue, self._since, self._until = call, queue, since, until
        self._doings = Doings()
        self._tracks: dict[CallId, _Track] = {}
        self._now_us = 0

    def begin(self, core: Core) -> None:
        """After a restart the waits go on in the snapshot, if it was one, to be ended as interrupted."""
        self._doings = Doings()
        for call, track in self._tracks.items():
            self._account(track, self._now_us, Cause("engine_down"))
            track.waiting = core.dispatcher.waiting.get(call)
            if call in core.state.calls:
                track.record = core.state.calls[call].record
                track.segment = _last_stay(track.record)

    def end(self) -> None:
        """Nothing comes any more: what still waits has waited so far."""
        for call in list(self._tracks):
            self._close(call, self._now_us, "waiting")

    def after(
        self, core: Core, now: float, event: Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        self._now_us = now_us = round(now * SECOND)
        for call, track in list(self._tracks.items()):
            if track.waiting is not None and core.dispatcher.waiting.get(call) is not track.waiting:
                self._left(call, track, now_us)
        for command in commands:
            if type(command) is Publish and command.topic == "call/waiting":
                self._joined(core, str(command.facts["call"]), str(command.facts["queue"]), now_us)
            elif type(command) is WriteRecord and command.record.call in self._tracks:
                self._close(command.record.call, self._tracks[command.record.call].since_us)
                self.done = self.done or command.record.call == self._call
        self._doings.keep_up(core.dispatcher, now, touched)
        for track in self._tracks.values():
            w = track.waiting
            place = core.dispatcher._room.placed.get(w.contact) if w is not None else None
            if w is not None and (touched or place is None or place is not track.place):
                track.place = place
                self._look(core, track, w, now, now_us)
        if now + core.state.wall_offset_s >= self._until and not self._tracks:
            self.done = True

    # ------------------------------------------------------------------------------------------ joining, leaving

    def _joined(self, core: Core, call: CallId, queue: QueueId, now_us: int) -> None:
        offset_s = core.state.calls[call].wall_offset_s if call in core.state.calls else core.state.wall_offset_s
        if self._call is not None:
            wanted = call == self._call
        else:
            wanted = queue == self._queue and self._since <= now_us / SECOND + offset_s < self._until
        if not wanted or call not in core.state.calls:
            return
        record = core.state.calls[call].record
        segment = _last_stay(record)
        waiting = core.dispatcher.waiting.get(call)
        track = self._tracks.get(call)
        if track is None:
            wait = Explained(call, queue, now_us, offset_s)
            self.waits.append(wait)
            track = self._tracks[call] = _Track(wait, record, segment, waiting, now_us, Cause("in_flow"))
        else:
            self._account(track, now_us, track.cause)
            track.segment, track.waiting, track.place, track.rung = segment, waiting, None, ()
        if waiting is None:  # it left in the same step
            self._left(call, track, now_us)
        elif self._call is not None and not waiting.rung:
            self._decide(core, track, now_us, f"joined {queue}")

    def _left(self, call: CallId, track: _Track, now_us: int) -> None:
        """It waits no longer, or elsewhere. A call that is looked into may join a further queue in the same wait."""
        self._account(track, now_us, Cause("in_flow"))
        track.waiting = None
        if self._call is None or track.answered:
            self._close(call, now_us)

    def _close(self, call: CallId, ended_us: int, result: str | None = None) -> None:
        track = self._tracks.pop(call)
        if track.waiting is not None:
            self._account(track, ended_us, track.cause)
        wait = track.wait
        wait.ended_us = wait.parts[-1].ended_us if wait.parts else wait.joined_us
        wait.result = result or result_of(track.segment, track.answered, track.record)

    # --------------------------------------------------------------------------------------------------- causes

    def _look(self, core: Core, track: _Track, w: Waiting, now: float, now_us: int) -> None:
        """What holds from now on."""
        cause = self._doings.cause(core.dispatcher, w, now)
        if cause != track.cause:
            self._account(track, now_us, cause)
            if self._call is not None and cause.why == "went_elsewhere":
                track.wait.decisions.append(Decision(now_us, f"went elsewhere: {cause.about}"))
        if self._call is None:
            return
        rung = tuple(w.rung)
        fresh = [agent for agent in rung if agent not in track.rung]
        for agent in fresh:
            self._decide(core, track, now_us, f"offered to {agent}", fresh)
        for agent in track.rung:
            if agent not in rung:
                track.wait.decisions.append(Decision(now_us, f"{agent} did not take it"))
        track.rung = rung

    def _decide(self, core: Core, track: _Track, now_us: int, what: str, fresh: Sequence[AgentId] = ()) -> None:
        """Everybody who is signed on and may ever serve it, with what kept him from it. Whoever could have been rung
        as well came after the ones chosen (`fresh`): by his preference level, or by the queue's strategy."""
        waiting = track.waiting
        assert waiting is not None
        dispatcher, now = core.dispatcher, core.now
        place = standing(dispatcher, waiting, now)
        members = dispatcher._market.members
        levels = [level_of(place, members[agent]) for agent in waiting.rung if agent in members]
        chosen = [members[agent] for agent in fresh if agent in members]
        passed = []
        for member in members.values():
            if member.id in waiting.rung or member.state.presence == "signed_off":
                continue
            why = why_not(place, member, now, chosen)
            if why is None:
                why = "level" if levels and level_of(place, member) > max(levels) else "strategy"
            if why not in ("no_skill", "channel"):
                passed.append((member.id, why))
        track.wait.decisions.append(Decision(now_us, what, tuple(passed)))

    def _account(self, track: _Track, now_us: int, then: Cause) -> None:
        """The time since the last account had the cause that held; `then` holds from now on."""
        cause, began_us = track.cause, track.since_us
        track.cause, track.since_us = then, now_us
        if now_us <= began_us:
            return
        parts = track.wait.parts
        key = (cause.why, cause.about, track.segment.name)
        if not parts or (parts[-1].cause, parts[-1].about, parts[-1].queue) != key:
            parts.append(Part(cause.why, began_us, began_us, track.segment.name, cause.about))
        part = parts[-1]
        part.ended_us = now_us
        whole = sum(count for _, count in cause.did)
        seen = given_us = 0
        for word, count in cause.did:
            seen += count
            share_us = (now_us - began_us) * seen // whole - given_us
            part.did[word] = part.did.get(word, 0) + share_us
            given_us += share_us


def _last_stay(record: Record) -> Segment:
    return [segment for segment in record.segments if segment.kind == "queue"][-1]
