"""Every state machine of the core, walked over every pair of state and input."""

from enum import Enum
from typing import Any, get_args

import pytest

from acd.core import events as e
from acd.core.calls import CALL, LEG, CallInput, CallState, Consulting, LegInput, LegState
from acd.core.engine import DUE, HANDLERS
from acd.core.flow import STEPS
from acd.core.interpreter import DO
from acd.core.tables import Impossible, advance
from acd.core.transfers import CONSULT, ConsultInput
from tests.core.world import DO as SHELL_DOES


def walk(table: dict[tuple[Any, Any], Any], states: type[Enum], inputs: type[Enum]) -> list[str]:
    """Each state with what it takes and where that leads; what is not named is impossible."""
    lines = []
    for state in states:
        for given in inputs:
            try:
                after = advance(table, state, given)
            except Impossible:
                assert (state, given) not in table
            else:
                lines.append(f"{state.value} + {given.value} = {after.value}")
    return lines


def test_legs_take_whatever_comes_from_outside() -> None:
    for state in LegState:
        for given in (LegInput.RINGING, LegInput.ANSWERED):
            assert advance(LEG, state, given) in LegState


def test_legs() -> None:
    assert walk(LEG, LegState, LegInput) == [
        "arrived + answer = answering",
        "arrived + end = ending",
        "arrived + ringing = arrived",
        "arrived + answered = arrived",
        "answering + end = ending",
        "answering + ringing = answering",
        "answering + answered = up",
        "starting + end = ending",
        "starting + ringing = ringing",
        "starting + answered = up",
        "ringing + end = ending",
        "ringing + ringing = ringing",
        "ringing + answered = up",
        "up + end = ending",
        "up + ringing = up",
        "up + answered = up",
        "ending + ringing = ending",
        "ending + answered = ending",
    ]


def test_calls() -> None:
    assert walk(CALL, CallState, CallInput) == [
        "in_flow + enqueued = waiting",
        "in_flow + sent_on = transferring",
        "in_flow + ended = ending",
        "waiting + left = in_flow",
        "waiting + connected = talking",
        "waiting + ended = ending",
        "talking + agent_left = in_flow",
        "talking + consulted = consulting",
        "talking + ended = ending",
        "consulting + agent_left = in_flow",
        "consulting + consult_ended = talking",
        "consulting + sent_on = transferring",
        "consulting + ended = ending",
        "transferring + agent_left = in_flow",
        "transferring + consult_ended = talking",
        "transferring + ended = ending",
    ]


def test_consultations() -> None:
    assert walk(CONSULT, Consulting, ConsultInput) == [
        "calling + answered = aside",
        "calling + cancel = over",
        "calling + ended = over",
        "aside + swap = back",
        "aside + complete = done",
        "aside + cancel = over",
        "aside + ended = over",
        "back + swap = aside",
        "back + complete = done",
        "back + cancel = over",
        "back + ended = over",
        "sent + answered = done",
        "sent + cancel = over",
        "sent + left = alone",
        "sent + ended = over",
        "alone + answered = done",
        "alone + cancel = lost",
        "alone + ended = lost",
    ]


def test_every_event_has_a_handler() -> None:
    assert set(get_args(e.Event)) == set(HANDLERS)


def test_every_step_is_interpreted() -> None:
    assert set(STEPS.values()) == set(DO)


def test_every_command_is_known_to_the_shell_of_these_tests() -> None:
    from acd.core.commands import Command

    assert set(get_args(Command)) == set(SHELL_DOES)


@pytest.mark.parametrize("word", ["ring", "bye", "step", "wait", "announce", "unanswered", "look", "nailed"])
def test_every_deadline_has_its_machine(word: str) -> None:
    assert word in DUE
    assert len(DUE) == 8
