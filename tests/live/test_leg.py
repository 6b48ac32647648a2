"""A leg's offer/answer: what was ciphered stays so, under the same key, and nothing is taken back quietly."""

from __future__ import annotations

import pytest

from acd.live.leg import Leg
from acd.live.setup import Network
from media.plane import Port
from sip import negotiation, sdp
from sip.sdes import SUITES, Crypto
from sip.sdp import PCMA, TELEPHONE_EVENT, SdpError, Security

THEIRS = Crypto(1, SUITES[0], bytes(range(30)))
OTHER = Crypto(1, SUITES[0], bytes(30))


def leg(srtp: Security) -> Leg:
    network = Network("agents", "127.0.0.1:5060", "192.0.2.1")
    made = Leg("1-1.0", network, (PCMA, TELEPHONE_EVENT), srtp=srtp)
    made.port = Port(0, "agents", "192.0.2.1", 40000)
    return made


def theirs(*crypto: Crypto, direction: sdp.Direction = "sendrecv") -> bytes:
    return negotiation.offer("198.51.100.9", 30000, (PCMA,), session_id=7, direction=direction, crypto=crypto)


def lines(body: bytes) -> list[str]:
    return [line for line in body.decode().split("\r\n") if line.startswith("a=crypto")]


def test_our_offer_names_both_suites_with_a_key_each_and_repeats_itself() -> None:
    asking = leg("required")
    first = lines(asking.offer())
    assert [line.split()[1] for line in first] == list(SUITES)
    assert len({line.split("inline:")[1] for line in first}) == 2
    assert lines(asking.offer()) == first, "a late second offer is the same"
    assert lines(leg("off").offer()) == []


def test_a_call_that_is_ciphered_is_held_under_the_same_key() -> None:
    asking = leg("preferred")
    first = lines(asking.offer())
    asking.agreed = asking.read_answer(theirs(THEIRS))
    assert asking.agreed.keys is not None
    assert lines(asking.offer("sendonly")) == first[:1]
    body, again = asking.answer(asking.read_offer(theirs(THEIRS, direction="sendonly")))
    assert lines(body) == first[:1]
    assert again.keys == asking.agreed.keys


def test_a_new_key_of_theirs_is_taken_and_ours_stays() -> None:
    asked = leg("required")
    body, asked.agreed = asked.answer(asked.read_offer(theirs(THEIRS)))
    assert asked.answer(asked.read_offer(theirs(THEIRS)))[0].count(lines(body)[0].encode()) == 1, "200 repeats 183"
    _, again = asked.answer(asked.read_offer(theirs(OTHER)))
    assert asked.agreed.keys is not None
    assert again.keys is not None
    assert (again.keys.ours, again.keys.theirs) == (asked.agreed.keys.ours, OTHER.key)


@pytest.mark.parametrize("srtp", ["preferred", "required"])
def test_nobody_takes_it_back(srtp: Security) -> None:
    asked = leg(srtp)
    _, asked.agreed = asked.answer(asked.read_offer(theirs(THEIRS)))
    with pytest.raises(SdpError):
        asked.read_offer(theirs())
    asking = leg(srtp)
    asking.offer()
    with pytest.raises(SdpError):
        asking.read_answer(theirs())


def test_in_clear_only_where_it_may_be() -> None:
    _, agreed = leg("preferred").answer(leg("preferred").read_offer(theirs()))
    assert agreed.keys is None
    with pytest.raises(SdpError):
        leg("required").read_offer(theirs())
    with pytest.raises(SdpError):
        leg("off").read_offer(theirs(THEIRS))


@pytest.mark.parametrize(
    ("srtp", "status", "again"),
    [
        ("preferred", 488, True),
        ("preferred", 415, True),
        ("preferred", 606, True),
        ("preferred", 486, False),
        ("preferred", 603, False),
        ("required", 488, False),
        ("off", 488, False),
    ],
)
def test_who_is_called_again_in_clear(srtp: Security, status: int, again: bool) -> None:
    asking = leg(srtp)
    asking.offer()
    assert asking.refused_srtp(status) == again
    asking.srtp = "off"
    assert lines(asking.offer()) == []
    assert not asking.refused_srtp(status), "once"


def test_keys_are_in_no_text_of_the_leg() -> None:
    asked = leg("required")
    _, asked.agreed = asked.answer(asked.read_offer(theirs(THEIRS)))
    assert asked.agreed.keys is not None
    assert repr(THEIRS.key) not in repr(asked) + repr(asked.peer(asked.agreed))
    assert repr(asked.agreed.keys.ours) not in repr(asked) + repr(asked.peer(asked.agreed))
