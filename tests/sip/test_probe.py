"""Is that telephone there? Asked by OPTIONS."""

from __future__ import annotations

import pytest

from sip.endpoint import Hop, Probed
from sip.message import Request
from tests.sip.world import Wire


def asked(after_s: float = 0.0) -> tuple[Wire, Request]:
    wire = Wire()
    wire.endpoint.probe("desk-1", "sip:desk-1@192.0.2.9:5070", Hop("l", "192.0.2.9", 5070), wire.now, after_s=after_s)
    wire.pass_time(after_s)
    (request,) = wire.sent()
    assert isinstance(request, Request)
    return wire, request


@pytest.mark.parametrize("status", [200, 404, 486, 501])
def test_whatever_it_answers_it_is_there(status: int) -> None:
    wire, request = asked()
    assert (request.method, request.uri) == ("OPTIONS", "sip:desk-1@192.0.2.9:5070")
    wire.answer(request, status)
    assert wire.events == [Probed("desk-1", True, status)]


def test_it_is_asked_in_a_while_and_says_nothing() -> None:
    wire, _ = asked(after_s=2.0)
    wire.pass_time(40)
    assert wire.events == [Probed("desk-1", False)]
    assert wire.endpoint.deadline() is None
