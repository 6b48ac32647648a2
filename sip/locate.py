"""Where a SIP URI is (RFC 3263): which transports, ports and addresses, in which order. No DNS client in here.

`locate` is a generator: it yields each `Query` and is sent its records, and returns the options it found. `in_turn`
then puts options into the order in which one request tries them, anew for every request (RFC 2782).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import Literal, NamedTuple, TypeAlias, cast

from sip.sources import may_send_to
from sip.uri import Uri

Transport: TypeAlias = Literal["udp", "tcp", "tls", "ws", "wss"]
Family: TypeAlias = Literal["A", "AAAA"]
SERVICES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
NAPTR: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
USUAL_PORT: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
MOST = 16  # records of one answer that are looked at: nobody has more, and nobody may keep us busy


class Query(NamedTuple):
    name: str
    kind: Literal["NAPTR", "SRV", "A", "AAAA"]


class Naptr(NamedTuple):
    order: int
    preference: int
    flags: str
    service: str
    replacement: str  # a name, without the dot at its end


class Srv(NamedTuple):
    priority: int
    weight: int
    port: int
    target: str  # "": the service is decidedly not there


Record: TypeAlias = Naptr | Srv | str
"""An address is a text."""


class Asked(NamedTuple):
    """What a URI says."""

    host: str
    port: int | None = None
    transport: Transport | None = None


def asked_of(uri: Uri) -> Asked:
    """What a SIP URI says. A transport that nobody speaks is found nowhere."""
    said = "tls" if uri.scheme == "sips" else (uri.param("transport") or "").lower()
    return Asked(uri.address.lower(), uri.port, cast(Transport, said) if said else None)


class Place(NamedTuple):
    transport: Transport
    host: str  # an address
    port: int


@dataclass(slots=True, frozen=True)
class Option:
    """Places that are one to the choice by weight; within it they are tried as they stand."""

    places: tuple[Place, ...]
    priority: int = 0  # the lowest first
    weight: int = 0


Steps: TypeAlias = Generator[Query, Sequence[Record], list[Option]]


def locate(asked: Asked, transports: Sequence[Transport], families: Mapping[Transport, Sequence[Family]]) -> Steps:
    """The options for a URI, given the transports that we speak, best first, and the addresses that each can reach.
    Empty: nobody is there."""
    host, port, transport = asked
    speaks = [one for one in transports if transport in (None, one) and one in SERVICES]
    if not speaks:
        return []
    first = speaks[0] if transport is not None or "udp" not in speaks else "udp"
    if is_address(host):
        return [Option((Place(first, host, port or USUAL_PORT[first]),))]
    if port is not None:  # §4.1, §4.2: a port rules out NAPTR and SRV
        return (yield from _by_address(first, host, port, families))
    for spoken, name in (yield from _services(host, transport, speaks)):
        records = [record for record in (yield Query(name, "SRV")) if isinstance(record, Srv)]
        if records:
            return (yield from _by_service(spoken, sorted(records)[:MOST], families))
    return (yield from _by_address(first, host, USUAL_PORT[first], families))


def _services(
    host: str, transport: Transport | None, speaks: Sequence[Transport]
) -> Generator[Query, Sequence[Record], list[tuple[Transport, str]]]:
    """The transports and the names to ask SRV of, best first (§4.1)."""
    usual = [(one, f"{SERVICES[one]}{host}") for one in speaks]
    if transport is not None:
        return usual
    records = [record for record in (yield Query(host, "NAPTR")) if isinstance(record, Naptr)]
    named: list[tuple[Transport, str]] = []
    for record in sorted(records)[:MOST]:
        meant = NAPTR.get(record.service.upper())
        if meant is not None and meant in speaks and record.flags.lower() == "s" and record.replacement:
            named.append((meant, record.replacement))
    return named or usual


def _by_service(transport: Transport, records: Sequence[Srv], families: Mapping[Transport, Sequence[Family]]) -> Steps:
    options = []
    for record in records:
        if record.target and 0 < record.port < 65536:
            places = yield from _places(transport, record.target, record.port, families)
            if places:
                options.append(Option(places, record.priority, record.weight))
    return options


def _by_address(transport: Transport, host: str, port: int, families: Mapping[Transport, Sequence[Family]]) -> Steps:
    places = yield from _places(transport, host, port, families)
    return [Option(places)] if places else []


def _places(
    transport: Transport, host: str, port: int, families: Mapping[Transport, Sequence[Family]]
) -> Generator[Query, Sequence[Record], tuple[Place, ...]]:
    found: list[Place] = []
    for family in families[transport]:
        addresses = yield Query(host, family)
        found += [Place(transport, str(address), port) for address in addresses[:MOST] if may_send_to(str(address))]
    return tuple(found)


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def in_turn(options: Sequence[Option], rng: Random) -> list[Place]:
    """The places in the order in which one request tries them: by priority, within it by chance in proportion to the
    weights (RFC 2782). A place stands there once."""
    found: dict[Place, None] = {}
    for priority in sorted({option.priority for option in options}):
        # A weight of 0 has its small chance, by standing first.
        group = sorted([option for option in options if option.priority == priority], key=lambda one: one.weight > 0)
        while group:
            drawn, running = rng.randint(0, sum([option.weight for option in group])), 0
            for option in group:
                running += option.weight
                if running >= drawn:
                    break
            group.remove(option)
            found.update(dict.fromkeys(option.places))
    return list(found)
