"""DNS asked over the wire: a name server on loopback, and what becomes of its answers, or of none."""

from __future__ import annotations

import asyncio

import pytest

from sip.aio.resolver import LASTS_S, NOTHING_S, LookupFailed, Resolver
from sip.locate import Asked, Family, Option, Place, Transport
from tests.nameserver import NameServer

ZONE = {
    ("carrier.example", "NAPTR"): ['10 1 "s" "SIP+D2T" "" _sip._tcp.carrier.example.'],
    ("_sip._tcp.carrier.example", "SRV"): ["2 0 5070 b.example.", "1 30 5060 a.example."],
    ("_sip._udp.plain.example", "SRV"): ["0 0 0 ."],
    ("a.example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("b.example", "A"): ["192.0.2.3"],
    ("b.example", "AAAA"): ["2001:db8::3"],
}
FAMILIES: dict[Transport, list[Family]] = {"udp": ["A"], "tcp": ["A", "AAAA"]}


def located(server: NameServer, asked: Asked, patience_s: float = 5.0) -> tuple[list[Option], float]:
    return asyncio.run(
        Resolver([server.address], patience_s=patience_s).locate(asked, ["udp", "tcp"], FAMILIES)
    )  # fmt: skip


def test_naptr_srv_and_addresses() -> None:
    with NameServer(ZONE) as server:
        options, holds_s = located(server, Asked("carrier.example"))
        assert options == [
            Option(options[0].places, 1, 30),
            Option((Place("tcp", "192.0.2.3", 5070), Place("tcp", "2001:db8::3", 5070)), 2, 0),
        ]
        assert sorted(options[0].places) == [Place("tcp", "192.0.2.1", 5060), Place("tcp", "192.0.2.2", 5060)]
        assert holds_s == 60
        assert server.asked[:2] == [("carrier.example", "NAPTR"), ("_sip._tcp.carrier.example", "SRV")]


@pytest.mark.parametrize(("ttl_s", "holds_s"), [(0, LASTS_S[0]), (77, 77), (1_000_000, LASTS_S[1])])
def test_what_is_found_holds_within_bounds(ttl_s: int, holds_s: float) -> None:
    with NameServer(ZONE, ttl_s) as server:
        assert located(server, Asked("b.example", 5060, "udp"))[1] == holds_s


@pytest.mark.parametrize("name", ["gone.example", "plain.example"])
def test_who_is_not_there_is_nowhere(name: str) -> None:
    with NameServer(ZONE) as server:
        options, holds_s = located(server, Asked(name))
        assert options == []
        assert holds_s <= NOTHING_S


@pytest.mark.parametrize("fault", ["failing", "dumb"])
def test_a_server_that_cannot_say_says_nothing_of_the_name(fault: str) -> None:
    with NameServer(ZONE) as server:
        setattr(server, fault, True)
        with pytest.raises(LookupFailed, match=r"NAPTR of carrier\.example"):
            located(server, Asked("carrier.example"), patience_s=0.3)


@pytest.mark.parametrize("name", ["a..example", f"{'x' * 64}.example"])
def test_a_name_that_is_none(name: str) -> None:
    with NameServer(ZONE) as server, pytest.raises(LookupFailed):
        located(server, Asked(name, 5060))
