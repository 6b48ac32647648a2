"""A small engine, enough to journal: it answers each call, presses on, and writes a record at its end."""

from dataclasses import dataclass, field

from acd.core import commands as do
from acd.core import events as it
from acd.core.commands import Command
from acd.core.engine import Engine, Snapshot
from acd.core.events import Event
from acd.core.record import Record, Segment
from acd.core.settings import Settings


@dataclass(slots=True)
class FakeState(Snapshot):
    version: str = ""
    wall_offset_s: float = 0.0
    calls: dict[str, tuple[str, float]] = field(default_factory=dict)
    timers: dict[tuple[str, ...], float] = field(default_factory=dict)
    steps: int = 0


class FakeEngine(Engine):
    def __init__(self, snapshot: Snapshot | None = None) -> None:
        assert snapshot is None or isinstance(snapshot, FakeState)
        self.state = snapshot or FakeState()

    def step(self, event: Event, now: float) -> list[Command]:
        state = self.state
        state.steps += 1
        match event:
            case it.Started(wall_offset_s=offset):
                state.wall_offset_s = offset
                ended = [self._end(call, now, "interrupted") for call in list(state.calls)]
                return [command for pair in ended for command in pair]
            case it.Configured(settings=Settings(version=version)):
                state.version = version
            case it.LegArrived(leg=leg, call=call, caller=caller):
                state.calls[call] = (caller, now)
                state.timers["ring", leg] = now + 20.0
                return [do.AnswerLeg(leg), do.Hears(leg, do.PROMPTS), do.Play(f"{call}.p1", leg, ("welcome",))]
            case it.Digit(leg=leg):
                return [do.Hears(leg, do.music("default")), do.Publish("step", {"steps": state.steps, "now": now})]
            case it.LegEnded(leg=leg) if (call := leg.partition(".")[0]) in state.calls:
                return self._end(call, now, "answered")
            case _:
                pass
        return []

    def _end(self, call: str, now: float, outcome: str) -> list[Command]:
        caller, began = self.state.calls.pop(call)
        start, end = began + self.state.wall_offset_s, now + self.state.wall_offset_s
        record = Record(call, "trunk:carrier", "95588", caller, start, ended_at=end)
        record.outcome = "answered" if outcome == "answered" else "interrupted"
        record.segments.append(Segment("flow", "main", start, end))
        return [do.EndLeg(f"{call}.0"), do.WriteRecord(record)]

    def snapshot(self) -> FakeState:
        return FakeState(
            self.state.version,
            self.state.wall_offset_s,
            dict(self.state.calls),
            dict(self.state.timers),
            self.state.steps,
        )
