"""Where a URI is, by DNS (RFC 3263), and in which order its places are tried (RFC 2782)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.locate import Asked, Family, Naptr, Option, Place, Query, Record, Srv, Transport, in_turn, locate

ALL: list[Transport] = ["udp", "tcp", "tls"]
ZONE: dict[tuple[str, str], list[Record]] = {
    ("a.example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("a.example", "AAAA"): ["2001:db8::1"],
    ("b.example", "A"): ["192.0.2.3"],
    ("hostile.example", "A"): ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"],
    ("full.example", "NAPTR"): [
        Naptr(20, 0, "s", "SIP+D2U", "_sip._udp.full.example"),
        Naptr(10, 5, "s", "SIP+D2T", "_sip._tcp.elsewhere.example"),
        Naptr(10, 1, "s", "SIPS+D2T", "_sips._tcp.full.example"),
        Naptr(1, 0, "u", "E2U+sip", "nonsense"),
    ],
    ("_sip._udp.full.example", "SRV"): [Srv(1, 0, 5060, "b.example")],
    ("_sip._tcp.elsewhere.example", "SRV"): [Srv(1, 0, 5070, "b.example")],
    ("_sips._tcp.full.example", "SRV"): [Srv(1, 0, 5071, "b.example")],
    ("_sip._udp.two.example", "SRV"): [Srv(20, 0, 5062, "b.example"), Srv(10, 3, 5061, "a.example")],
    ("_sip._tcp.two.example", "SRV"): [Srv(10, 0, 5063, "b.example")],
    ("_sip._udp.none.example", "SRV"): [Srv(0, 0, 0, "")],
    ("none.example", "A"): ["192.0.2.9"],
    ("many.example", "A"): [f"192.0.2.{n}" for n in range(200)],
}


def found(
    asked: Asked, speaks: list[Transport], families: tuple[Family, ...] = ("A",)
) -> tuple[list[Option], list[Query]]:
    """The options, and what was asked of DNS."""
    steps = locate(asked, speaks, dict.fromkeys(ALL, families))
    queries: list[Query] = []
    records: list[Record] | None = None
    while True:
        try:
            query = steps.send(records) if records is not None else next(steps)
        except StopIteration as done:
            return done.value, queries
        queries.append(query)
        records = ZONE.get((query.name, query.kind), [])


def places(asked: Asked, speaks: list[Transport], families: tuple[Family, ...] = ("A",)) -> list[str]:
    return [
        f"{place.transport} {place.host} {place.port}"
        for place in in_turn(found(asked, speaks, families)[0], Random(1))
    ]


@pytest.mark.parametrize(
    ("asked", "speaks", "where"),
    [
        # An address is itself, by the transport asked for, else UDP.
        (Asked("192.0.2.7"), ALL, ["udp 192.0.2.7 5060"]),
        (Asked("192.0.2.7", 5080, "tcp"), ALL, ["tcp 192.0.2.7 5080"]),
        (Asked("2001:db8::7", None, "tls"), ALL, ["tls 2001:db8::7 5061"]),
        (Asked("192.0.2.7"), ["tcp"], ["tcp 192.0.2.7 5060"]),
        (Asked("192.0.2.7", None, "tls"), ["udp"], []),
        # A port rules out NAPTR and SRV.
        (Asked("two.example", 5060), ALL, []),
        (Asked("a.example", 5080), ALL, ["udp 192.0.2.1 5080", "udp 192.0.2.2 5080"]),
        # NAPTR says by which transport, the best that we speak; names need not be below the domain.
        (Asked("full.example"), ALL, ["tls 192.0.2.3 5071"]),
        (Asked("full.example"), ["udp", "tcp"], ["tcp 192.0.2.3 5070"]),
        (Asked("full.example"), ["udp"], ["udp 192.0.2.3 5060"]),
        (Asked("full.example", None, "udp"), ALL, ["udp 192.0.2.3 5060"]),
        # Without NAPTR: SRV of our transports, the first that there is; its priorities in order.
        (Asked("two.example"), ALL, ["udp 192.0.2.1 5061", "udp 192.0.2.2 5061", "udp 192.0.2.3 5062"]),
        (Asked("two.example"), ["tls", "tcp"], ["tcp 192.0.2.3 5063"]),
        (Asked("two.example", None, "tcp"), ALL, ["tcp 192.0.2.3 5063"]),
        # Without SRV: addresses, at the usual port.
        (Asked("a.example"), ALL, ["udp 192.0.2.1 5060", "udp 192.0.2.2 5060"]),
        (Asked("a.example", None, "tls"), ALL, ["tls 192.0.2.1 5061", "tls 192.0.2.2 5061"]),
        # "." says that there is no such service (RFC 2782), whatever addresses there are.
        (Asked("none.example"), ALL, []),
        (Asked("nobody.example"), ALL, []),
        # What is not the address of one host is not sent to.
        (Asked("hostile.example"), ALL, ["udp 127.0.0.1 5060"]),
    ],
)
def test_where_it_is(asked: Asked, speaks: list[Transport], where: list[str]) -> None:
    assert places(asked, speaks) == where


def test_addresses_of_the_families_that_the_listener_reaches() -> None:
    assert places(Asked("a.example"), ["udp"], ("AAAA", "A")) == [
        "udp 2001:db8::1 5060", "udp 192.0.2.1 5060", "udp 192.0.2.2 5060",
    ]  # fmt: skip


def test_nothing_is_asked_that_is_not_needed() -> None:
    assert found(Asked("192.0.2.7"), ALL)[1] == []
    assert found(Asked("a.example", 5060), ALL)[1] == [("a.example", "A")]
    assert found(Asked("two.example", None, "tcp"), ALL)[1] == [("_sip._tcp.two.example", "SRV"), ("b.example", "A")]


def test_an_answer_of_any_length_is_a_few_places() -> None:
    assert len(places(Asked("many.example"), ALL)) == 16


def option(n: int, priority: int, weight: int) -> Option:
    return Option((Place("udp", f"192.0.2.{n}", 5060),), priority, weight)


options = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535)), max_size=8).map(
    lambda rows: [option(n, priority, weight) for n, (priority, weight) in enumerate(rows)]
)


@given(options, st.integers())
def test_every_place_once_and_no_later_priority_before_an_earlier(given: list[Option], seed: int) -> None:
    order = in_turn(given, Random(seed))
    assert sorted(order) == sorted(place for option in given for place in option.places)
    priority = {place: option.priority for option in given for place in option.places}
    assert [priority[place] for place in order] == sorted(priority.values())


@given(st.lists(st.integers(0, 20), min_size=2, max_size=4), st.integers())
def test_the_first_is_chosen_in_proportion_to_its_weight(weights: list[int], seed: int) -> None:
    rng, rounds = Random(seed), 600
    given = [option(n, 0, weight) for n, weight in enumerate(weights)]
    firsts = Counter(in_turn(given, rng)[0].host for _ in range(rounds))
    total = sum(weights)
    for n, weight in enumerate(weights):
        # RFC 2782 draws from 0 to the sum, both included: each share is off by one in (sum + 1) at most.
        share, slack = weight / total if total else 0.0, 1 / (total + 1) + 5 * (0.25 / rounds) ** 0.5
        if total:
            assert abs(firsts[f"192.0.2.{n}"] / rounds - share) <= slack


def test_places_named_twice_are_tried_once() -> None:
    assert len(in_turn([option(1, 0, 1), option(1, 1, 1)], Random(1))) == 1
