"""Whatever the core can say is written and read back the same."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core import commands as do
from acd.core import events as it
from acd.core.commands import Command
from acd.core.engine import Engine
from acd.core.events import Event
from acd.core.flow import (
    STEPS,
    Answer,
    Case,
    CollectDigits,
    Enqueue,
    Flow,
    GoTo,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    When,
)
from acd.core.settings import Agent, Announce, Number, Queue, Reserve, Ring, Settings, WrapUp
from acd.journal import codec
from acd.journal.codec import COMMANDS, EVENTS, JournalError
from tests.journal.shift import shift

FLOW = Flow(
    "main",
    (
        RingTone(2.0),
        Answer(),
        Say(("welcome",), barge_in=False),
        Set({"vip": ["in", ["var", "caller"], ["list", "138", 1, 2.5, None, True]]}),
        Menu(
            ("menu",),
            {
                "1": (Enqueue("loans", {"english": 3}, keys={"#": (GoTo("voicemail"),)}),),
                "2": (CollectDigits("pin", secret=True, otherwise=(HangUpStep(486),)),),
            },
            otherwise=(When((Case(["==", ["var", "vip"], True], (Say(("vip",)),)),), (HangUpStep(),)),),
        ),
    ),
)
SETTINGS = Settings(
    "v1",
    agents={"1001": Agent("1001", "李雷", "desk-17", {"loans": 7}, ("north",), queues={"loans": 2})},
    queues={
        "loans": Queue(
            "loans",
            {"loans": 3},
            rings=(Ring(10.0, {"loans": 1}), Ring(30.0, teams=("all",))),
            wrap_up=WrapUp("timed", 10.0),
            reserve=Reserve(2, 60.0),
            announce=Announce(30.0, ("wait",), position=True),
            level_delays_s=(0.0, 10.0),
        )
    },
    numbers={"95588": Number("95588", "main", "at_once")},
    flows={"main": FLOW},
)


def same_kind(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down (1 and 1.0 are equal)."""
    if type(one) is not type(other):
        return False
    if is_dataclass(one):
        return all(same_kind(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same_kind(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_kind, one, other))
    return bool(one == other)


def back(event: Event, commands: list[Command]) -> tuple[Event, list[Command]]:
    line = codec.encode_turn(1.5, event, commands)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    turn = codec.decode_turn(line)
    assert turn.commands == codec.encode_commands(commands)
    return turn.event, turn.read_commands()


def test_a_line_as_a_person_reads_it() -> None:
    line = codec.encode_turn(12.345678, it.Digit("3-17.0", "1", 0.1), [do.Stop("3-17.p1")])
    assert line == (b'[12.345678,"Digit",{"leg":"3-17.0","digit":"1","duration_s":0.1},[["Stop",{"op":"3-17.p1"}]]]\n')


def test_every_step_of_a_flow_comes_back() -> None:
    assert {type(step) for step in _steps(FLOW.steps)} == set(STEPS.values())
    event, _ = back(it.Configured(SETTINGS), [])
    assert same_kind(event, it.Configured(SETTINGS))


def _steps(steps: Any) -> list[Any]:
    found = []
    for step in steps:
        found.append(step)
        for name in ("keys", "cases", "otherwise"):
            inner = getattr(step, name, ())
            for group in inner.values() if isinstance(inner, dict) else [inner]:
                for item in group:
                    found += _steps(item.steps) if isinstance(item, Case) else _steps((item,))
    return found


plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | plain_text
expressions: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=5
)


def values(kind: type) -> st.SearchStrategy[Any]:
    """Any value of this type, its texts, numbers and inner values included."""
    return st.from_type(kind)


st.register_type_strategy(str, plain_text)
st.register_type_strategy(float, numbers)
st.register_type_strategy(Settings, st.just(SETTINGS))


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
def test_every_event_comes_back(kind: type[Event]) -> None:
    @given(values(kind))
    def comes_back(event: Event) -> None:
        assert same_kind(back(event, [])[0], event)

    comes_back()


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=COMMANDS)
def test_every_command_comes_back(kind: type[Command]) -> None:
    @given(values(kind))
    def comes_back(command: Command) -> None:
        assert same_kind(back(it.Woke(), [command])[1], [command])

    comes_back()


@given(expressions)
def test_every_condition_comes_back(condition: Any) -> None:
    flow = Flow("f", (When((Case(condition, ()),)),))
    event, _ = back(it.Configured(Settings("v", flows={"f": flow})), [])
    assert same_kind(event, it.Configured(Settings("v", flows={"f": flow})))


def test_half_a_surrogate_pair_from_a_peer_is_replaced_and_nothing_else() -> None:
    event = it.LegArrived("1-1.0", "1-1", "trunk:t", "1", "2", "bad \udc80 name", attributes={"x": "\ud800", "y": 1.5})
    turn = codec.decode_turn(codec.encode_turn(0.0, event, [do.EndLeg("1-1.0", 486)]))
    assert turn.event == it.LegArrived(
        "1-1.0", "1-1", "trunk:t", "1", "2", "bad ? name", attributes={"x": "?", "y": 1.5}
    )
    assert turn.read_commands() == [do.EndLeg("1-1.0", 486)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "not a journal line"),
        (b"\0\0\0\0", "not a journal line"),
        (b'[1.0,"Woke",{}]', "not a journal line"),
        (b'[1.0,"Woke",{},[]', "not a journal line"),
        (b'[1.0,"Eloped",{},[]]', "unknown event 'Eloped'"),
        (b'[1.0,"Digit",{"leg":"a"},[]]', "missing required field `digit`"),
        (b'[1.0,"Digit",{"leg":"\xff","digit":"1"},[]]', "not a journal line"),
        (b'[null,"Woke",{},[]]', "not a journal line"),
    ],
)
def test_a_damaged_line_is_named(line: bytes, says: str) -> None:
    with pytest.raises(JournalError, match=says):
        codec.decode_turn(line)


@pytest.mark.parametrize("given", [{"do": "dance"}, {}, 7, None, ["say"]])
def test_a_step_that_is_none_is_refused(given: object) -> None:
    line = codec.encode_turn(0.0, it.Configured(Settings("v")), []).replace(
        b'"flows":{}', b'"flows":{"f":{"name":"f","steps":[%s]}}' % codec._encoder.encode(given)
    )
    with pytest.raises(JournalError, match="not a step"):
        codec.decode_turn(line)


def test_an_unknown_command_is_named() -> None:
    turn = codec.decode_turn(b'[1.0,"Woke",{},[["Sing",{}]]]')
    with pytest.raises(JournalError, match="Sing"):
        turn.read_commands()


def test_a_header_comes_back_and_a_later_format_is_refused() -> None:
    header = codec.Header(boot=3, seed=7, now=1.25, wall_offset_s=1.7e9, settings=SETTINGS, snapshot=b"\0\xff")
    line = codec.encode_header(header)
    assert codec.decode_header(line) == header
    with pytest.raises(JournalError, match="journal format 9, this version reads format 1"):
        codec.decode_header(line.replace(b'"journal":1', b'"journal":9'))
    with pytest.raises(JournalError, match="not a journal header"):
        codec.decode_header(b"[1]\n")


def test_a_snapshot_comes_back_whole_tuples_for_keys_and_infinity_included() -> None:
    engine = Engine()
    for now, event, _ in shift()[:150]:
        engine.step(event, now)
    state = engine.snapshot()
    assert state.calls
    assert any(isinstance(key, tuple) for key in state.timers)
    state.timers["ring", "for ever"] = (float("inf"), 1)
    assert same_kind(codec.decode_snapshot(codec.encode_snapshot(state)), state)


def test_journals_and_snapshots_of_before_reasons_were_recorded_are_read() -> None:
    line = b'[1.5,"LegEnded",{"leg":"1-1.0","by":"peer","cause":"hangup","status":0,"retry_after_s":null},[]]'
    assert codec.decode_turn(line).event == it.LegEnded("1-1.0", "peer", "hangup")
    engine = Engine()
    for now, event, _ in shift()[:150]:
        engine.step(event, now)
    state = codec.encode_snapshot(engine.snapshot())
    assert state.count(b"\xa6reason\xc0") > len(engine.snapshot().calls) > 0, "none was given, in calls and segments"
    before = state.replace(b"\xa6reason\xc0", b"\xa6nobody\xc0")  # a name that nobody asks for
    assert same_kind(codec.decode_snapshot(before), engine.snapshot())


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(JournalError, match="this version cannot read"):
        codec.decode_snapshot(b"\x93\x01")
