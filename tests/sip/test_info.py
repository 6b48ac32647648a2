"""Digits by INFO."""

from __future__ import annotations

import pytest

from sip.endpoint import Incoming, InfoDigit
from tests.sip.world import ANSWER, OFFER, Wire

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"


def told(kind: str, body: str, lines: str = "") -> tuple[list[tuple[str, float]], str]:
    """What an INFO within a call gives: the digits heard, and the answer."""
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    wire.give(wire.within(event.session, "ACK", 1))
    wire.sent()
    data = wire.within(event.session, "INFO", 2, body=body.encode())
    wire.give(data.replace(b"Content-Type: application/sdp\r\n", f"{kind}{lines}".encode()))
    digits = [(e.digit, e.duration_s) for e in wire.events if isinstance(e, InfoDigit) and e.session is event.session]
    (answer,) = wire.lines()
    return digits, answer


@pytest.mark.parametrize(
    ("kind", "body", "digits"),
    [
        (RELAY, "Signal=5\r\nDuration=160\r\n", [("5", 0.16)]),
        (RELAY, "Signal= #\nDuration= 250", [("#", 0.25)]),
        (RELAY, "signal=10\r\n", [("*", 0.1)]),
        (RELAY, "Signal=a\r\nDuration=9999999\r\n", [("A", 0.1)]),
        (RELAY, "Signal=hf\r\n", []),
        (RELAY, "", []),
        (PLAIN, "7", [("7", 0.1)]),
        (PLAIN, "11\r\n", [("#", 0.1)]),
        (PLAIN, "16", []),
        (PLAIN, "1" * 60_000, []),
    ],
)
def test_a_key_is_told_once(kind: str, body: str, digits: list[tuple[str, float]]) -> None:
    assert told(f"Content-Type: {kind}\r\n", body) == (digits, "200 INFO")


def test_an_info_without_a_body_is_a_keep_alive() -> None:
    assert told("", "") == ([], "200 INFO")


def test_what_is_not_understood_is_said_so() -> None:
    assert told("Content-Type: text/plain\r\n", "hello") == ([], "415 INFO")
    assert told(f"Content-Type: {RELAY}\r\n", "Signal=1\r\n", "Info-Package: foo\r\n") == ([], "469 INFO")
    assert told(f"Content-Type: {RELAY}\r\n", "Signal=1\r\nSignal=2\r\n") == ([], "400 INFO")
